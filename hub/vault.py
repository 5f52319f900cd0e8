"""Encryption at rest: a key of its own for each document, wrapped by a master key in a file outside the database.

AES-256-GCM throughout (cryptography's AESGCM), a fresh nonce each time. What a document says of itself is bound to it
as associated data, so that one can not be passed off as another. The key file holds the current master key and older
ones that documents or backups may still need; a key's id is made from the key, so that a wrong one is told from a lost
one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12
FORMAT = "esplanade vault keys 1"


class VaultError(Exception):
    """The keys or a document can not be used; the message says what is lost and what to do."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted document. `body` and `wrapped` begin with their nonce."""

    key_id: str
    wrapped: bytes
    body: bytes
    fingerprint: bytes


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"esplanade key id\n" + key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ring:
    """The master keys by their ids. `current` wraps what is new."""

    current: str
    keys: dict[str, bytes]

    def seal(self, plain: bytes, said: bytes) -> Sealed:
        """Encrypts under a new key. `said`: what is bound to the document."""
        key = secrets.token_bytes(KEY_BYTES)
        return Sealed(
            self.current,
            _encrypt(self.keys[self.current], key, said),
            _encrypt(key, plain, said),
            _fingerprint(key, plain),
        )

    def open(self, sealed: Sealed, said: bytes) -> bytes:
        """The plain document. Raises VaultError."""
        key = self._unwrapped(sealed, said)
        try:
            plain = _decrypt(key, sealed.body, said)
        except InvalidTag:
            raise VaultError("the document was changed in the database or is damaged") from None
        if not hmac.compare_digest(_fingerprint(key, plain), sealed.fingerprint):
            raise VaultError("the document is not the one that its fingerprint was made of")
        return plain

    def rewrap(self, sealed: Sealed, said: bytes) -> Sealed:
        """The same document with its key under the current master key. Raises VaultError."""
        key = self._unwrapped(sealed, said)
        wrapped = _encrypt(self.keys[self.current], key, said)
        return Sealed(self.current, wrapped, sealed.body, sealed.fingerprint)

    def _unwrapped(self, sealed: Sealed, said: bytes) -> bytes:
        master = self.keys.get(sealed.key_id)
        if master is None:
            raise VaultError(f"its master key {sealed.key_id} is not in the key file")
        try:
            return _decrypt(master, sealed.wrapped, said)
        except InvalidTag:
            raise VaultError("what the database says of the document, or its key, was changed") from None


def read_ring(path: Path) -> Ring | None:
    """The keys in the file; None when there is no file. Raises VaultError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(f"key file {path}: {error.strerror}; check the folder and its rights") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VaultError(
            f"key file {path}: others can read it; chmod 600 {path}, and rotate the keys if somebody may have"
        )
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        keys = {name: base64.b64decode(text, validate=True) for name, text in found["keys"].items()}
        wrong = [name for name, key in keys.items() if key_id(key) != name or len(key) != KEY_BYTES]
        if found["format"] != FORMAT or found["current"] not in keys or wrong:
            raise ValueError(
                f"keys that are not what they are called: {wrong}" if wrong else "another format"
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VaultError(
            f"key file {path}: can not be used ({error}); put back the file as it was backed up"
        ) from None
    return Ring(found["current"], keys)


def write_ring(path: Path, ring: Ring) -> None:
    """Replaces the file as a whole, on disk when this returns. Raises VaultError."""
    text = json.dumps(
        {
            "format": FORMAT,
            "current": ring.current,
            "keys": {name: base64.b64encode(key).decode() for name, key in ring.keys.items()},
        },
        indent=1,
    )
    new = path.with_name(f"{path.name}.new-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise VaultError(f"key file {path}: can not be written: {error.strerror}") from None


def with_new_key(ring: Ring | None) -> Ring:
    """A new current key beside those there were."""
    key = secrets.token_bytes(KEY_BYTES)
    return Ring(key_id(key), {**({} if ring is None else ring.keys), key_id(key): key})


def _encrypt(key: bytes, plain: bytes, said: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, said)


def _decrypt(key: bytes, sealed: bytes, said: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], said)


def _fingerprint(key: bytes, plain: bytes) -> bytes:
    own = hmac.digest(key, b"esplanade fingerprint", "sha256")
    return hmac.digest(own, plain, "sha256")
