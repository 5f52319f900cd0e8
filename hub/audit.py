"""The audit log: who did what and when, each entry chained to the one before it by SHA-256.

Entry n holds `hash = SHA-256(DOMAIN + hash of n-1 + canonical form of n)`, 32 zero bytes before the first. The
canonical form is the UTF-8 JSON array `[seq, at_ms, actor, via, action, subject, detail]` as RFC 8785 writes it, with
`detail` as the very text that is stored. So anyone can work the chain out again with a few lines (docs/records.md).

`append` writes inside the caller's transaction, on whatever connection: what was done and the entry about it are on
disk together or not at all.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

import msgspec
from msgspec import Struct

DOMAIN = b"esplanade audit 1\n"
GENESIS = bytes(32)
# Not a person: what the hub does by itself.
HUB = "hub"
# Entries that the check itself reads: retention has removed all up to one; the database came out of a backup.
CHECKPOINT = "audit.checkpoint"
RESTORED = "backup.restore"

_DETAIL = msgspec.json.Encoder(order="sorted", enc_hook=str)


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One thing that was done.

    `at_ms`: wall time, Unix ms, on media time too. `via`: session, token, open, command, or hub for what it does by
    itself. `action`: a dotted verb such as "alert.acknowledge". `subject`: what it was done to. `detail`: a JSON
    object; never a password, a token, or what an assessment says.
    """

    at_ms: int
    actor: str
    via: str
    action: str
    subject: str = ""
    detail: dict[str, Any] = {}


class StoredEntry(Struct, frozen=True):
    """A row of the audit log. `detail` is JSON text as stored."""

    seq: int
    at_ms: int
    actor: str
    via: str
    action: str
    subject: str
    detail: str
    previous: bytes
    hash: bytes


def canonical(seq: int, at_ms: int, actor: str, via: str, action: str, subject: str, detail: str) -> bytes:
    """What is hashed of an entry besides the hash before it."""
    form = [seq, at_ms, actor, via, action, subject, detail]
    return json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def chained(previous: bytes, form: bytes) -> bytes:
    """The hash of an entry whose canonical form is `form`."""
    return hashlib.sha256(DOMAIN + previous + form).digest()


def append(db: sqlite3.Connection, entry: AuditEntry) -> bytes:
    """Adds the entry to the chain inside the caller's open transaction; returns its hash, the new head.

    Raises sqlite3.Error with nothing added. Begin the transaction with BEGIN IMMEDIATE: two that read the same head
    can not both commit, and one begun otherwise may find the database locked here.
    """
    if not db.in_transaction:
        raise sqlite3.ProgrammingError("an audit entry is added inside the transaction of what it is about")
    last, previous = db.execute("SELECT seq, hash FROM audit_head").fetchone()
    texts = [_clean(text) for text in (entry.actor, entry.via, entry.action, entry.subject)]
    row = (last + 1, entry.at_ms, *texts, _text(entry.detail))
    head = chained(previous, canonical(*row))
    db.execute(
        "INSERT INTO audit (seq, at_ms, actor, via, action, subject, detail, previous, hash) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, previous, head),
    )
    db.execute("UPDATE audit_head SET seq = ?, hash = ?", (last + 1, head))
    return head


def head(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the newest entry; (0, GENESIS) before the first."""
    seq, digest = db.execute("SELECT seq, hash FROM audit_head").fetchone()
    return seq, digest


def _text(detail: dict[str, Any]) -> str:
    try:
        return _DETAIL.encode(detail).decode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can carry and UTF-8 can not
        return json.dumps(detail, sort_keys=True, default=str)


def _clean(text: str) -> str:
    """Half a surrogate pair, which no database takes, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
