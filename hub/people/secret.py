"""Secrets that only their owner has: 256 random bits for them, and the SHA-256 of it for us.

Plain SHA-256 suffices where the secret is random: there is nothing to guess. Passwords go through argon2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

BYTES = 32
TOKEN_PREFIX = "esplanade_"  # recognisable in a log, a configuration or a repository


def new() -> str:
    return secrets.token_urlsafe(BYTES)


def new_token() -> str:
    return TOKEN_PREFIX + new()


def digest(secret: str) -> bytes:
    """What is stored, and looked up by: equal digests are found by an index, so no comparison leaks the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def form_token(session: str) -> str:
    """The session's synchroniser token (CSRF): known to pages that the hub served to this session, and no others."""
    mac = hmac.new(session.encode("utf-8", "surrogatepass"), b"esplanade form", hashlib.sha256)
    return base64.urlsafe_b64encode(mac.digest()).decode().rstrip("=")
