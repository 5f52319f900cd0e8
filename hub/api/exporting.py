"""GET /exports/{kind}: a file over a time range, streamed as it is made."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from starlette.concurrency import iterate_in_threadpool

from contract.instants import from_ms
from hub.api.allowed import acting
from hub.api.answers import said_of
from hub.api.reading import EventStream
from hub.audit import AuditEntry
from hub.batch import Batch
from hub.exports.export import MEDIA_TYPES, Exports, Format
from hub.exports.parquet_file import NoPyArrow
from hub.exports.stored import NothingStored, Span
from hub.exports.tables import Kind, NotOnEarth
from hub.exports.times import NoTime, moment_ms
from hub.judge import Judge
from hub.people.actor import Actor
from hub.rights import RIGHTS, Right
from hub.site import Site

DAY_MS = 86_400_000
AT_ONCE = 2  # [E] exports under way at a time
REST = 0.5  # [E] of the time each piece took: what is judged now comes first
ANSWER_S = 10.0
NAMES = Right.AUDIT  # who may read names in the audit log may have them in an export

Exporting = Annotated[Actor, Depends(acting(Right.EXPORT))]


def routes(
    *,
    site: Site,
    exports: Exports,
    judge: Judge,
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    slots = threading.BoundedSemaphore(AT_ONCE)

    def moment(name: str, text: str | None, default: int) -> int:
        try:
            return default if text is None else moment_ms(text, site.time_zone_info)
        except NoTime as error:
            raise HTTPException(
                422, {"error": f"{name}: {error}", "do": "escape a plus sign as %2B"}
            ) from None

    @router.get(
        "/exports/{kind}",
        responses=said_of(MEDIA_TYPES.values(), "the file, from `from` on until before `until`"),
        response_class=Response,
    )
    async def get_export(
        kind: Kind,
        actor: Exporting,
        form: Annotated[Format, Query(alias="format")] = Format.CSV,
        since: Annotated[
            str | None,
            Query(alias="from", max_length=40, description="ISO 8601; a day before `until` by default"),
        ] = None,
        until: Annotated[
            str | None,
            Query(max_length=40, description="ISO 8601; without an offset the site's time; now by default"),
        ] = None,
        names: Annotated[
            bool, Query(description="alerts: the names of those who acted, instead of their roles")
        ] = False,
    ) -> Response:
        until_ms = moment("until", until, judge.now_ms)
        span = Span(moment("from", since, until_ms - DAY_MS), until_ms)
        if span.since_ms >= span.until_ms:
            raise HTTPException(
                422, {"error": "from: is not before until", "do": "ask for an earlier `from`"}
            )
        if names and not actor.may(NAMES, site=site.site):
            raise HTTPException(
                403,
                {
                    "error": f"names are for those who may {RIGHTS[NAMES].words}",
                    "do": "ask without names",
                },
            )
        try:
            await asyncio.to_thread(exports.check, form)
        except (NothingStored, NoPyArrow, NotOnEarth) as error:
            raise HTTPException(503, {"error": str(error), "do": "see docs/exports.md"}) from None
        await noted(actor, kind, form, span, names)
        if not slots.acquire(blocking=False):
            raise HTTPException(
                503, {"error": f"{AT_ONCE} exports are under way", "do": "ask again when one is done"}
            )
        pieces = exports.chunks(kind, form, span, names=names)
        name = f"{site.site}-{kind}-{_stamp(span.since_ms)}-{_stamp(span.until_ms)}.{form}"
        return EventStream(
            _held(pieces, slots),
            media_type=MEDIA_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def noted(actor: Actor, kind: Kind, form: Format, span: Span, names: bool) -> None:
        """In the audit log before the first byte leaves."""
        entry = AuditEntry(
            at_ms=wall_ms(),
            actor=actor.name,
            via=actor.via,
            action="data.export",
            subject=kind,
            detail=detail(form, span, names=names),
        )

        def do(batch: Batch, _now_ms: int) -> None:
            batch.audit.append(entry)

        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(judge.ask(do))), ANSWER_S)
        except TimeoutError:
            raise HTTPException(
                503, {"error": "it could not be written yet", "do": "see hub.database in /api/v1/state"}
            ) from None

    return router


def detail(form: Format, span: Span, *, names: bool) -> dict[str, object]:
    """What the audit log keeps of an export."""
    return {"format": form, "from": from_ms(span.since_ms), "until": from_ms(span.until_ms), "names": names}


def _stamp(unix_ms: int) -> str:
    return from_ms(unix_ms)[:19].replace("-", "").replace(":", "")


async def _held(pieces: Iterator[bytes], slots: threading.BoundedSemaphore) -> AsyncIterator[bytes]:
    """The pieces, with a rest after each, and the slot given back when they end or the reader goes."""
    try:
        begun = time.monotonic()
        async for piece in iterate_in_threadpool(pieces):
            took_s = time.monotonic() - begun
            yield piece
            await asyncio.sleep(took_s * REST)
            begun = time.monotonic()
    finally:
        slots.release()
