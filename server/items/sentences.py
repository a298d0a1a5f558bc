"""What people read about moves, in Chinese; the pages translate them through gettext.

Some of it is stored with what happened, in Chinese, and told in the reader's language when it is shown
(`server.web.stored`): each such sentence stands here, none is put together where it is stored.
"""

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
        Refusal.MERGED: "这件事已并入另一件事项，请到那里处理。",
        Refusal.NOT_MERGED: "这件事没有并入别的事项。",
        Refusal.IS_GROUP: "这件事项里已有多件事，不能再并入别的事项。",
        Refusal.WRONG_TARGET: "不能并入那件事项：它已结束、已搁置、已并入别处、不是同类演练，或不如这件急。",
        Refusal.SHELVED: "这件事已搁置。",
        Refusal.NOT_SHELVED: "这件事没有搁置。",
        Refusal.TOO_LONG: "搁置时间不对，或超过这一等级允许的上限。",
        Refusal.NOTHING_ASKED: "没有人申请搁置。",
        Refusal.SAME_PERSON: "危及生命的事项要由另一人同意搁置。",
        Refusal.LIFE_SAFETY: "危及生命的事项不能并入或略过。",
        Refusal.WAS_TOLD: "已经通知过人，要由人来结束。",
        Refusal.MATTERS_LEFT: "还有没办完的事。",
    }
)

NOBODY_REACHED: Final = "没有可以通知到的人，由指挥中心处理。"
NOT_YET_REACHED: Final = "还没有通知到任何人，请指挥中心处理。"
SPARED: Final = "负责人这一小时的事已满，转上一级。"
"""Why the nearest person was not told."""
DESK_ONLY: Final = "由指挥中心负责，因为报警内容无法识别。"
GRAVER: Final = "程度加重，单独处理。"
WITH_THE_OTHER: Final = "随所在的事项一起结束。"
STILL_SILENT: Final = "其他设备已恢复，这台仍失联。"
TOGETHER: Final = "与其他设备同时失联。"
EMPTIED: Final = "里面的事都移到别的事项了。"
WAS_TOLD: Final = "之前收到过其中设备的通知"
MERGED: Final = "之前收到过并入的那件事的通知"
STORED: Final = frozenset(
    {
        *(NOBODY_REACHED, NOT_YET_REACHED, SPARED, DESK_ONLY, GRAVER, WITH_THE_OTHER, STILL_SILENT, TOGETHER),
        *(EMPTIED, WAS_TOLD, MERGED),
    }
)
"""Why something happened, or why somebody was told."""

HANDED_OVER: Final = "由指挥中心 %(who)s 转交"
DEVICE_MOVED: Final = "设备从“%(before)s”移到“%(after)s”：%(why)s"
DEVICE_REPLACED: Final = "设备已更换为 %(new)s：%(why)s"
DEVICE_RETIRED: Final = "设备已停用：%(why)s"
COMPOSED: Final = (HANDED_OVER, DEVICE_MOVED, DEVICE_REPLACED, DEVICE_RETIRED)
"""The same with names and with what somebody typed."""

MATTERS: Final = "%(n)s 件事"
DEVICES: Final = "%(n)s 台设备"
"""What a visit or a storm is called instead of a device."""
POWER_LINE: Final = "供电线路 %(line)s"
"""The place of a storm that has no other."""
