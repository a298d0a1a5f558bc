"""What a route must say about who may call it. A route that says nothing keeps the server from starting.

    who: Annotated[SignedIn, requires(Right.SEE_ITEMS)]

asks for a session (or a key) whose account holds the right for at least one place, and answers 404 when
a path or query parameter of `server.access.scopes.NAMED` names something outside of those places. A
list narrows its query with `items_within(who.reach)` and its like. Other routes say why they ask for
nothing: `open_to_all("…")`, or `by_link()` where a signed link in the path decides.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from server.access import accounts, service
from server.access.allowancekeeper import note_guess
from server.access.allowances import Door, source_key
from server.access.links import LinkView
from server.access.model import Right
from server.access.scopes import NAMED, all_within
from server.access.service import SignedIn
from server.context import Context
from server.errors import ForbiddenError, NotFoundError, NotSignedInError, ServerError

SESSION_COOKIE: Final = "session"
_SAFE: Final = ("GET", "HEAD")
_SCOPED: Final = frozenset(NAMED)
_PROGRAMS: Final = "/api/"
_NEVER_HELD_UP: Final = frozenset({Right.PRESS_ITEMS, Right.ACT_AS_DESK, Right.ORDER_GATEWAYS})
"""What is done with these is never counted: a press, the desk's acts, an order that closes a valve."""
_PUBLISHED: Final = frozenset({"/openapi.json", "/static"})
"""The interface's description and the pages' built files: the same for everybody."""

WhoAsks = Callable[[Request], Awaitable[SignedIn]]
"""Returns who asks; raises NotSignedInError when nobody is signed in."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A right that a route asks for; called once a request, by FastAPI.

    Attributes:
        right: which one.
        unscoped: parameters of this route that belong to no place, or that the route judges itself.
    """

    right: Right
    unscoped: frozenset[str] = frozenset()

    async def __call__(self, request: Request) -> SignedIn:
        """Return who asks, with their reach for this right.

        Raises:
            NotSignedInError: nobody.
            ForbiddenError: none of their roles holds the right.
            NotFoundError: what is named lies outside of their places.
        """
        context: Context = request.app.state.context
        who = (await build_door(context)(request)).asking(self.right)
        if self.right not in who.rights:
            raise ForbiddenError("您的账号没有这个权限。")
        if request.url.path.startswith(_PROGRAMS) and not self._acts(request):
            context.allowances.take(Door.API, who.key or who.operator, now=context.clock.now())
        named = {**request.query_params, **request.path_params}
        wanted = {name: str(named[name]) for name in named.keys() & _SCOPED - self.unscoped}
        if wanted and not who.reach.street:
            async with context.database.read() as session:
                if not await all_within(session, who.reach, wanted):
                    raise NotFoundError("没有找到，或者不在您的范围内。")
        return who

    def _acts(self, request: Request) -> bool:
        return request.method not in _SAFE and self.right in _NEVER_HELD_UP


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """A route that asks for no session, and why."""

    why: str

    def __call__(self) -> None:
        """Let everybody pass."""


Declaration = Requirement | OpenDoor


def requires(right: Right, *, unscoped: Sequence[str] = ()) -> Any:
    """Return the dependency of a route that asks for a right.

    Args:
        right: which one.
        unscoped: see `Requirement`.
    """
    return Depends(Requirement(right, frozenset(unscoped)))


def open_to_all(why: str) -> Any:
    """Return the dependency of a route that everybody may call, with the reason."""
    return Depends(OpenDoor(why))


def by_link() -> Any:
    """Return the dependency of a route whose path carries a signed link, which the route itself judges."""
    return Depends(OpenDoor("the signed link in the path says whose it is"))


def build_door(context: Context) -> WhoAsks:
    """Return what finds out who asks. Routes use `requires`, which does this first."""
    cookie = cookie_name(secure=context.settings.cookies_are_secure)

    async def who_asks(request: Request) -> SignedIn:
        found: SignedIn | None = getattr(request.state, "signed_in", None)
        if found is not None:
            return found
        now = context.clock.now()
        secret = _key_in(request)
        async with context.database.read() as session:
            if secret is not None:
                found = await service.find_key(session, secret, now=now)
            else:
                found = await service.find_session(session, request.cookies.get(cookie), now=now)
        if found is None:
            if secret is not None:
                await guessed(context, request, Door.KEY)
            raise NotSignedInError("请先登录。")
        if request.method not in _SAFE:
            async with context.database.write() as session:
                if found.key is not None:
                    await service.touch_key(session, found.key, now=now)
                else:
                    await service.touch_session(session, found.token_hash, now=now)
        request.state.signed_in = found
        return found

    return who_asks


def source_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else ""


async def guessed(context: Context, request: Request, door: Door) -> None:
    """Count something that fits nothing against where it comes from.

    Raises:
        TooManyError: too much of it came from there.
    """
    asker = source_key(source_of(request))
    await note_guess(context.database, context.allowances, door, asker, now=context.clock.now())


async def note_unknown_link(context: Context, request: Request) -> None:
    """Count a link that was never made here; one that ended is none.

    Raises:
        TooManyError: too many such came from there.
    """
    await guessed(context, request, Door.LINK)


def note_opening(context: Context, request: Request, view: LinkView) -> None:
    """Count a link that is opened, except by the phone that pressed it.

    Raises:
        TooManyError: this link was opened far too often from there.
    """
    if not view.bound_here:
        asker = f"{view.link.id} {source_key(source_of(request))}"
        context.allowances.take(Door.OPENING, asker, now=context.clock.now())


def _key_in(request: Request) -> str | None:
    """Return the secret of the key that a program shows; an unknown form is a key that fits nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return accounts.secret_of_key(key.strip()) or "" if scheme.lower() == "bearer" else None


def cookie_name(*, secure: bool) -> str:
    """Return the name of the session's cookie; the prefix ties it to this host over HTTPS."""
    return f"__Host-{SESSION_COOKIE}" if secure else SESSION_COOKIE


def served_routes(app: FastAPI) -> list[RouteContext]:
    """Return every route with a function of ours, those of included routers too."""
    return [one for one in iter_route_contexts(app.routes) if isinstance(one.original_route, APIRoute)]


def declarations(route: RouteContext) -> list[Declaration]:
    """Return what a route says about who may call it."""
    return [call for call in _calls(route.dependant) if isinstance(call, Requirement | OpenDoor)]


def _calls(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)


def check_declared(app: FastAPI) -> None:
    """Refuse an application with a route that does not say, exactly once, who may call it.

    Raises:
        ServerError: names every such route, and what to write.
    """
    problems = [
        f"{'/'.join(sorted(route.methods or ()))} {route.path}: {problem}"
        for route in iter_route_contexts(app.routes)
        if (problem := _problem_of(route))
    ]
    if problems:
        raise ServerError("who may call a route is not said (server/access/guard.py): " + "; ".join(problems))


def _problem_of(route: RouteContext) -> str:
    if not isinstance(route.original_route, APIRoute):
        return "" if route.path in _PUBLISHED else "routes and mounts of other kinds ask nobody"
    declared = declarations(route)
    if len(declared) != 1:
        return "say once `requires`, `open_to_all` or `by_link`"
    (one,) = declared
    if isinstance(one, OpenDoor):
        return ""
    unknown = {parameter.name for parameter in route.dependant.path_params} - _SCOPED - one.unscoped
    if unknown:
        names = ", ".join(sorted(unknown))
        return f"{names}: add it to NAMED of server/access/scopes.py, or name it in `unscoped`"
    return ""
