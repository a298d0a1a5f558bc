"""Signing in at an OpenID provider and at WeCom: doubles that really sign, and what is refused."""

import time
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.access.tables import OuterLogin
from server.app import _listening, _serve, _WebServer
from tests.server.web.running_site import OPERATOR, open_site

CORP = "ww-corp"


class Outside:
    """An OpenID provider and WeCom in one small server."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signs_with = self.key
        self.claims: dict[str, object] = {}
        self.nonce = ""
        self.url = ""

    def routes(self):
        return [
            Route("/.well-known/openid-configuration", self.describe),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
            Route("/cgi-bin/gettoken", self.wecom_token),
            Route("/cgi-bin/auth/getuserinfo", self.wecom_user),
        ]

    async def describe(self, _request: Request):
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def keys(self, _request: Request):
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def token(self, request: Request):
        form = await request.form()
        assert form["code_verifier"]
        assert form["code"] == "the-code"
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "u-1",
            "aud": "gridwarden",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            **self.claims,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

    async def wecom_token(self, request: Request):
        good = request.query_params["corpid"] == CORP and request.query_params["corpsecret"] == "s3cret"
        return JSONResponse({"errcode": 0, "access_token": "t"} if good else {"errcode": 40001})

    async def wecom_user(self, request: Request):
        if request.query_params["code"] == "member":
            return JSONResponse({"errcode": 0, "userid": "WangLi"})
        return JSONResponse({"errcode": 0, "openid": "a stranger"})


@asynccontextmanager
async def running(outside: Outside):
    import asyncio

    with _listening("127.0.0.1", 0) as listener:
        outside.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = Starlette(routes=outside.routes())
        server = _WebServer(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=0))
        serving = asyncio.create_task(_serve(server, listener))
        await server.up.wait()
        try:
            yield outside
        finally:
            serving.cancel()
            await asyncio.wait([serving])


@pytest.fixture
async def outside():
    async with running(Outside()) as opened:
        yield opened


@pytest.fixture
async def site(tmp_path, outside):
    (tmp_path / "secret").write_text("s3cret")
    async with open_site(
        tmp_path,
        oidc_issuer=outside.url,
        oidc_client_id="gridwarden",
        oidc_client_secret_file=tmp_path / "secret",
        wecom_corp_id=CORP,
        wecom_agent_id="1000002",
        wecom_secret_file=tmp_path / "secret",
        wecom_api=outside.url,
        wecom_login=f"{outside.url}/wecom",
    ) as opened:
        admin = await opened.operator()
        for issuer, subject in ((outside.url, "u-1"), (f"wecom:{CORP}", "WangLi")):
            answer = await admin.post(
                f"/api/v1/accounts/{OPERATOR}/logins", json={"issuer": issuer, "subject": subject}
            )
            assert answer.status_code == 204
        yield opened


async def go_out(site, way: str):
    """A browser on its way; and what the other system was told."""
    client = await site.visitor()
    answer = await client.get(f"/login/{way}")
    assert answer.status_code == 303, answer.text
    return client, {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def is_inside(client) -> bool:
    return (await client.get("/desk")).status_code == 200


async def come_back(client, asked, code="the-code"):
    return await client.get("/login/oidc/back", params={"code": code, "state": asked["state"]})


async def test_the_providers_word_opens_the_account_that_is_tied_to_it(site, outside):
    client, asked = await go_out(site, "oidc")
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "openid")
    outside.nonce = asked["nonce"]
    assert (await come_back(client, asked)).headers["location"] == "/desk"
    assert await is_inside(client)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://another.example"},
        {"aud": "another-client"},
        {"nonce": "another log-in's"},
        {"exp": 1},
        {"sub": None},
        {"aud": ["gridwarden", "other"], "azp": "other"},
    ],
)
async def test_a_token_that_was_not_made_for_this_login_is_refused(site, outside, claims):
    client, asked = await go_out(site, "oidc")
    outside.nonce, outside.claims = asked["nonce"], claims
    assert (await come_back(client, asked)).status_code == 403
    assert not await is_inside(client)


async def test_a_token_signed_by_somebody_else_is_refused(site, outside):
    client, asked = await go_out(site, "oidc")
    outside.nonce, outside.signs_with = asked["nonce"], RSAKey.generate_key(2048, {"kid": "one"})
    assert (await come_back(client, asked)).status_code == 403


async def test_a_login_comes_back_once_in_its_own_browser_and_in_time(site, outside):
    client, asked = await go_out(site, "oidc")
    outside.nonce = asked["nonce"]
    assert (await come_back(await site.visitor(), asked)).status_code == 403, "another browser"
    assert (await come_back(client, asked)).status_code == 303
    client.cookies.set("login_state", asked["state"], path="/login")
    assert (await come_back(client, asked)).status_code == 403, "a second time"
    late, asked = await go_out(site, "oidc")
    site.clock.advance(seconds=601)
    assert (await come_back(late, asked)).status_code == 403


async def test_whom_nobody_tied_to_an_account_stays_out(site, outside):
    client, asked = await go_out(site, "oidc")
    outside.nonce, outside.claims = asked["nonce"], {"sub": "u-2"}
    assert (await come_back(client, asked)).status_code == 403
    assert len(await site.world.rows(OuterLogin)) == 2


async def test_a_leader_signs_in_through_wecom_without_typing(site):
    client, asked = await go_out(site, "wecom")
    assert (asked["appid"], asked["scope"], asked["agentid"]) == (CORP, "snsapi_base", "1000002")
    answer = await client.get("/login/wecom/back", params={"code": "member", "state": asked["state"]})
    assert answer.status_code == 303
    assert await is_inside(client)
    site.clock.advance(seconds=29 * 86_400)
    assert await is_inside(client), "thirty days, bound to WeCom"


async def test_a_stranger_in_wecom_stays_out(site):
    client, asked = await go_out(site, "wecom")
    answer = await client.get("/login/wecom/back", params={"code": "stranger", "state": asked["state"]})
    assert answer.status_code == 403
    assert not await is_inside(client)


async def test_another_system_that_is_down_is_said_and_the_password_still_opens(tmp_path):
    async with open_site(tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_client_id="x") as site:
        client = await site.operator()
        answer = await client.get("/login/oidc")
        assert answer.status_code == 502
        assert "密码" in answer.text


async def test_a_way_that_is_not_set_is_not_offered(tmp_path):
    async with open_site(tmp_path) as site:
        client = await site.operator()
        assert (await client.get("/login/wecom")).status_code == 404
        assert "/login/oidc" not in (await (await site.visitor()).get("/login")).text
