"""The vault's documents: put, list, get, remove, and new master keys for all of them. Every one of these is an entry.

The caller hands in a writing connection of its own (not the judge's) and what to write into the audit log as.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub import audit
from hub.audit import AuditEntry
from hub.immediate import immediate
from hub.vault import Ring, Sealed, VaultError, read_ring, with_new_key, write_ring

SIZE_MAX = 32 * 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KINDS = ("assessment", "photograph", "other")
ROTATED_AT_ONCE = 50  # [E] rows rewrapped in one transaction: the hub's writer waits for no longer


class NoDocument(VaultError):
    """There is no document of that name or version."""


class BadDocument(VaultError):
    """A document that can not be put as it is; the message says why."""


# Makes the entry about something: (action, subject, detail).
Entry = Callable[[str, str, dict[str, object]], AuditEntry]

_COLUMNS = "id, kind, name, version, media_type, size, put_by, put_at_ms, key_id, wrapped, fingerprint"


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a document without its key."""

    id: str
    kind: str
    name: str
    version: int
    media_type: str
    size: int
    put_by: str
    put_at_ms: int
    key_id: str
    wrapped: bytes
    fingerprint: bytes

    @property
    def title(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def said(self) -> bytes:
        """What is bound to the document: whoever changes it in the database makes the document unreadable."""
        said = [self.id, self.kind, self.name, self.version, self.media_type, self.size]
        return json.dumps([*said, self.put_by, self.put_at_ms]).encode()


class Documents:
    """The documents of one database and the key file that they need."""

    def __init__(self, db: sqlite3.Connection, key_file: Path) -> None:
        self._db = db
        self._key_file = key_file

    def put(
        self, plain: bytes, *, name: str, kind: str, media_type: str, by: str, at_ms: int, entry: Entry
    ) -> Document:
        """Stores a new document, or the next version of one. Makes the key file at its first use. Raises VaultError."""
        if NAME.fullmatch(name) is None:
            raise BadDocument(
                f"document name {name!r}: use letters, digits, '.', '_' and '-', at most 100, no '@'"
            )
        if kind not in KINDS:
            raise BadDocument(f"kind {kind!r}: it is one of {', '.join(KINDS)}")
        if len(plain) > SIZE_MAX:
            raise BadDocument(f"{name}: {len(plain)} bytes; a document has at most {SIZE_MAX}")
        # the key file is read and written under the database's write lock: a rotation may go on in another process
        with self._transaction():
            ring = self._ring_for_new()
            last = self._db.execute("SELECT max(version) FROM documents WHERE name = ?", (name,)).fetchone()[
                0
            ]
            made = Document(
                id=secrets.token_hex(16),
                kind=kind,
                name=name,
                version=(last or 0) + 1,
                media_type=media_type,
                size=len(plain),
                put_by=by,
                put_at_ms=at_ms,
                key_id=ring.current,
                wrapped=b"",
                fingerprint=b"",
            )
            sealed = ring.seal(plain, made.said)
            self._db.execute(
                f"INSERT INTO documents ({_COLUMNS}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made.id,
                    kind,
                    name,
                    made.version,
                    media_type,
                    made.size,
                    by,
                    at_ms,
                    sealed.key_id,
                    sealed.wrapped,
                    sealed.fingerprint,
                    sealed.body,
                ),
            )
            detail: dict[str, object] = {"kind": kind, "size": made.size, "key": sealed.key_id, "id": made.id}
            audit.append(self._db, entry("document.put", made.title, detail))
        return made

    def all(self) -> list[Document]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM documents ORDER BY name, version")
        return [Document(*row) for row in rows]

    def find(self, title: str) -> Document:
        """By NAME, the newest version, or NAME@VERSION. Raises VaultError."""
        name, at, version = title.partition("@")
        if at and not (version.isascii() and version.isdigit() and len(version) < 10):
            raise NoDocument(f"document {title}: a version is a number, as in {name}@1")
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM documents WHERE name = ? AND (? = '' OR version = CAST(? AS INTEGER)) "
            "ORDER BY version DESC LIMIT 1",
            (name, version, version),
        ).fetchone()
        if rows is None:
            raise NoDocument(f"there is no document {title}; see `esplanade-hub documents list`")
        return Document(*rows)

    def read(self, document: Document) -> bytes:
        """The plain document; the audit log is not told. Raises VaultError."""
        try:
            return self._ring().open(self._sealed(document), document.said)
        except VaultError as error:
            raise VaultError(f"document {document.title}: {error}") from None

    def get(self, title: str, *, entry: Entry) -> tuple[Document, bytes]:
        """A document for somebody, who then stands in the audit log. Raises VaultError."""
        found = self.find(title)
        plain = self.read(found)
        with self._transaction():
            audit.append(self._db, entry("document.get", found.title, {"kind": found.kind, "id": found.id}))
        return found, plain

    def remove(self, title: str, *, entry: Entry) -> Document:
        """Removes one version; its key goes with it, so copies of the row alone stay unreadable. Raises VaultError."""
        if "@" not in title:
            raise VaultError(f"document {title}: say which version, as in {title}@1")
        found = self.find(title)
        self._db.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            self._db.execute("DELETE FROM documents WHERE id = ?", (found.id,))
            audit.append(
                self._db, entry("document.remove", found.title, {"kind": found.kind, "id": found.id})
            )
        return found

    # --- keys --------------------------------------------------------------------------------------------

    def unreadable(self, *, deep: bool) -> dict[str, str]:
        """Documents that can not be read, and why. `deep`: decrypts each one; else only its key is tried."""
        lost: dict[str, str] = {}
        found = self.all()
        if not found:
            return lost
        try:
            ring: Ring | None = self._ring()
            why = ""
        except VaultError as error:
            ring, why = None, str(error)
        for document in found:
            try:
                if ring is None:
                    raise VaultError(why)
                if deep:
                    ring.open(self._sealed(document), document.said)
                else:
                    bare = Sealed(document.key_id, document.wrapped, b"", document.fingerprint)
                    ring.rewrap(bare, document.said)
            except VaultError as error:
                lost[document.title] = str(error)
        return lost

    def rotate(self, *, forget: bool, entry: Entry) -> tuple[str, int]:
        """A new master key for every document; returns its id and how many documents were given it. Raises VaultError.

        One that was cut short is carried on: the new key is in the file before any document needs it, and the old one
        stays until none does. `forget`: then the old keys leave the file, and backups taken before can not be read.
        """
        with self._transaction():
            ring = self._ring_for_new()
            if not self._wrapped_by_others(ring):
                ring = with_new_key(ring)
                write_ring(self._key_file, ring)
                audit.append(self._db, entry("keys.new", ring.current, {}))
        done = 0
        while True:
            with self._transaction():
                some = self._wrapped_by_others(ring)
                for document in some:
                    bare = Sealed(document.key_id, document.wrapped, b"", document.fingerprint)
                    try:
                        sealed = ring.rewrap(bare, document.said)
                    except VaultError as error:
                        raise VaultError(f"document {document.title}: {error}") from None
                    self._db.execute(
                        "UPDATE documents SET key_id = ?, wrapped = ? WHERE id = ?",
                        (sealed.key_id, sealed.wrapped, document.id),
                    )
                done += len(some)
                if not some:
                    detail: dict[str, object] = {"documents": done, "old_keys_kept": not forget}
                    audit.append(self._db, entry("keys.rotate", ring.current, detail))
                    if forget:
                        write_ring(
                            self._key_file, Ring(ring.current, {ring.current: ring.keys[ring.current]})
                        )
                    return ring.current, done

    def _wrapped_by_others(self, ring: Ring) -> list[Document]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM documents WHERE key_id <> ? ORDER BY id LIMIT ?",
            (ring.current, ROTATED_AT_ONCE),
        )
        return [Document(*row) for row in rows]

    def _ring(self) -> Ring:
        ring = read_ring(self._key_file)
        if ring is None:
            raise VaultError(
                f"the key file {self._key_file} is not there; put it back from where you keep it"
            )
        return ring

    def _ring_for_new(self) -> Ring:
        """The keys, made now if no document needs older ones."""
        ring = read_ring(self._key_file)
        if ring is None:
            if self._db.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is not None:
                return self._ring()  # says that it is gone: a new key would not open what is there
            ring = with_new_key(None)
            write_ring(self._key_file, ring)
        return ring

    def _sealed(self, document: Document) -> Sealed:
        row = self._db.execute("SELECT body FROM documents WHERE id = ?", (document.id,)).fetchone()
        if row is None:
            raise VaultError("it was removed just now")
        return Sealed(document.key_id, document.wrapped, row[0], document.fingerprint)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with immediate(self._db):
            yield


def lost_text(lost: dict[str, str]) -> str:
    """One sentence that says what can not be read, and why."""
    names = ", ".join(sorted(lost)[:10]) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
    reasons = "; ".join(sorted(set(lost.values()))[:3])
    return f"{len(lost)} documents of the vault can not be read ({names}): {reasons}"
