"""What people did to people, for the audit log, inside the transaction that did it."""

from __future__ import annotations

import sqlite3
from typing import Any

from hub import audit


def note(
    db: sqlite3.Connection,
    *,
    at_ms: int,
    actor: str,
    via: str,
    action: str,
    subject: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Adds one entry. `detail` never holds a password, a token or a link."""
    audit.append(
        db,
        audit.AuditEntry(
            at_ms=at_ms, actor=actor, via=via, action=action, subject=subject, detail=detail or {}
        ),
    )
