"""Lives and messages in the hub's database: what is written together, and what pages and partners read."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import msgspec

from contract.messages import Alert
from hub.cap.life import Life, Made

_LIFE = msgspec.json.Decoder(Life)
_ALERT = msgspec.json.Decoder(Alert)
_COLUMNS = (
    "id, identifier, msg_type, change, status, scope, headline, sent, sent_ms, expires_ms, "
    "(SELECT alert FROM cap_lives WHERE id = life)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that has left, without its document. `id` counts up and is never used again."""

    id: int
    identifier: str
    msg_type: str
    change: str
    status: str
    scope: str
    headline: str
    sent: str
    sent_ms: int
    expires_ms: int
    alert: str


@dataclass(frozen=True, slots=True)
class StoredLife:
    id: int
    alert: str
    asked_by: str
    approved_by: str
    released_ms: int
    ended_ms: int | None
    life: Life


def begin(
    db: sqlite3.Connection, made: Made, document: bytes, *, asked_by: str, approved_by: str, now_ms: int
) -> None:
    """Writes a release. Raises sqlite3.IntegrityError where the alert has an open life already."""
    row = db.execute(
        "INSERT INTO cap_lives (alert, asked_by, approved_by, released_ms, body) VALUES (?, ?, ?, ?, ?)",
        (made.life.told.alert, asked_by, approved_by, now_ms, msgspec.json.encode(made.life)),
    )
    assert row.lastrowid is not None
    _add(db, row.lastrowid, made, document)


def go_on(db: sqlite3.Connection, life: int, made: Made, document: bytes, *, now_ms: int) -> None:
    """Writes what follows; with a Cancel the life ends."""
    db.execute(
        "UPDATE cap_lives SET body = ?, ended_ms = ? WHERE id = ? AND ended_ms IS NULL",
        (msgspec.json.encode(made.life), now_ms if made.life.ended else None, life),
    )
    _add(db, life, made, document)


def _add(db: sqlite3.Connection, life: int, made: Made, document: bytes) -> None:
    message = made.message
    db.execute(
        "INSERT INTO cap_messages (life, number, identifier, msg_type, change, status, scope, headline, sent, sent_ms, "
        "expires_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            life,
            len(made.life.said),
            message.identifier,
            message.msg_type,
            made.change.value,
            message.status,
            message.scope,
            message.infos[0].headline or message.infos[0].event,
            message.sent,
            made.sent_ms,
            made.expires_ms,
            document,
        ),
    )


def open_lives(db: sqlite3.Connection) -> list[StoredLife]:
    return _lives(db, "ended_ms IS NULL ORDER BY id")


def lives_of(db: sqlite3.Connection, alert: str) -> list[StoredLife]:
    """Newest first."""
    return _lives(db, "alert = ? ORDER BY id DESC", alert)


def _lives(db: sqlite3.Connection, where: str, *values: object) -> list[StoredLife]:
    rows = db.execute(
        "SELECT id, alert, asked_by, approved_by, released_ms, ended_ms, body FROM cap_lives WHERE " + where,
        values,
    )
    return [
        StoredLife(life, alert, asked, approved, begun, over, _LIFE.decode(body))
        for life, alert, asked, approved, begun, over, body in rows.fetchall()
    ]


def alert_of(db: sqlite3.Connection, alert: str) -> Alert | None:
    """The alert as the judge stored it last."""
    row = db.execute("SELECT body FROM alerts WHERE alert = ?", (alert,)).fetchone()
    return None if row is None else _ALERT.decode(row[0])


def entries(
    db: sqlite3.Connection, *, before: int | None = None, after: int | None = None, limit: int
) -> list[Entry]:
    """Newest first, those with a number below `before`; or oldest first, those with one above `after`."""
    if after is not None:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM cap_messages WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
    else:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM cap_messages WHERE id < ? ORDER BY id DESC LIMIT ?",
            (1 << 62 if before is None else before, limit),
        )
    return [Entry(*row) for row in rows.fetchall()]


def entries_of(db: sqlite3.Connection, alert: str) -> list[Entry]:
    """All that has left about an alert, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM cap_messages WHERE life IN (SELECT id FROM cap_lives WHERE alert = ?) ORDER BY id",
        (alert,),
    )
    return [Entry(*row) for row in rows.fetchall()]


def document(db: sqlite3.Connection, identifier: str) -> bytes | None:
    row = db.execute("SELECT document FROM cap_messages WHERE identifier = ?", (identifier,)).fetchone()
    return None if row is None else bytes(row[0])
