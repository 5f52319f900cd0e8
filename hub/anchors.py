"""Heads of the audit log, written down outside the database: a file that only grows, and a letter to somebody.

A line of the file: when, number of the newest entry, its hash, the site. Keep the file where who can write the database
can not write it: another machine's share, or `chattr +a`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from contract.instants import from_ms, to_ms
from hub.audit_check import Anchor

LETTER_SUBJECT = "Esplanade {site}: audit log, entry {seq}"
LETTER = """\
On {at} the newest entry of the audit log of {site} was number {seq}. Its hash:

{hash}

Keep this message where nobody who runs the hub can change it. To check later that nothing up to this entry was
changed, run on the hub or on a copy of its database:

esplanade-hub audit verify --database FILE --head {hash}
"""


class AnchorError(ValueError):
    """An anchor file that can not be written or read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


def letter(anchor: Anchor, *, site: str) -> Letter:
    """A plain message that carries a head out of the house, for whoever sends mail."""
    values = {"at": from_ms(anchor.at_ms or 0), "site": site, "seq": anchor.seq, "hash": anchor.hash.hex()}
    return Letter(LETTER_SUBJECT.format(**values), LETTER.format(**values))


def add(path: Path, anchor: Anchor, *, site: str) -> None:
    """Appends one line, on disk when this returns. Raises AnchorError."""
    line = f"{from_ms(anchor.at_ms or 0)} {anchor.seq} {anchor.hash.hex()} {site}\n"
    try:
        fresh = not path.exists()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # a crash cut the last line short
                line = "\n" + line
            os.write(file, line.encode())
            os.fsync(file)
        finally:
            os.close(file)
        if fresh:
            _sync_folder(path.parent)
    except OSError as error:
        raise AnchorError(
            f"anchor file {path}: {error.strerror}; heads of the audit log are not written down there: check "
            "audit.anchor_file, the folder and its rights"
        ) from None


def read(path: Path) -> tuple[list[Anchor], list[int]]:
    """All anchors of a file, in its order, and the numbers of lines that are none. Raises AnchorError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnchorError(f"anchor file {path}: cannot be read: {error}") from None
    found, unread = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            at, seq, digest, _site = line.split(" ", 3)
            found.append(Anchor(int(seq), _digest(digest), to_ms(at)))
        except ValueError:
            unread.append(number)
    return found, unread


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != 32:
        raise ValueError(text)
    return digest


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
