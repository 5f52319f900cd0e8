"""CAP over HTTP: the feed and its documents for partners; preview, what has left, and withdrawing for the house."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from contract.instants import from_ms
from hub.api.allowed import acting, name_of, needs
from hub.api.answers import reply, said
from hub.api.cap_answers import (
    CapAsked,
    CapMessage,
    CapPreview,
    CapRelease,
    CapState,
    CapTerms,
    CapWaiting,
    CapWithdrawn,
    CapWords,
)
from hub.cap import feed
from hub.cap.book import Entry, StoredLife
from hub.cap.desk import NotReleased, Preview, ReleaseDesk
from hub.cap.settings import hash_of
from hub.people.actor import Actor
from hub.releasing import Releasing
from hub.rights import RIGHTS, Right
from hub.site import Site

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Asking = Annotated[Actor, Depends(acting(Right.CAP_RELEASE))]
Withdrawing = Annotated[Actor, Depends(acting(Right.CAP_RELEASE))]
Before = Annotated[int | None, Query(ge=1, le=1 << 62)]

NOT_SET_UP = {
    "error": "this hub sends no CAP messages",
    "do": "give the configuration a part `cap` (docs/cap.md)",
}
# a partner's program may keep what it got, and asks with its ETag whether there is more
CACHED = "private, no-cache"


class AskBody(BaseModel):
    """`terms`: their hash, as GET had it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name | None = None  # only in open mode
    terms: Name
    reason: Words


class WithdrawBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name | None = None  # only in open mode
    reason: Words


def refused(error: NotReleased) -> HTTPException:
    return HTTPException(404 if error.unknown else 409, {"error": error.problem, "do": error.do})


def routes(*, desk: ReleaseDesk | None, releasing: Releasing | None, site: Site) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    def there() -> ReleaseDesk:
        if desk is None:
            raise HTTPException(404, NOT_SET_UP)
        return desk

    def base(request: Request) -> str:
        """How partners reach the hub, where that is not as the hub itself is asked (a proxy)."""
        set_up = there().base_url
        root = str(request.base_url) if set_up is None else set_up.rstrip("/") + "/"
        return f"{root}api/v1/cap/"

    @router.get(
        "/cap/feed",
        dependencies=[needs(Right.CAP_FEED)],
        responses={
            200: {"description": "an Atom feed, newest first", "content": {"application/atom+xml": {}}},
            304: {"description": "nothing has changed since the ETag"},
        },
        response_class=Response,
    )
    def get_feed(request: Request, before: Before = None) -> Response:
        """Every message that has left: 50 to a page; the link `next` leads to older ones."""
        desk = there()
        found = desk.entries(before=before, limit=feed.PAGE_ENTRIES + 1)
        shown = found[: feed.PAGE_ENTRIES]
        data = feed.feed(
            shown,
            site=site.site,
            title=f"{site.name}: CAP messages",
            sender=desk.frame.sender,
            base=base(request),
            page="feed" if before is None else f"feed?before={before}",
            older=f"feed?before={shown[-1].id}" if len(found) > len(shown) else None,
        )
        return _tagged(request, data, feed.CONTENT_TYPE)

    @router.get(
        "/cap/messages/{identifier}",
        dependencies=[needs(Right.CAP_FEED)],
        responses={
            200: {"description": "the message as it left", "content": {feed.DOCUMENT_TYPE: {}}},
            304: {"description": "the message never changes"},
        },
        response_class=Response,
    )
    def get_message(identifier: str, request: Request) -> Response:
        document = there().document(identifier)
        if document is None:
            raise HTTPException(
                404,
                {"error": f"no message {identifier[:120]} has left", "do": "take one of /api/v1/cap/feed"},
            )
        return _tagged(request, document, feed.DOCUMENT_TYPE)

    @router.get(
        "/alerts/{alert}/cap",
        dependencies=[needs(Right.CAP_LOOK)],
        responses=said(CapState, "what would leave, and what has left"),
        response_class=Response,
    )
    def get_alert(alert: str) -> Response:
        desk = there()
        preview, refusal = None, None
        try:
            preview = desk.preview(alert)
        except NotReleased as error:
            if error.unknown:
                raise refused(error) from None
            refusal = error
        return reply(
            CapState(
                alert=alert,
                terms=_terms(desk),
                releases=tuple(_release(one) for one in desk.lives(alert)),
                messages=tuple(_message(one) for one in desk.entries_of(alert)),
                preview=None if preview is None else _preview(preview),
                refusal=None if refusal is None else refusal.problem,
                do=None if refusal is None else refusal.do,
                waiting=_waiting(releasing, alert),
                problem=desk.problem,
            )
        )

    @router.post(
        "/alerts/{alert}/cap/ask",
        status_code=202,
        responses=said(CapAsked, "it waits for a second person", 202),
        response_class=Response,
    )
    async def ask(alert: str, body: AskBody, actor: Asking) -> Response:
        """Puts the release before a second person, who decides under /api/v1/approvals."""
        there()
        assert releasing is not None
        do = partial(
            releasing.ask,
            alert,
            terms=body.terms,
            reason=body.reason,
            by=actor,
            name=name_of(actor, body.by),
        )
        try:
            found = await asyncio.to_thread(do)
        except NotReleased as error:
            raise refused(error) from None
        return reply(CapAsked(alert=alert, approval=found.id, until=from_ms(found.until_ms)), 202)

    @router.post(
        "/alerts/{alert}/cap/withdraw",
        responses=said(CapWithdrawn, "the Cancel that has left"),
        response_class=Response,
    )
    async def withdraw(alert: str, body: WithdrawBody, actor: Withdrawing) -> Response:
        """Takes back what has left: a Cancel, at once. One person is enough."""
        do = partial(there().withdraw, alert, by=name_of(actor, body.by), via=actor.via, reason=body.reason)
        try:
            return reply(CapWithdrawn(alert=alert, identifier=await asyncio.to_thread(do)))
        except NotReleased as error:
            raise refused(error) from None

    return router


def _waiting(releasing: Releasing | None, alert: str) -> CapWaiting | None:
    found = None if releasing is None else releasing.waiting(alert)
    if found is None:
        return None
    return CapWaiting(
        approval=found.id,
        payload_hash=found.payload_hash,
        summary=found.summary,
        reason=found.reason,
        asked_by=found.asked_by,
        asked_at=from_ms(found.asked_ms),
        until=from_ms(found.until_ms),
        approved_by=tuple(sorted(RIGHTS[found.right].approved_by)),
    )


def _tagged(request: Request, data: bytes, kind: str) -> Response:
    etag = feed.tag(data)
    headers = {"ETag": etag, "Cache-Control": CACHED}
    if feed.matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)


def _terms(desk: ReleaseDesk) -> CapTerms:
    one = desk.frame
    return CapTerms(
        status=one.status,
        scope=one.scope,
        sender=one.sender,
        languages=one.languages,
        addresses=one.addresses,
        restriction=one.restriction,
        hash=hash_of(one),
    )


def _preview(one: Preview) -> CapPreview:
    infos = one.message.infos
    return CapPreview(
        severity=infos[0].severity,
        urgency=infos[0].urgency,
        certainty=infos[0].certainty,
        words=tuple(
            CapWords(
                language=info.language,
                headline=info.headline or "",
                description=info.description or "",
                instruction=info.instruction or "",
            )
            for info in infos
        ),
        document=one.document.decode(),
    )


def _message(one: Entry) -> CapMessage:
    return CapMessage(
        identifier=one.identifier,
        msg_type=one.msg_type,
        change=one.change,
        status=one.status,
        scope=one.scope,
        headline=one.headline,
        sent_at=from_ms(one.sent_ms),
        expires_at=from_ms(one.expires_ms),
    )


def _release(one: StoredLife) -> CapRelease:
    return CapRelease(
        asked_by=one.asked_by,
        approved_by=one.approved_by,
        released_at=from_ms(one.released_ms),
        ended_at=None if one.ended_ms is None else from_ms(one.ended_ms),
    )
