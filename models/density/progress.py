"""One line on a terminal, rewritten; a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final

PLAIN_EVERY_S: Final = 30.0


class Bar:
    """Call it with how much is done, of how much, and perhaps a word."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun_s: float | None = None
        self._first = 0
        self._said_s = 0.0

    def __call__(self, done: int, of: int, word: str = "") -> None:
        now = time.monotonic()
        if self._begun_s is None:
            self._begun_s, self._first = now, done
        left = ""
        if done > self._first and done < of:
            pace = (now - self._begun_s) / (done - self._first)
            left = f"{pace * (of - done) / 60:.0f} min left"
        filled = round(28 * done / max(1, of))
        line = f"{self._what} [{'#' * filled}{'.' * (28 - filled)}] {done}/{of} {left} {word}"
        if sys.stderr.isatty():
            print(f"\r{line:<100}", end="\n" if done >= of else "", file=sys.stderr, flush=True)
        elif now - self._said_s > PLAIN_EVERY_S or done >= of:
            self._said_s = now
            print(line, file=sys.stderr, flush=True)
