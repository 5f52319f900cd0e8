"""What every channel is: something that takes a Letter and says what came of it. One module for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from contract.messages import Alert, Severity
from hub.notify.routing import Purpose

ERROR_MAX = 300
Mode = Literal["live", "replay", "exercise", "test"]


class Outcome(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"  # this message will never be taken; others may be
    CLOSED = "closed"  # no message will be taken before a person has changed something


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try. `unsure`: it failed here, and yet the other side may have taken it."""

    outcome: Outcome
    error: str | None = None
    retry_after_s: float | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message as it leaves. `key` never changes over its attempts and is never given to another message.

    `attempt` counts from 1; `repeat`: an earlier attempt may have arrived. `address`: the person's, where the channel
    needs one. `thread`: messages with the same one are about one alert. `transition`: its JSON, where there is one.
    `alerts`: the alert, or those of a digest. `sent_ms` in Unix milliseconds.
    """

    delivery: int
    key: str
    attempt: int
    repeat: bool
    sent_ms: int
    site: str
    mode: Mode
    purpose: Purpose
    severity: Severity | None
    recipient: str
    address: str | None
    language: str
    thread: str
    subject: str
    text: str
    html: str
    transition: bytes | None = None
    alerts: tuple[Alert, ...] = ()


class Channel(Protocol):
    """A way out of the hub. `send` is called by one thread at a time and never raises for what the other side does."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def to_people(self) -> bool:
        """Whether a letter needs a person's address."""

    def send(self, letter: Letter) -> Attempt: ...

    def close(self) -> None:
        """Cuts off a try that is under way, where that can be done; else it ends by its own timeout. Any thread."""


def error_text(text: str) -> str:
    """One line, cut to what the delivery log keeps."""
    return " ".join(text.split())[:ERROR_MAX]
