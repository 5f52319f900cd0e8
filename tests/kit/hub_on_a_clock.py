"""`python -m tests.kit.hub_on_a_clock CONFIG CLOCK`: a hub whose clock is the number in a file, in Unix milliseconds.

So a test can let an hour pass, in another process and over a kill -9, without waiting for it.
"""

from __future__ import annotations

import logging
import mmap
import struct
import sys
from pathlib import Path

from hub.app import create_app
from hub.config import read_config, settings

POLL_S = 0.02


class FileClock:
    """Any process may set it; reading costs no call of the system."""

    def __init__(self, path: Path, *, start_ms: int | None = None) -> None:
        if start_ms is not None:
            path.write_bytes(struct.pack("<q", start_ms))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> int:
        now_ms: int = struct.unpack("<q", self._memory[:8])[0]
        return now_ms

    def set(self, now_ms: int) -> None:
        self._memory[:8] = struct.pack("<q", now_ms)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for name in ("httpx", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    config = Path(sys.argv[1])
    found = settings(read_config(config), folder=config.resolve().parent, file=config)
    create_app(found, clock=FileClock(Path(sys.argv[2])), poll_s=POLL_S).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
