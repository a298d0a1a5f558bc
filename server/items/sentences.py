"""What people read about moves, in Chinese; the pages translate them through gettext."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from server.items.machine import Refusal

REFUSALS: Final[Mapping[Refusal, str]] = MappingProxyType(
    {
        Refusal.NOT_ALLOWED: "这个操作不在您的权限内。",
        Refusal.UNKNOWN_ITEM: "没有找到这件事项。",
        Refusal.CLOSED: "这件事项已经结束。",
        Refusal.WRONG_STATE: "现在不能做这一步，请看页面上的最新进展。",
        Refusal.NOT_TOLD: "这件事项没有交给您，或者您已表示不归您管。",
        Refusal.TAKEN: "已经有人接手了。",
        Refusal.ALREADY: "已经记下了，不用再按。",
        Refusal.REASON_NEEDED: "请写明原因。",
        Refusal.ALARM_ACTIVE: "设备仍在报警。",
        Refusal.ALARM_OVER: "设备已恢复正常。",
        Refusal.NOTHING_CLAIMED: "没有人报告误报。",
        Refusal.NOTHING_TO_UNDO: "没有可以撤销的操作。",
        Refusal.OTHERS_ACTED: "之后已有其他人处理，不能撤销。",
        Refusal.UNKNOWN_PERSON: "没有找到要转交的人，或此人已停用。",
    }
)
