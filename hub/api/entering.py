"""The way in and out: log in with a password, use a one-time link, log out. The pages here work without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from contract.instants import from_ms
from hub.api.allowed import ACTOR, ADDRESS, HELD, acting, anyone
from hub.api.answers import reply, said
from hub.api.guard import LOGIN_PATH, Access
from hub.api.people_answers import GoTo, LinkShown, Me, WaysIn
from hub.people.actor import Actor
from hub.people.links import PATH as LINK_PATH
from hub.people.passwords import LENGTH_MIN, WAITING_MAX
from hub.people.people import Entered, From, People
from hub.people.refused import Refused
from hub.people.secret import form_token
from hub.people.users import User
from hub.rights import RIGHTS, Right

if TYPE_CHECKING:
    from hub.api.vouched import Outside

Text = Annotated[str, Field(max_length=400)]
_T = TypeVar("_T")

PROBLEM = "<!-- problem -->"
LENGTH = "{length}"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LoginBody(_Body):
    login: Text
    password: Text


class LinkBody(_Body):
    secret: Text


class UseLinkBody(_Body):
    """`login` and `display`: for the first administrator, who chooses them."""

    secret: Text
    password: Text
    login: Text | None = None
    display: Text | None = None


class Turn:
    """Passwords are hashed a few at a time; who comes when many wait is told to come again."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._waiting = 0

    async def __call__(self, do: Callable[[], _T]) -> _T:
        """Runs `do` in a thread for passwords. Raises Refused("busy")."""
        if self._waiting >= WAITING_MAX:
            raise Refused("busy", "many people log in right now", "try again in a few seconds", wait_s=3)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._people.passwords.threads, do)
        finally:
            self._waiting -= 1


def where_from(request: Request) -> From:
    return From(
        address=getattr(request.state, ADDRESS, "unknown"),
        browser=request.headers.get("user-agent", ""),
        held=getattr(request.state, HELD, None),
    )


def set_cookie(response: Response, access: Access, people: People, secret: str) -> None:
    """The session's cookie: out of reach of scripts, sent by this site's own pages only."""
    response.set_cookie(
        access.cookie,
        secret,
        max_age=people.sessions.lifetimes.whole_ms // 1000,
        httponly=True,
        secure=access.secure,
        samesite="strict",
        path="/",
    )


def drop_cookie(response: Response, access: Access) -> None:
    response.delete_cookie(access.cookie, path="/", secure=access.secure, httponly=True, samesite="strict")


def me(actor: Actor, *, site: str, user: User | None, held: str | None) -> Me:
    return Me(
        via=actor.via,
        login=actor.name,
        display=actor.display,
        roles=tuple(sorted(actor.roles)),
        rights=tuple(right.value for right in RIGHTS if actor.may(right, site=site)),
        approves=tuple(right.value for right in RIGHTS if actor.may_approve(right, site=site)),
        sites=None if actor.sites is None else tuple(sorted(actor.sites)),
        language=actor.language,
        form_token=None if held is None else form_token(held),
        has_password=user is not None and user.has_password,
    )


def routes(
    *, people: People, access: Access, site: str, turn: Turn, root: Path, outside: Outside | None
) -> APIRouter:
    """`root`: where the pages lie. `outside`: OpenID Connect, where it is set."""
    router = APIRouter()
    login_html, link_html = (_html(root / name) for name in ("login.html", "link.html"))
    way_in = [anyone("the way in")]

    def entered(found: Entered) -> Response:
        actor = people.sessions.who(found.secret)
        if actor is None:
            raise Refused("denied", "the session ended at once", "log in again")
        response = reply(me(actor, site=site, user=found.user, held=found.secret))
        set_cookie(response, access, people, found.secret)
        return response

    @router.post(
        "/api/v1/session", dependencies=way_in, responses=said(Me, "who is in now"), response_class=Response
    )
    async def log_in(body: LoginBody, request: Request) -> Response:
        enter = partial(people.enter, body.login, body.password, where=where_from(request))
        return entered(await turn(enter))

    @router.delete("/api/v1/session", responses=said(GoTo, "out"), response_class=Response)
    async def log_out(actor: Annotated[Actor, Depends(acting(Right.OWN))]) -> Response:
        await asyncio.to_thread(people.leave, actor)
        go = None if outside is None or actor.session is None else await outside.sign_out(actor.session)
        response = reply(GoTo(go=go))
        drop_cookie(response, access)
        return response

    @router.get(
        "/api/v1/ways-in",
        dependencies=way_in,
        responses=said(WaysIn, "how people enter"),
        response_class=Response,
    )
    def ways_in() -> Response:
        return reply(
            WaysIn(
                passwords="all" if people.passwords_for is None else "few",
                button=None if outside is None else outside.oidc.button,
                password_length_min=LENGTH_MIN,
            )
        )

    @router.post(
        "/api/v1/links/look",
        dependencies=way_in,
        responses=said(LinkShown, "what a link is for"),
        response_class=Response,
    )
    def look_at_link(body: LinkBody, request: Request) -> Response:
        found = people.look_at_link(body.secret, where=where_from(request))
        return reply(
            LinkShown(
                kind=found.kind, login=found.login, display=found.display, until=from_ms(found.until_ms)
            )
        )

    @router.post(
        "/api/v1/links/use", dependencies=way_in, responses=said(Me, "who is in now"), response_class=Response
    )
    async def use_link(body: UseLinkBody, request: Request) -> Response:
        use = partial(
            people.use_link,
            body.secret,
            password=body.password,
            login=body.login,
            display=body.display,
            where=where_from(request),
        )
        return entered(await turn(use))

    @router.get(LOGIN_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    def login_page(request: Request) -> Response:
        if getattr(request.state, ACTOR) is not None:
            return Response(status_code=303, headers={"Location": "/"})
        return _page(login_html)

    @router.post(LOGIN_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    async def login_form(request: Request) -> Response:
        form = await _form(request)
        enter = partial(
            people.enter, form.get("login", ""), form.get("password", ""), where=where_from(request)
        )
        return await _through_form(login_html, enter)

    @router.get(LINK_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    def link_page() -> Response:
        return _page(link_html)

    @router.post(LINK_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    async def link_form(request: Request) -> Response:
        form = await _form(request)
        use = partial(
            people.use_link,
            form.get("secret", "").rpartition("#")[2].strip(),
            password=form.get("password", ""),
            login=form.get("login") or None,
            display=form.get("display") or None,
            where=where_from(request),
        )
        return await _through_form(link_html, use)

    async def _through_form(page: str, do: Callable[[], Entered]) -> Response:
        try:
            found = await turn(do)
        except Refused as refused:
            return _page(page, refused)
        response = Response(status_code=303, headers={"Location": "/"})
        set_cookie(response, access, people, found.secret)
        return response

    return router


async def _form(request: Request) -> dict[str, str]:
    """A form as browsers send it without scripts; the last of two fields with one name."""
    body = (await request.body()).decode("utf-8", errors="replace")
    return {name: values[-1] for name, values in parse_qs(body, max_num_fields=20).items()}


def _html(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace(LENGTH, str(LENGTH_MIN))


def _page(page: str, refused: Refused | None = None) -> Response:
    problem = (
        "" if refused is None else f'<p class="problem">{escape(refused.problem)}; {escape(refused.do)}.</p>'
    )
    return Response(
        page.replace(PROBLEM, problem),
        status_code=200 if refused is None else STATUS[refused.kind],
        headers=waiting(refused),
        media_type="text/html",
    )


STATUS = {
    "invalid": 422,
    "denied": 401,
    "forbidden": 403,
    "unknown": 404,
    "conflict": 409,
    "later": 429,
    "busy": 503,
}


def waiting(refused: Refused | None) -> dict[str, str]:
    return {} if refused is None or refused.wait_s is None else {"Retry-After": str(refused.wait_s)}


def refused_answer(request: Request, error: Exception) -> Response:
    """For the application: what people's core refuses, as every other problem is told."""
    assert isinstance(error, Refused)
    response = reply(request.app.state.speaker.problem(request, error.problem, error.do), STATUS[error.kind])
    response.headers.update(waiting(error))
    return response
