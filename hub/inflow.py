"""How fast places fill, and when they would reach the critical number: method 2, "time to critical".

People per cell are kept as means over 5 s for 120 s. The trend of a place is the Theil-Sen slope over those means, of
the cells that were seen throughout, so that a camera that comes or goes is not taken for people. Where counting lines
close a zone's boundary they give the net inflow too, and the larger of the two stands.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from contract.intake import Observation
from contract.phrase import Phrase, say
from hub.crowd import (
    CRITICAL_PER_M2,
    SLOPE_Z,
    Slope,
    UntilCritical,
    box_sum,
    theil_sen,
    theil_sen_all,
    time_to_critical,
)
from hub.ground import Ground
from hub.merge import Fused
from hub.site import Zone

BIN_MS = 5_000
WINDOW_MS = 120_000
SPAN_MIN_MS = 60_000  # [E] no trend from less
NEIGHBOURHOODS_M = (6.0, 10.0, 20.0)
# [E] Of the critical number: below this a family arriving would look like a crush ten minutes away.
FILLED_MIN = 0.2
_COMMON_MIN = 0.5  # [E] of a place must have been seen throughout
_BINS = WINDOW_MS // BIN_MS
_CANDIDATES = 2
_LOOK_AHEAD_S = 3600.0


@dataclass(slots=True)
class _Bin:
    """Sums over one bin while it is open."""

    index: int
    people: FloatGrid
    seen: FloatGrid
    samples: int = 0


@dataclass(frozen=True, slots=True)
class _ClosedBin:
    """Mean people per cell, where they were observed, and the people there of each zone."""

    index: int
    means: FloatGrid
    observed: BoolGrid
    zones: FloatGrid


@dataclass(frozen=True, slots=True)
class _Window:
    """The closed bins, oldest first: each of `means` and `observed` has the shape of the ground."""

    t_s: list[float]
    means: list[FloatGrid]
    observed: list[BoolGrid]
    common: BoolGrid


@dataclass(frozen=True, slots=True)
class Arrival:
    """The soonest critical moment of one zone: where, from how many towards how many, how fast, how soon."""

    where: Phrase | str
    at_m: tuple[float, float] | None
    people: float
    critical_people: float
    inflow_per_s: Slope
    until: UntilCritical


@dataclass(frozen=True, slots=True)
class _Crude:
    """Seconds until critical for the square around each cell, flat; infinite where it does not fill."""

    size_m: float
    cells: int
    until_s: FloatGrid


@dataclass(frozen=True, slots=True)
class _Squares:
    """What the squares of one size hold of the ground seen at both ends of a window; `usable` see enough of it."""

    observed: BoolGrid
    walkable: FloatGrid
    usable: BoolGrid
    scale: FloatGrid


@dataclass(frozen=True, slots=True)
class ZoneInflow:
    """`known` is False while there is no trend to speak of; then nothing is said about arrival."""

    known: bool
    net_per_s: Slope | None
    soonest: Arrival | None


UNKNOWN_INFLOW = ZoneInflow(False, None, None)


@dataclass(slots=True)
class Inflow:
    """Takes the fused ground in at each capture instant; answers for each zone when its last bin is full."""

    ground: Ground
    zones: tuple[Zone, ...]
    _open: _Bin | None = None
    _closed: deque[_ClosedBin] = field(default_factory=lambda: deque(maxlen=_BINS))
    _lines: dict[str, deque[tuple[int, int, int, int]]] = field(default_factory=dict)
    _answers: tuple[ZoneInflow, ...] = ()
    _answered: int = -1
    _walkable: dict[int, FloatGrid] = field(default_factory=dict)
    _squares: dict[int, _Squares] = field(default_factory=dict)

    def count_crossings(self, observation: Observation, lines: tuple[str, ...]) -> None:
        """Takes the crossings of people over the camera's lines; a line not named was crossed by nobody."""
        reading = observation.reading
        if not lines or (reading.grid is None and not reading.crossings):
            return
        # not the reading's own times: those are before the device's clock was corrected
        start, end = observation.captured_from_ms, observation.captured_to_ms
        people = [c for c in reading.crossings if c.kind == "person"]
        for line in lines:
            forward = sum([c.forward for c in people if c.line == line]) if people else 0
            backward = sum([c.backward for c in people if c.line == line]) if people else 0
            kept = self._lines.get(line)
            if kept is None:
                kept = self._lines[line] = deque()
            kept.append((start, end, forward, backward))
            while kept and kept[0][1] <= end - WINDOW_MS:
                kept.popleft()

    def sample(self, fused: Fused, captured_ms: int) -> None:
        """Adds what is seen at a capture instant. Instants never go back; an older one is left out."""
        index = captured_ms // BIN_MS
        last = self._open
        if last is not None and index < last.index:
            return
        if last is not None and index > last.index:
            self._closed.append(self._close(last))
            last = None
        if last is None:
            last = self._open = _Bin(index, np.zeros(fused.people.shape), np.zeros(fused.people.shape))
        last.people += fused.people * fused.observed
        last.seen += fused.observed
        last.samples += 1

    def _close(self, full: _Bin) -> _ClosedBin:
        means, observed = full.people / np.maximum(full.seen, 1.0), full.seen * 2 >= full.samples
        before = self._closed[-1].observed if self._closed else None
        if before is not None and np.array_equal(before, observed):
            observed = before  # so that it is known at a glance to be the same
        share = self.ground.place_share[: len(self.zones)]
        return _ClosedBin(full.index, means, observed, share @ (means * observed).ravel())

    def zones_at(self, captured_ms: int | None) -> tuple[ZoneInflow, ...]:
        """One answer for each zone, worked out anew when a bin has closed."""
        if captured_ms is None or self._open is None:
            return (UNKNOWN_INFLOW,) * len(self.zones)
        if self._open.index != self._answered:
            self._answered = self._open.index
            self._answers = self._answer_all(self._open.index)
        return self._answers

    def _answer_all(self, now: int) -> tuple[ZoneInflow, ...]:
        bins = [one for one in self._closed if now - _BINS <= one.index]
        if not bins or (bins[-1].index - bins[0].index) * BIN_MS < SPAN_MIN_MS:
            return (UNKNOWN_INFLOW,) * len(self.zones)
        newest, observed = bins[-1], [one.observed for one in bins]
        same = all(one is newest.observed for one in observed)
        window = _Window(
            [one.index * BIN_MS / 1000.0 for one in bins],
            [one.means for one in bins],
            observed,
            newest.observed if same else np.logical_and.reduce(observed),
        )
        common = window.common.ravel()
        count = len(self.zones)
        share, room = self.ground.place_share[:count], self.ground.place_m2[:count]
        if same:
            counts = np.stack([one.zones for one in bins], axis=1)
        else:
            counts = np.stack([share @ (means.ravel() * common) for means in window.means], axis=1)
        slopes = theil_sen_all(window.t_s, counts)
        here = newest.zones.tolist()
        seen = (room @ common).tolist()
        crude = self._crude(window)
        return tuple(
            self._answer(
                zone,
                window,
                seen[zone] >= _COMMON_MIN * self.ground.zones[zone].total_m2,
                slopes[zone],
                here[zone],
                now * BIN_MS,
                crude,
            )
            for zone in range(count)
        )

    def _answer(
        self,
        zone: int,
        window: _Window,
        seen: bool,
        by_count: Slope | None,
        here: float,
        until_ms: int,
        crude: list[_Crude],
    ) -> ZoneInflow:
        """Not `seen`: less than half of the zone was seen throughout, so only its neighbourhoods have a trend."""
        found = self._neighbourhoods(zone, window, crude)
        if not seen:
            soonest = _soonest(found)
            return ZoneInflow(soonest is not None, None, soonest)
        slope = _faster(self._through_lines(zone, until_ms), by_count)
        if slope is None:
            return UNKNOWN_INFLOW
        name, safe = self.ground.zones[zone].name, self.ground.safe_occupancy[zone]
        return ZoneInflow(True, slope, _soonest([self._arrival(name, None, here, safe, slope), *found]))

    def _through_lines(self, zone: int, until_ms: int) -> Slope | None:
        """Net inflow over the counting lines that close the zone; None unless each has watched 90 of 120 s."""
        boundary = self.zones[zone].boundary
        if not boundary:
            return None
        inward = outward = 0
        covered_ms = WINDOW_MS
        for edge in boundary:
            windows = [w for w in self._lines.get(edge.line, ()) if until_ms - WINDOW_MS < w[1] <= until_ms]
            covered_ms = min(covered_ms, sum(end - start for start, end, _, _ in windows))
            forward, backward = sum(w[2] for w in windows), sum(w[3] for w in windows)
            inward += forward if edge.inward == "forward" else backward
            outward += backward if edge.inward == "forward" else forward
        if covered_ms < 0.75 * WINDOW_MS:
            return None
        seconds = covered_ms / 1000.0
        net, spread = inward - outward, SLOPE_Z * math.sqrt(inward + outward)
        return Slope(net / seconds, (net - spread) / seconds, (net + spread) / seconds)

    def _crude(self, window: _Window) -> list[_Crude]:
        """A first guess for every square of 6, 10 and 20 m: from its first and its last third alone."""
        third = max(1, len(window.t_s) // 3)
        early, late = _mean(window.means[:third]), _mean(window.means[-third:])
        seconds = max(1.0, window.t_s[-1] - window.t_s[0] - (third - 1) * BIN_MS / 1000.0)
        observed = window.observed[0] & window.observed[-1]
        early, late = early * observed, late * observed
        found = []
        for size_m in NEIGHBOURHOODS_M:
            k = max(1, round(size_m / self.ground.frame.cell_m))
            squares = self._squares_of(k, observed)
            # As full as it is now, not as it was on average over the last third: that is half a minute late.
            now = box_sum(window.means[-1] * observed, k) * squares.scale
            critical = CRITICAL_PER_M2 * squares.walkable
            usable = squares.usable & (now >= FILLED_MIN * critical)
            if not usable.any():
                continue
            rate = box_sum(late - early, k) * squares.scale / seconds
            crude_s = np.full(now.shape, np.inf)
            np.divide(np.maximum(critical - now, 0.0), rate, out=crude_s, where=usable & (rate > 0.0))
            crude_s[usable & (now >= critical)] = 0.0
            if crude_s.min() <= _LOOK_AHEAD_S:
                found.append(_Crude(size_m, k, crude_s.ravel()))
        return found

    def _squares_of(self, k: int, observed: BoolGrid) -> _Squares:
        """Kept for as long as the same ground is seen."""
        known = self._squares.get(k)
        if known is None or not np.array_equal(known.observed, observed):
            if k not in self._walkable:
                self._walkable[k] = box_sum(self.ground.walkable_m2, k)
            walkable = self._walkable[k]
            seen = box_sum(self.ground.walkable_m2 * observed, k)
            usable = (seen >= _COMMON_MIN * walkable) & (seen >= self.ground.cell_m2)
            scale = np.where(usable, walkable / np.where(seen > 0, seen, 1.0), 0.0)
            known = self._squares[k] = _Squares(observed, walkable, usable, scale)
        return known

    def _neighbourhoods(self, zone: int, window: _Window, crude: list[_Crude]) -> list[Arrival | None]:
        """The squares around the zone's cells that fill fastest towards 4.7 per square metre."""
        if not crude:
            return []
        cells = np.flatnonzero(self.ground.zones[zone].cells)
        found: list[Arrival | None] = []
        for guess in crude:
            until_s = guess.until_s[cells]
            for i in np.argsort(until_s, kind="stable")[:_CANDIDATES]:
                if until_s[i] <= _LOOK_AHEAD_S:
                    found.append(self._square(int(cells[i]), guess.cells, guess.size_m, window))
        return found

    def _square(self, flat: int, k: int, size_m: float, window: _Window) -> Arrival | None:
        rows, columns = self.ground.frame.shape
        row, column = divmod(flat, columns)
        before, after = (k - 1) // 2, k // 2 + 1
        box = (
            slice(max(0, row - before), min(rows, row + after)),
            slice(max(0, column - before), min(columns, column + after)),
        )
        room = self.ground.walkable_m2[box]
        common = window.common[box]
        seen_m2, room_m2 = float(room[common].sum()), float(room.sum())
        if seen_m2 < _COMMON_MIN * room_m2 or seen_m2 <= 0.0:
            return None
        people = np.stack([means[box] for means in window.means])
        counts = (people[:, common].sum(axis=1) * (room_m2 / seen_m2)).tolist()
        slope = theil_sen(window.t_s, counts)
        if slope is None:
            return None
        at_m = self.ground.centre_m(flat, k)
        where = say("{size:g} m around ({x:.0f}, {y:.0f})", size=size_m, x=at_m[0], y=at_m[1])
        return self._arrival(where, at_m, counts[-1], CRITICAL_PER_M2 * room_m2, slope)

    def _arrival(
        self,
        where: Phrase | str,
        at_m: tuple[float, float] | None,
        people: float,
        critical: float,
        slope: Slope,
    ) -> Arrival | None:
        if people < FILLED_MIN * critical:
            return None
        until = time_to_critical(people, critical, slope)
        return None if until is None else Arrival(where, at_m, people, critical, slope, until)


def _mean(grids: list[FloatGrid]) -> FloatGrid:
    """Cell by cell, added in order."""
    return np.asarray(np.add.reduce(grids) / len(grids))


def _faster(through_lines: Slope | None, by_count: Slope | None) -> Slope | None:
    """Where both are known the larger inflow stands: a line that misses people must not hide that it fills."""
    known = [slope for slope in (through_lines, by_count) if slope is not None]
    return max(known, key=lambda slope: slope.median, default=None)


def _soonest(arrivals: list[Arrival | None]) -> Arrival | None:
    found = [one for one in arrivals if one is not None]
    return min(found, key=lambda one: one.until.median_s) if found else None
