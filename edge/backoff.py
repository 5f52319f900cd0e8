"""How long to wait before the next try: exponential, with full jitter, so that many agents do not return at once.

Ten lines instead of a library: tenacity and stamina draw their jitter from the global random state, and our tests
give it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.5
MOST_S: Final = 30.0
"""First and longest wait. [E]"""


class Backoff:
    """Waits between half of and all of `first_s` doubled with every failure, up to `most_s`."""

    def __init__(
        self, *, first_s: float = FIRST_S, most_s: float = MOST_S, draw: Callable[[], float] = random.random
    ) -> None:
        """`draw` gives numbers from 0 to 1."""
        self._first_s, self._most_s, self._draw = first_s, most_s, draw
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one more failure."""
        ceiling_s = min(self._most_s, self._first_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return ceiling_s * (0.5 + 0.5 * self._draw())

    def succeeded(self) -> None:
        """Begin again from the first wait."""
        self._failures = 0
