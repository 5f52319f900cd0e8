"""The outbox: readings on disk from before they are published until `hub/ack` covers them.

A reading is in the outbox or it was stored (or refused for good) by the hub; kill -9 at any moment changes that for
none. A new start is a new boot with its own numbers; what older boots left behind is still sent. When the disk is
full, readings are held in memory, as many as `HELD_MAX`, and the reason is told.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contract.instants import from_ms
from contract.messages import Reading, SettledSeq

log = logging.getLogger("edge.outbox")

HELD_MAX: Final = 600
"""Readings kept in memory while the disk takes none: ten minutes of one camera. [E]"""
LAYOUT: Final = 1

_Stream = tuple[str, str]  # (boot, camera)
_DECODER = msgspec.json.Decoder(Reading)


class OutboxUnusable(OSError):
    """The outbox cannot be opened; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Slip:
    """One reading waiting in the outbox. `number` rises with every put and is its name here."""

    number: int
    boot: str
    camera: str
    seq: int


class Outbox:
    """All readings of one agent that the hub has not settled. Safe for use by several threads."""

    def __init__(self, path: Path | str, *, readings_max: int = 500_000) -> None:
        """Opens or creates the file. Raises OutboxUnusable."""
        self.path = Path(path)
        self._most = readings_max
        self._lock = threading.RLock()
        self._held: dict[int, bytes] = {}
        self._slips: dict[int, Slip] = {}
        self._streams: dict[_Stream, dict[int, int]] = {}
        self.lost = 0
        self.problem: str | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._prepare()
        except (sqlite3.Error, OSError) as wrong:
            raise OutboxUnusable(
                f"outbox {self.path}: cannot be opened: {wrong}; check the folder's owner and free space"
            ) from None

    def _prepare(self) -> None:
        # Two agents on one outbox would give the same readings twice; the second is refused here.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL, because a power cut is the usual end of a box on a lamp post.
        self._db.execute("PRAGMA synchronous = FULL")
        (layout,) = self._db.execute("PRAGMA user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise sqlite3.DatabaseError(f"it has layout {layout}, this version knows {LAYOUT}")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS reading (number INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, "
            "camera TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (boot, camera, seq))"
        )
        self._db.execute(f"PRAGMA user_version = {LAYOUT}")
        self._next = 1 + max(
            self._db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0],
            self._db.execute("SELECT coalesce(max(number), 0) FROM reading").fetchone()[0],
        )
        rows = self._db.execute("SELECT number, boot, camera, seq FROM reading ORDER BY boot, camera, seq")
        for number, boot, camera, seq in rows:
            self._index(Slip(number, boot, camera, seq))

    def _index(self, slip: Slip) -> None:
        self._slips[slip.number] = slip
        self._streams.setdefault((slip.boot, slip.camera), {})[slip.seq] = slip.number

    def put(self, reading: Reading) -> Slip:
        """Stores one reading; it is on disk when this returns, or held in memory and `problem` says why."""
        body = msgspec.json.encode(reading)
        with self._lock:
            slip = Slip(self._next, reading.boot, reading.camera, reading.seq)
            self._next += 1
            try:
                if len(self._slips) - len(self._held) >= self._most:
                    raise sqlite3.OperationalError(f"it holds {self._most} readings already")
                self._write([(slip, body)])
            except sqlite3.Error as wrong:
                self._hold(slip, body, wrong)
            self._index(slip)
            if self._held and self.problem is None:
                self._save_held()
            return slip

    def _write(self, items: list[tuple[Slip, bytes]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO reading (number, boot, camera, seq, body) VALUES (?, ?, ?, ?, ?)",
                [(slip.number, slip.boot, slip.camera, slip.seq, body) for slip, body in items],
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.problem = None

    def _hold(self, slip: Slip, body: bytes, wrong: sqlite3.Error) -> None:
        self.problem = (
            f"outbox {self.path}: cannot store readings: {wrong}; free disk space, or get the hub to answer. "
            f"The last {HELD_MAX} are held in memory"
        )
        self._held[slip.number] = body
        if len(self._held) > HELD_MAX:
            oldest = min(self._held)
            self._drop(self._slips[oldest])
            self.lost += 1

    def _save_held(self) -> None:
        try:
            self._write([(self._slips[number], body) for number, body in self._held.items()])
            self._held.clear()
        except sqlite3.Error as wrong:
            self.problem = f"outbox {self.path}: cannot store readings: {wrong}; free disk space"

    def _drop(self, slip: Slip) -> None:
        self._held.pop(slip.number, None)
        del self._slips[slip.number]
        stream = self._streams[slip.boot, slip.camera]
        del stream[slip.seq]
        if not stream:
            del self._streams[slip.boot, slip.camera]

    def message(self, slip: Slip, *, sent_at_ms: int | None) -> Reading | None:
        """The reading as it is to be published now: `sent_at` and `oldest_seq` set. None when settled or unreadable.

        One whose bytes are no reading here (a damaged disk, a newer version's) is passed over until the next start, so
        that the readings after it can be settled. `sent_at_ms` None leaves `sent_at` at the end of the window, for
        footage on media time.
        """
        with self._lock:
            if slip.number not in self._slips:
                return None
            body = self._held.get(slip.number) or self._stored(slip)
            if body is None:
                return None
            oldest_seq = next(iter(self._streams[slip.boot, slip.camera]))
        try:
            reading = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
            self._pass_over(slip, wrong)
            return None
        sent_at = reading.sent_at if sent_at_ms is None else from_ms(sent_at_ms)
        return msgspec.structs.replace(reading, sent_at=sent_at, oldest_seq=oldest_seq)

    def _pass_over(self, slip: Slip, wrong: Exception) -> None:
        log.error(
            "outbox %s: reading %d of camera %s, boot %s, cannot be read and is passed over: %s; check the disk",
            self.path, slip.seq, slip.camera, slip.boot, wrong,
        )  # fmt: skip
        with self._lock:
            if slip.number in self._slips:
                self._drop(slip)
                self.lost += 1

    def _stored(self, slip: Slip) -> bytes | None:
        try:
            row = self._db.execute("SELECT body FROM reading WHERE number = ?", (slip.number,)).fetchone()
        except sqlite3.Error as wrong:
            self.problem = f"outbox {self.path}: cannot be read: {wrong}; check the disk"
            return None
        return None if row is None else bytes(row[0])

    def settle(self, settled: Iterable[SettledSeq]) -> list[Slip]:
        """Removes what the hub has settled. Returns what was removed. Unknown boots and cameras are passed over."""
        with self._lock:
            found: dict[int, Slip] = {}
            for one in settled:
                stream = self._streams.get((one.boot, one.camera))
                for seq, number in () if stream is None else stream.items():
                    if seq > one.seq:
                        break
                    found[number] = self._slips[number]
            gone = list(found.values())
            if not gone:
                return gone
            numbers = [(slip.number,) for slip in gone if slip.number not in self._held]
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("DELETE FROM reading WHERE number = ?", numbers)
                self._db.execute("COMMIT")
            except sqlite3.Error as wrong:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self.problem = f"outbox {self.path}: cannot remove what the hub has: {wrong}; free disk space"
                return []
            for slip in gone:
                self._drop(slip)
            return gone

    def waiting(self) -> list[Slip]:
        """All slips, oldest first."""
        with self._lock:
            return [self._slips[number] for number in sorted(self._slips)]

    def __iter__(self) -> Iterator[Slip]:
        return iter(self.waiting())

    def __len__(self) -> int:
        with self._lock:
            return len(self._slips)

    def close(self) -> None:
        with self._lock:
            self._db.close()
