"""A message through Apprise (https://github.com/caronc/apprise): Signal, Threema, Telegram, Matrix, SMS and others.

Needs the extra [messengers]. One channel is one Apprise address, read from a file that nobody else may read; it holds
the service's token, so neither it nor what Apprise says about it is ever logged or stored.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

from hub.notify.channel import Attempt, Letter, Outcome

# Apprise says which HTTP status a service gave in its log alone: "..., error=401."
_ERROR = re.compile(r"error=(\d{3})")
_CLOSING = frozenset({401, 403, 404, 410})
_REFUSED = frozenset({400, 413, 422})


class NoMessengers(ValueError):
    """Apprise is not installed; the message names the extra."""


class Messenger:
    """One person, group or channel of one messenger."""

    kind = "messenger"
    to_people = False

    def __init__(self, *, name: str, url: str) -> None:
        """Raises NoMessengers, or ValueError for what Apprise does not know; neither names the address."""
        try:
            import apprise
        except ImportError:
            raise NoMessengers(
                f"channel {name}: messengers need Apprise; install esplanade[hub,messengers]"
            ) from None
        self.name = name
        # an address holds a token, and Apprise and what it posts with name addresses in their logs
        logging.getLogger("apprise").addFilter(_STATUSES)
        logging.getLogger("urllib3").setLevel(logging.INFO)
        self._target: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if self._target is None:
            raise ValueError(
                f"channel {name}: Apprise knows no such address; see its documentation of the service's address"
            )
        self._apprise: Any = apprise

    def __repr__(self) -> str:
        return f"Messenger({self.name})"

    def send(self, letter: Letter) -> Attempt:
        kind = {"high": "failure", "medium": "warning"}.get(letter.severity or "low", "info")
        _STATUSES.forget()
        try:
            taken = bool(self._target.notify(body=letter.text, title=letter.subject, notify_type=kind))
        except Exception as error:  # noqa: BLE001 a service's plugin may raise anything, with the address in its text
            return Attempt(
                Outcome.RETRY, f"the messenger's plugin failed: {type(error).__name__}", unsure=True
            )
        if taken:
            return Attempt(Outcome.DELIVERED)
        return _judged(_STATUSES.last)

    def close(self) -> None:
        """Apprise ends by its own timeouts of a few seconds."""


class _Statuses(logging.Filter):
    """Keeps the last HTTP status that Apprise spoke of in this thread, and lets nothing of what it said through."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = threading.local()

    @property
    def last(self) -> int | None:
        return getattr(self._seen, "status", None)

    def forget(self) -> None:
        self._seen.status = None

    def filter(self, record: logging.LogRecord) -> bool:
        found = _ERROR.search(record.getMessage())
        if found:
            self._seen.status = int(found.group(1))
        return False


_STATUSES = _Statuses()


def _judged(status: int | None) -> Attempt:
    if status is None:
        return Attempt(Outcome.RETRY, "the messenger did not take it and did not say why", unsure=True)
    text = f"the messenger's service answered {status}"
    if status in _CLOSING:
        return Attempt(Outcome.CLOSED, f"{text}; check the channel's address file")
    if status in _REFUSED:
        return Attempt(Outcome.REFUSED, f"{text}; it does not take this message")
    return Attempt(Outcome.RETRY, text, unsure=status in (500, 502, 504))
