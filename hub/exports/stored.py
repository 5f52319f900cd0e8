"""What an export reads from the database, in bites: each query is short, so that no reader holds the write-ahead log
back and the memory needed does not grow with the time range."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub import migrate

MINUTE_MS = 60_000
BITE_MS = 6 * 3600 * 1000  # of minutes
READINGS_AT_ONCE = 200
ALERTS_AT_ONCE = 200
BUSY_TIMEOUT_MS = 5_000


class NothingStored(Exception):
    """The database can not be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment on, until before another one, in Unix milliseconds."""

    since_ms: int
    until_ms: int


class Stored:
    """Read-only, one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raises NothingStored where there is no database, or not one of this hub's schema."""
        if not self._path.is_file():
            raise NothingStored(
                f"database {self._path}: there is none; name the hub's configuration, or --database"
            )
        try:
            with closing(self._open()) as db:
                found, known = migrate.version(db), migrate.scripts()[-1][0]
        except sqlite3.Error as error:
            raise NothingStored(f"database {self._path}: cannot be read: {error}") from None
        if found != known:
            raise NothingStored(
                f"database {self._path}: has schema {found}, this hub knows {known}; start the hub once with it"
            )

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return db

    def _all(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        # a connection for each bite: the next one may be asked for by another thread, or never
        try:
            with closing(self._open()) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise NothingStored(f"database {self._path}: cannot be read: {error}") from None

    def minutes(
        self, table: str, columns: str, key: Sequence[str], values: Sequence[tuple[str, ...]], span: Span
    ) -> Iterator[tuple[int, ...]]:
        """(minute, key, columns) of the rows whose minute begins in the span, by minute, then in the order of `values`.

        `key` and a minute are the table's primary key. `table`, `columns` and `key` are ours, never a caller's.
        """
        where = " AND ".join(f"{one} = ?" for one in key)
        ends = [
            self._all(f"SELECT min(minute_ms), max(minute_ms) FROM {table} WHERE {where}", *value)[0]
            for value in values
        ]
        held = [
            (value, first, last)
            for value, (first, last) in zip(values, ends, strict=True)
            if first is not None
        ]
        if not held:
            return
        at_ms = max(-(-span.since_ms // MINUTE_MS) * MINUTE_MS, min(first for _, first, _ in held))
        end_ms = min(span.until_ms, max(last for _, _, last in held) + 1)
        sql = f"SELECT minute_ms, {', '.join(key)}, {columns} FROM {table} "
        sql += f"WHERE {where} AND minute_ms >= ? AND minute_ms < ?"
        while at_ms < end_ms:
            until_ms = min(at_ms + BITE_MS, end_ms)
            found: list[tuple[int, ...]] = []
            for value, first, last in held:
                if first < until_ms and last >= at_ms:
                    found += self._all(sql, *value, at_ms, until_ms)
            yield from sorted(found, key=lambda row: row[0])  # stable: `values` stay in their order
            at_ms = until_ms

    def readings(self, span: Span) -> Iterator[tuple[int, bytes]]:
        """Captured to (corrected) and payload, in that order."""
        at = (span.since_ms, -1)
        while True:
            found = self._all(
                "SELECT captured_to_ms, id, payload FROM readings "
                "WHERE (captured_to_ms, id) > (?, ?) AND captured_to_ms < ? ORDER BY captured_to_ms, id LIMIT ?",
                *at,
                span.until_ms,
                READINGS_AT_ONCE,
            )
            for captured_ms, _, payload in found:
                yield captured_ms, bytes(payload)
            if len(found) < READINGS_AT_ONCE:
                return
            at = (found[-1][0], found[-1][1])

    def roles(self) -> dict[str, str]:
        """The roles of every user, by login name."""
        return {
            str(login): ", ".join(json.loads(str(roles)))
            for login, roles in self._all("SELECT login, roles FROM users")
        }

    def alerts(self, span: Span) -> Iterator[bytes]:
        """The JSON of alerts opened in the span, oldest first."""
        at: tuple[int, object] = (span.since_ms, "")
        while True:
            found = self._all(
                "SELECT opened_at_ms, alert, body FROM alerts WHERE (opened_at_ms, alert) > (?, ?) "
                "AND opened_at_ms < ? ORDER BY opened_at_ms, alert LIMIT ?",
                *at,
                span.until_ms,
                ALERTS_AT_ONCE,
            )
            for _, _, body in found:
                yield bytes(body)
            if len(found) < ALERTS_AT_ONCE:
                return
            at = (found[-1][0], found[-1][1])
