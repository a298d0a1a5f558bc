"""The web application: one table of routers, one handler for errors, the same guard for all."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError, StatementError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from server.access.accountpages import build_account_pages
from server.access.api import build_access_api
from server.access.guard import check_declared, open_to_all
from server.access.keypages import build_key_pages
from server.access.links import LinkBook
from server.access.oidc import OutsideError
from server.access.outsideweb import build_outside_gate
from server.access.ownpages import build_own_pages
from server.access.tiepages import build_tie_pages
from server.access.web import build_gate
from server.audit.pages import build_audit_pages
from server.audit.web import build_audit_api
from server.cockpit.board import Board
from server.cockpit.web import build_cockpit
from server.context import Context
from server.devices.adoptpages import build_adopt_pages
from server.devices.attentionpages import build_attention_pages
from server.devices.checkpages import build_check_pages
from server.devices.configurationapi import build_configuration_api
from server.devices.deviceacts import build_device_acts
from server.devices.devicepages import build_device_pages
from server.devices.gatewaypages import build_gateway_pages
from server.devices.labelpages import build_label_pages
from server.devices.orderpages import build_order_pages
from server.devices.registerweb import build_register_api
from server.devices.web import build_command_api, build_traffic_api
from server.devices.whynotpages import build_why_not_pages
from server.errors import AnswerError, NotSignedInError, TooManyError
from server.escalation.pages import build_policy_pages
from server.escalation.web import build_policy_api
from server.feedback.web import build_feedback_pages
from server.history.pages import build_trend_pages
from server.history.web import build_history_api
from server.items.company import desk_phone
from server.items.loadpages import build_load_pages
from server.items.playbookpages import build_playbook_pages
from server.items.playbookweb import build_playbook_api
from server.items.web import build_leader_pages
from server.live import Hub
from server.notify.accounts import load_accounts
from server.notify.canaryweb import build_canary_receiver
from server.notify.pages import build_channel_pages
from server.notify.web import build_callbacks
from server.people.contactpages import build_contact_pages
from server.people.contactsweb import build_contacts_api
from server.people.web import build_people_api
from server.photos.web import build_photo_api, build_photo_pages
from server.places.gridpages import build_grid_pages
from server.places.importpages import build_import_pages
from server.places.web import build_street_api
from server.reports.web import build_reports
from server.retention.web import build_personal_data_api
from server.routing.dutylinkpages import build_duty_link_pages
from server.routing.dutypages import build_duty_pages
from server.routing.lookuppages import build_lookup_page
from server.routing.rosterchanges import build_roster_changes
from server.routing.rosterpages import build_roster_pages
from server.routing.web import build_routing_api
from server.telemetry.web import build_telemetry
from server.web.api import build_api
from server.web.comingback import remember_page
from server.web.desk import build_desk_pages
from server.web.language import translations
from server.web.security import PROBLEM, Guard, wants_page
from server.web.templating import STATIC, assets, language_of, render_page
from server.web.why import build_why_pages

_DESCRIPTION: Final = (
    "Items, alarms, gateways, devices and readings of one street. Sign in at /login; the session's "
    "cookie is the key. Errors are problem details (RFC 9457)."
)

log = structlog.get_logger(__name__)


def build_app(context: Context) -> FastAPI:
    """Return the web application.

    Raises:
        server.web.templating.MissingAssetsError: the pages' assets are not built.
    """
    assets()
    settings = context.settings
    app = FastAPI(
        title="Gridwarden",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    accounts = load_accounts(settings.channels_file)
    hub = Hub()
    context.database.listen(hub.hear)
    board = Board(
        database=context.database, clock=context.clock, policies=context.policies, pulses=context.pulses
    )
    context.database.listen(board.hear)
    book = LinkBook(settings.signing_key())
    app.state.context = context
    app.state.board = board  # whoever serves the application runs it too
    for router in (
        build_gate(context),
        build_canary_receiver(context),
        build_outside_gate(context),
        build_access_api(context),
        build_account_pages(context),
        build_tie_pages(context),
        build_key_pages(context),
        build_own_pages(context),
        build_audit_api(context),
        build_audit_pages(context),
        build_personal_data_api(context),
        build_photo_pages(context, book),
        build_photo_api(context),
        build_leader_pages(context, book, hub),
        build_feedback_pages(context),
        build_desk_pages(context, hub),
        build_why_pages(context),
        build_cockpit(context, board),
        build_api(context),
        build_command_api(context),
        build_gateway_pages(context),
        build_order_pages(context),
        build_register_api(context),
        build_adopt_pages(context),
        build_check_pages(context),
        build_why_not_pages(context),
        build_device_pages(context),
        build_device_acts(context),
        build_label_pages(context),
        build_attention_pages(context),
        build_street_api(context),
        build_import_pages(context),
        build_grid_pages(context),
        build_lookup_page(context),
        build_roster_pages(context),
        build_roster_changes(context),
        build_duty_pages(context),
        build_duty_link_pages(context),
        build_people_api(context),
        build_contacts_api(context),
        build_contact_pages(context),
        build_routing_api(context),
        build_traffic_api(context),
        build_configuration_api(context),
        build_history_api(context),
        build_trend_pages(context),
        build_reports(context),
        build_callbacks(context, accounts.wecom),
        build_channel_pages(context),
        build_load_pages(context),
        build_telemetry(context),
        build_policy_api(context),
        build_policy_pages(context),
        build_playbook_api(context),
        build_playbook_pages(context),
    ):
        # `include_router` would work every route out a second time, to add nothing to what its room says.
        app.router.routes.extend(router.routes)
    _add_front_door(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    check_declared(app)
    for kind, answer in (
        (AnswerError, _answer_error),
        (OutsideError, _answer_outside),
        (RequestValidationError, _answer_invalid),
        (HTTPException, _answer_http),
        (OverflowError, _answer_unholdable),
        (StatementError, _answer_database),
        (Exception, _answer_crash),
    ):
        app.add_exception_handler(kind, answer)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(
        Guard,
        frame_ancestors=settings.frame_ancestors,
        secure=settings.cookies_are_secure,
    )
    return app


def _add_front_door(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False, dependencies=[open_to_all("it only leads to the desk")])
    async def go_to_desk() -> Response:
        return RedirectResponse("/desk", status_code=303)


async def _problem(
    request: Request,
    status: int,
    title: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    if wants_page(request.url.path):
        at_desk = _is_of_desk(request)
        known = getattr(request.state, "signed_in", None) is not None
        page = render_page(
            request,
            "desk_problem.html" if at_desk and known else "problem.html",
            status_code=status,
            title=_PAGE_TITLES.get(status, "出错了"),
            detail=detail,
            lines=(_DESK_LINES if at_desk else _PAGE_LINES).get(status, ()),
            desk_phone=await _whom_to_call(request),
        )
        page.headers.update(headers or {})
        return page
    # The cockpit says it to its reader; programs that name no language are answered in Chinese.
    said = translations(language_of(request)).gettext(detail) if detail else ""
    body = {"type": "about:blank", "title": title, "status": status, "detail": said, **more}
    return JSONResponse(body, status_code=status, media_type=PROBLEM, headers=headers)


def _is_of_desk(request: Request) -> bool:
    """Tell whether a page is the desk's: whoever reads it came by no message, and would call themselves."""
    return request.url.path.startswith(("/desk", "/cockpit"))


_PAGE_DETAILS: Final = {
    400: "填写的内容不完整或不对，请返回上一页再试。",
    404: "没有这个页面。请从消息里的链接打开。",
    405: "不能这样打开这个页面。请返回上一页。",
    422: "填写的内容不完整或不对，请返回上一页再试。",
}
"""For people; programs are told in the library's words."""
_PAGE_TITLES: Final = {
    401: "请先登录",
    403: "不能这样做",
    404: "没有找到",
    405: "不能这样做",
    409: "现在不行",
    422: "填写有误",
    429: "请稍后再试",
}


_PAGE_LINES: Final[Mapping[int, tuple[str, ...]]] = {
    404: ("回到消息，再点一次链接", "还是打不开，就打电话给指挥中心"),
    429: ("等一会儿再试", "事情很急，就打电话给指挥中心"),
    500: ("等一分钟，再打开一次", "事情很急，不要等，马上打电话"),
}
"""What to do now, in short lines."""
_DESK_LINES: Final[Mapping[int, tuple[str, ...]]] = {
    404: ("返回上一页，核对编号和地址", "不在您的范围里的，请管理员开通"),
    429: ("等一会儿再试",),
    500: ("等一分钟，再打开一次",),
}


async def _whom_to_call(request: Request) -> str:
    """Return the command centre's number for a page of an error; nothing where that cannot be read either."""
    if _is_of_desk(request):
        return ""
    context: Context = request.app.state.context
    try:
        async with context.database.read() as session:
            return await desk_phone(session)
    except (SQLAlchemyError, OSError) as error:
        log.warning("number_not_read", error=str(error))
        return ""


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnswerError), "registered for it"
    if isinstance(error, NotSignedInError) and wants_page(request.url.path) and request.method == "GET":
        answer = RedirectResponse("/login", status_code=303)
        context: Context = request.app.state.context
        remember_page(request, answer, secure=context.settings.cookies_are_secure)
        return answer
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else None
    return await _problem(request, error.status, error.title, error.detail, headers=headers)


async def _answer_outside(request: Request, error: Exception) -> Response:
    log.warning("outside_login_failed", error=str(error))
    return await _problem(request, 502, "Bad gateway", "另一个系统没有应答，请稍后再试，或用密码登录。")


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for it"
    found = [{"where": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in found)
    if wants_page(request.url.path):
        detail = _PAGE_DETAILS[422]
    return await _problem(request, 422, "Invalid request", detail, errors=found)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for it"
    title = str(error.detail)
    detail = _PAGE_DETAILS.get(error.status_code, "") if wants_page(request.url.path) else title
    if _is_of_desk(request) and error.status_code == HTTPStatus.NOT_FOUND:
        detail = "没有这个页面。"
    return await _problem(request, error.status_code, title, detail, headers=dict(error.headers or {}))


async def _answer_unholdable(request: Request, error: Exception) -> Response:
    """Answer what names a number, a moment or a sign that no database holds, and so nothing of the street."""
    log.warning("request_unholdable", path=request.url.path, error=type(error).__name__)
    status = 404 if "\x00" in request.url.path else 422
    title = "Not found" if status == 404 else "Invalid request"  # noqa: PLR2004 - of HTTP
    detail = "a number, a time or a character is beyond what can be kept"
    if wants_page(request.url.path):
        detail = _PAGE_DETAILS[status]
    return await _problem(request, status, title, detail)


async def _answer_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, StatementError), "registered for it"
    answer = _answer_unholdable if _is_about_data(error) else _answer_crash
    return await answer(request, error)


def _is_about_data(error: StatementError) -> bool:
    """Tell whether a value cannot be one of the database's: beyond its range, or class 22 of SQL's states."""
    if isinstance(error.orig, OverflowError):
        return True
    told = (error.orig, getattr(error.orig, "__cause__", None))
    return any(str(getattr(one, "sqlstate", None) or "").startswith("22") for one in told)


async def _answer_crash(request: Request, error: Exception) -> Response:
    log.error("request_crashed", path=request.url.path, exc_info=error)
    return await _problem(request, 500, "Internal error", "服务器出错了，已记录。")
