"""Two rules in force at a gateway: of gas in two stages, and of a detector that does not answer."""

from wire.configuration import RuleInForce, RuleLimit
from wire.vocabulary import AlarmClass, Kind, LimitSide, Measure

GAS = RuleInForce(
    rule="gas-high",
    type="threshold",
    hash="0123456789abcdef",
    kind=Kind.GAS,
    class_=AlarmClass.LIFE_SAFETY,
    devices=("gas-1", "gas-2"),
    watches=("meter-1",),
    point="gas_lel",
    unit="%{LEL}",
    limits=(
        RuleLimit(side=LimitSide.ABOVE, limit=5, stage=1, class_=AlarmClass.LIFE_SAFETY),
        RuleLimit(side=LimitSide.ABOVE, limit=25, stage=2, class_=AlarmClass.LIFE_SAFETY),
    ),
    on_delay_ms=10_000,
    sentence="燃气高于 5 %LEL",
    sentence_en="gas above 5 %LEL",
)
CONTACT = RuleInForce(
    rule="contact-gas-1",
    type="contact",
    hash="c",
    kind=Kind.CONTACT,
    class_=AlarmClass.FAULT,
    devices=("gas-1",),
    unit="s",
    measure=Measure.AGE,
    limits=(RuleLimit(side=LimitSide.ABOVE, limit=30, class_=AlarmClass.FAULT),),
    sentence="30 秒没有应答",
)
