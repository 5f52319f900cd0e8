"""Bounds that every message must keep. What lies outside is refused whole (see `contract.refusal`)."""

from __future__ import annotations

SCHEMA = 1  # the wire version spoken here; a higher one is refused with a reason

MESSAGE_MAX_BYTES = 128 * 1024
GRID_MAX_CELLS = 4096
CELL_MIN_M, CELL_MAX_M, CELL_DEFAULT_M = 0.5, 5.0, 2.0
SITE_MAX_M = 20_000.0  # no site is larger; a coordinate beyond it is a calibration error
PERIOD_MIN_S, PERIOD_MAX_S, PERIOD_DEFAULT_S = 0.2, 60.0, 1.0
DENSITY_MAX_PER_M2 = 12.0  # above what bodies allow (Itaewon is reported at 7.7 to 10.7)
PEOPLE_OUTSIDE_MAX = 100_000.0
VEHICLES_MAX = 500
CROSSINGS_MAX = 200
CROSSING_COUNT_MAX = 100_000
SPEED_MAX_M_S = 100.0
SEQ_MAX = 2**53 - 1  # the largest integer every JSON reader keeps exact

CLOCK_OFFSET_CORRECTED_S = 2.0  # a device clock further off than this is corrected and flagged
FUTURE_MAX_S = 5.0  # refused when further ahead than this after correction

REFUSED_KEPT = 1000
REFUSED_KEPT_BYTES = 4096

# Words of the topic tree that can name no agent and no camera.
RESERVED = frozenset({"hub", "zone", "alert", "config", "cmd"})
