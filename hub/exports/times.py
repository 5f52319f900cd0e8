"""Times in files: local to the site, with the offset that held then. And what people type for a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_SPACE_FOR_PLUS = re.compile(r" (\d\d:?\d\d)$")
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class NoTime(ValueError):
    """A text that is no time; the message says what to write."""


def local(unix_ms: int, zone: ZoneInfo) -> str:
    """ISO 8601 with offset, to the second, or to the millisecond where there are any."""
    moment = datetime.fromtimestamp(unix_ms / 1000, zone)
    return moment.isoformat(timespec="milliseconds" if unix_ms % 1000 else "seconds")


def moment_ms(text: str, zone: ZoneInfo) -> int:
    """Unix milliseconds of a date or time in ISO 8601; without an offset it is the site's time. Raises NoTime."""
    try:
        # a plus sign that was not escaped in an address arrives as a space
        found = datetime.fromisoformat(_SPACE_FOR_PLUS.sub(r"+\1", text.strip()))
        moment = found if found.tzinfo is not None else found.replace(tzinfo=zone)
        if not _FIRST <= moment <= _LAST:
            raise ValueError("out of range")
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise NoTime(
            f"{text[:40]!r} is no time; write 2026-06-20, 2026-06-20T18:00 or 2026-06-20T18:00:00+03:00"
        ) from None
