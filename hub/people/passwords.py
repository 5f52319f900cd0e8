"""Passwords: argon2id with the parameters of argon2-cffi, which follow RFC 9106, and rules that help.

Long enough and not the login name; nothing about capitals and digits (NIST SP 800-63B 5.1.1.2 advises against that).
"""

from __future__ import annotations

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.people.refused import Refused

LENGTH_MIN = 12
LENGTH_MAX = 256
AT_ONCE = 2  # [E] each takes 64 MiB and a core for a moment
WAITING_MAX = 16  # [E] more are told to come again


def checked(password: str, login: str) -> str:
    """The password as it is hashed. Raises Refused."""
    text = unicodedata.normalize("NFKC", password)
    if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
        raise Refused(
            "invalid",
            f"the password has {len(text)} characters",
            f"choose {LENGTH_MIN} to {LENGTH_MAX}; a few words are easy to keep in mind",
        )
    plain, name = text.casefold(), login.casefold()
    if plain == name or (len(name) >= 4 and plain.replace(name, "").strip(" 0123456789.-_!") == ""):
        raise Refused(
            "invalid", "the password is the login name", "choose one that has nothing to do with it"
        )
    if len(set(plain)) < 4:
        raise Refused("invalid", "the password repeats the same few characters", "choose a few words instead")
    return text


class Passwords:
    """Hashes and verifies, at most AT_ONCE at a time, in threads of its own: argon2 must not hold up the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._made: str | None = None
        self._guard = threading.Lock()
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hub-people")

    @property
    def _nobody(self) -> str:
        """Verified where there is no user or no password, so that the answer takes as long."""
        with self._guard:
            if self._made is None:
                self._made = self._hasher.hash("nobody has this password")
            return self._made

    def warm(self) -> None:
        """Makes, beside, what the first unknown user would otherwise wait for."""
        self.threads.submit(lambda: self._nobody)

    def close(self) -> None:
        self.threads.shutdown()

    def hash(self, password: str) -> str:
        return self._hasher.hash(unicodedata.normalize("NFKC", password))

    def verify(self, stored: str | None, password: str) -> bool:
        """False for a wrong one, and after as long a time where nothing is stored."""
        text = unicodedata.normalize("NFKC", password[: 4 * LENGTH_MAX])
        try:
            self._hasher.verify(stored or self._nobody, text)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def is_old(self, stored: str) -> bool:
        """Made with parameters of before."""
        return self._hasher.check_needs_rehash(stored)
