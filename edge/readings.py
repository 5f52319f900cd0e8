"""A window of sightings as one Reading. Windows lie on whole UTC multiples of the period, in capture time."""

from __future__ import annotations

from typing import Final

import numpy as np

from contract import limits
from contract.geometry import GroundGrid
from contract.instants import from_ms
from contract.messages import ClockSource, Crossing, Grid, ModelRef, Reading, VehicleTrack
from contract.site_file import Camera
from edge.fusion import boxes_sigma, fused
from edge.ground import Ground
from edge.hidden_heads import with_hidden
from edge.sighting import Sighting
from models.density.errors import Bands, Errors

MOVING_PERIOD_MS: Final = 200
"""Period of the short readings while a motor vehicle moves (contract.md)."""
OBSERVED_SHARE: Final = 0.5
"""A cell was observed when it was in view in at least this share of the window's frames. [E]"""
CLOCK_STEP_MS: Final = 10_000
"""A capture time this far behind is a clock set back, not a late frame. [E]"""


class _Window:
    """Sums over the frames of one window."""

    def __init__(self, ground: Ground, from_ms_: int, to_ms: int) -> None:
        self.from_ms = from_ms_
        self.to_ms = to_ms
        self.frames = 0
        self.usable = 0
        self.dropped = 0
        self.outside = 0.0
        self.people = np.zeros(ground.frame.shape)
        self.mapped = np.zeros(ground.frame.shape)
        self.maps = 0
        self.map_outside = 0.0
        self.in_view = np.zeros(ground.frame.shape, np.int32)
        self.crossings: dict[tuple[str, str], list[int]] = {}

    def add(self, ground: Ground, seen: Sighting) -> None:
        self.frames += 1
        self.dropped += seen.dropped
        for crossing in seen.crossings:
            count = self.crossings.setdefault((crossing.line, crossing.kind), [0, 0])
            count[0] += crossing.forward
            count[1] += crossing.backward
        if not seen.usable:
            return
        self.usable += 1
        people, outside = ground.spread(seen.people_m)
        in_view = ~seen.hidden
        self.people += people * in_view
        self.in_view += in_view
        self.outside += outside
        if seen.mapped is not None:
            self.maps += 1
            self.mapped += seen.mapped.people * in_view
            self.map_outside += seen.mapped.outside


class Readings:
    """Turns one camera's sightings into readings, numbered from 0 in this boot.

    Call `advance` with each frame's time before analysing it, then `add` with what it showed: so a window is sent as
    soon as it is over, not one inference later.
    """

    def __init__(
        self,
        *,
        site: str,
        camera: Camera,
        boot: str,
        period_s: float,
        ground: Ground,
        model: ModelRef | None,
        errors: Errors | Bands | None = None,
    ) -> None:
        """`errors`: as measured, of the people map and the detector where there is a map, else of the detector alone.

        Without them the standard deviations are `Ground.sigma`'s.
        """
        self._site, self._camera, self._boot = site, camera, boot
        self._period_s = period_s
        self._period_ms = round(period_s * 1000)
        self._ground = ground
        self._model = model
        self._errors = errors
        self._calibration = camera.calibration
        self._seq = 0
        self._window: _Window | None = None
        self._short: _Window | None = None
        self._vehicles: tuple[VehicleTrack, ...] = ()
        self._moving = False
        self._clock: ClockSource = "arrival"
        self._closed_ms: dict[int, int] = {}

    def advance(self, to_ms: int) -> list[Reading]:
        """The readings of all windows that end at or before `to_ms`, oldest first.

        A window that lies ahead by more than `CLOCK_STEP_MS` was opened by a clock since set back, and ends too.
        """
        done: list[Reading] = []
        short, window = self._short, self._window
        ended = [
            one
            for one in (short, window)
            if one is not None and (one.to_ms <= to_ms or one.from_ms > to_ms + CLOCK_STEP_MS)
        ]
        for one in sorted(ended, key=lambda one: one.to_ms):
            if one is window:
                self._window = None
                grid, outside = self._grid(one)
                done.append(self._reading(one, grid, outside, _crossings(one)))
            else:
                self._short = None
                if self._moving and (window is None or one.to_ms != window.to_ms):
                    done.append(self._reading(one, None, 0.0, ()))
        return done

    def add(self, seen: Sighting) -> None:
        """Takes in one sighting. Call `advance(seen.captured_ms)` before; late frames count in the open window."""
        if self._window is None:
            self._window = self._opened(seen.captured_ms, self._period_ms)
        self._window.add(self._ground, seen)
        if self._period_ms > MOVING_PERIOD_MS:
            if self._short is None:
                self._short = self._opened(seen.captured_ms, MOVING_PERIOD_MS)
            self._short.frames += 1
            self._short.dropped += seen.dropped
        self._vehicles, self._moving, self._clock = seen.vehicles, seen.vehicle_moving, seen.clock

    def close(self) -> list[Reading]:
        """The reading of the window still open, at the end of footage or at shutdown."""
        return [] if self._window is None else self.advance(self._window.to_ms)

    def due_ms(self) -> int | None:
        """When the next reading is due; None while no window is open."""
        if self._window is None:
            return None
        if self._moving and self._short is not None:
            return min(self._short.to_ms, self._window.to_ms)
        return self._window.to_ms

    def _opened(self, captured_ms: int, period_ms: int) -> _Window:
        begin = captured_ms // period_ms * period_ms
        # Windows of one kind never overlap, except after a clock was set back.
        closed = self._closed_ms.get(period_ms, begin)
        if captured_ms < closed <= captured_ms + CLOCK_STEP_MS:
            begin = closed
        self._closed_ms[period_ms] = begin + period_ms
        return _Window(self._ground, begin, begin + period_ms)

    def _grid(self, window: _Window) -> tuple[Grid, float]:
        """The window's mean count per cell, and people outside the cells."""
        ground, errors = self._ground, self._errors
        cell_m = ground.frame.cell_m
        observed = ground.covered & (window.in_view >= max(1.0, OBSERVED_SHARE * window.frames))
        looks = np.maximum(window.in_view, 1)
        people = np.where(observed, window.people / looks, 0.0)
        outside = window.outside / max(window.usable, 1)
        if isinstance(errors, Errors) and window.usable and window.maps == window.usable:
            both = fused(
                boxes=people,
                mapped=np.where(observed, window.mapped / looks, 0.0),
                boxes_outside=outside,
                map_outside=window.map_outside / window.maps,
                seen=observed,
                cell_m=cell_m,
                measured=errors,
            )
            people, sigma, outside = both.people, both.sigma_people, both.outside
            if errors.against == "marks":
                people, sigma = with_hidden(people, sigma, observed, ground)
        elif errors is None or isinstance(errors, Errors):
            sigma = ground.sigma(people)
        else:
            sigma = np.maximum(boxes_sigma(people, observed, cell_m, errors), ground.placement_sigma(people))
        people = np.minimum(people, limits.DENSITY_MAX_PER_M2 * cell_m**2)
        sigma = np.where(observed, sigma, 0.0)
        return GroundGrid(ground.frame, people, sigma, ground.covered, observed).to_wire(), outside

    def _reading(
        self, window: _Window, grid: Grid | None, outside: float, crossings: tuple[Crossing, ...]
    ) -> Reading:
        reading = Reading(
            schema=limits.SCHEMA,
            site=self._site,
            agent=self._camera.agent,
            camera=self._camera.id,
            boot=self._boot,
            seq=self._seq,
            oldest_seq=0,
            period_s=self._period_s,
            captured_from=from_ms(window.from_ms),
            captured_to=from_ms(window.to_ms),
            sent_at=from_ms(window.to_ms),
            clock=self._clock,
            frames_used=window.frames,
            frames_dropped=window.dropped,
            model=self._model,
            calibration=self._calibration,
            grid=grid,
            people_outside_grid=round(min(outside, limits.PEOPLE_OUTSIDE_MAX), 2),
            vehicles=self._vehicles,
            crossings=crossings,
        )
        self._seq += 1
        return reading


def _crossings(window: _Window) -> tuple[Crossing, ...]:
    return tuple(
        Crossing(line=line, kind=kind, forward=forward, backward=backward)  # type: ignore[arg-type]
        for (line, kind), (forward, backward) in sorted(window.crossings.items())
    )[: limits.CROSSINGS_MAX]
