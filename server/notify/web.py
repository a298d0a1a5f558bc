"""What providers report: receipts, keys pressed in calls, buttons pressed on cards.

Reports of short messages and calls carry no signature: what keeps strangers out is the key in the address.
Every report may repeat; a report that we cannot use is taken all the same, because a refusal would only
bring it again.
"""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn
from xml.etree import ElementTree as ET

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from server.access.allowances import Door
from server.access.guard import guessed, open_to_all
from server.context import Context
from server.db.session import WriteSession
from server.db.together import Together
from server.errors import NotFoundError
from server.items.model import ActorKind, Move
from server.items.record import Actor
from server.items.service import press
from server.notify.accounts import WecomAccount
from server.notify.channels.aliyun import ACCEPT_KEY, HELP_KEY
from server.notify.channels.wecomseal import BadSealError, Seal
from server.notify.receipts import Receipt, apply_receipt, find_notice
from server.notify.tables import Notice
from server.notify.trying import note_test_receipt

log = structlog.get_logger()

_TAKEN: Final = {"code": 0, "msg": "ok"}
_KEYS: Final[Mapping[str, Move]] = MappingProxyType({ACCEPT_KEY: Move.ACCEPT, HELP_KEY: Move.NEED_HELP})
_BUTTONS: Final = frozenset({Move.ACCEPT, Move.NEED_HELP, Move.NOT_MINE, Move.ARRIVE, Move.FINISH})
_HEARD: Final = frozenset({"200000", "200001", "200008"})
"""Calls that were taken: heard to the end, hung up early, no key in time."""
_MOST_REPORTS: Final = 500


def build_callbacks(context: Context, account: WecomAccount | None) -> APIRouter:
    """Return the routes under /callbacks."""
    router = APIRouter(
        include_in_schema=False,
        prefix="/callbacks/{key}",
        dependencies=[open_to_all("providers report here; the key in the path, or their signature, says so")],
    )
    secret = context.settings.callback_secret()

    async def check(request: Request, key: str) -> None:
        if not hmac.compare_digest(key.encode(), secret.encode()):
            await _refuse(context, request)

    _add_sms(router, context, check)
    _add_voice(router, context, check)
    if account is not None and account.has_callback:
        seal = Seal(token=account.token, encoding_aes_key=account.encoding_aes_key, corpid=account.corpid)
        _add_wecom(router, context, check, seal)
    return router


def _add_sms(router: APIRouter, context: Context, check: Any) -> None:
    # Every short message brings a report: in a storm they are thousands within a minute.
    together = Together(context.database)

    @router.post("/sms")
    async def take_reports(request: Request, key: str) -> Response:
        await check(request, key)
        reports = await _reports(request)

        async def apply(session: WriteSession) -> None:
            for report in reports:
                worked = report.get("success") in (True, "true")
                receipt = Receipt.DELIVERED if worked else Receipt.FAILED
                detail = str(report.get("err_code", ""))
                notice = await _notice_of(session, report, "biz_id")
                if notice is None:
                    await _try_test(session, context, report, "biz_id", receipt, detail)
                    continue
                await _apply(session, context, report, "biz_id", receipt, detail, notice=notice)

        await together.write(apply)
        return JSONResponse(_TAKEN)


def _add_voice(router: APIRouter, context: Context, check: Any) -> None:
    @router.post("/voice")
    async def take_ends(request: Request, key: str) -> Response:
        await check(request, key)
        async with context.database.write() as session:
            for report in await _reports(request):
                status = str(report.get("status_code", ""))
                receipt = Receipt.DELIVERED if status in _HEARD else Receipt.FAILED
                notice = await _notice_of(session, report, "call_id")
                if notice is None:
                    await _try_test(session, context, report, "call_id", receipt, status)
                    continue
                await _apply(session, context, report, "call_id", receipt, status, notice=notice)
                # The keys come at once too; whichever report is first counts.
                for pressed in str(report.get("dtmf", "")):
                    await _press_key(session, context, notice, pressed)
        return JSONResponse(_TAKEN)

    @router.post("/voice/keys")
    async def take_keys(request: Request, key: str) -> Response:
        await check(request, key)
        async with context.database.write() as session:
            for report in await _reports(request):
                notice = await _notice_of(session, report, "call_id")
                pressed = str(report.get("dtmf", ""))
                if notice is None:
                    await _try_test(session, context, report, "call_id", Receipt.READ, f"key {pressed}")
                    continue
                await _press_key(session, context, notice, pressed)
        return JSONResponse(_TAKEN)


def _add_wecom(router: APIRouter, context: Context, check: Any, seal: Seal) -> None:
    @router.get("/wecom")
    async def verify(  # noqa: PLR0917 - the provider names them
        request: Request, key: str, msg_signature: str, timestamp: str, nonce: str, echostr: str
    ) -> Response:
        await check(request, key)
        try:
            return PlainTextResponse(_open(seal, echostr, msg_signature, timestamp, nonce))
        except NotFoundError:
            await _refuse(context, request)

    @router.post("/wecom")
    async def take_press(
        request: Request, key: str, msg_signature: str, timestamp: str, nonce: str
    ) -> Response:
        await check(request, key)
        sealed = _fields(await request.body()).get("Encrypt", "")
        try:
            opened = _open(seal, sealed, msg_signature, timestamp, nonce)
        except NotFoundError:
            await _refuse(context, request)
        event = _fields(opened.encode())
        if event.get("Event") == "template_card_event":
            await _press_button(context, event)
        return PlainTextResponse("")


async def _refuse(context: Context, request: Request) -> NoReturn:
    """Answer whoever proves nothing; a provider who does is never held up: keys of calls come here."""
    await guessed(context, request, Door.CALLBACK)
    raise NotFoundError("没有这个页面。")


async def _press_button(context: Context, event: Mapping[str, str]) -> None:
    notice_id = event.get("TaskId", "")[:36]
    try:
        move = Move(event.get("EventKey", ""))
    except ValueError:
        return
    async with context.database.write() as session:
        notice = await find_notice(session, notice=notice_id)
        if notice is None or move not in _BUTTONS:
            log.warning("press_unknown", notice=notice_id)
            return
        notice.update_code = event.get("ResponseCode", "")
        await apply_receipt(session, notice, Receipt.READ, now=context.clock.now(), detail=move.value)
        await _press(session, context, notice, move, f"wecom-{event.get('TaskId', '')[:50]}-{move.value}")


async def _press_key(session: WriteSession, context: Context, notice: Notice, pressed: str) -> None:
    await apply_receipt(session, notice, Receipt.READ, now=context.clock.now(), detail=f"key {pressed}")
    move = _KEYS.get(pressed)
    if move is not None:
        await _press(session, context, notice, move, f"voice-{notice.id}-{move.value}")


async def _press(session: WriteSession, context: Context, notice: Notice, move: Move, press_id: str) -> None:
    outcome = await press(
        session,
        notice.item,
        Actor(kind=ActorKind.PERSON, id=notice.person),
        move,
        press_id[:64],
        now=context.clock.now(),
        policies=context.policies,
    )
    session.announce("item", notice.item)
    log.info("pressed_by_phone", notice=notice.id, move=move.value, verdict=outcome.verdict.value)


async def _notice_of(session: WriteSession, report: Mapping[str, Any], receipt: str) -> Notice | None:
    notice = await find_notice(
        session, notice=str(report.get("out_id", "")), receipt=str(report.get(receipt, ""))
    )
    if notice is None:
        log.warning("receipt_unknown", out_id=str(report.get("out_id", ""))[:64])
    return notice


async def _apply(  # noqa: PLR0917 - as below
    session: WriteSession,
    context: Context,
    report: Mapping[str, Any],
    key: str,
    receipt: Receipt,
    detail: str,
    *,
    notice: Notice,
) -> None:
    """Apply a report to the notice that it is of."""
    message = str(report.get(key, ""))
    await apply_receipt(session, notice, receipt, now=context.clock.now(), detail=detail, message=message)


async def _try_test(  # noqa: PLR0917 - one line at each of its callers
    session: WriteSession,
    context: Context,
    report: Mapping[str, Any],
    key: str,
    receipt: Receipt,
    detail: str,
) -> None:
    """Apply a report that is of no notice to the test message that it is of, if it is of any."""
    await note_test_receipt(
        session,
        str(report.get("out_id", "")),
        str(report.get(key, "")),
        receipt,
        now=context.clock.now(),
        detail=detail,
    )


async def _reports(request: Request) -> list[Mapping[str, Any]]:
    """Return the reports of a request; whatever is none is left out."""
    try:
        body = await request.json()
    except ValueError:
        log.warning("report_unreadable", path=request.url.path.rsplit("/", 1)[-1])
        return []
    listed = body if isinstance(body, list) else [body]
    return [one for one in listed[:_MOST_REPORTS] if isinstance(one, dict)]


def _open(seal: Seal, sealed: str, signature: str, timestamp: str, nonce: str) -> str:
    try:
        return seal.open(sealed, signature=signature, timestamp=timestamp, nonce=nonce)
    except BadSealError as error:
        log.warning("callback_refused", error=str(error))
        raise NotFoundError("没有这个页面。") from error


def _fields(text: bytes) -> dict[str, str]:
    """Return the fields of a flat XML document; a document type is refused, nothing is expanded."""
    if b"<!" in text.replace(b"<![CDATA[", b""):
        return {}
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except ET.ParseError:
        return {}
    return {element.tag: element.text or "" for element in root}
