"""What one camera saw in one frame, in site metres: masks, detector, tracker and ground put in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from contract.geometry import BoolGrid
from contract.homography import Floats
from contract.messages import ClockSource, Crossing, VehicleTrack
from contract.site_file import Camera
from edge.crossings import LineCounter
from edge.detections import Detections
from edge.frame import Frame, Picture
from edge.ground import Ground
from edge.health import PictureHealth
from edge.masks import Masks
from edge.tracker import Track, Tracker, TrackIds
from edge.vehicles import Vehicles

SHAPE_TOLERANCE: Final = 0.02
"""A stream's aspect may differ from the calibration's by this share (1088 coded lines for 1080). [E]"""


class Detects(Protocol):
    """What is needed of a detector: a network in production, a drawn truth in tests."""

    def detect(self, picture_bgr: Picture) -> Detections: ...


class PictureMismatch(ValueError):
    """The stream's picture cannot be the one that was calibrated."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Facts of one analysed frame. `people_m`: (n, 2), NaN where off the surfaces. `hidden`: cells behind vehicles.

    `usable` is False while the picture is frozen, dark, covered or moved: then nothing was observed, and neither
    vehicles nor crossings are told.
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

    def see(self, frame: Frame) -> Sighting:
        """Analyses one frame; its picture is masked in place. Raises PictureMismatch."""
        picture = frame.picture_bgr
        if picture.shape[:2] != self._picture_size:
            self._fit_to(picture.shape[1], picture.shape[0])
        assert self._masks is not None
        self._masks.burn(picture)
        usable = self.health.observe(picture, frame.captured_ms).usable
        seen = self._detector.detect(picture)
        boxes = seen.boxes_xyxy * self._to_calibration
        seen = Detections(boxes.astype(np.float32), seen.scores, seen.kinds)
        people, vehicles = seen.kinds == 0, seen.kinds != 0
        placed = self.ground.place(boxes[people], boxes[vehicles])
        tracks = self._tracker.update(seen, frame.captured_ms)
        alive = self._tracker.alive(_is_vehicle)
        facts = self._vehicles.update(list(filter(_is_vehicle, tracks)), alive, frame.captured_ms)
        if self.camera.lines:
            self._count_crossings(tracks, boxes)
        crossings = self._lines.take()
        return Sighting(
            captured_ms=frame.captured_ms,
            clock=frame.clock,
            dropped=frame.dropped,
            usable=usable,
            people_m=placed.points_m,
            hidden=self.ground.hidden_cells(boxes[vehicles]),
            vehicles=facts if usable else (),
            vehicle_moving=usable and self._vehicles.any_moving(alive),
            crossings=crossings if usable else (),
        )

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
        if tracks:
            boxes = np.stack([track.box_xyxy for track in tracks])
            placed = self.ground.place(boxes, all_boxes)
            for track, point_m, by_head in zip(tracks, placed.points_m, placed.by_head, strict=True):
                if track.id is None or not np.isfinite(point_m).all() or (track.is_person and by_head):
                    continue
                precision_m = self.ground.precision_m(float(point_m[0]), float(point_m[1]))
                self._lines.step(track.id, track.kind, point_m, precision_m)
        self._lines.forget(track.id for track in self._tracker.alive(_any) if track.id is not None)


def _is_vehicle(track: Track) -> bool:
    return not track.is_person


def _any(track: Track) -> bool:
    return True
