"""Accounts of providers, from one file that only the server may read. None of it enters the database."""

import json
import os
import stat
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.errors import SettingsError

_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_Text = Annotated[str, Field(min_length=1, max_length=400)]


class _Account(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WecomAccount(_Account):
    """A WeCom application. Fields are named as in its administration page."""

    corpid: _Text
    secret: _Text
    agentid: int
    token: str = ""
    """Of the callback; without it cards have no buttons."""
    encoding_aes_key: str = ""
    base_url: str = "https://qyapi.weixin.qq.com"

    @property
    def has_callback(self) -> bool:
        """Whether presses on cards can be taken."""
        return bool(self.token and self.encoding_aes_key)


class _AliyunAccount(_Account):
    name: _Text
    """What this server calls it, in attempts and metrics."""
    access_key: _Text
    access_secret: _Text


class SmsAccount(_AliyunAccount):
    """Alibaba Cloud short messages."""

    sign_name: _Text
    template: _Text
    """Code of a template with the variables `what`, `where` and `link`."""
    base_url: str = "https://dysmsapi.aliyuncs.com"


class VoiceAccount(_AliyunAccount):
    """Alibaba Cloud calls with key presses."""

    show_number: _Text
    start_code: _Text
    """Code of the text that is read out, with `what` and `where`, and says: 1 accepts, 2 asks for help."""
    accept_code: _Text
    help_code: _Text
    base_url: str = "https://dyvmsapi.aliyuncs.com"


class Accounts(_Account):
    """Everything this server may send through besides webhooks."""

    wecom: WecomAccount | None = None
    sms: tuple[SmsAccount, ...] = ()
    """The first is preferred, the others stand in for it."""
    voice: tuple[VoiceAccount, ...] = ()
    robots: dict[str, str] = Field(default_factory=dict)
    """Apprise addresses by name; `{address}` in one is where a contact's own part goes."""


def load_accounts(path: Path | None) -> Accounts:
    """Read the file of accounts; without one there are none.

    Raises:
        SettingsError: it cannot be read, everybody may read it, or it is not as described.
    """
    if path is None:
        return Accounts()
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if os.name == "posix" and mode & _OTHERS:
        raise SettingsError(f"{path}: others may read these secrets; chmod 600 it")
    try:
        return Accounts.model_validate(json.loads(text))
    except ValidationError as error:
        found = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise SettingsError("\n".join(found)) from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from error
