"""`esplanade-hub documents put | list | get | remove` and `esplanade-hub keys rotate | check`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from contract.instants import from_ms
from hub.audit import AuditEntry
from hub.documents import KINDS, SIZE_MAX, Documents, lost_text
from hub.place import entry, place, reading, writing
from hub.vault import VaultError, read_ring

WRONG = 1
# What a vault holds; the list of the machine differs from one to the next.
MEDIA_TYPES = {
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".heic": "image/heic",
    ".webp": "image/webp",
}


def add(commands: Any) -> None:
    """Adds the commands to the parser."""
    documents = commands.add_parser(
        "documents", help="assessments and photographs, encrypted in the database"
    )
    parts = documents.add_subparsers(dest="part", required=True)
    put = parts.add_parser("put", help="store a document, or a new version of it")
    put.add_argument("file", type=Path, metavar="FILE")
    put.add_argument("--name", help="default: the file's name")
    put.add_argument("--kind", choices=KINDS, required=True)
    put.add_argument("--type", help="media type; default: by the file's name")
    put.set_defaults(records=_put)
    listed = parts.add_parser("list", help="what is there, without its content")
    listed.set_defaults(records=_list)
    get = parts.add_parser("get", help="decrypt a document: NAME is the newest version, NAME@2 the second")
    get.add_argument("name", metavar="NAME[@VERSION]")
    get.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="made with mode 0600; - is standard output"
    )
    get.set_defaults(records=_get)
    remove = parts.add_parser("remove", help="remove one version for good")
    remove.add_argument("name", metavar="NAME@VERSION")
    remove.set_defaults(records=_remove)
    keys = commands.add_parser("keys", help="the master keys of the vault")
    parts = keys.add_subparsers(dest="part", required=True)
    rotate = parts.add_parser(
        "rotate", help="a new master key for every document; carries on where it was cut short"
    )
    rotate.add_argument(
        "--forget-old",
        action="store_true",
        help="drop the old keys: backups taken before can not be read then",
    )
    rotate.set_defaults(records=_rotate)
    check = parts.add_parser("check", help="decrypt every document and say which can not be read")
    check.set_defaults(records=_check)
    for one in (put, listed, get, remove, rotate, check):
        # the configuration comes as an option here: NAME and FILE take the places
        one.add_argument("--config", type=Path, required=True, metavar="CONFIG.yaml")
        one.add_argument(
            "--database", type=Path, metavar="FILE", help="another one than the configuration names"
        )


@contextmanager
def _documents(asked: argparse.Namespace) -> Iterator[Documents]:
    found = place(asked)
    with closing(writing(found.database)) as db:
        yield Documents(db, found.key_file)


def _entry(action: str, subject: str, detail: dict[str, object]) -> AuditEntry:
    return entry(action, subject, **detail)


def _put(asked: argparse.Namespace) -> int:
    try:
        with asked.file.open("rb") as file:
            plain = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise VaultError(f"{asked.file}: cannot be read: {error.strerror}") from None
    media_type = asked.type or MEDIA_TYPES.get(asked.file.suffix.lower(), "application/octet-stream")
    with _documents(asked) as documents:
        made = documents.put(
            plain,
            name=asked.name or asked.file.name,
            kind=asked.kind,
            media_type=media_type,
            by=entry("", "").actor,
            at_ms=time.time_ns() // 1_000_000,
            entry=_entry,
        )
    print(f"{made.title}: {made.size} bytes, encrypted under master key {made.key_id}")
    print(
        f"note: {asked.file} itself is as it was; remove it if it should be in the vault alone",
        file=sys.stderr,
    )
    return 0


def _list(asked: argparse.Namespace) -> int:
    found = place(asked)
    with closing(reading(found.database)) as db:
        for one in Documents(db, found.key_file).all():
            print(
                f"{one.title}  {one.kind}  {one.media_type}  {one.size} bytes  {from_ms(one.put_at_ms)} by "
                f"{one.put_by}  key {one.key_id}"
            )
    return 0


def _get(asked: argparse.Namespace) -> int:
    with _documents(asked) as documents:
        _, plain = documents.get(asked.name, entry=_entry)
    if str(asked.out) == "-":
        sys.stdout.buffer.write(plain)
        return 0
    try:
        with os.fdopen(os.open(asked.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(plain)
    except OSError as error:
        raise VaultError(f"{asked.out}: cannot be written: {error.strerror}") from None
    return 0


def _remove(asked: argparse.Namespace) -> int:
    with _documents(asked) as documents:
        print(f"{documents.remove(asked.name, entry=_entry).title}: removed; older backups still hold it")
    return 0


def _rotate(asked: argparse.Namespace) -> int:
    with _documents(asked) as documents:
        key, n = documents.rotate(forget=asked.forget_old, entry=_entry)
    print(f"master key {key}: {n} documents were given it; make a copy of the key file now")
    if not asked.forget_old:
        print("older keys stay in the file for backups taken before; --forget-old drops them")
    return 0


def _check(asked: argparse.Namespace) -> int:
    found = place(asked)
    with closing(reading(found.database)) as db:
        documents = Documents(db, found.key_file)
        n, lost = len(documents.all()), documents.unreadable(deep=True)
    if lost:
        print(lost_text(lost))
        for title, why in sorted(lost.items()):
            print(f"  {title}: {why}")
        return WRONG
    ring = read_ring(found.key_file)
    print(f"{n} documents, all readable; current key {ring.current if ring else 'none yet'}")
    return 0
