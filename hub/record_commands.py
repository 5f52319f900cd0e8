"""`esplanade-hub audit | keys | documents | backup | restore`: the records, from the command line."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from contract.instants import from_ms
from hub import anchors, audit, audit_check, backup_commands, vault_commands
from hub.audit_check import Checked
from hub.config import ConfigError
from hub.place import add_place, entry, note, place, reading, writing
from hub.store import StoreError

FAILED, WRONG = 2, 1


def add(commands: Any) -> None:
    """Adds the commands to the parser; each sets `records`, which does it."""
    log = commands.add_parser("audit", help="the audit log: verify, print its head, export")
    parts = log.add_subparsers(dest="part", required=True)
    verify = parts.add_parser("verify", help="find any entry that was changed, removed, put in or moved")
    add_place(verify)
    verify.add_argument(
        "--anchor", type=Path, action="append", default=[], metavar="FILE", help="hold it against this file"
    )
    verify.add_argument(
        "--head", action="append", default=[], metavar="HASH", help="an entry with this hash must be there"
    )
    verify.add_argument(
        "--restored",
        type=int,
        metavar="N",
        help="entry N, a restore from a backup, is known to be right: what it lost is no finding",
    )
    verify.set_defaults(records=_verify)
    head = parts.add_parser("head", help="number and hash of the newest entry")
    add_place(head)
    head.add_argument("--letter", action="store_true", help="as a message to mail to somebody outside")
    head.set_defaults(records=_head)
    export = parts.add_parser("export", help="every entry as a line of JSON")
    add_place(export)
    export.add_argument("--out", type=Path, metavar="FILE.jsonl", help="default: standard output")
    export.set_defaults(records=_export)
    vault_commands.add(commands)
    backup_commands.add(commands)


# --- audit -----------------------------------------------------------------------------------------------


def _verify(asked: argparse.Namespace) -> int:
    found = place(asked)
    files = list(asked.anchor)
    own = found.anchor_file
    if own is not None and own not in files and own.is_file():
        files.append(own)
    known, unread = [], []
    for file in files:
        read, bad = anchors.read(file)
        known += read
        unread += [f"{file}:{number}" for number in bad]
    try:
        heads = [bytes.fromhex(one) for one in asked.head]
    except ValueError:
        raise ConfigError("--head: a hash is 64 hexadecimal digits") from None
    try:
        with closing(reading(found.database)) as db:
            checked = audit_check.check(db, anchors=known, heads=heads, restored=asked.restored)
    except sqlite3.Error as error:
        raise StoreError(f"database {found.database}: the audit log can not be read: {error}") from None
    for line in unread:
        print(f"note: {line} is no anchor and was left out")
    return _say(checked, files=files, heads=len(heads))


def _say(checked: Checked, *, files: list[Path], heads: int) -> int:
    finding = checked.finding
    if finding is not None:
        print(f"WRONG: {finding.wrong} at entry {finding.seq}: {finding.text}")
        print(
            f"entries {checked.first} to {finding.seq - 1} are as they were written"
            if finding.seq > checked.first > 0
            else "no entry can be trusted"
        )
        return WRONG
    print(f"right: entries {checked.first} to {checked.last}, hash of the newest {checked.hash.hex()}")
    if checked.anchors_before:
        print(f"note: {checked.anchors_before} anchors are of entries that retention has removed")
    if checked.anchors or heads:
        print(f"held against {checked.anchors + heads} anchors from {len(files)} files and the command line")
    else:
        print("note: held against no anchor: who could write the database could have made all of it anew")
    return 0


def _head(asked: argparse.Namespace) -> int:
    found = place(asked)
    with closing(reading(found.database)) as db:
        seq, digest = audit.head(db)
        site = db.execute(
            "SELECT subject FROM audit WHERE action = 'hub.start' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    if asked.letter:
        anchor = audit_check.Anchor(seq, digest, time.time_ns() // 1_000_000)
        one = anchors.letter(anchor, site=site[0] if site else "an unnamed site")
        print(f"Subject: {one.subject}\n\n{one.text}", end="")
    else:
        print(f"{seq} {digest.hex()}")
    return 0


def _export(asked: argparse.Namespace) -> int:
    found = place(asked)
    if (
        found.config is not None
    ):  # who took a copy of the log stands in it; a copy of a database stays as it is
        with closing(writing(found.database)) as db:
            note(db, entry("audit.export", str(asked.out or "standard output")))
    with closing(reading(found.database)) as db:
        if asked.out is None:
            _write_entries(db, print)
        else:
            try:
                with asked.out.open("x", encoding="utf-8") as out:
                    _write_entries(db, lambda line: out.write(line + "\n"))
            except OSError as error:
                raise StoreError(f"{asked.out}: {error.strerror}; name another file") from None
    return 0


def _write_entries(db: sqlite3.Connection, write: Callable[[str], object]) -> None:
    for one in audit_check.entries(db):
        line = {
            "seq": one.seq,
            "at_ms": one.at_ms,
            "at": from_ms(one.at_ms),
            "actor": one.actor,
            "via": one.via,
            "action": one.action,
            "subject": one.subject,
            "detail": one.detail,
            "previous": one.previous.hex(),
            "hash": one.hash.hex(),
        }
        write(json.dumps(line, ensure_ascii=False))


def run(asked: argparse.Namespace) -> int:
    try:
        code: int = asked.records(asked)
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code
