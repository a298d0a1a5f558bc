"""What a notice says: pure, from the facts kept in its row. No resident's name ever enters it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from server.places.spots import UNPLACED
from wire.vocabulary import AlarmClass, Kind, Mode


class Occasion(StrEnum):
    """Why a person is told."""

    OPENED = "opened"
    """It is theirs, or they stand in for somebody, from now on."""
    RAISED = "raised"
    """The alarm came back or went up a stage."""
    RELEASED = "released"
    """Whoever took it did not arrive in time."""
    RETURNED = "returned"
    """It was reported done, but the sensor still says alarm."""
    HELP = "help"
    """Somebody there asks for help."""
    ASSIGNED = "assigned"
    """The desk gives it to them."""
    CLAIMED_FALSE = "claimed_false"
    """Somebody says it is a false alarm; the desk must decide."""
    REJECTED_FALSE = "rejected_false"
    """The desk says it is no false alarm."""
    UNANSWERED = "unanswered"
    """Everybody was told and nobody took it."""
    UNREACHED = "unreached"
    """No message got through to anybody."""
    SILENT_ON_SITE = "silent_on_site"
    """Somebody is on site, and nothing was heard of them for long."""
    LEFT_LYING = "left_lying"
    """Somebody took it, and nothing was heard of them for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message, ready for a channel."""

    title: str
    """3 to 8 characters, before the mark of a test or drill."""
    text: str


TITLES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.GAS: "燃气泄漏",
        Kind.FIRE: "火灾报警",
        Kind.ELECTRIC: "用电异常",
        Kind.WATER: "水情异常",
        Kind.CONTACT: "设备失联",
    }
)
_VISIT_TITLES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.GAS: "燃气设备检修",
        Kind.FIRE: "消防设备检修",
        Kind.ELECTRIC: "用电设备检修",
        Kind.WATER: "水质设备检修",
        Kind.CONTACT: "设备失联",
    }
)
_VISITS: Final = frozenset({AlarmClass.FAULT, AlarmClass.ADVICE})
UNREADABLE_TITLE: Final = "报警待查"


def title_of(kind: Kind, class_: AlarmClass) -> str:
    """Return what an incident is called, 3 to 8 characters.

    A fault is a visit to make: who reads "火灾报警" over a hydrant with low pressure learns to ignore it.
    """
    return (_VISIT_TITLES if class_ in _VISITS else TITLES)[kind]


_MODES: Final[Mapping[Mode, str]] = MappingProxyType(
    {Mode.LIVE: "", Mode.TEST: "【测试】", Mode.DRILL: "【演练】"}
)
_CLASSES: Final[Mapping[AlarmClass, str]] = MappingProxyType(
    {
        AlarmClass.LIFE_SAFETY: "危及生命",
        AlarmClass.HAZARD: "有危险",
        AlarmClass.FAULT: "设备故障",
        AlarmClass.ADVICE: "提醒",
    }
)
_OCCASIONS: Final[Mapping[Occasion, str]] = MappingProxyType(
    {
        Occasion.OPENED: "请马上查看并点“已收到”。",
        Occasion.RAISED: "再次报警或程度加重，请马上查看。",
        Occasion.RELEASED: "接手的人还没有到场，请您查看。",
        Occasion.RETURNED: "已报告处理完，但设备仍在报警，请再去查看。",
        Occasion.HELP: "现场的人请求支援，请马上查看。",
        Occasion.ASSIGNED: "指挥中心把这件事交给您，请查看。",
        Occasion.CLAIMED_FALSE: "现场报告为误报，请指挥中心确认。",
        Occasion.REJECTED_FALSE: "指挥中心认为不是误报，请继续处理。",
        Occasion.UNANSWERED: "还没有人接手，请指挥中心处理。",
        Occasion.UNREACHED: "还没有通知到任何人，请指挥中心处理。",
        Occasion.SILENT_ON_SITE: "到场的人很久没有消息，请联系并处理。",
        Occasion.LEFT_LYING: "接手后很久没有进展，请去处理。",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFacts:
    """What a notice's row keeps: enough to write it in any form."""

    kind: Kind
    class_: AlarmClass
    mode: Mode
    where: str
    device_name: str
    opened_at: datetime
    occasion: Occasion
    readable: bool = True
    """Whether the gateway's alarm could be understood."""

    def as_row(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return {
            "kind": self.kind.value,
            "class": self.class_.value,
            "mode": self.mode.value,
            "where": self.where,
            "device_name": self.device_name,
            "opened_at": self.opened_at.isoformat(),
            "occasion": self.occasion.value,
            "readable": self.readable,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "NoticeFacts":
        """Read the facts back from a notice's row."""
        return cls(
            kind=Kind(row["kind"]),
            class_=AlarmClass(row["class"]),
            mode=Mode(row["mode"]),
            where=row["where"],
            device_name=row["device_name"],
            opened_at=datetime.fromisoformat(row["opened_at"]),
            occasion=Occasion(row["occasion"]),
            readable=row["readable"],
        )


FIRST_LINE_CHARS: Final = 20
"""What a locked telephone shows of a message without a tap."""
_TEXT: Final = "{first}。{class_}{place}{device}。{request}"


def narrow_place(where: str, most: int) -> str:
    """Return the narrow end of a place, as whole words as far as that goes: the door counts, not the street.

    Args:
        where: from the wide to the narrow, with spaces between.
        most: characters.
    """
    parts = where.split(" ")
    kept = parts.pop()[:most]
    while parts and len(parts[-1]) + 1 + len(kept) <= most:
        kept = f"{parts.pop()} {kept}"
    return kept


def first_line(title: str, where: str, most: int = FIRST_LINE_CHARS) -> str:
    """Return the head of the card in one line: what, and where as narrowly as there is room for."""
    return f"{title} {narrow_place(where, most - len(title) - 1)}" if where else title


def render(facts: NoticeFacts, translate: Callable[[str], str] = str) -> Rendered:
    """Write a notice: what, where, how grave, what to do next.

    Args:
        facts: what the notice is about.
        translate: gettext of the reader's language; Chinese is the source.
    """
    name = title_of(facts.kind, facts.class_) if facts.readable else UNREADABLE_TITLE
    mark = _MODES[facts.mode]
    title = (translate(mark) if mark else "") + translate(name)
    where = facts.where or translate(UNPLACED)
    first = first_line(title, where)
    text = translate(_TEXT).format(
        first=first,
        class_=translate(_CLASSES[facts.class_]),
        place="" if first.endswith(f" {where}") else f"，{where}",
        device=f"，{facts.device_name}" if facts.device_name else "",
        request=translate(_OCCASIONS[facts.occasion]),
    )
    return Rendered(title=title, text=text)


_MANY: Final = "共{count}件事项。{first}另有：{others}。"
_MOST_NAMED: Final = 3


def render_together(facts: Sequence[NoticeFacts], translate: Callable[[str], str] = str) -> Rendered:
    """Write one message for several items of one person: the first in full, the others by name and place.

    Args:
        facts: of each item, the gravest first.
        translate: gettext of the reader's language.
    """
    first = render(facts[0], translate)
    if len(facts) == 1:
        return first
    no_place = translate(UNPLACED)
    others = [f"{translate(title_of(one.kind, one.class_))} {one.where or no_place}" for one in facts[1:]]
    more = "…" if len(others) > _MOST_NAMED else ""
    text = translate(_MANY).format(
        count=len(facts), first=first.text, others="；".join(others[:_MOST_NAMED]) + more
    )
    return Rendered(title=first.title, text=text)
