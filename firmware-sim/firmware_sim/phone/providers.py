"""All providers of one network."""

from dataclasses import dataclass, field

from firmware_sim.phone.aliyun import AliyunDoor
from firmware_sim.phone.network import PhoneNetwork
from firmware_sim.phone.robots import Robots
from firmware_sim.phone.sms import Sms
from firmware_sim.phone.voice import Voice
from firmware_sim.phone.webhook import Webhooks
from firmware_sim.phone.wecom import Wecom


@dataclass(slots=True)
class Providers:
    """One of each."""

    network: PhoneNetwork
    secret: str
    """Of the webhooks, `whsec_…`."""
    wecom: Wecom = field(init=False)
    robots: Robots = field(init=False)
    sms: Sms = field(init=False)
    voice: Voice = field(init=False)
    webhooks: Webhooks = field(init=False)
    door: AliyunDoor = field(init=False)

    def __post_init__(self) -> None:
        """Connect them to the network."""
        self.wecom = Wecom(self.network)
        self.robots = Robots(self.network)
        self.sms = Sms(self.network)
        self.voice = Voice(self.network)
        self.webhooks = Webhooks(self.network, self.secret)
        self.door = AliyunDoor(
            self.network,
            {
                "SendSms": self.sms.send,
                "SingleCallByTts": self.voice.call,
                "IvrCall": self.voice.call,
            },
        )

    def clear_quotas(self) -> None:
        """Forget what was taken."""
        for meter in (self.wecom.meter, self.sms.meter, self.voice.meter, *self.robots.meters.values()):
            meter.clear()
