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
SAID: Final[Mapping[str, str]] = {
    "asked": "已经发消息去问了。对方同意以前，这一班不变。",
    "answered": "记下了，已经告诉双方。",
    "sent": "链接已经发出；夜里不发，等到早上八点。",
    "times": "值班时间已改。",
}
"""What was done, by what stands in the address of the page."""
WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
