"""OpenID Connect over HTTP: off to the provider, and back with somebody whom it vouches for (docs/oidc.md)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.api.allowed import anyone
from hub.api.answers import reply, said
from hub.api.entering import STATUS, set_cookie, waiting, where_from
from hub.api.guard import Access
from hub.api.people_answers import GoTo
from hub.oidc.attempts import LASTS_MS, Attempts
from hub.oidc.entrance import Entrance
from hub.oidc.provider import Provider
from hub.oidc.settings import BEGIN_PATH, RETURN_PATH, Oidc
from hub.oidc.trouble import Reason, SignInFailed
from hub.people.noted import note
from hub.people.people import Entered, From, People
from hub.people.refused import Refused

log = logging.getLogger("hub.oidc")

SIGNED_IN_MAX = 2000  # [E] id_tokens kept to sign out with; without one the provider may ask once more
_OUR_FAULT = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.NOT_TRUSTED,
        Reason.NO_CONFIGURATION,
        Reason.OTHER_ISSUER,
        Reason.NOT_CAPABLE,
        Reason.CLIENT_REFUSED,
        Reason.PROVIDER_REFUSED,
        Reason.NO_ID_TOKEN,
    }
)

# A page of our own goes on to /: a redirect straight from the provider would count as from another site, and the
# session's cookie is SameSite=Strict.
ENTERED_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light"><title>Esplanade</title><link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0;url=/"><link rel="stylesheet" href="/static/css/page.css">
<link rel="stylesheet" href="/static/css/people.css"></head>
<body class="door"><main><p><a href="/">Go to the live page</a></p></main></body></html>
"""
FAILED_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light"><title>Esplanade: not signed in</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/css/page.css"><link rel="stylesheet" href="/static/css/people.css"></head>
<body class="door"><main><h1>Not signed in</h1>
<div role="alert"><p class="problem" data-reason="{reason}">{problem}.</p></div>
<p class="rule">What to do: {do}.</p>
<p class="buttons"><a class="button" href="/login">Back to the sign-in page</a></p></main></body></html>
"""


class BeginBody(BaseModel):
    """`invitation`: the secret of a one-time link that is taken up with the account."""

    model_config = ConfigDict(extra="forbid", strict=True)

    invitation: Annotated[str, Field(max_length=400)]


class Outside:
    """The provider, the sign-ins that are on their way to it, and what is needed to sign out there."""

    def __init__(self, oidc: Oidc, people: People) -> None:
        """Raises SignInFailed where the extra is not installed."""
        self.oidc = oidc
        self.attempts = Attempts()
        self.provider = Provider(oidc)
        self.entrance = Entrance(people, oidc)
        self._signed_in: OrderedDict[int, str] = OrderedDict()

    def keep(self, session: int, id_token: str) -> None:
        self._signed_in[session] = id_token
        while len(self._signed_in) > SIGNED_IN_MAX:
            self._signed_in.popitem(last=False)

    async def sign_out(self, session: int) -> str | None:
        """Where the browser of that session ends the provider's own; None for one that came by a password."""
        id_token = self._signed_in.pop(session, None)
        return None if id_token is None else await self.provider.sign_out_address(id_token)


def routes(*, outside: Outside, people: People, access: Access) -> APIRouter:
    router = APIRouter()
    way_in = [anyone("the way in")]
    cookie_name = f"{access.cookie}-oidc"

    async def begin(invitation: str | None) -> tuple[str, str]:
        attempt, cookie = outside.attempts.begin(people.clock(), invitation=invitation)
        return await outside.provider.address(attempt), cookie

    def with_cookie(response: Response, value: str) -> Response:
        # Lax: it must come along when the provider sends the browser back
        response.set_cookie(
            cookie_name,
            value,
            max_age=LASTS_MS // 1000,
            httponly=True,
            secure=access.secure,
            samesite="lax",
            path="/",
        )
        return response

    @router.get(BEGIN_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    async def go() -> Response:
        try:
            address, cookie = await begin(None)
        except SignInFailed as failed:
            return refused(failed)
        return with_cookie(Response(status_code=303, headers={"Location": address}), cookie)

    @router.post(
        BEGIN_PATH, dependencies=way_in, responses=said(GoTo, "the provider's page"), response_class=Response
    )
    async def go_with_invitation(body: BeginBody, request: Request) -> Response:
        look = partial(people.look_at_link, body.invitation, where=where_from(request))
        await asyncio.to_thread(look)
        try:
            address, cookie = await begin(body.invitation)
        except SignInFailed as failed:
            raise Refused("later", failed.problem, failed.do) from None
        return with_cookie(reply(GoTo(go=address)), cookie)

    @router.get(RETURN_PATH, dependencies=way_in, include_in_schema=False, response_class=Response)
    async def back(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4000)] = "",
        iss: Annotated[str | None, Query(max_length=400)] = None,
        error: Annotated[str, Query(max_length=200)] = "",
        error_description: Annotated[str, Query(max_length=600)] = "",
    ) -> Response:
        where = where_from(request)
        try:
            attempt = outside.attempts.take(state, request.cookies.get(cookie_name, ""), people.clock())
            if error or not code:
                raise _said_no(error, error_description)
            who, id_token = await outside.provider.redeem(
                code, attempt, iss=iss, now_s=people.clock() // 1000
            )
            enter = partial(outside.entrance.enter, who, invitation=attempt.invitation, where=where)
            found = await asyncio.to_thread(enter)
        except SignInFailed as failed:
            await asyncio.to_thread(_note_refusal, people, failed.reason.value, where)
            return refused(failed)
        except Refused as failed:
            return _failed_page(failed.kind, failed.problem, failed.do, STATUS[failed.kind], waiting(failed))
        return entered(found, id_token)

    def entered(found: Entered, id_token: str) -> Response:
        actor = people.sessions.who(found.secret)
        if actor is not None and actor.session is not None:
            outside.keep(actor.session, id_token)
        response = Response(ENTERED_PAGE, media_type="text/html")
        response.delete_cookie(cookie_name, path="/", secure=access.secure, httponly=True, samesite="lax")
        set_cookie(response, access, people, found.secret)
        return response

    def refused(failed: SignInFailed) -> Response:
        log.warning("sign-in by OpenID Connect: %s: %s", failed.reason, failed)
        status = 502 if failed.reason in _OUR_FAULT else 403
        return _failed_page(failed.reason.value, failed.problem, failed.do, status, {})

    return router


def _said_no(error: str, description: str) -> SignInFailed:
    said = f"{error or 'it sent no code'}{': ' if description else ''}{description}"
    if error == "access_denied":
        return SignInFailed(
            Reason.CANCELLED,
            f"the provider did not sign you in ({said})",
            "begin again, or ask those who run it",
        )
    return SignInFailed(
        Reason.PROVIDER_REFUSED,
        f"the provider refused ({said})",
        "look for this in the provider's own log; the client's registered addresses, scopes and grant "
        "(authorization code with PKCE) are the usual reasons",
    )


def _note_refusal(people: People, reason: str, where: From) -> None:
    with people.db.write() as db:
        note(
            db,
            at_ms=people.clock(),
            actor="nobody",
            via="session",
            action="session.refuse",
            detail={"how": "oidc", "reason": reason, "address": where.address},
        )


def _failed_page(reason: str, problem: str, do: str, status: int, headers: dict[str, str]) -> Response:
    body = FAILED_PAGE.format(reason=escape(reason), problem=escape(problem), do=escape(do))
    return Response(body, status_code=status, headers=headers, media_type="text/html")
