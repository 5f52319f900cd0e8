"""A message as an HTTP POST to an address of the town's choice.

The body is {"delivery", "key", "attempt", "repeat", "sent_at", "mode", "purpose", "recipient", "subject", "text",
"transition", "alerts"}. With a secret it is signed: X-Esplanade-Signature holds `t=<unix seconds>,v1=<hex HMAC-SHA256
of "<t>.<body>">`. A message may come twice: Idempotency-Key tells it, and `repeat` says that it may have.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

import httpx
import msgspec

from contract.instants import from_ms
from hub.notify.channel import Attempt, Letter, Outcome, error_text

TIMEOUT_S = 10.0
# Answers that another try can change.
RETRIED = frozenset({408, 425, 429})
# Answers that mean the address or the right to post there: every message would meet them.
CLOSING = frozenset({401, 402, 403, 404, 405, 407, 410, 451})
# Answers after which the receiver may have taken it all the same.
UNSURE = frozenset({500, 502, 504})
RETRY_AFTER_MAX_S = 3600.0  # [E] a receiver that asks for a day would have its alerts given up
# Failures before a byte of the request was on its way.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Webhook:
    """Where to post, and the secret to sign with."""

    kind = "webhook"
    to_people = False

    def __init__(
        self, *, name: str, url: str, secret: str | None = None, client: httpx.Client | None = None
    ) -> None:
        """Raises ValueError for what is no http or https address."""
        self.name = name
        self.url = check_url(name, url)
        self._secret = secret
        self._client = client or httpx.Client()

    def send(self, letter: Letter) -> Attempt:
        body = msgspec.json.encode(
            {
                "delivery": letter.delivery,
                "key": letter.key,
                "attempt": letter.attempt,
                "repeat": letter.repeat,
                "sent_at": from_ms(letter.sent_ms),
                "mode": letter.mode,
                "purpose": letter.purpose.value,
                "recipient": letter.recipient,
                "subject": letter.subject,
                "text": letter.text,
                "transition": None if letter.transition is None else msgspec.Raw(letter.transition),
                "alerts": letter.alerts,
            }
        )
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "esplanade-hub",
            "X-Esplanade-Delivery": str(letter.delivery),
            "X-Esplanade-Attempt": str(letter.attempt),
            "Idempotency-Key": letter.key,
        }
        if self._secret is not None:
            headers["X-Esplanade-Signature"] = signature(self._secret, body, letter.sent_ms // 1000)
        try:
            answer = self._client.post(
                self.url, content=body, headers=headers, timeout=TIMEOUT_S, follow_redirects=False
            )
        except _NOT_SENT as error:
            return Attempt(Outcome.RETRY, error_text(f"{type(error).__name__}: {error}"))
        except httpx.HTTPError as error:
            return Attempt(Outcome.RETRY, error_text(f"{type(error).__name__}: {error}"), unsure=True)
        except httpx.InvalidURL as error:
            return Attempt(Outcome.CLOSED, error_text(f"the address is not usable: {error}"))
        return _judged(answer)

    def close(self) -> None:
        self._client.close()


def check_url(name: str, url: str) -> str:
    """The address. Raises ValueError for what is no http or https address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"webhook {name}: {url!r} is no http or https address")
    return url


def _judged(answer: httpx.Response) -> Attempt:
    status = answer.status_code
    if answer.is_success:
        return Attempt(Outcome.DELIVERED)
    text = error_text(f"HTTP {status} {answer.reason_phrase}")
    if status >= 500 or status in RETRIED:
        return Attempt(
            Outcome.RETRY, text, _seconds(answer.headers.get("Retry-After")), unsure=status in UNSURE
        )
    if status in CLOSING or answer.is_redirect:
        return Attempt(Outcome.CLOSED, f"{text}; check the address and the right to post there")
    return Attempt(Outcome.REFUSED, f"{text}; check what it accepts")


def signature(secret: str, body: bytes, at_s: int) -> str:
    mac = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After where it is a number of seconds; a date is left to our own backoff."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return None
    return min(float(retry_after[:12]), RETRY_AFTER_MAX_S)
