"""Points in time on the wire: ISO 8601, UTC, milliseconds. Inside, they are integer Unix milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

Instant = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$(?!\n)",
        description="ISO 8601 in UTC with milliseconds, such as 2026-06-20T18:00:00.200Z",
        examples=["2026-06-20T18:00:00.200Z"],
    ),
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=4096)  # cameras whose windows end together say the same instants
def to_ms(instant: str) -> int:
    """Unix milliseconds of an `Instant`. Raises ValueError for a date that does not exist (month 13)."""
    return (datetime.fromisoformat(instant) - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=1024)  # one instant is written many times
def from_ms(unix_ms: int) -> str:
    """The `Instant` of Unix milliseconds. Raises OverflowError outside the years 1 to 9999."""
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z"
