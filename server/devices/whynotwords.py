"""Why a device did not alarm: each reason with its sentence. Chinese is the source of the catalogue."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a rule raised no alarm that people saw, or that it did; what is said first where there are several.

    What nobody can explain comes before all else: it must not hide behind something that is explained.
    """

    UNCLEAR = "unclear"
    """The limit was passed, for long enough, and nothing that is known kept it back."""
    ALARMED = "alarmed"
    UNTOLD = "untold"
    """There is an item, and no message went out for it."""
    LATE = "late"
    """The server heard of it long after it was raised."""
    STANDING = "standing"
    """It has been standing since before: it is not raised twice."""
    LAID_ASIDE = "laid_aside"
    """The desk laid its item aside."""
    FOLDED = "folded"
    """Another item speaks for it."""
    REPEATED = "repeated"
    """It went to an item that was open already."""
    NO_ITEM = "no_item"
    ONLY_A_TEST = "only_a_test"
    EXPLAINED = "explained"
    """Another alarm explains it."""
    SHELVED = "shelved"
    OUT_OF_SERVICE = "out_of_service"
    GATEWAY_AWAY = "gateway_away"
    """Nothing was read, and the gateway was not connected."""
    DEVICE_SILENT = "device_silent"
    UNREADABLE = "unreadable"
    """The store of the readings does not answer now: nothing is said of what was read."""
    CLOCK_WRONG = "clock_wrong"
    """Nothing was read, and what was may stand under another time."""
    NOT_READ = "not_read"
    """The server has no reading of that time, and nobody said why."""
    BAD_QUALITY = "bad_quality"
    """No reading was good enough to be judged."""
    WARMING = "warming"
    OUTSIDE_HOURS = "outside_hours"
    NOT_LONG_ENOUGH = "not_long_enough"
    GAP = "gap"
    """What was read never reached the limit, but for a while nothing was."""
    QUIET = "quiet"
    """A rule about contact: readings lie further apart than it allows."""
    OVER_TIME = "over_time"
    """It compares what single readings do not show: a mean, a rate, bits, the votes of several."""
    NEVER_REACHED = "never_reached"
    ANSWERED = "answered"
    """A rule about contact: it answered."""
    NOT_WATCHED = "not_watched"
    """No rule looks at it."""
    NO_RULES_TOLD = "no_rules_told"
    """The gateway never told its rules."""


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.UNCLEAR: (
        "%(when)s 读到 %(value)s %(unit)s，越过 %(limit)s %(unit)s，没找到没报警的原因：请到现场查。"
    ),
    Reason.ALARMED: "报过警：%(from)s 开始，也通知了人。",
    Reason.UNTOLD: "%(from)s 报过警，也有事项，但没有发出通知。",
    Reason.LATE: "%(from)s 报的警，%(arrived)s 才送到服务器。",
    Reason.STANDING: "从 %(from)s 起一直在报警，所以没有再报一次。",
    Reason.LAID_ASIDE: "%(from)s 报过警，但事项被指挥中心搁置到 %(until)s。",
    Reason.FOLDED: "%(from)s 报过警，并入了另一件事项，由那一件通知。",
    Reason.REPEATED: "%(from)s 报过警，归入当时已经打开的事项，没有另开一件。",
    Reason.NO_ITEM: "%(from)s 报过警，按规定不生成事项（走测的回音，或设备已停用）。",
    Reason.ONLY_A_TEST: "%(from)s 报过警，但标明是测试或演练。",
    Reason.EXPLAINED: "%(from)s 报过警，由另一条报警解释，没有单独通知。",
    Reason.SHELVED: "规则被 %(by)s 搁置到 %(until)s。",
    Reason.OUT_OF_SERVICE: "设备被 %(by)s 停用检修到 %(until)s。",
    Reason.GATEWAY_AWAY: "网关从 %(from)s 到 %(until)s 没有连上，没有读数送到。",
    Reason.DEVICE_SILENT: "设备从 %(from)s 到 %(until)s 没有应答，没有读数可比。",
    Reason.UNREADABLE: "现在读不到读数库，不能判断这条规则，过一会儿再看。",
    Reason.CLOCK_WRONG: "没有这段时间的读数；网关的时钟不准，读数可能记在别的时间。",
    Reason.NOT_READ: "服务器没有这段时间的读数，也没有收到说明。",
    Reason.BAD_QUALITY: "这段时间没有可信的读数（%(count)s 个都不可信）。",
    Reason.WARMING: "网关重启后，这条规则还没有攒够读数，不能判断。",
    Reason.OUTSIDE_HOURS: "%(when)s 读到 %(value)s %(unit)s，但这条规则那时不生效（只在 %(hours)s）。",
    Reason.NOT_LONG_ENOUGH: (
        "%(when)s 读到 %(value)s %(unit)s，越限最长 %(seconds)s 秒，要满 %(needed)s 秒才报警。"
    ),
    Reason.GAP: (
        "从 %(from)s 到 %(until)s 没有可信的读数；其余最接近的是 %(value)s %(unit)s（%(when)s），"
        "没有越过 %(limit)s %(unit)s。"
    ),
    Reason.QUIET: "最长有 %(seconds)s 秒没有读数，超过 %(needed)s 秒，网关却没有报失联：读数可能还没有送到。",
    Reason.OVER_TIME: "这条规则不拿单个读数和限值比（看一段时间、几个设备或状态位），这段时间它没有报警。",
    Reason.NEVER_REACHED: "最接近的读数是 %(value)s %(unit)s（%(when)s），没有越过 %(limit)s %(unit)s。",
    Reason.ANSWERED: "设备有应答：读数最长相隔 %(seconds)s 秒。",
    Reason.NOT_WATCHED: "网关的配置里没有任何规则看着它。",
    Reason.NO_RULES_TOLD: "网关没有上报过它的规则，不能判断。",
}
"""Each with the places of its values; a moment is shown by the street's clock."""
