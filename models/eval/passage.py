"""A run of frames through the edge's own parts: ground, tracker, windows. Detections in, readings and sightings out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from contract import limits
from contract.geometry import GroundGrid
from contract.messages import ModelRef, Reading
from contract.site_file import SharedSite
from edge.detections import KINDS, Detections
from edge.ground import Ground
from edge.readings import Readings
from edge.sighting import Sight, Sighting
from models.density.errors import Bands, Errors
from models.eval.recording import Look
from models.eval.story_folder import captured_ms
from models.scenes.truth import FrameTruth, PersonTruth


@dataclass(frozen=True, slots=True)
class Passage:
    """What the edge made of the frames of one camera: a sighting for each frame, and the readings it would send."""

    camera: str
    ground: Ground
    sightings: tuple[Sighting, ...]
    readings: tuple[Reading, ...]


def countable(frame: FrameTruth, grid: GroundGrid) -> list[PersonTruth]:
    """Those whom a camera could see: some of them shows, or only other people hide them."""
    found = []
    for person in frame.people:
        cell = grid.frame.cell_of(person.x_m, person.y_m)
        if person.visible > 0.0 or (cell is not None and bool(grid.observed[cell])):
            found.append(person)
    return found


def labels(frames: Iterable[FrameTruth]) -> tuple[Look, ...]:
    """What a perfect detector sees: the true box of every countable person, and of each vehicle that shows."""
    return tuple(_labels(truth) for truth in frames)


def _labels(truth: FrameTruth) -> Look:
    people = [one.box_xyxy for one in countable(truth, GroundGrid.from_wire(truth.grid))]
    machines = [one for one in truth.vehicles if one.visible > 0.0]
    boxes = np.array([*people, *(one.box_xyxy for one in machines)], np.float32).reshape(-1, 4)
    kinds = np.array([0] * len(people) + [KINDS.index(one.kind) for one in machines], np.uint8)
    seen = Detections(boxes, np.ones(len(boxes), np.float32), kinds)
    return Look(captured_ms(truth), truth.picture == "good", seen)


def passage(
    site: SharedSite,
    camera: str,
    looks: Sequence[Look],
    *,
    boot: str,
    period_s: float = limits.PERIOD_DEFAULT_S,
    model: ModelRef | None = None,
    errors: Errors | Bands | None = None,
) -> Passage:
    """Runs the looks through a fresh edge; `errors`: as measured of what looked (edge/readings.py).

    Raises KeyError for an unknown camera, GroundUnusable, HeadsUnseen.
    """
    one = site.camera(camera)
    ground = Ground(one, site.cell_m)
    sight = Sight(camera=one, ground=ground, detector=_Nothing(), boot=boot)
    readings = Readings(
        site=site.site, camera=one, boot=boot, period_s=period_s, ground=ground, model=model, errors=errors
    )
    sightings: list[Sighting] = []
    sent: list[Reading] = []
    for look in looks:
        sent += readings.advance(look.captured_ms)
        sighting = sight.tell(look.seen, captured_ms=look.captured_ms, usable=look.usable)
        readings.add(sighting)
        sightings.append(sighting)
    sent += readings.close()
    return Passage(camera, ground, tuple(sightings), tuple(sent))


class _Nothing:
    """Stands where a camera's detector would: the looks are known already."""

    def detect(self, picture_bgr: object) -> Detections:
        raise AssertionError("a passage is told its detections")
