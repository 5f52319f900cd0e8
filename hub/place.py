"""Where a command of the records works: the files of a configuration, or a database by itself, and how it opens it."""

from __future__ import annotations

import argparse
import getpass
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub import audit, migrate
from hub.audit import AuditEntry
from hub.config import Config, ConfigError, anchor_file, read_config, vault_key_file
from hub.immediate import immediate
from hub.store import BUSY_TIMEOUT_MS, Store, StoreError


@dataclass(frozen=True, slots=True)
class Place:
    """The files that a command works on: those of a configuration, or a database named by itself (a copy)."""

    config: Config | None
    folder: Path
    database: Path

    @property
    def anchor_file(self) -> Path | None:
        return None if self.config is None else anchor_file(self.config, self.folder)

    @property
    def key_file(self) -> Path:
        """Raises ConfigError: a database by itself does not say where its keys are."""
        if self.config is None:
            raise ConfigError("name the hub's configuration file: it says where the vault's key file is")
        return vault_key_file(self.config, self.folder)


def add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG.yaml")
    parser.add_argument(
        "--database", type=Path, metavar="FILE", help="a copy of a database, without its CONFIG"
    )


def place(asked: argparse.Namespace) -> Place:
    """Raises FileError or ConfigError."""
    if asked.config is not None:
        config, folder = read_config(asked.config), asked.config.resolve().parent
        database = asked.database.resolve() if asked.database else (folder / config.database).resolve()
        return Place(config, folder, database)
    if asked.database is None:
        raise ConfigError("name the hub's configuration file, or --database with a copy of its database")
    return Place(None, Path.cwd(), asked.database.resolve())


def reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to a database of this schema. Raises StoreError."""
    if not path.is_file():
        raise StoreError(f"database {path}: there is no such file")
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return db


def writing(path: Path) -> sqlite3.Connection:
    """A second writing connection beside a hub that may run. Makes or updates the database where none runs."""
    try:
        known = 0
        if path.is_file():
            with closing(reading(path)) as db:
                known = migrate.version(db)
        if known != migrate.scripts()[-1][0]:
            Store(path).close()
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error as error:
        raise StoreError(f"database {path}: {error}") from None
    return db


def entry(action: str, subject: str, **detail: object) -> AuditEntry:
    """What somebody at this machine's command line did: the name is that of their account here."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        who = "unknown account"
    now_ms = time.time_ns() // 1_000_000
    return AuditEntry(
        at_ms=now_ms, actor=who, via="command", action=action, subject=subject, detail=dict(detail)
    )


def note(db: sqlite3.Connection, one: AuditEntry) -> None:
    """Writes an entry about something that changed nothing in the database."""
    with immediate(db):
        audit.append(db, one)
