"""What one camera saw in one frame, in site metres: masks, detector, tracker and ground put in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from contract.homography import Bools, Floats
from contract.messages import ClockSource, Crossing, VehicleTrack
from contract.site_file import Camera
from edge.crossings import LineCounter
from edge.detections import Detections, PeopleMap
from edge.frame import Frame, Picture
from edge.ground import Ground
from edge.health import PictureHealth
from edge.map_ground import MapGround
from edge.masks import Masks
from edge.tracker import CONFIRM_HITS, Track, Tracker, TrackIds
from edge.vehicles import Vehicles

SHAPE_TOLERANCE: Final = 0.02
"""A stream's aspect may differ from the calibration's by this share (1088 coded lines for 1080). [E]"""


class Detects(Protocol):
    """What is needed of a detector: a network in production, a drawn truth in tests."""

    def detect(self, picture_bgr: Picture) -> Detections: ...


class PictureMismatch(ValueError):
    """The stream's picture cannot be the one that was calibrated."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A people map on the ground. `people`: per ground cell (rows, columns); `outside`: beyond the covered cells."""

    people: FloatGrid
    outside: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """Facts of one analysed frame. `people_m`: (n, 2), NaN where off the surfaces. `hidden`: cells behind vehicles.

    `usable` is False while the picture is frozen, dark, covered or moved: then nothing was observed, and neither
    vehicles nor crossings are told. `mapped`: the density model's count, where one is at work.
    """

    captured_ms: int
    clock: ClockSource
    dropped: int
    usable: bool
    people_m: Floats
    hidden: BoolGrid
    vehicles: tuple[VehicleTrack, ...]
    vehicle_moving: bool
    crossings: tuple[Crossing, ...]
    mapped: Mapped | None = None


class Sight:
    """One camera's way from a frame to a sighting. Keeps the tracks; not for use by two threads at once."""

    def __init__(self, *, camera: Camera, ground: Ground, detector: Detects, boot: str) -> None:
        self.camera = camera
        self.ground = ground
        self.health = PictureHealth()
        self._detector = detector
        self._tracker = Tracker(TrackIds(boot, camera.id))
        self._vehicles = Vehicles(ground)
        self._lines = LineCounter(camera.lines)
        self._masks: Masks | None = None
        self._picture_size = (0, 0)
        self._to_calibration: Floats = np.ones(4)
        self._map_ground: MapGround | None = None

    def see(self, frame: Frame) -> Sighting:
        """Analyses one frame; its picture is masked in place. Raises PictureMismatch."""
        picture = frame.picture_bgr
        if picture.shape[:2] != self._picture_size:
            self._fit_to(picture.shape[1], picture.shape[0])
        assert self._masks is not None
        self._masks.burn(picture)
        usable = self.health.observe(picture, frame.captured_ms, frame.key_frames).usable
        seen = self._detector.detect(picture)
        boxes = seen.boxes_xyxy * self._to_calibration
        across, down = self._to_calibration[:2]
        people_map = None if seen.people_map is None else seen.people_map.scaled(across, down)
        seen = Detections(boxes.astype(np.float32), seen.scores, seen.kinds, people_map)
        return self.tell(
            seen, captured_ms=frame.captured_ms, clock=frame.clock, dropped=frame.dropped, usable=usable
        )

    def tell(
        self,
        seen: Detections,
        *,
        captured_ms: int,
        clock: ClockSource = "media",
        dropped: int = 0,
        usable: bool = True,
    ) -> Sighting:
        """What detections mean on the ground: all of `see` that comes after the picture.

        `seen`: boxes and map in pixels of the calibrated picture. `usable`: whether the picture can be trusted.
        Raises HeadsUnseen when there is a map and the camera hangs too low for one.
        """
        boxes = seen.boxes_xyxy.astype(np.float64)
        people, vehicles = seen.kinds == 0, seen.kinds != 0
        placed = self.ground.place(boxes[people], boxes[vehicles])
        tracks = self._tracker.update(seen, captured_ms)
        alive = self._tracker.alive(_is_vehicle)
        facts = self._vehicles.update(list(filter(_is_vehicle, tracks)), alive, captured_ms)
        if self.camera.lines:
            self._count_crossings(tracks, boxes)
        crossings = self._lines.take()
        return Sighting(
            captured_ms=captured_ms,
            clock=clock,
            dropped=dropped,
            usable=usable,
            people_m=placed.points_m,
            hidden=self.ground.hidden_cells(boxes[vehicles]),
            vehicles=facts if usable else (),
            vehicle_moving=usable and self._vehicles.any_moving(alive),
            crossings=crossings if usable else (),
            mapped=self._mapped(seen.people_map),
        )

    def _mapped(self, people_map: PeopleMap | None) -> Mapped | None:
        if people_map is None:
            return None
        if self._map_ground is None or not self._map_ground.fits(people_map):
            self._map_ground = MapGround(self.ground, people_map)
        return Mapped(*self._map_ground.spread(people_map))

    def _fit_to(self, width: int, height: int) -> None:
        meant = self.camera.picture
        across, down = width / meant.width, height / meant.height
        if abs(across / down - 1.0) > SHAPE_TOLERANCE:
            raise PictureMismatch(
                f"camera {self.camera.id}: the picture is {width} x {height}, calibrated was {meant.width} x "
                f"{meant.height}, another shape; choose the calibrated stream, or calibrate this one"
            )
        self._picture_size = (height, width)
        self._to_calibration = np.array([1 / across, 1 / down, 1 / across, 1 / down])
        self._masks = Masks.of(self.camera, width, height)

    def _count_crossings(self, tracks: list[Track], all_boxes: Floats) -> None:
        """Visible feet only: the end of a box whose feet are hidden lies far behind, and its jump is no crossing."""
        for track in tracks:
            # Whoever has just been given an id was followed before: their first foot says where they came from.
            if track.named_ms == track.seen_ms and track.hits == CONFIRM_HITS:
                self._step_all([track], track.first_xyxy[None], all_boxes)
        if tracks:
            self._step_all(tracks, np.stack([track.box_xyxy for track in tracks]), all_boxes)
        self._lines.forget(track.id for track in self._tracker.alive(_any) if track.id is not None)

    def _step_all(self, tracks: list[Track], boxes: Floats, all_boxes: Floats) -> None:
        placed = self.ground.place(boxes, all_boxes)
        known: Bools = np.asarray(np.isfinite(placed.points_m).all(axis=1))
        precision_m = self.ground.precision_m(placed.points_m)
        for i, track in enumerate(tracks):
            if track.id is None or not known[i] or (track.is_person and placed.by_head[i]):
                continue
            self._lines.step(track.id, track.kind, placed.points_m[i], float(precision_m[i]))


def _is_vehicle(track: Track) -> bool:
    return not track.is_person


def _any(track: Track) -> bool:
    return True
