"""`esplanade-hub export`: the same files as the hub's page gives, from the database itself, also while no hub runs."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from contract.instants import from_ms
from hub.audit import AuditEntry, append
from hub.exports.export import Exports, Format
from hub.exports.stored import BUSY_TIMEOUT_MS, NothingStored, Span
from hub.exports.tables import Kind
from hub.exports.times import moment_ms
from hub.immediate import immediate
from hub.site import Site

DAY_MS = 86_400_000


class NotExported(Exception):
    """The file was not made; the message says why and what to do."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=[one.value for one in Kind], help="what to export")
    parser.add_argument("--format", choices=[one.value for one in Format], default="csv")
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="ISO 8601; a day before --until by default"
    )
    parser.add_argument(
        "--until", metavar="TIME", help="ISO 8601; without an offset it is the site's time; now by default"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--names", action="store_true", help="alerts: the names of those who acted, instead of their roles"
    )


def run(asked: argparse.Namespace, site: Site, exports: Exports, database: Path) -> None:
    """Raises NoTime, NothingStored, NoPyArrow, NotOnEarth or NotExported; then no file is left."""
    until_ms = (
        time.time_ns() // 1_000_000 if asked.until is None else moment_ms(asked.until, site.time_zone_info)
    )
    since_ms = until_ms - DAY_MS if asked.since is None else moment_ms(asked.since, site.time_zone_info)
    if since_ms >= until_ms:
        raise NotExported(f"--from {from_ms(since_ms)} is not before --until {from_ms(until_ms)}")
    kind, form, span = Kind(asked.kind), Format(asked.format), Span(since_ms, until_ms)
    exports.check(form)
    _note(database, kind, form, span, names=asked.names)
    pieces = exports.chunks(kind, form, span, names=asked.names)
    if asked.out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        _write(asked.out, pieces)


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """Whole or not at all, readable by its owner alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for piece in pieces:
                out.write(piece)
        part.replace(path)
    except OSError as error:
        raise NotExported(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _note(database: Path, kind: Kind, form: Format, span: Span, *, names: bool) -> None:
    """In the audit log before anything leaves; the name is that of the system's user."""
    entry = AuditEntry(
        at_ms=time.time_ns() // 1_000_000,
        actor=_user(),
        via="command",
        action="data.export",
        subject=kind,
        detail={
            "format": form,
            "from": from_ms(span.since_ms),
            "until": from_ms(span.until_ms),
            "names": names,
        },
    )
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            db.execute("PRAGMA synchronous = FULL")
            with immediate(db):
                append(db, entry)
    except sqlite3.Error as error:
        raise NothingStored(
            f"database {database}: the export cannot be written into the audit log: {error}; "
            "run it as the hub's user"
        ) from None


def _user() -> str:
    import pwd

    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
