"""The hub's clock: Unix milliseconds that never stand still and never go back while the hub runs.

A clock on the wall that is set back would hold time still for the rules: cameras heard before it would seem live,
and nothing new would count. So from there on this clock goes by the machine's monotonic one, and says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("hub.wall_clock")

SET_BACK_SAID_NS = 1_000_000_000


class WallClock:
    """Call it for now. Set ahead it follows; set back it goes on as before. Any thread may call."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._guard = threading.Lock()
        self._last_ns, self._at_ns = wall_ns(), monotonic_ns()
        self._behind = False

    def __call__(self) -> int:
        with self._guard:
            at_ns, wall_ns = self._monotonic_ns(), self._wall_ns()
            expected_ns = self._last_ns + max(0, at_ns - self._at_ns)
            self._last_ns, self._at_ns = max(wall_ns, expected_ns), at_ns
            behind = expected_ns - wall_ns > SET_BACK_SAID_NS
            if behind and not self._behind:
                log.warning(
                    "this machine's clock was set back by %.1f s; the hub goes on by its own count, so that no "
                    "timer stands still. Check the machine's time source and start the hub anew in a quiet moment",
                    (expected_ns - wall_ns) / 1e9,
                )
            self._behind = behind
            return self._last_ns // 1_000_000
