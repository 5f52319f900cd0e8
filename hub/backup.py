"""One file that holds what a hub needs to be as it was: made while it runs, checked in full before it replaces a thing.

A backup is a tar of parts, gzip inside; `manifest.json` stands first and says of each part its SHA-256. With a
passphrase the tar is encrypted: scrypt makes the key, and AES-256-GCM seals it in pieces of 1 MiB whose nonces count up
and mark the last one, so that a piece that is missing, moved or changed is found. The database is copied by SQLite's
online backup: one view of it, the writer goes on. The vault travels inside the database, encrypted as it is there; its
key does not, unless it is asked for.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec import Struct

from hub import audit, audit_check, migrate
from hub.audit import AuditEntry
from hub.immediate import immediate

FORMAT = 1
MAGIC = b"ESPLANADE BACKUP 1\n"
MANIFEST = "manifest.json"
PIECE = 1024 * 1024
# [E] 64 MiB and a second or so: RFC 7914's figures for a file that somebody may try passphrases on at leisure.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**16, 8, 1
SALT_BYTES, PREFIX_BYTES = 16, 7
DATABASE, KEY, ANCHORS = "database", "key", "anchors"


class BackupError(Exception):
    """A backup that can not be made or used; the message says what and what to do. Nothing was replaced."""


class Part(Struct, frozen=True):
    """One file. `what`: database, config, site, assessment, key, anchors. `path`: as in the configuration."""

    what: str
    name: str
    path: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup says of itself. `schema`: of the database. `left_out`: what it does not hold, in words."""

    format: int
    made_at: str
    made_by: str
    version: str
    schema: int
    audit_seq: int
    audit_hash: str
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to take along, besides the database."""

    what: str
    file: Path
    path: str


# --- making ----------------------------------------------------------------------------------------------


def make(
    target: Path,
    *,
    database: Path,
    database_path: str,
    sources: Sequence[Source],
    left_out: Sequence[str],
    passphrase: str | None,
    made_at: str,
    made_by: str,
    version: str,
) -> tuple[Manifest, str]:
    """Writes the backup; returns its manifest and the SHA-256 of the whole file. Raises BackupError.

    The file appears under its name when it is whole, and never over another one.
    """
    if target.exists():
        raise BackupError(f"{target}: is there already; a backup never goes over another file")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        copy = work / "database"
        schema, head = _copied(database, copy)
        parts = [_part(DATABASE, "hub.sqlite3", database_path, copy)]
        files = [copy]
        for number, one in enumerate(sources):
            # copied first: what is hashed and what is packed must be the same, whoever writes to it meanwhile
            here = work / f"part-{number}"
            shutil.copyfile(one.file, here)
            parts.append(_part(one.what, f"{one.what}-{one.file.name}", one.path, here))
            files.append(here)
        manifest = Manifest(
            format=FORMAT,
            made_at=made_at,
            made_by=made_by,
            version=version,
            schema=schema,
            audit_seq=head[0],
            audit_hash=head[1].hex(),
            parts=tuple(parts),
            left_out=tuple(left_out),
        )
        whole = work / "backup"
        _pack(whole, manifest, files, passphrase)
        os.link(whole, target)  # fails where somebody made the same name meanwhile
        _sync(target.parent)
        return manifest, _sha256(target)
    except OSError as error:
        raise BackupError(f"{error.filename or target}: {error.strerror}; the backup was not made") from None
    except sqlite3.Error as error:
        raise BackupError(f"database {database}: {error}; the backup was not made") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copied(database: Path, copy: Path) -> tuple[int, tuple[int, bytes]]:
    """One view of the database as one file; its schema and the head of its audit log."""
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as target,
    ):
        # all pages in one go: of a database that is written to all the time a copy in steps would begin anew for ever
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode = DELETE")
        return migrate.version(target), audit.head(target)


def _part(what: str, name: str, path: str, file: Path) -> Part:
    return Part(what, name, path, file.stat().st_size, _sha256(file))


def _pack(whole: Path, manifest: Manifest, files: Sequence[Path], passphrase: str | None) -> None:
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        out: Any = raw if passphrase is None else _Sealing(raw, passphrase)
        with (
            gzip.GzipFile(fileobj=out, filename="", mode="wb", compresslevel=1) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            _add(tar, MANIFEST, len(text), io.BytesIO(text))
            for part, file in zip(manifest.parts, files, strict=True):
                with file.open("rb") as content:
                    _add(tar, part.name, part.size, content)
        if passphrase is not None:
            out.finish()
        raw.flush()
        os.fsync(raw.fileno())


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    tar.addfile(info, content)


# --- reading ---------------------------------------------------------------------------------------------


def unpack(file: Path, folder: Path, *, passphrase: str | None) -> Manifest:
    """Writes every part into `folder` under its name and checks all of it. Raises BackupError."""
    try:
        with (
            _opened(file, passphrase) as raw,
            gzip.GzipFile(fileobj=raw, mode="rb") as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            manifest = _manifest(tar, file)
            wanted = {part.name: part for part in manifest.parts}
            while (info := tar.next()) is not None:
                part = wanted.pop(info.name, None)
                if part is None or not info.isreg() or info.size != part.size:
                    raise BackupError(
                        f"backup {file}: holds {info.name!r}, of which its manifest does not speak"
                    )
                _unpack_one(tar, info, folder / part.name, part, file)
            if wanted:
                raise BackupError(f"backup {file}: lacks {', '.join(sorted(wanted))}")
            while stream.read(PIECE):  # so that the last piece, too, has been checked
                pass
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise BackupError(f"backup {file}: can not be read: {error}; take another one") from None
    return manifest


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    first = tar.next()
    content = None if first is None or first.name != MANIFEST else tar.extractfile(first)
    if content is None:
        raise BackupError(f"backup {file}: has no manifest; it is not one of ours")
    try:
        manifest = msgspec.json.decode(content.read(PIECE), type=Manifest)
    except msgspec.ValidationError as error:
        raise BackupError(f"backup {file}: its manifest: {error}") from None
    if manifest.format != FORMAT:
        raise BackupError(f"backup {file}: format {manifest.format}; install the hub that made it, or newer")
    names = [part.name for part in manifest.parts]
    if any("/" in name or name in (".", "..", MANIFEST) for name in names) or len(set(names)) < len(names):
        raise BackupError(f"backup {file}: its manifest names parts that can not be")
    if [part.what for part in manifest.parts].count(DATABASE) != 1:
        raise BackupError(f"backup {file}: holds no database")
    return manifest


def _unpack_one(tar: tarfile.TarFile, info: tarfile.TarInfo, to: Path, part: Part, file: Path) -> None:
    content = tar.extractfile(info)
    assert content is not None
    digest = hashlib.sha256()
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while piece := content.read(PIECE):
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != part.sha256:
        raise BackupError(f"backup {file}: {part.name} is not what its manifest says; take another backup")


@contextmanager
def _opened(file: Path, passphrase: str | None) -> Iterator[IO[bytes]]:
    with file.open("rb") as raw:
        if raw.read(len(MAGIC)) != MAGIC:
            raw.seek(0)
            yield raw
            return
        if passphrase is None:
            raise BackupError(f"backup {file}: is encrypted; name its passphrase")
        yield cast("IO[bytes]", io.BufferedReader(_Unsealing(raw, passphrase, file), PIECE))


# --- putting back ----------------------------------------------------------------------------------------


def check_database(path: Path, manifest: Manifest) -> None:
    """The unpacked database is whole, its audit log right and of a schema we know. Raises BackupError."""
    newest = migrate.scripts()[-1][0]
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            schema = migrate.version(db)
            if schema > newest:
                raise BackupError(
                    f"the backup has schema {schema}, this hub knows {newest}; install the hub that made it, or newer"
                )
            (whole,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if whole != "ok":
                raise BackupError(f"the database in the backup is damaged: {whole}; take another backup")
            migrate.migrate(db)
            anchor = audit_check.Anchor(manifest.audit_seq, bytes.fromhex(manifest.audit_hash))
            found = audit_check.check(db, anchors=[anchor]).finding
    except (sqlite3.Error, ValueError) as error:
        raise BackupError(f"the database in the backup can not be used: {error}") from None
    if found is not None:
        raise BackupError(
            f"the audit log in the backup is not as it was written: {found.wrong} at entry {found.seq}: {found.text}"
        )


def note_restore(path: Path, entry: AuditEntry) -> None:
    """Writes the entry about the restore into the unpacked database, which then is one file again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        with immediate(db):
            audit.append(db, entry)


def replace(ready: Mapping[Path, Path], database: tuple[Path, Path]) -> None:
    """Moves what is unpacked to where it belongs; the database last, in one step. Raises BackupError.

    `ready`: from where to where; `database`: the same for the database. All on one file system. No hub may run on it.
    """
    unpacked, target = database
    with _alone(target):
        for source, to in ready.items():
            to.parent.mkdir(parents=True, exist_ok=True)
            source.replace(to)
            _sync(to.parent)
        if target.exists():
            _settle(target)
        unpacked.replace(target)
        _sync(target.parent)


def _settle(database: Path) -> None:
    """Takes the log of the old database away, which would be laid over the new one."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        pass  # it is damaged, which may be why it is replaced
    for end in ("-wal", "-shm", "-journal"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    _sync(database.parent)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"database {database}: a hub runs on it; stop it first") from None
        yield
    finally:
        os.close(lock)


# --- encryption ------------------------------------------------------------------------------------------


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase.encode())


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    """STREAM (Hoang, Reyhanitabar, Rogaway and Vizar, 2015): prefix, number of the piece, whether it is the last."""
    return prefix + number.to_bytes(4, "big") + bytes([last])


class _Sealing:
    """A file to write to, which seals what it is given."""

    def __init__(self, out: IO[bytes], passphrase: str) -> None:
        salt, self._prefix = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(PREFIX_BYTES)
        out.write(MAGIC + salt + self._prefix)
        self._out, self._cipher = out, AESGCM(_key(passphrase, salt))
        self._waiting, self._number = bytearray(), 0

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > PIECE:  # never the last one: that is marked
            self._seal(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def flush(self) -> None:
        """What is not a whole piece waits: the last one is marked."""

    def finish(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), piece, None))
        self._number += 1


class _Unsealing(io.RawIOBase):
    """What was sealed, piece by piece, each checked before any of it is given out."""

    def __init__(self, raw: IO[bytes], passphrase: str, file: Path) -> None:
        salt, self._prefix = raw.read(SALT_BYTES), raw.read(PREFIX_BYTES)
        self._raw, self._file = raw, file
        self._cipher = AESGCM(_key(passphrase, salt))
        self._next = raw.read(PIECE + 16)
        self._number, self._waiting = 0, b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._waiting and self._next:
            piece, self._next = self._next, self._raw.read(PIECE + 16)
            nonce = _nonce(self._prefix, self._number, last=not self._next)
            try:
                self._waiting = self._cipher.decrypt(nonce, piece, None)
            except InvalidTag:
                raise BackupError(
                    f"backup {self._file}: the passphrase is wrong, or the file was changed or cut short"
                ) from None
            self._number += 1
        n = min(len(into), len(self._waiting))
        into[:n], self._waiting = self._waiting[:n], self._waiting[n:]
        return n


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
