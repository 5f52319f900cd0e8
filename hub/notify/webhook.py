"""A transition as an HTTP POST to an address of the town's choice.

The body is {"delivery", "sent_at", "transition"}. With a secret it is signed: X-Esplanade-Signature holds
`t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. A notification may come twice: X-Esplanade-Delivery tells.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from contract.instants import from_ms

TIMEOUT_S = 10.0
ERROR_MAX = 300
# Answers that another try can change; any other 4xx is the sender's mistake and stays one.
RETRIED = frozenset({408, 425, 429})
RETRY_AFTER_MAX_S = 3600.0  # [E] a receiver that asks for a day would have its alerts given up

Severity = Literal["low", "medium", "high"]


class Outcome(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    outcome: Outcome
    error: str | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where to post, from which severity on, and the secret to sign with."""

    name: str
    url: str
    min_severity: Severity = "low"
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"webhook {self.name}: {self.url!r} is no http or https address")

    def send(self, client: httpx.Client, *, delivery: int, transition: bytes, now_ms: int) -> Attempt:
        """One try. Never raises for what the other side or the network does."""
        body = msgspec.json.encode(
            {"delivery": delivery, "sent_at": from_ms(now_ms), "transition": msgspec.Raw(transition)}
        )
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "esplanade-hub",
            "X-Esplanade-Delivery": str(delivery),
        }
        if self.secret is not None:
            headers["X-Esplanade-Signature"] = signature(self.secret, body, now_ms // 1000)
        try:
            answer = client.post(
                self.url, content=body, headers=headers, timeout=TIMEOUT_S, follow_redirects=False
            )
        except httpx.HTTPError as error:
            return Attempt(Outcome.RETRY, f"{type(error).__name__}: {error}"[:ERROR_MAX])
        except httpx.InvalidURL as error:
            return Attempt(Outcome.REFUSED, f"the address is not usable: {error}"[:ERROR_MAX])
        if answer.is_success:
            return Attempt(Outcome.DELIVERED)
        text = f"HTTP {answer.status_code} {answer.reason_phrase}"[:ERROR_MAX]
        if answer.status_code >= 500 or answer.status_code in RETRIED:
            return Attempt(Outcome.RETRY, text, _seconds(answer.headers.get("Retry-After")))
        return Attempt(Outcome.REFUSED, f"{text}; check the address and what it accepts")


def signature(secret: str, body: bytes, at_s: int) -> str:
    mac = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After where it is a number of seconds; a date is left to our own backoff."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return None
    return min(float(retry_after[:12]), RETRY_AFTER_MAX_S)
