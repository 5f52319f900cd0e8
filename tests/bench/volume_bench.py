"""How much a town's link carries: bytes a day for 20 cameras at one reading a second."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from contract.geometry import GridFrame, GroundGrid
from contract.messages import ModelRef, Reading
from contract.topics import READING

CAMERAS = 20
DAY_S = 86_400
MQTT_OVERHEAD_BYTES = 4 + 2 + 4 + 66  # PUBLISH header, packet id, PUBACK, and one TCP/IP header on Ethernet


def _reading(rows: int, columns: int, people: int) -> Reading:
    rng = np.random.default_rng(7)
    shape = (rows, columns)
    counts = np.zeros(shape)
    for row, column in rng.integers((rows, columns), size=(people, 2)):
        counts[row, column] += 1.0
    grid = GroundGrid(
        GridFrame(2.0, 0, 0, columns, rows),
        counts,
        np.where(counts > 0, 0.4, 0.1),
        np.ones(shape, bool),
        np.ones(shape, bool),
    )
    return Reading(
        schema=1,
        site="demo-campus",
        agent="demo-box",
        camera="mast",
        boot="0123456789abcdef0123",
        seq=123_456,
        oldest_seq=123_455,
        period_s=1.0,
        captured_from="2026-06-20T18:00:00.000Z",
        captured_to="2026-06-20T18:00:01.000Z",
        sent_at="2026-06-20T18:00:01.100Z",
        clock="rtcp",
        frames_used=10,
        frames_dropped=0,
        model=ModelRef(name="ssdlite-mobilenet-v2", sha256_12="0123456789ab"),
        calibration="0123456789ab",
        grid=grid.to_wire(),
        people_outside_grid=0.0,
        vehicles=(),
        crossings=(),
    )


def measure() -> dict[str, Any]:
    """GB (10^9 bytes) a day, on the wire, without TLS and without vehicles in motion."""
    found: dict[str, Any] = {}
    for name, rows, columns in (("400_cells", 20, 20), ("1200_cells", 30, 40)):
        payload = len(msgspec.json.encode(_reading(rows, columns, 200)))
        message = (
            payload
            + MQTT_OVERHEAD_BYTES
            + len(READING.address(site="demo-campus", agent="demo-box", camera="mast"))
        )
        found[f"reading_bytes_{name}"] = payload
        found[f"gb_a_day_{CAMERAS}_cameras_{name}"] = round(message * CAMERAS * DAY_S / 1e9, 2)
    return found
