"""The door of Alibaba Cloud's interface: who may come in, and which action is meant.

Sources: help.aliyun.com, "V3 request body and signature" (ACS3-HMAC-SHA256) and "RPC signature" (HMAC-SHA1).
Both are taken, because senders use both.
"""

import hashlib
import hmac
import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firmware_sim.phone.agenda import machine_time
from firmware_sim.phone.network import PhoneNetwork

_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_MOST_AGE_S: Final = 900.0

Parameters = Mapping[str, str]
Handler = Callable[[Parameters], Awaitable[JSONResponse]]


class AliyunError(Exception):
    """A request is refused at the door."""

    def __init__(self, status: int, code: str, text: str) -> None:
        """Keep status and code."""
        super().__init__(text)
        self.status = status
        self.code = code


def answer(code: str, text: str, **more: Any) -> JSONResponse:
    """Return the answer of an action; a refusal of the business is 200 too."""
    return JSONResponse({"RequestId": str(uuid.uuid4()).upper(), "Code": code, "Message": text, **more})


def percent(text: str) -> str:
    """Encode as RFC 3986 has it."""
    return quote(text, safe="-_.~")


def canonical_query(pairs: Mapping[str, str]) -> str:
    """Return parameters sorted and encoded."""
    return "&".join(f"{percent(name)}={percent(pairs[name])}" for name in sorted(pairs))


def rpc_signature(method: str, parameters: Mapping[str, str], secret: str) -> str:
    """Return the HMAC-SHA1 signature of a request without its `Signature`."""
    unsigned = {name: value for name, value in parameters.items() if name != "Signature"}
    text = f"{method}&{percent('/')}&{percent(canonical_query(unsigned))}"
    return b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha1)).decode()


def acs3_signature(
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    signed_headers: str,
    secret: str,
) -> str:
    """Return the ACS3-HMAC-SHA256 signature.

    Args:
        method: GET or POST.
        path: canonical URI, `/` for these services.
        query: parameters of the URL.
        headers: by lower-case name; the hash of the body is `x-acs-content-sha256`.
        signed_headers: their names, sorted, joined by `;`.
        secret: of the access key.
    """
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed_headers.split(";"))
    request = "\n".join(
        (method, path, canonical_query(query), lines, signed_headers, headers.get("x-acs-content-sha256", ""))
    )
    text = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()


@dataclass(slots=True)
class AliyunDoor:
    """Checks the signature, then hands the parameters to the action."""

    network: PhoneNetwork
    actions: dict[str, Handler] = field(default_factory=dict)
    _nonces: set[str] = field(default_factory=set)

    async def enter(self, request: Request) -> Response:
        """Answer a request to `/`."""
        body = await request.body()
        query = dict(request.query_params)
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)) if body else {}
        try:
            if request.headers.get("authorization", "").startswith(_ALGORITHM):
                self._check_acs3(request, query, body)
                action = request.headers.get("x-acs-action", "")
            else:
                self._check_rpc(request.method, query | form)
                action = (query | form).get("Action", "")
            if action not in self.actions:
                raise AliyunError(404, "InvalidAction.NotFound", "the action is not found")  # noqa: TRY301 - answered below like any refusal
        except AliyunError as error:
            refusal = {"RequestId": str(uuid.uuid4()).upper(), "Code": error.code, "Message": str(error)}
            return JSONResponse(refusal, status_code=error.status)
        return await self.actions[action](query | form)

    def _check_acs3(self, request: Request, query: Mapping[str, str], body: bytes) -> None:
        parts = dict(
            part.strip().split("=", 1)
            for part in request.headers["authorization"][len(_ALGORITHM) :].split(",")
            if "=" in part
        )
        account = self.network.accounts.aliyun
        if parts.get("Credential") != account.access_key:
            raise AliyunError(404, "InvalidAccessKeyId.NotFound", "the access key is not found")
        if request.headers.get("x-acs-content-sha256") != hashlib.sha256(body).hexdigest():
            raise AliyunError(400, "InvalidContentHash", "x-acs-content-sha256 does not match the body")
        expected = acs3_signature(
            method=request.method,
            path=request.url.path,
            query=query,
            headers=request.headers,
            signed_headers=parts.get("SignedHeaders", ""),
            secret=account.access_secret,
        )
        if not hmac.compare_digest(parts.get("Signature", ""), expected):
            raise AliyunError(400, "SignatureDoesNotMatch", "the signature does not match")
        self._check_age(request.headers.get("x-acs-date", ""))
        self._check_nonce(request.headers.get("x-acs-signature-nonce", ""))

    def _check_rpc(self, method: str, parameters: Mapping[str, str]) -> None:
        account = self.network.accounts.aliyun
        if parameters.get("AccessKeyId") != account.access_key:
            raise AliyunError(404, "InvalidAccessKeyId.NotFound", "the access key is not found")
        expected = rpc_signature(method, parameters, account.access_secret)
        if not hmac.compare_digest(parameters.get("Signature", ""), expected):
            raise AliyunError(400, "SignatureDoesNotMatch", "the signature does not match")
        self._check_age(parameters.get("Timestamp", ""))
        self._check_nonce(parameters.get("SignatureNonce", ""))

    def _check_age(self, stamp: str) -> None:
        try:
            signed_at = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise AliyunError(
                400, "InvalidTimeStamp.Format", "the time is not YYYY-MM-DDThh:mm:ssZ"
            ) from error
        if abs((machine_time() - signed_at).total_seconds()) > _MOST_AGE_S:
            raise AliyunError(400, "InvalidTimeStamp.Expired", "the time is more than 15 minutes off")

    def _check_nonce(self, nonce: str) -> None:
        if not nonce or nonce in self._nonces:
            raise AliyunError(400, "SignatureNonceUsed", "the nonce was used before")
        self._nonces.add(nonce)
