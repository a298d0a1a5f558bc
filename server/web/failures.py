"""Why a message did not arrive, in the reader's language.

Channels keep their own short words (`no address`, `status 503`) or a provider's code, as they stand in logs
and in the interface. Pages say the own words; a provider's code stays what its manual lists.
"""

import re
from collections.abc import Callable
from typing import Final

_WORDS: Final = tuple(
    (re.compile(words), said)
    for words, said in (
        (r"no address", "没有地址"),
        (r"no channel", "没有通知方式"),
        (r"channel not configured", "没有设置这种通知方式"),
        (r"quota spent", "额度用完了"),
        (r"no provider", "没有设置服务商"),
        (r"no such member", "企业微信里没有这个人"),
        (r"refused", "对方没有收下"),
        (r"no entry (?P<name>.+)", "没有设置名叫 %(name)s 的机器人"),
        (r"entry (?P<name>.+) is no address", "机器人 %(name)s 的地址不对"),
        (r"no answer within (?P<n>\S+) s", "%(n)s 秒没有回答"),
        (r"status (?P<n>\d{3})(?: without .+)?", "对方的服务器回答 %(n)s"),
        (r"address refused: .+", "这个地址不许发送：它在内部网络里，或者写得不对"),
        (r"not resolved: .+", "找不到地址里的服务器名"),
        (r"timeout|(?:Connect|Read|Write|Pool)Timeout", "等对方回答等得太久"),
        (r"(?:ConnectError|ConnectionRefusedError)", "连不上对方的服务器"),
        (r"(?:ReadError|WriteError|RemoteProtocolError)", "和对方的服务器断开了"),
    )
)


def tell_failure(reason: str, translate: Callable[[str], str]) -> str:
    """Return in words why a message did not arrive; what is not ours stays as it is.

    Args:
        reason: as a channel keeps it.
        translate: gives a message in the reader's language.
    """
    for pattern, said in _WORDS:
        found = pattern.fullmatch(reason)
        if found is not None:
            return translate(said) % found.groupdict()
    return reason
