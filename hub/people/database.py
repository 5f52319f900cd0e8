"""The hub's database as people use it: one connection that reads, one that writes, beside the judge's writer.

Reading never waits for a writer (WAL), so that knowing who asks never waits for a disk. A write is one BEGIN IMMEDIATE
transaction, on disk when it returns, together with its entry in the audit log.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.immediate import immediate

BUSY_TIMEOUT_MS = 5_000


class PeopleDatabase:
    """Any thread may call. `path` has been brought up to date by the store."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._reader = _connected(self.path, "ro")
        self._writer = _connected(self.path, "rw")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._writer.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    def one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        with self._reading:
            row: tuple[Any, ...] | None = self._reader.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All of it or, raising, nothing."""
        with self._writing, immediate(self._writer) as db:
            yield db


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return db
