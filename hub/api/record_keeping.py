"""The audit log to read and to check, and the vault's documents to list, put and get."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import StringConstraints

from contract.instants import from_ms
from hub import anchors, audit, audit_check
from hub.api.allowed import acting, name_of, needs
from hub.api.answers import (
    AuditCheck,
    AuditHeadNow,
    AuditLine,
    AuditPage,
    DocumentList,
    DocumentShown,
    reply,
    said,
    said_of,
)
from hub.audit import AuditEntry
from hub.documents import BadDocument, Document, Documents, NoDocument
from hub.people.actor import Actor
from hub.rights import Right
from hub.store import BUSY_TIMEOUT_MS
from hub.vault import VaultError

SCANNED_MAX = 50_000  # [E] entries looked through for one page, however few of them are asked for
ANY_TYPE = "application/octet-stream"  # so that no browser shows what somebody put there

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
By = Annotated[Name | None, Query(description="who does this; only where nobody logs in")]
Title = Annotated[str, StringConstraints(max_length=130)]
Reading = Annotated[Actor, Depends(acting(Right.ASSESSMENT_LOOK))]
Writing = Annotated[Actor, Depends(acting(Right.ASSESSMENT_WRITE))]
T = TypeVar("T")


def routes(
    *,
    database: Path,
    key_file: Path,
    anchor_file: Path,
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @contextmanager
    def opened(*, write: bool) -> Iterator[sqlite3.Connection]:
        mode = "rw" if write else "ro"
        with closing(
            sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True, isolation_level=None)
        ) as db:
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA temp_store = MEMORY")
            yield db

    async def work(do: Callable[[sqlite3.Connection], T], *, write: bool = False) -> T:
        """In a thread, on a connection of its own: no page and no judge waits for it."""

        def run() -> T:
            with opened(write=write) as db:
                return do(db)

        try:
            return await asyncio.to_thread(run)
        except NoDocument as error:
            raise HTTPException(404, {"error": str(error), "do": "see /api/v1/documents"}) from None
        except BadDocument as error:
            raise HTTPException(422, {"error": str(error), "do": "change that and put it again"}) from None
        except (VaultError, sqlite3.Error) as error:
            raise HTTPException(503, {"error": str(error), "do": "see docs/records.md"}) from None

    @router.get(
        "/audit",
        dependencies=[needs(Right.AUDIT)],
        responses=said(AuditPage, "entries, newest first"),
        response_class=Response,
    )
    async def get_audit(
        before: Annotated[int | None, Query(ge=1, le=2**62, description="entries below this number")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        action: Annotated[str, Query(max_length=60, description="what the action begins with")] = "",
        actor: Annotated[str | None, Query(max_length=80)] = None,
    ) -> Response:
        return reply(await work(lambda db: _page(db, before, limit, action, actor)))

    @router.get(
        "/audit/head",
        dependencies=[needs(Right.AUDIT)],
        responses=said(AuditHeadNow, "number and hash of the newest entry"),
        response_class=Response,
    )
    async def get_head() -> Response:
        seq, digest = await work(audit.head)
        return reply(AuditHeadNow(seq=seq, hash=digest.hex()))

    @router.get(
        "/audit/check",
        dependencies=[needs(Right.AUDIT)],
        responses=said(AuditCheck, "whether the log is as it was written"),
        response_class=Response,
    )
    async def get_check() -> Response:
        known = anchors.read(anchor_file)[0] if anchor_file.is_file() else []
        found = await work(lambda db: audit_check.check(db, anchors=known))
        wrong = found.finding
        return reply(
            AuditCheck(
                right=wrong is None,
                wrong=None if wrong is None else wrong.wrong.value,
                at=None if wrong is None else wrong.seq,
                text=None if wrong is None else wrong.text,
                first=found.first,
                last=found.last,
                hash=found.hash.hex(),
                anchors=found.anchors,
            )
        )

    @router.get(
        "/documents",
        dependencies=[needs(Right.ASSESSMENT_LOOK)],
        responses=said(DocumentList, "the vault's documents, without what is in them"),
        response_class=Response,
    )
    async def get_documents() -> Response:
        found = await work(lambda db: Documents(db, key_file).all())
        return reply(DocumentList(documents=tuple(_shown(one) for one in found)))

    @router.get(
        "/documents/{title}",
        responses=said_of([ANY_TYPE], "the document; NAME is the newest version, NAME@2 the second"),
        response_class=Response,
    )
    async def get_document(title: Title, actor: Reading, by: By = None) -> Response:
        entry = entries(actor, name_of(actor, by))
        found, plain = await work(lambda db: Documents(db, key_file).get(title, entry=entry), write=True)
        return Response(
            plain,
            media_type=ANY_TYPE,
            headers={
                "Content-Disposition": f'attachment; filename="{found.name}"',
                "Cache-Control": "no-store",
            },
        )

    @router.put(
        "/documents/{name}",
        status_code=201,
        responses=said(DocumentShown, "stored, as the next version of that name", 201),
        response_class=Response,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def put_document(
        name: Title,
        kind: Literal["assessment", "photograph", "other"],
        request: Request,
        actor: Writing,
        by: By = None,
    ) -> Response:
        who = name_of(actor, by)
        plain = await request.body()
        media_type = request.headers.get("content-type", ANY_TYPE)[:100]
        made = await work(
            lambda db: Documents(db, key_file).put(
                plain,
                name=name,
                kind=kind,
                media_type=media_type,
                by=who,
                at_ms=wall_ms(),
                entry=entries(actor, who),
            ),
            write=True,
        )
        return reply(_shown(made), 201)

    def entries(actor: Actor, who: str) -> Callable[[str, str, dict[str, object]], AuditEntry]:
        def entry(action: str, subject: str, detail: dict[str, object]) -> AuditEntry:
            return AuditEntry(
                at_ms=wall_ms(), actor=who, via=actor.via, action=action, subject=subject, detail=detail
            )

        return entry

    return router


def _page(
    db: sqlite3.Connection, before: int | None, limit: int, action: str, actor: str | None
) -> AuditPage:
    top = audit.head(db)[0] + 1 if before is None else before
    rows: list[Any] = db.execute(
        "SELECT seq, at_ms, actor, via, action, subject, detail, hash FROM audit WHERE seq < ? AND seq >= ? "
        "AND substr(action, 1, length(?)) = ? AND (? IS NULL OR actor = ?) ORDER BY seq DESC LIMIT ?",
        (top, top - SCANNED_MAX, action, action, actor, actor, limit),
    ).fetchall()
    (oldest,) = db.execute("SELECT min(seq) FROM audit").fetchone()
    reached = rows[-1][0] if len(rows) == limit else top - SCANNED_MAX
    return AuditPage(
        entries=tuple(
            AuditLine(
                seq=seq,
                at=from_ms(at_ms),
                actor=who,
                via=via,
                action=what,
                subject=subject,
                detail=detail,
                hash=digest.hex(),
            )
            for seq, at_ms, who, via, what, subject, detail, digest in rows
        ),
        next_before=reached if oldest is not None and reached > oldest else None,
    )


def _shown(one: Document) -> DocumentShown:
    return DocumentShown(
        title=one.title,
        kind=one.kind,
        media_type=one.media_type,
        size=one.size,
        put_by=one.put_by,
        put_at=from_ms(one.put_at_ms),
    )
