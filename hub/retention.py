"""What is past its time goes, a little in each transaction, and an entry of the audit log proves what went.

One call of `Run.step` is one transaction, so that ingest goes on in between. What has been removed of a table so far
stands in `removals`, in the transaction that removed it; when nothing more is due, one entry says how many rows, the
oldest and newest time removed, the oldest that is left, and a digest over every row removed, and a crash in between
loses none of it. The digest can be worked out again from a backup taken before (docs/records.md).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from contract.instants import from_ms
from hub import audit
from hub.audit import CHECKPOINT, HUB, AuditEntry

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
REMOVED = "retention.remove"
RAN = "retention.run"
# [E] Rows in one transaction: of readings (3 KB each), and of the small rows. Measured in docs/records.md.
READINGS_CHUNK, ROWS_CHUNK = 500, 1_000
ALERTS_CHUNK = 50
SUMMED_UP_EVERY_MS = DAY_MS
EMPTY_DIGEST = bytes(32)

Transaction = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept is kept; None is for ever. Alerts take their transitions and deliveries along."""

    readings_hours: int = 72
    minutes_days: int | None = 365
    alerts_days: int | None = 5 * 365
    refusals_days: int | None = 30
    sessions_days: int | None = 90
    audit_days: int | None = 10 * 365

    def before_ms(self, kind: str, now_ms: int) -> int | None:
        """What of `kind` is older than this is past its time."""
        if kind == "readings":
            return now_ms - self.readings_hours * HOUR_MS
        days: int | None = getattr(self, f"{kind}_days")
        return None if days is None else now_ms - days * DAY_MS


@dataclass(frozen=True, slots=True)
class Table:
    """A table and which of its rows are of an age. `lead`: the columns of its key before `time`, for a short way to
    the old ones. `where`: what else must hold of a row that may go."""

    name: str
    kind: str
    time: str
    lead: tuple[str, ...] = ()
    where: str = "true"
    rows: int = ROWS_CHUNK


# In the order in which they are looked through. Alerts and the audit log have rules of their own, below.
TABLES = (
    Table("readings", "readings", "captured_to_ms", rows=READINGS_CHUNK),
    Table("zone_minutes", "minutes", "minute_ms", lead=("zone",)),
    Table("camera_minutes", "minutes", "minute_ms", lead=("camera",)),
    Table("line_minutes", "minutes", "minute_ms", lead=("line", "kind")),
    Table("refusals", "refusals", "at_ms"),
    Table("sessions", "sessions", "until_ms"),
    Table("links", "sessions", "until_ms"),
    Table("approvals", "alerts", "asked_ms", where="state <> 'waiting'"),
    Table(
        "cap_messages",
        "alerts",
        "sent_ms",
        where="life IN (SELECT id FROM cap_lives WHERE ended_ms IS NOT NULL)",
    ),
    Table(
        "cap_lives",
        "alerts",
        "ended_ms",
        where="NOT EXISTS (SELECT 1 FROM cap_messages WHERE life = cap_lives.id)",
    ),
    # of no one alert: digests and trials
    Table("deliveries", "alerts", "changed_ms", where="alert IS NULL AND state NOT IN ('waiting', 'held')"),
)
ALERT_TABLES = ("deliveries", "transitions", "alerts")
# The broker may still hold a message of an alert with `retained`: that has to be taken back first.
OLD_ALERTS = (
    "SELECT alert FROM alerts WHERE opened_at_ms < :before AND closed_at_ms < :before AND retained = 0 "
    "ORDER BY opened_at_ms, alert LIMIT :limit"
)


def digest_of(rows: Iterable[Sequence[object]], digest: bytes = EMPTY_DIGEST) -> bytes:
    """SHA-256 over the digest so far and a row, row by row; a row is each value as kind, length and bytes."""
    for row in rows:
        parts = [digest]
        for value in row:
            kind, data = _bytes(value)
            parts.append(b"%c%d:" % (kind, len(data)))
            parts.append(data)
        digest = hashlib.sha256(b"".join(parts)).digest()
    return digest


def _bytes(value: object) -> tuple[bytes, bytes]:
    if value is None:
        return b"n", b""
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, str):
        return b"t", value.encode()
    return (b"i", b"%d" % value) if isinstance(value, int) else (b"f", repr(value).encode())


@dataclass(slots=True)
class Run:
    """One run over everything. Call `step` until it says that there is no more."""

    db: sqlite3.Connection
    transaction: Transaction
    retention: Retention
    now_ms: int
    # by stream, the highest seq whose payload this run has removed so far and nobody has taken note of yet
    forgotten: dict[int, int] = field(default_factory=dict)
    _left: list[Callable[[], bool]] | None = None

    def step(self) -> bool:
        """One transaction. Whether there is more to do. Raises sqlite3.Error with nothing of this step done."""
        if self._left is None:
            self._left = [*self._parts()]
        while self._left:
            if self._left[0]():
                return True
            del self._left[0]
        return False

    def _parts(self) -> Iterator[Callable[[], bool]]:
        there = {name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in TABLES:
            before_ms = self.retention.before_ms(table.kind, self.now_ms)
            if table.name in there and before_ms is not None:
                yield lambda t=table, b=before_ms: self._chunk(t, b)  # type: ignore[misc]
                if table.name not in ALERT_TABLES:
                    yield lambda t=table, b=before_ms: self._prove(t.name, b)  # type: ignore[misc]
        yield self._refused_seqs
        alerts_before_ms = self.retention.before_ms("alerts", self.now_ms)
        if alerts_before_ms is not None:
            yield lambda: self._alerts(alerts_before_ms)
            for name in ALERT_TABLES:
                yield lambda n=name: self._prove(n, alerts_before_ms)  # type: ignore[misc]
        audit_before_ms = self.retention.before_ms("audit", self.now_ms)
        if audit_before_ms is not None:
            yield lambda: self._audit(audit_before_ms)
        yield self._sum_up

    # --- removing ----------------------------------------------------------------------------------------

    def _chunk(self, table: Table, before_ms: int) -> bool:
        columns = _columns(self.db, table.name)
        with self.transaction():
            for lead in self._leads(table):
                where = "".join(f"{column} = ? AND " for column in table.lead)
                rows = self.db.execute(
                    f"SELECT {', '.join(columns)} FROM {table.name} WHERE {where}{table.where} "
                    f"AND {table.time} < ? ORDER BY {table.time} LIMIT ?",
                    (*lead, before_ms, table.rows),
                ).fetchall()
                if rows:
                    self._remove(table, columns, rows, before_ms)
                    return True
        return False

    def _leads(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Every value of the leading columns, found by jumps through the key: a scan would take as long as the year."""
        if not table.lead:
            yield ()
            return
        names = ", ".join(table.lead)
        at: tuple[Any, ...] | None = None
        while True:
            beyond = "" if at is None else f"WHERE ({names}) > ({', '.join('?' * len(at))})"
            at = self.db.execute(
                f"SELECT {names} FROM {table.name} {beyond} ORDER BY {names} LIMIT 1", at or ()
            ).fetchone()
            if at is None:
                return
            yield at

    def _remove(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], before_ms: int
    ) -> None:
        if table.name == "readings":
            self._forget(columns, rows)
        key = (*table.lead, table.time) if table.lead else ("id",)
        places = [columns.index(one) for one in key]
        self.db.executemany(
            f"DELETE FROM {table.name} WHERE {' AND '.join(f'{one} = ?' for one in key)}",
            [tuple(row[place] for place in places) for row in rows],
        )
        at = columns.index(table.time)
        self._note(table.name, rows, [row[at] for row in rows], before_ms)

    def _forget(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """What must still be known of a reading without its row: that it was heard."""
        at_id, at_stream, at_seq = (columns.index(one) for one in ("id", "stream", "seq"))
        highest: dict[int, int] = {}
        for row in rows:
            highest[row[at_stream]] = max(row[at_seq], highest.get(row[at_stream], 0))
        # beyond a gap only the row said that it was heard
        self.db.executemany(
            "INSERT OR IGNORE INTO refused_seqs (stream, seq, reason) SELECT r.stream, r.seq, 'forgotten' "
            "FROM readings r JOIN streams s ON s.id = r.stream WHERE r.id = ? AND r.seq > s.settled",
            [(row[at_id],) for row in rows],
        )
        self.db.executemany(
            "UPDATE streams SET forgotten = max(forgotten, ?) WHERE id = ?",
            [(seq, stream) for stream, seq in highest.items()],
        )
        for stream, seq in highest.items():
            self.forgotten[stream] = max(seq, self.forgotten.get(stream, seq))

    def _refused_seqs(self) -> bool:
        """What is refused and settled is told apart by `settled` alone; old rows only grow the file."""
        before_ms = self.retention.before_ms("readings", self.now_ms)
        with self.transaction():
            gone = self.db.execute(
                "DELETE FROM refused_seqs WHERE (stream, seq) IN (SELECT r.stream, r.seq FROM streams s JOIN "
                "refused_seqs r ON r.stream = s.id AND r.seq <= s.settled WHERE s.touched_ms < ? LIMIT ?)",
                (before_ms, ROWS_CHUNK),
            ).rowcount
        return gone > 0

    def _alerts(self, before_ms: int) -> bool:
        """Closed alerts, with all that was said of them; a long one in several steps, itself last."""
        with self.transaction():
            left = ROWS_CHUNK
            old = self.db.execute(OLD_ALERTS, {"before": before_ms, "limit": ALERTS_CHUNK}).fetchall()
            for (alert,) in old:
                for name in ALERT_TABLES:
                    columns = _columns(self.db, name)
                    key = "alert" if name == "alerts" else "id"
                    rows = self.db.execute(
                        f"SELECT {', '.join(columns)} FROM {name} WHERE alert = ? ORDER BY {key} LIMIT ?",
                        (alert, left),
                    ).fetchall()
                    place = columns.index(key)
                    self.db.executemany(
                        f"DELETE FROM {name} WHERE {key} = ?", [(row[place],) for row in rows]
                    )
                    at = columns.index(_TIME_OF[name])
                    self._note(name, rows, [row[at] for row in rows], before_ms)
                    left -= len(rows)
                    if left <= 0:
                        return True
        return bool(old)

    def _audit(self, before_ms: int) -> bool:
        """The oldest entries, under a checkpoint: an entry that carries the hash from which the rest is to be checked.

        No digest of its own: that hash is one over all entries up to there.
        """
        with self.transaction():
            rows = self.db.execute(
                "SELECT seq, at_ms, hash FROM audit ORDER BY seq LIMIT ?", (ROWS_CHUNK,)
            ).fetchall()
            old = []
            for row in rows:
                if row[1] >= before_ms:
                    break
                old.append(row)
            if not old:
                return False
            up_to, _, digest = old[-1]
            left = self.db.execute("SELECT at_ms FROM audit WHERE seq = ?", (up_to + 1,)).fetchone()
            detail = {
                "up_to": up_to,
                "hash": digest.hex(),
                "rows": len(old),
                "oldest": from_ms(min(at for _, at, _ in old)),
                "newest": from_ms(max(at for _, at, _ in old)),
                "before": from_ms(before_ms),
                "oldest_left": None if left is None else from_ms(left[0]),
            }
            audit.append(self.db, self._entry(CHECKPOINT, "audit", detail))
            self.db.execute("UPDATE audit_head SET pruned = ?", (up_to,))
            self.db.execute("DELETE FROM audit WHERE seq <= ?", (up_to,))
        return len(old) == ROWS_CHUNK

    # --- proving -----------------------------------------------------------------------------------------

    def _note(
        self, name: str, rows: Sequence[Sequence[object]], times: Sequence[int], before_ms: int
    ) -> None:
        if not rows:
            return
        so_far = self.db.execute("SELECT digest FROM removals WHERE kept = ?", (name,)).fetchone()
        digest = digest_of(rows, EMPTY_DIGEST if so_far is None else so_far[0])
        self.db.execute(
            "INSERT INTO removals (kept, began_ms, before_ms, n, oldest_ms, newest_ms, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kept) DO UPDATE SET before_ms = excluded.before_ms, "
            "n = n + excluded.n, oldest_ms = min(oldest_ms, excluded.oldest_ms), "
            "newest_ms = max(newest_ms, excluded.newest_ms), digest = excluded.digest",
            (name, self.now_ms, before_ms, len(rows), min(times), max(times), digest),
        )

    def _prove(self, name: str, before_ms: int) -> bool:
        """The entry about what this run, and one that was cut short before it, has removed of a table."""
        with self.transaction():
            row = self.db.execute(
                "SELECT began_ms, n, oldest_ms, newest_ms, digest FROM removals WHERE kept = ?", (name,)
            ).fetchone()
            if row is None:
                return False
            began_ms, n, oldest_ms, newest_ms, digest = row
            detail = {
                "rows": n,
                "oldest": from_ms(oldest_ms),
                "newest": from_ms(newest_ms),
                "before": from_ms(before_ms),
                "oldest_left": self._oldest(name),
                "digest": digest.hex(),
                "began": from_ms(began_ms),
            }
            audit.append(self.db, self._entry(REMOVED, name, detail))
            self.db.execute("DELETE FROM removals WHERE kept = ?", (name,))
        return False

    def _sum_up(self) -> bool:
        """Once a day: that it ran, by which periods, and the oldest that is left of everything."""
        with self.transaction():
            last = self.db.execute(
                "SELECT at_ms FROM audit WHERE action = ? AND seq > (SELECT seq FROM audit_head) - 2000 "
                "ORDER BY seq DESC LIMIT 1",
                (RAN,),
            ).fetchone()
            if last is not None and self.now_ms - last[0] < SUMMED_UP_EVERY_MS:
                return False
            names = [*(table.name for table in TABLES if table.name != "deliveries"), *ALERT_TABLES]
            there = {
                name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            detail = {
                "oldest_left": {name: self._oldest(name) for name in names if name in there},
                "periods": {
                    "readings_hours": self.retention.readings_hours,
                    **{
                        f"{kind}_days": getattr(self.retention, f"{kind}_days") or "never"
                        for kind in ("minutes", "alerts", "refusals", "sessions", "audit")
                    },
                },
            }
            audit.append(self.db, self._entry(RAN, "all", detail))
        return False

    def _oldest(self, name: str) -> str | None:
        table = next((one for one in TABLES if one.name == name and one.name not in ALERT_TABLES), None)
        if table is None:
            key = {"alerts": "opened_at_ms", "transitions": "id", "deliveries": "id"}[name]
            row = self.db.execute(f"SELECT {_TIME_OF[name]} FROM {name} ORDER BY {key} LIMIT 1").fetchone()
            found = [] if row is None else [row[0]]
        else:
            where = " AND ".join(f"{column} = ?" for column in table.lead) or "true"
            found = [
                self.db.execute(f"SELECT min({table.time}) FROM {table.name} WHERE {where}", lead).fetchone()[
                    0
                ]
                for lead in self._leads(table)
            ]
        times = [one for one in found if one is not None]
        return from_ms(min(times)) if times else None

    def _entry(self, action: str, subject: str, detail: dict[str, Any]) -> AuditEntry:
        return AuditEntry(
            at_ms=self.now_ms, actor=HUB, via=HUB, action=action, subject=subject, detail=detail
        )


_TIME_OF = {"alerts": "opened_at_ms", "transitions": "at_ms", "deliveries": "created_ms"}


def _columns(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
