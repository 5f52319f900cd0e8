"""What the audit log says of the hub itself: started, stopped, with which files, and what of them has changed since."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub.audit import HUB, AuditEntry

START, STOP, CHANGE = "hub.start", "hub.stop", "settings.change"
# Of a start's detail: hashes of what was read, each of which somebody may change while the hub stands still.
HASHES = ("config_sha256", "site_sha256", "assessment_sha256")


def file_sha256(path: Path) -> str:
    """As `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def started(
    before: tuple[str, Mapping[str, Any]] | None, detail: Mapping[str, Any], *, site: str, at_ms: int
) -> list[AuditEntry]:
    """The entries of a start: that it starts, and what has changed. `before`: what `last_start` gave."""
    action, was = before if before is not None else (None, {})
    how = {None: "first start", STOP: "was stopped"}.get(action, "did not stop in order: crash or power cut")
    found = [
        AuditEntry(
            at_ms=at_ms,
            actor=HUB,
            via=HUB,
            action=START,
            subject=site,
            detail={**detail, "before": how},
        )
    ]
    for name in HASHES:
        if before is not None and was.get(name) != detail.get(name):
            changed = {"was": was.get(name), "is": detail.get(name)}
            found.append(
                AuditEntry(at_ms=at_ms, actor=HUB, via=HUB, action=CHANGE, subject=name, detail=changed)
            )
    return found


def stopped(*, site: str, at_ms: int) -> AuditEntry:
    return AuditEntry(at_ms=at_ms, actor=HUB, via=HUB, action=STOP, subject=site)


def keys_lost(titles: list[str], *, at_ms: int) -> AuditEntry:
    """Documents of the vault that the keys there are do not open."""
    return AuditEntry(
        at_ms=at_ms, actor=HUB, via=HUB, action="keys.lost", subject="vault", detail={"documents": titles}
    )


def last_start(db: sqlite3.Connection) -> tuple[str, dict[str, Any]] | None:
    """The action of the newest start or stop, and the detail of the newest start; None before the first start."""
    newest = db.execute(
        "SELECT action FROM audit WHERE action IN (?, ?) ORDER BY seq DESC LIMIT 1", (START, STOP)
    ).fetchone()
    start = db.execute(
        "SELECT detail FROM audit WHERE action = ? ORDER BY seq DESC LIMIT 1", (START,)
    ).fetchone()
    return None if newest is None else (newest[0], json.loads(start[0]) if start else {})
