"""The words of a gateway's configuration and its rules. Chinese is the source of the catalogue."""

from collections.abc import Mapping
from typing import Final

from server.devices.tables import Standing
from wire.vocabulary import LimitSide

STANDINGS: Final[Mapping[Standing, str]] = {
    Standing.TRIAL: "试用中",
    Standing.IN_FORCE: "生效",
    Standing.ROLLED_BACK: "试用失败，已退回上一份",
    Standing.REFUSED: "被网关拒绝",
}
SIDES: Final[Mapping[LimitSide, str]] = {
    LimitSide.ABOVE: "高于",
    LimitSide.BELOW: "低于",
    LimitSide.RISING: "每分钟上升超过",
    LimitSide.FALLING: "每分钟下降超过",
}
