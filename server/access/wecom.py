"""WeCom (企业微信) at which leaders sign in without typing anything.

Source: developer.work.weixin.qq.com, documents 91335 (the address), 91039 (the token of the application) and
91023 (who has opened the page).
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from server.access.oidc import OutsideError, fetch_json
from server.errors import ForbiddenError

_OK: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Corporation:
    """What the settings say of WeCom."""

    corp_id: str
    agent_id: str
    secret: str
    api: str
    login: str
    back: str
    """The address to which WeCom sends the browser back."""

    @property
    def issuer(self) -> str:
        """What stands for it in the table of log-ins."""
        return f"wecom:{self.corp_id}"


def address_of_login(corporation: Corporation, *, state: str) -> str:
    """Return where the browser is sent."""
    query = urlencode(
        {
            "appid": corporation.corp_id,
            "redirect_uri": corporation.back,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
            "agentid": corporation.agent_id,
        }
    )
    return f"{corporation.login}?{query}#wechat_redirect"


async def user_of(corporation: Corporation, *, code: str) -> str:
    """Return the member's user id.

    Raises:
        ForbiddenError: whoever opened the page is no member.
        OutsideError: WeCom does not answer, or refuses this server.
    """
    granted = await fetch_json(
        f"{corporation.api}/cgi-bin/gettoken",
        {"corpid": corporation.corp_id, "corpsecret": corporation.secret},
    )
    if granted.get("errcode", _OK) != _OK or not granted.get("access_token"):
        raise OutsideError(f"WeCom refuses this server: error {granted.get('errcode')}")
    found = await fetch_json(
        f"{corporation.api}/cgi-bin/auth/getuserinfo",
        {"access_token": granted["access_token"], "code": code},
    )
    user = found.get("userid") or found.get("UserId")
    if found.get("errcode", _OK) != _OK or not user:
        raise ForbiddenError("登录没有成功：企业微信不认识您。")
    return str(user)
