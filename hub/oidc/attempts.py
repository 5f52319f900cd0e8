"""Sign-ins that were begun at this hub and have not come back from the provider yet.

Each belongs to the browser that began it (a cookie that only this browser has), ends at its first use, and is over
after ten minutes. They live in memory: after a restart of the hub people begin again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from hub.oidc.trouble import Reason, SignInFailed

LASTS_MS = 10 * 60_000
WAITING_MAX = 1000  # [E] the oldest gives way: nobody can fill the memory by beginning and never ending


@dataclass(frozen=True, slots=True)
class Attempt:
    """`nonce` comes back in the id_token, `verifier` proves to the provider that it is we who redeem the code.

    `invitation`: the secret of a one-time link that is taken up with this account, or None.
    """

    state: str
    nonce: str
    verifier: str
    browser: str
    begun_ms: int
    invitation: str | None = None


class Attempts:
    """Those that wait. Safe to use from several threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Attempt] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, now_ms: int, *, invitation: str | None = None) -> tuple[Attempt, str]:
        """A new attempt, and the value of the cookie for the browser that begins it."""
        cookie = secrets.token_urlsafe(32)
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            browser=_digest(cookie),
            begun_ms=now_ms,
            invitation=invitation,
        )
        with self._lock:
            self._forget(now_ms)
            while len(self._waiting) >= WAITING_MAX:
                self._waiting.popitem(last=False)
            self._waiting[attempt.state] = attempt
        return attempt, cookie

    def take(self, state: str, cookie: str, now_ms: int) -> Attempt:
        """The attempt of this state, once. Raises SignInFailed when it is not known, over, or of another browser.

        One that another browser holds stays: whoever guesses at it must not end it for its owner.
        """
        with self._lock:
            self._forget(now_ms)
            attempt = self._waiting.get(state)
            if attempt is None or not hmac.compare_digest(attempt.browser, _digest(cookie)):
                raise SignInFailed(
                    Reason.NOT_BEGUN_HERE,
                    "this sign-in was not begun in this browser, was used before, or is older than ten minutes",
                    "begin again on the sign-in page; if it happens each time, see that people open the hub under "
                    "the name in http.url, and that cookies are allowed",
                )
            del self._waiting[state]
        return attempt

    def _forget(self, now_ms: int) -> None:
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if 0 <= now_ms - oldest.begun_ms <= LASTS_MS:
                return
            del self._waiting[oldest.state]


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
