"""The hub's database: SQLite in WAL, one writer. `write(batch)` is one transaction, on disk when it returns.

Reads for pages and notifications are in `hub.records`, on a connection of their own.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from contract import limits
from contract.instants import to_ms
from hub import audit, life, migrate
from hub.audit import AuditEntry
from hub.batch import Batch, StoredReading
from hub.immediate import immediate
from hub.notify import outbox
from hub.retention import Retention, Run
from hub.streams import Stream, Streams

# FULL, because a commit is acknowledged to broker and agent, who then forget: it must outlive a power cut too.
SYNCHRONOUS = "FULL"
# A reading of 400 cells is 2.9 KB: five to a page. Against 4 KiB pages half the time and a fifth less disk.
PAGE_BYTES = 16_384
WAL_PAGES = 1000  # [E] 16 MB between checkpoints
BUSY_TIMEOUT_MS = 5_000


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Store:
    """The writing connection. Only one thread calls it; a second hub on the same file is turned away."""

    def __init__(self, path: Path | str) -> None:
        """Opens or creates the database and brings its schema up to date. Raises StoreError."""
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
        except OSError as error:
            raise StoreError(
                f"database {self.path}: cannot be opened: {error.strerror}; check the folder and its rights"
            ) from None
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # only a new database takes it
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            migrate.migrate(self._db)
            self.run = self._run()
        except (sqlite3.Error, migrate.SchemaTooNew) as error:
            os.close(self._lock)
            raise StoreError(f"database {self.path}: {error}") from error

    def _locked(self) -> int:
        lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreError(
                f"database {self.path}: another hub uses it; stop that one, or name another file"
            ) from None
        # the file may hold operators' names and what the town's cameras counted
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        return lock

    def _run(self) -> str:
        """This installation's run id: made once, so that alert ids stay the same after a restart."""
        self._db.execute(
            "INSERT OR IGNORE INTO memory (id, run, at_ms, state) VALUES (1, ?, 0, NULL)",
            (secrets.token_hex(8),),
        )
        run: str = self._db.execute("SELECT run FROM memory").fetchone()[0]
        return run

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- writing ---------------------------------------------------------------------------------------

    def write(self, batch: Batch) -> None:
        """Writes all of `batch` or, raising sqlite3.Error, nothing."""
        with self._transaction():
            self._write_readings(batch)
            self._write_refusals(batch)
            self._write_alerts(batch)
            self._write_minutes(batch)
            for entry in batch.audit:
                audit.append(self._db, entry)
            for also in batch.within:
                also(self._db)
            if batch.memory is not None:
                self._db.execute("UPDATE memory SET at_ms = ?, state = ?", (batch.at_ms, batch.memory))

    def note(self, *entries: AuditEntry) -> None:
        """Adds entries to the audit log that belong to no batch. Raises sqlite3.Error."""
        with self._transaction():
            for entry in entries:
                audit.append(self._db, entry)

    def last_start(self) -> tuple[str, dict[str, Any]] | None:
        return life.last_start(self._db)

    def _write_readings(self, batch: Batch) -> None:
        self._db.executemany(
            "INSERT INTO streams (id, agent, boot, camera, settled, touched_ms, captured_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET settled = excluded.settled, "
            "touched_ms = excluded.touched_ms, captured_ms = excluded.captured_ms",
            [
                (s.id, s.agent, s.boot, s.camera, s.settled, s.touched_ms, s.captured_ms)
                for s in batch.streams.values()
            ],
        )
        # the unique index holds "none stored twice", whatever the memory of the process says
        self._db.executemany(
            "INSERT OR IGNORE INTO readings (stream, seq, captured_to_ms, offset_ms, received_ms, late, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            batch.readings,
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO refused_seqs (stream, seq, reason) VALUES (?, ?, ?)", batch.refused_seqs
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO clocks (agent, boot, offset_ms, at_ms) VALUES (?, ?, ?, ?)",
            [(agent, boot, offset, batch.at_ms) for (agent, boot), offset in batch.clocks.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO said (agent, camera, topic, received_ms, payload) VALUES (?, ?, ?, ?, ?)",
            [(s.agent, s.camera, s.topic, s.received_ms, s.payload) for s in batch.said.values()],
        )
        self._db.executemany(
            "INSERT INTO counts (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
            list(batch.counts.items()),
        )

    def _write_refusals(self, batch: Batch) -> None:
        if not batch.refusals:
            return
        self._db.executemany(
            "INSERT INTO refusals (at_ms, topic, reason, detail, size, first_bytes) VALUES (?, ?, ?, ?, ?, ?)",
            [(r.at_ms, r.topic, r.reason, r.detail, r.size, r.first_bytes) for r in batch.refusals],
        )
        self._db.execute(
            "DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?", (limits.REFUSED_KEPT,)
        )

    def _write_alerts(self, batch: Batch) -> None:
        for transition, decisions in batch.transitions:
            row = self._db.execute(
                "INSERT INTO transitions (alert, at_ms, body) VALUES (?, ?, ?)",
                (transition.alert.alert, to_ms(transition.at), msgspec.json.encode(transition)),
            )
            outbox.put(
                self._db,
                decisions,
                alert=transition.alert.alert,
                transition_id=row.lastrowid,
                at_ms=batch.at_ms,
            )
        self._db.executemany(
            "INSERT INTO alerts (alert, opened_at_ms, closed_at_ms, retained, body) VALUES (?, ?, ?, 1, ?) "
            "ON CONFLICT (alert) DO UPDATE SET closed_at_ms = excluded.closed_at_ms, retained = 1, "
            "body = excluded.body",
            [
                (
                    a.alert,
                    to_ms(a.opened_at),
                    None if a.closed_at is None else to_ms(a.closed_at),
                    msgspec.json.encode(a),
                )
                for a in batch.alerts.values()
            ],
        )
        self._db.executemany(
            "UPDATE alerts SET retained = 0 WHERE alert = ? AND closed_at_ms IS NOT NULL",
            [(alert,) for alert in batch.alerts_off_broker],
        )
        outbox.end_quiet(self._db, batch.quiet_over, at_ms=batch.at_ms)
        outbox.order_tests(self._db, batch.tests, at_ms=batch.at_ms)
        outbox.note_results(self._db, batch.deliveries)
        outbox.change_channels(self._db, batch.channels)

    def _write_minutes(self, batch: Batch) -> None:
        # min() and max() of SQLite give NULL when one is NULL, hence the coalesce on both sides
        self._db.executemany(
            "INSERT INTO zone_minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) "
            "ON CONFLICT (zone, minute_ms) DO UPDATE SET samples = samples + excluded.samples, "
            "known = known + excluded.known, partly = partly + excluded.partly, "
            "people_sum = people_sum + excluded.people_sum, "
            "people_low = min(coalesce(people_low, excluded.people_low), "
            "coalesce(excluded.people_low, people_low)), "
            "people_high = max(coalesce(people_high, excluded.people_high), "
            "coalesce(excluded.people_high, people_high)), "
            "people_max = max(coalesce(people_max, excluded.people_max), "
            "coalesce(excluded.people_max, people_max)), "
            "density_sum = density_sum + excluded.density_sum, "
            "patch_max_per_m2 = max(coalesce(patch_max_per_m2, excluded.patch_max_per_m2), "
            "coalesce(excluded.patch_max_per_m2, patch_max_per_m2)), "
            "level_max = max(coalesce(level_max, excluded.level_max), coalesce(excluded.level_max, level_max))",
            [
                (
                    zone,
                    minute,
                    m.samples,
                    m.known,
                    m.partly,
                    m.people_sum,
                    m.people_low,
                    m.people_high,
                    m.people_max,
                    m.density_sum,
                    m.patch_max_per_m2,
                    m.level_max,
                )
                for (zone, minute), m in batch.zone_minutes.items()
            ],
        )
        self._db.executemany(
            "INSERT INTO zone_minutes (zone, minute_ms, samples, known, partly, people_sum, density_sum, late) "
            "VALUES (?, ?, 0, 0, 0, 0, 0, ?) ON CONFLICT (zone, minute_ms) DO UPDATE SET late = late + excluded.late",
            [(zone, minute, n) for (zone, minute), n in batch.zone_late.items()],
        )
        self._db.executemany(
            "INSERT INTO camera_minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (camera, minute_ms) DO UPDATE SET readings = readings + excluded.readings, "
            "late = late + excluded.late, grids = grids + excluded.grids, "
            "people_sum = people_sum + excluded.people_sum, "
            "people_max = max(coalesce(people_max, excluded.people_max), "
            "coalesce(excluded.people_max, people_max)), outside_sum = outside_sum + excluded.outside_sum, "
            "vehicles_max = max(vehicles_max, excluded.vehicles_max), "
            "frames_used = frames_used + excluded.frames_used, "
            "frames_dropped = frames_dropped + excluded.frames_dropped",
            [
                (
                    camera,
                    minute,
                    m.readings,
                    m.late,
                    m.grids,
                    m.people_sum,
                    m.people_max,
                    m.outside_sum,
                    m.vehicles_max,
                    m.frames_used,
                    m.frames_dropped,
                )
                for (camera, minute), m in batch.camera_minutes.items()
            ],
        )
        self._db.executemany(
            "INSERT INTO line_minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT (line, kind, minute_ms) "
            "DO UPDATE SET forward = forward + excluded.forward, backward = backward + excluded.backward",
            [(line, kind, minute, f, b) for (line, kind, minute), (f, b) in batch.line_minutes.items()],
        )

    # --- what the hub needs to go on after a restart, and to know a duplicate ---------------------------

    def memory(self) -> bytes | None:
        state: bytes | None = self._db.execute("SELECT state FROM memory").fetchone()[0]
        return state

    def streams(self) -> Streams:
        known = {
            row[0]: Stream(*row)
            for row in self._db.execute(
                "SELECT id, agent, boot, camera, settled, touched_ms, captured_ms, forgotten FROM streams"
            )
        }
        for table in ("readings", "refused_seqs"):
            for stream, seq in self._db.execute(
                f"SELECT r.stream, r.seq FROM streams s JOIN {table} r ON r.stream = s.id AND r.seq > s.settled"
            ):
                known[stream].above.add(seq)
        floors = {
            (agent, camera): captured_ms
            for agent, camera, captured_ms in self._db.execute(
                "SELECT agent, camera, captured_ms FROM floors"
            )
        }
        # rows of a stream that was dropped may still be there: its number must not come again
        last = self._db.execute(
            "SELECT max(coalesce((SELECT max(stream) FROM readings), 0), "
            "coalesce((SELECT max(stream) FROM refused_seqs), 0))"
        ).fetchone()[0]
        return Streams(known.values(), floors=floors, next_id=last + 1)

    def clocks(self) -> dict[tuple[str, str], int]:
        """Offset in ms of every boot heard."""
        return {(a, b): ms for a, b, ms in self._db.execute("SELECT agent, boot, offset_ms FROM clocks")}

    def said(self) -> list[tuple[str, int, bytes]]:
        """Topic, time received and payload of the last status and health messages."""
        return self._db.execute(
            "SELECT topic, received_ms, payload FROM said ORDER BY agent, camera"
        ).fetchall()

    def payload(self, stream: int, seq: int) -> bytes | None:
        """The stored reading, or None when it was never stored or is past its time."""
        row = self._db.execute(
            "SELECT payload FROM readings WHERE stream = ? AND seq = ?", (stream, seq)
        ).fetchone()
        return None if row is None else row[0]

    def was_refused(self, stream: int, seq: int) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM refused_seqs WHERE stream = ? AND seq = ?", (stream, seq)
        ).fetchone()
        return row is not None

    def recent(self, *, since_ms: int) -> list[StoredReading]:
        """Readings captured since then and not late, in the order in which they came."""
        rows = self._db.execute(
            "SELECT stream, seq, captured_to_ms, offset_ms, received_ms, late, payload FROM readings "
            "WHERE captured_to_ms >= ? AND late = 0 ORDER BY id",
            (since_ms,),
        )
        return [StoredReading(*row) for row in rows]

    def newest_ms(self) -> int | None:
        """The newest capture time stored."""
        newest: int | None = self._db.execute("SELECT max(captured_to_ms) FROM readings").fetchone()[0]
        return newest

    def off_broker(self) -> list[str]:
        """Closed alerts about which the broker may still hold a retained message."""
        rows = self._db.execute(
            "SELECT alert FROM alerts WHERE closed_at_ms IS NOT NULL AND retained = 1 LIMIT 1000"
        )
        return [alert for (alert,) in rows]

    def counts(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT name, n FROM counts").fetchall())

    # --- retention ---------------------------------------------------------------------------------------

    def retire(self, retention: Retention, *, now_ms: int) -> Run:
        """A run of retention on this connection: each step of it is one transaction."""
        return Run(self._db, self._transaction, retention, now_ms)

    def drop_streams(
        self, gone: Sequence[Stream], floors: Mapping[tuple[str, str], int], *, before_ms: int
    ) -> None:
        """Deletes these streams and the clocks of boots that have none, with the floors that keep them out."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO floors (agent, camera, captured_ms) VALUES (?, ?, ?) "
                "ON CONFLICT (agent, camera) DO UPDATE SET captured_ms = max(captured_ms, excluded.captured_ms)",
                [(agent, camera, captured_ms) for (agent, camera), captured_ms in floors.items()],
            )
            ids = [(one.id,) for one in gone]
            self._db.executemany("DELETE FROM streams WHERE id = ?", ids)
            self._db.executemany("DELETE FROM refused_seqs WHERE stream = ?", ids)
            boots = sorted({(one.agent, one.boot) for one in gone})
            heard = "EXISTS (SELECT 1 FROM streams s WHERE s.agent = clocks.agent AND s.boot = clocks.boot)"
            self._db.executemany(f"DELETE FROM clocks WHERE agent = ? AND boot = ? AND NOT {heard}", boots)
            self._db.execute(f"DELETE FROM clocks WHERE at_ms < ? AND NOT {heard}", (before_ms,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with immediate(self._db):
            yield
