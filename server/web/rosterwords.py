"""The words of rosters. Chinese is the source of gettext."""

from collections.abc import Mapping
from typing import Final

from server.people.roster import Presence

PRESENCES: Final[Mapping[Presence, str]] = {
    Presence.ON_DUTY: "值班",
    Presence.OFF_DUTY: "不在班",
    Presence.AWAY: "请假",
    Presence.GIVEN_AWAY: "已换出",
    Presence.LEFT: "已离岗",
    Presence.NO_CHANNEL: "没有联系方式",
}
WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
