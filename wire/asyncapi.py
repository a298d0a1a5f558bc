"""The contract as an AsyncAPI 3.0 document, made from the code: `make api`."""

import json
import sys
from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, Final, get_args

import msgspec

from wire import messages
from wire.codec import MAX_MESSAGE_BYTES
from wire.messages import CONTRACT_VERSION
from wire.orders import Order
from wire.topics import GATEWAY_PATTERN, Down, Up

_SCHEMA: Final = "#/components/schemas/"
_MESSAGES: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    f"up/{Up.ALARMS}": ("One alarm as it now stands; acknowledged by number.", (messages.AlarmMessage,)),
    f"up/{Up.READINGS}": ("One batch of readings; acknowledged by number.", (messages.ReadingsMessage,)),
    f"up/{Up.STATUS}": (
        "How the gateway stands; retained, every 30 s, and the last will.",
        (messages.StatusMessage,),
    ),
    f"up/{Up.REPORTS}": (
        "Answers, the list of open alarms, raw traffic, the configuration in force.",
        (messages.ReportMessage,),
    ),
    f"down/{Down.ACK}": (
        "What the server holds, said after its database has committed.",
        (messages.AckReply, messages.BusyReply, messages.CommittedReply, messages.ConfigurationReply),
    ),
    f"down/{Down.COMMANDS}": ("What the gateway is asked to do; never retained.", (messages.CommandMessage,)),
}
_CONTENTS: Final[Mapping[tuple[str, str], tuple[type, ...]]] = {
    ("AlarmMessage", "alarm"): (messages.AlarmState,),
    ("ReadingsMessage", "batch"): (messages.ReadingsBatch,),
    ("CommandMessage", "order"): get_args(Order),
}
"""What stands in fields that are kept raw, so that odd content is stored and not refused."""


def describe_contract() -> dict[str, Any]:
    """Return the AsyncAPI document of this version of the contract."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gridwarden gateways and server",
            "version": str(CONTRACT_VERSION),
            "description": (
                f"MQTT, QoS 1, UTF-8 JSON of at most {MAX_MESSAGE_BYTES} bytes. Unknown fields are ignored. "
                "A gateway keeps a numbered message until the server acknowledges its number."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_name(path): _channel(path) for path in _MESSAGES},
        "operations": {_name(path): _operation(path) for path in _MESSAGES},
        "components": {"schemas": _schemas(), "messages": _message_components()},
    }


def render_contract() -> str:
    """Return the document as text, the same for the same code."""
    return json.dumps(describe_contract(), indent=2, ensure_ascii=False) + "\n"


def _name(path: str) -> str:
    direction, channel = path.split("/")
    return f"{direction}{channel.capitalize()}"


def _channel(path: str) -> dict[str, Any]:
    summary, kinds = _MESSAGES[path]
    return {
        "address": f"gw/{{gateway}}/{path}",
        "summary": summary,
        "parameters": {"gateway": {"description": f"The gateway's id: {GATEWAY_PATTERN}"}},
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds},
    }


def _operation(path: str) -> dict[str, Any]:
    return {
        "action": "send" if path.startswith("up/") else "receive",
        "channel": {"$ref": f"#/channels/{_name(path)}"},
        "summary": "Seen from the gateway.",
    }


def _message_components() -> dict[str, Any]:
    kinds = sorted(
        (kind for _, kinds in _MESSAGES.values() for kind in kinds), key=lambda kind: kind.__name__
    )
    return {kind.__name__: {"payload": {"$ref": f"{_SCHEMA}{kind.__name__}"}} for kind in kinds}


def _schemas() -> dict[str, Any]:
    kinds = [kind for _, kinds in _MESSAGES.values() for kind in kinds]
    contents = [kind for kinds in _CONTENTS.values() for kind in kinds]
    _, schemas = msgspec.json.schema_components([*kinds, *contents], ref_template=_SCHEMA + "{name}")
    for (message, name), content in _CONTENTS.items():
        choices = [{"$ref": f"{_SCHEMA}{kind.__name__}"} for kind in content]
        schemas[message]["properties"][name] = choices[0] if len(choices) == 1 else {"anyOf": choices}
        schemas[message]["required"] = [*schemas[message]["required"], name]
    for schema in schemas.values():
        if "description" in schema:  # Python 3.13 takes the indentation away, 3.11 does not
            schema["description"] = cleandoc(schema["description"])
    return dict(sorted(schemas.items()))


if __name__ == "__main__":
    sys.stdout.write(render_contract())
