"""How much a provider takes. Pure: the time is an argument."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """So many in so long, for each key (a member, a robot, a number).

    Attributes:
        most: how many are taken.
        window: in how long, sliding.
        blocked_for: how long nothing at all is taken once it was exceeded.
    """

    most: int
    window: timedelta
    blocked_for: timedelta = timedelta(0)


WECOM_MEMBER: Final = (Quota(most=30, window=_MINUTE), Quota(most=1000, window=_HOUR))
"""developer.work.weixin.qq.com, document 90236: what exceeds it is dropped without an error."""
WECOM_ROBOT: Final = (Quota(most=20, window=_MINUTE),)
"""developer.work.weixin.qq.com, document 91770."""
DINGTALK_ROBOT: Final = (Quota(most=20, window=_MINUTE, blocked_for=timedelta(minutes=10)),)
"""open.dingtalk.com, custom robots: 20 a minute, then nothing for ten minutes."""
FEISHU_ROBOT: Final = (Quota(most=100, window=_MINUTE),)
"""open.feishu.cn, custom bots."""
ALIYUN_SMS: Final = (Quota(most=50, window=_DAY),)
"""help.aliyun.com: 50 notices a day for each template and number."""
ALIYUN_VOICE: Final = (
    Quota(most=1, window=_MINUTE),
    Quota(most=5, window=_HOUR),
    Quota(most=20, window=_DAY),
)
"""help.aliyun.com, document 114036: 1 a minute, 5 an hour, 20 a day for each called number; calls that
failed count too."""


@dataclass(slots=True)
class Meter:
    """Counts what one provider took and refuses what exceeds a quota."""

    quotas: tuple[Quota, ...]
    _taken: defaultdict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))
    _blocked_until: dict[str, datetime] = field(default_factory=dict)

    def take(self, key: str, now: datetime) -> bool:
        """Count one and return True, or refuse it and return False."""
        if now < self._blocked_until.get(key, now):
            return False
        taken = self._taken[key]
        longest = max(quota.window for quota in self.quotas)
        while taken and taken[0] <= now - longest:
            taken.popleft()
        for quota in self.quotas:
            recent = sum(at > now - quota.window for at in taken)
            if recent >= quota.most:
                if quota.blocked_for:
                    self._blocked_until[key] = now + quota.blocked_for
                return False
        taken.append(now)
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._taken.clear()
        self._blocked_until.clear()
