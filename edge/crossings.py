"""Counting lines: who crossed, which way, counted once however a foot point flickers.

A track has to stand clear of the line on one side, then clear on the other, and on the way it must last have passed
between the line's ends. Inside the band around the line nothing is decided, so a point that trembles counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from contract import limits
from contract.messages import Crossing, CrossingKind
from contract.site_file import CountingLine

BAND_M: Final = 0.25
"""Half width of the band around a line in which no side is taken. [E]"""
BAND_PX: Final = 3.0
"""The band is at least this many pixels wide there, since that is how well a foot is known. [E]"""
BEYOND_M: Final = 0.19
"""So far beyond its ends a line still counts, since no foot is known better. [E]"""

Point = npt.NDArray[np.float64]


class LineCounter:
    """Counts crossings of one camera's lines."""

    def __init__(self, lines: Sequence[CountingLine]) -> None:
        self._lines = [
            (line.id, np.asarray(line.start, np.float64), np.asarray(line.end, np.float64)) for line in lines
        ]
        # (track, line) -> on which side the track last stood clear (+1 left, -1 right).
        self._clear: dict[tuple[str, str], int] = {}
        # (track, line) -> its last point, and whether it last went over the line between the ends.
        self._way: dict[tuple[str, str], tuple[Point, bool]] = {}
        self._counts: dict[tuple[str, str], list[int]] = {}

    def step(self, track: str, kind: str, point_m: Point, metres_per_pixel: float) -> None:
        """Takes one sighting of a track's foot point."""
        band_m = max(BAND_M, BAND_PX * metres_per_pixel)
        for name, start, end in self._lines:
            along = end - start
            length = float(np.hypot(*along))
            left_m = float(along[0] * (point_m[1] - start[1]) - along[1] * (point_m[0] - start[0])) / length
            key = (track, name)
            way = self._way.get(key)
            between = way is not None and way[1]
            if way is not None and _sides_differ(way[0], point_m, start, end):
                between = _cut(way[0], point_m, start, end, BEYOND_M)
            self._way[key] = (point_m.copy(), between)
            if abs(left_m) < band_m:
                continue
            side = 1 if left_m > 0 else -1
            before = self._clear.get(key)
            self._clear[key] = side
            if before is not None and before != side and between:
                count = self._counts.setdefault((name, kind), [0, 0])
                count[0 if side < 0 else 1] += 1

    def forget(self, alive: Iterable[str]) -> None:
        """Drops what is known of tracks that have ended."""
        living = set(alive)
        self._clear = {key: value for key, value in self._clear.items() if key[0] in living}
        self._way = {key: value for key, value in self._way.items() if key[0] in living}

    def take(self) -> tuple[Crossing, ...]:
        """The crossings since the last call, by line and kind."""
        counts, self._counts = self._counts, {}
        most = limits.CROSSING_COUNT_MAX
        return tuple(
            Crossing(
                line=line,
                kind=cast(CrossingKind, kind),
                forward=min(most, forward),
                backward=min(most, backward),
            )
            for (line, kind), (forward, backward) in sorted(counts.items())
        )


def _left_of(point: Point, start: Point, end: Point) -> float:
    """Twice the area that the point spans with the line: positive on its left."""
    return float((end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0]))


def _sides_differ(a: Point, b: Point, start: Point, end: Point) -> bool:
    return (_left_of(a, start, end) > 0.0) != (_left_of(b, start, end) > 0.0)


def _cut(a: Point, b: Point, start: Point, end: Point, beyond_m: float) -> bool:
    """Whether the way from a to b, which changes sides, passes between the line's ends, or so little beyond them."""
    of_a, of_b = _left_of(a, start, end), _left_of(b, start, end)
    at = a + (b - a) * (of_a / (of_a - of_b))
    along = end - start
    length = float(np.hypot(*along))
    share = float((at - start) @ along) / length
    return -beyond_m <= share <= length + beyond_m
