"""What the list of what needs attention says, in Chinese as the catalogue's source, and how grave it is."""

from collections.abc import Mapping
from typing import Final

from server.devices.concerns import BY_DANGER, Concern, Matter, Whom

TITLES: Final[Mapping[Concern, str]] = {
    Concern.SILENT: "失联",
    Concern.QUEUE: "数据积压",
    Concern.FAULTY: "自报故障",
    Concern.PAST_LIFE: "超过寿命",
    Concern.CERTIFICATE: "证书到期",
    Concern.CLOCK: "时钟不准",
    Concern.WEAK: "电量或信号弱",
    Concern.DIRTY: "探头脏污",
    Concern.UNTESTED: "检测过期",
    Concern.UNHEARD: "从未联系上",
    Concern.ENDING: "快到寿命",
}
"""In the order in which the page offers them."""
SINCE: Final[Mapping[Concern, str]] = {
    Concern.PAST_LIFE: "寿命到 %(at)s",
    Concern.ENDING: "寿命到 %(at)s",
    Concern.CERTIFICATE: "有效到 %(at)s",
    Concern.UNTESTED: "应在 %(at)s 前检测",
    Concern.UNHEARD: "%(at)s 安装",
}
"""What the moment of a concern is, where it is not since when it lasts."""
WHAT_TO_DO: Final[Mapping[Concern, str]] = {
    Concern.SILENT: "检查电源和线路。",
    Concern.QUEUE: "检查网关的网络。",
    Concern.FAULTY: "到现场看设备的故障灯。",
    Concern.PAST_LIFE: "更换设备或传感器。",
    Concern.CERTIFICATE: "给网关换新证书。",
    Concern.CLOCK: "检查网关的对时。",
    Concern.WEAK: "换电池，或移近网关。",
    Concern.DIRTY: "清洁探头。",
    Concern.UNTESTED: "到现场做一次检测，并登记日期。",
    Concern.UNHEARD: "检查安装和编号。",
    Concern.ENDING: "准备更换。",
}
IN_ENGLISH: Final[Mapping[Concern, str]] = {
    Concern.SILENT: "It does not answer: look at power and wiring.",
    Concern.QUEUE: "Its data does not get through: look at the gateway's network.",
    Concern.FAULTY: "It says that it is faulty: look at it on site.",
    Concern.PAST_LIFE: "Its life is over: replace it or its sensor.",
    Concern.CERTIFICATE: "The gateway's certificate runs out: renew it.",
    Concern.CLOCK: "The gateway's clock is wrong: look at its time source.",
    Concern.WEAK: "Battery or signal is weak: change the battery or bring it nearer.",
    Concern.DIRTY: "The sensor is dirty: clean it.",
    Concern.UNTESTED: "The last test is too long ago: test it and note the day.",
    Concern.UNHEARD: "It was never heard: look at its installation and id.",
    Concern.ENDING: "Its life ends soon: prepare a replacement.",
}
"""The sentence of a matter's alarm for readers of English: an alarm carries both languages itself."""


def sentence_of(concern: Concern) -> tuple[str, str]:
    """Return what a matter on a visit list says, in Chinese and in English."""
    return f"{TITLES[concern]}：{WHAT_TO_DO[concern]}", IN_ENGLISH[concern]


_GRAVE: Final = BY_DANGER.index((Concern.UNHEARD, Whom.GATEWAY))
_LESS: Final = BY_DANGER.index((Concern.WEAK, Whom.OTHER))


def grade_of(matter: Matter, lives: frozenset[str]) -> str:
    """Return the class of the mark beside a line: how far up it stands in the order of danger."""
    whom = Whom.GATEWAY if matter.of_gateway else Whom.LIVES if matter.kind in lives else Whom.OTHER
    place = BY_DANGER.index((matter.concern, whom))
    return "hazard" if place < _GRAVE else "fault" if place < _LESS else "advice"
