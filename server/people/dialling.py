"""Addresses as somebody types them, and as channels take them: telephone numbers as dialled. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from server.people.model import ChannelKind

_NUMBER: Final = re.compile(r"\+?\d{3,20}")
_BETWEEN: Final = re.compile(r"[ ()\-]")
_WEB: Final = ("http", "https")


def dialled(text: str) -> str | None:
    """Return a telephone number without what people write between its digits; None for what is none."""
    number = _BETWEEN.sub("", text)
    return number if number.isascii() and _NUMBER.fullmatch(number) else None


def is_web_address(text: str) -> bool:
    """Tell whether a text is an address of http or https with a host in it."""
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket of an IPv6 address is missing
        return False
    return parts.scheme in _WEB and bool(parts.netloc)


def usable(channel: ChannelKind, text: str) -> str | None:
    """Return an address as its channel takes it; None for what cannot be one."""
    text = text.strip()
    if not text or not text.isprintable():
        return None
    return _USABLE[channel](text)


def _without_blanks(text: str) -> str | None:
    return None if " " in text else text


_USABLE: Final[Mapping[ChannelKind, Callable[[str], str | None]]] = {
    ChannelKind.WECOM: _without_blanks,
    ChannelKind.WEBHOOK: lambda text: text if is_web_address(text) else None,
    ChannelKind.ROBOT: lambda text: text,
    ChannelKind.SMS: dialled,
    ChannelKind.VOICE: dialled,
}
WHAT_TO_WRITE: Final[Mapping[ChannelKind, str]] = {
    ChannelKind.WECOM: "企业微信填成员账号，中间没有空格。",
    ChannelKind.WEBHOOK: "消息推送的地址要以 https:// 或 http:// 开头，后面是主机名。",
    ChannelKind.ROBOT: "请填写机器人的名称，或者“名称:地址”。",
    ChannelKind.SMS: "手机号只写数字，例如 13800000000，前面可以有加号和国家代码。",
    ChannelKind.VOICE: "电话号码只写数字，例如 13800000000，前面可以有加号和国家代码。",
}
