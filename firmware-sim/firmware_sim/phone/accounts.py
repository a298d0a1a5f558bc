"""The accounts that the simulated providers know: fixed, public, good for nothing but this."""

import base64
from dataclasses import dataclass, field
from typing import Any, Final

WECOM_KEY_BYTES: Final = 32


def _encoding_key() -> str:
    key = base64.b64encode(b"phone network of the simulation!").decode()
    assert len(base64.b64decode(key)) == WECOM_KEY_BYTES, "AES-256 takes 32 bytes"
    return key.rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class WecomAccount:
    """A company with one application."""

    corpid: str = "ww-simulated"
    secret: str = "simulated-secret"
    agentid: int = 1000002
    token: str = "simulatedtoken"
    """Of the callback's signatures."""
    encoding_aes_key: str = field(default_factory=_encoding_key)
    """43 characters: Base64 of the callback's AES-256 key without its padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunAccount:
    """An account for short messages and calls."""

    access_key: str = "SIMULATEDKEY"
    access_secret: str = "simulated-access-secret"
    sign_name: str = "网格哨兵"
    show_number: str = "057100000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everything that a sender must know to be taken for a customer."""

    wecom: WecomAccount = field(default_factory=WecomAccount)
    wecom_robots: tuple[str, ...] = ("simulated-robot",)
    dingtalk_token: str = "simulated-dingtalk"
    dingtalk_secret: str = "SECsimulated"
    feishu_token: str = "simulated-feishu"
    feishu_secret: str = "simulated-feishu-secret"
    aliyun: AliyunAccount = field(default_factory=AliyunAccount)


@dataclass(slots=True, kw_only=True)
class Callbacks:
    """Where the providers report to; empty is nowhere."""

    wecom: str = ""
    sms: str = ""
    sms_reply: str = ""
    voice: str = ""
    voice_key: str = ""

    @classmethod
    def at(cls, server: str) -> "Callbacks":
        """Return where a server takes reports: `/callbacks/…` under its base address."""
        return cls(
            wecom=f"{server}/callbacks/wecom",
            sms=f"{server}/callbacks/sms",
            sms_reply=f"{server}/callbacks/sms/replies",
            voice=f"{server}/callbacks/voice",
            voice_key=f"{server}/callbacks/voice/keys",
        )

    def as_json(self) -> dict[str, Any]:
        """Return them by name."""
        return {name: getattr(self, name) for name in self.__slots__}
