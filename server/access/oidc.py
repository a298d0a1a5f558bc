"""An OpenID provider at which operators sign in (OpenID Connect Core 1.0, code flow with PKCE)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from server.errors import ForbiddenError, ServerError

_TIMEOUT_S: Final = 5.0
_SCOPE: Final = "openid"
_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures with a public key only: never `none`, never a shared secret."""
_LEEWAY_S: Final = 60
_FAILURES: Final = (httpx2.HTTPError, httpx2.InvalidURL, OAuthError, ValueError)
"""No connection, no time, no good status, no JSON, a refusal."""


class OutsideError(ServerError):
    """Another system at which somebody signs in does not answer as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What the settings say of the provider."""

    issuer: str
    client_id: str
    client_secret: str
    back: str
    """The address to which the provider sends the browser back."""


async def fetch_json(url: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what an address of the settings answers.

    Raises:
        OutsideError: no answer, or not the expected one.
    """
    try:
        async with AsyncOAuth2Client(timeout=_TIMEOUT_S) as client:
            answer = await client.request("GET", url, params=dict(params or {}), withhold_token=True)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
    except _FAILURES as error:
        raise OutsideError(
            f"{url.split('?', maxsplit=1)[0]} does not answer: {type(error).__name__}"
        ) from error
    return found


async def discover(issuer: str) -> dict[str, Any]:
    """Return the provider's own description (OpenID Connect Discovery 1.0 section 4).

    Raises:
        OutsideError: it does not answer, or names another issuer.
    """
    found = await fetch_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise OutsideError("the provider names another issuer than the settings")
    return found


async def address_of_login(provider: Provider, *, state: str, nonce: str, verifier: str) -> str:
    """Return where the browser is sent."""
    description = await discover(provider.issuer)
    client = _client(provider)
    address, _ = client.create_authorization_url(
        description["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
    )
    return str(address)


async def subject_of(provider: Provider, *, code: str, nonce: str, verifier: str) -> str:
    """Exchange a code for the signed token, check it, and return who it is about.

    Raises:
        ForbiddenError: the token is not what it should be.
        OutsideError: the provider does not answer.
    """
    description = await discover(provider.issuer)
    try:
        async with _client(provider) as client:
            answer = await client.fetch_token(
                description["token_endpoint"],
                code=code,
                code_verifier=verifier,
                grant_type="authorization_code",
            )
    except _FAILURES as error:
        raise OutsideError(f"the provider gives no token: {type(error).__name__}") from error
    keys = await fetch_json(description["jwks_uri"])
    return check_token(answer.get("id_token", ""), keys, provider, nonce=nonce)


def check_token(token: str, keys: Mapping[str, Any], provider: Provider, *, nonce: str) -> str:
    """Return the subject of an ID token (OpenID Connect Core 1.0 section 3.1.3.7).

    Raises:
        ForbiddenError: signature, issuer, audience, nonce or times do not fit.
    """
    try:
        found = jwt.decode(token, KeySet.import_key_set({"keys": list(keys["keys"])}), algorithms=_ALGORITHMS)
        rules = jwt.JWTClaimsRegistry(
            # The provider's clock is the world's: a moved clock of a test must not open expired tokens.
            now=int(time.time()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        rules.validate(found.claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ForbiddenError("登录没有成功：身份凭证不对。") from error
    party = found.claims.get("azp")
    if party is not None and party != provider.client_id:
        raise ForbiddenError("登录没有成功：身份凭证不对。")
    return str(found.claims["sub"])


def _client(provider: Provider) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        scope=_SCOPE,
        redirect_uri=provider.back,
        code_challenge_method="S256",
        timeout=_TIMEOUT_S,
    )
