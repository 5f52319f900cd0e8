"""Marked frames -> examples -> a head fitted to one camera, and what it finds in frames it was not fitted to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.homography import inside
from contract.site_file import Camera
from edge.combined_file import bound_name
from edge.detections import Detections, PeopleMap
from edge.detector import Detector, free_fixed_sides
from edge.ground import Ground
from models.calibrate.frames import Picture, masked, read_picture
from models.calibrate.grids import Counted, Counter, errors_of
from models.calibrate.marks import Floats, Marked, MarksUnusable, within
from models.density import fit, layers, target
from models.density.errors import Errors
from models.density.fit import Example, Plan
from models.density.general import general
from models.density.head import About, Head, HeadWrong, fresh, read
from models.density.taps import Backbone, Taps, taps_of
from models.manifest import Model

STEPS: Final = 400
BATCH: Final = 4
RATE: Final = 2e-3
UNKNOWN_SPREAD: Final = 1.2
"""Deviation, in cells, of a head's mark where the person's height is not known. [E]"""
HELD_OUT_ONE_IN: Final = 5
LEAST_TILE: Final = 20
SHARED_CELLS: Final = 2
"""Tiles: cells a side at least, and cells that neighbours share on each side of their border. [E]"""

Told = Callable[[str, int, int], None]
"""(what, done, of): progress."""


@dataclass(frozen=True, slots=True)
class Features:
    """One marked frame as the head sees it. `points_px`: heads under no mask, in pixels of the calibrated picture."""

    name: str
    example: Example
    mirrored: Example
    boxes: Detections
    map_px: tuple[float, float]
    points_px: Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture: features, boxes, and sides of a map's cell, the last two in pixels of the calibrated picture."""

    near: NDArray[np.float32]
    far: NDArray[np.float32]
    boxes: Detections
    map_px: tuple[float, float]


class Looked:
    """One camera's detector, opened for its features. Makes `Features` of marked pictures."""

    def __init__(self, detector: Detector, content: bytes, camera: Camera, ground: Ground) -> None:
        """`detector` at the input size to fit at; `content`: its file."""
        self.detector, self.camera, self.ground = detector, camera, ground
        self.taps: Taps = taps_of(detector.model)
        fixed_px = detector.model.input.fixed_px
        self.backbone = Backbone(
            content if fixed_px is None else free_fixed_sides(content, fixed_px), self.taps
        )

    def features(self, one: Marked) -> Features:
        """Raises MarksUnusable: a picture of another shape, a point outside."""
        picture = masked(read_picture(one.picture), self.camera, f"picture {one.picture}")
        height, width = picture.shape[:2]
        within(one, width, height)
        to_calibration = np.array([self.camera.picture.width / width, self.camera.picture.height / height])
        points = one.points_px * to_calibration
        for mask in self.camera.masks:
            points = points[~inside(mask, points)]
        boxes = self.detector.detect(picture)
        across, down = to_calibration
        boxes = Detections(
            (boxes.boxes_xyxy * np.array([across, down, across, down])).astype(np.float32),
            boxes.scores,
            boxes.kinds,
        )
        _, input_across, input_down = self.detector.tensor(picture)
        heads_px = points / to_calibration * (input_across, input_down)
        example = self._example(picture, heads_px, points)
        mirrored = self._example(np.ascontiguousarray(picture[:, ::-1]), heads_px, points, mirror=True)
        cell_px = (target.CELL_PX / input_across * across, target.CELL_PX / input_down * down)
        return Features(one.name, example, mirrored, boxes, cell_px, points)

    def seen(self, one: Marked) -> Seen:
        """As `features`, without what only a fit needs."""
        picture = masked(read_picture(one.picture), self.camera, f"picture {one.picture}")
        tensor, input_across, input_down = self.detector.tensor(picture)
        across = self.camera.picture.width / picture.shape[1]
        down = self.camera.picture.height / picture.shape[0]
        found = self.detector.detect(picture)
        boxes = (found.boxes_xyxy * np.array([across, down, across, down])).astype(np.float32)
        near, far = self.backbone.features(tensor)
        return Seen(
            near,
            far,
            Detections(boxes, found.scores, found.kinds),
            (target.CELL_PX / input_across * across, target.CELL_PX / input_down * down),
        )

    def _example(
        self, picture: Picture, heads_px: Floats, points: Floats, *, mirror: bool = False
    ) -> Example:
        tensor, _, down = self.detector.tensor(picture)
        near, far = self.backbone.features(tensor)
        rows, columns = near.shape[1:]
        if mirror:
            heads_px = np.stack([columns * target.CELL_PX - 1e-3 - heads_px[:, 0], heads_px[:, 1]], axis=1)
        known = self._known(rows, columns, mirror)
        return Example(
            near.astype(np.float16),
            far.astype(np.float16),
            target.target(heads_px, self._spread(points, down), rows, columns),
            known,
        )

    def _spread(self, points: Floats, input_down: float) -> NDArray[np.float32] | float:
        """Deviation of each mark from the height that a person there has in the network's input."""
        if not self.ground.heads_usable or points.shape[0] == 0:
            return UNKNOWN_SPREAD
        feet_m = self.ground.heads_to_site(points)
        tall = np.full(points.shape[0], np.nan)
        known = np.isfinite(feet_m).all(axis=1)
        tall[known] = self.ground.tall_px(feet_m[known])
        tall = np.where(np.isfinite(tall), tall, np.nanmedian(tall) if np.isfinite(tall).any() else 60.0)
        return target.spread_cells(tall * input_down)

    def _known(self, rows: int, columns: int, mirror: bool) -> NDArray[np.float32] | None:
        """0 where a mask lies over the middle of a cell."""
        if not self.camera.masks:
            return None
        x = (np.arange(columns) + 0.5) * self.camera.picture.width / columns
        y = (np.arange(rows) + 0.5) * self.camera.picture.height / rows
        grid_x, grid_y = np.meshgrid(x, y)
        points = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
        known = np.ones(points.shape[0], np.float32)
        for mask in self.camera.masks:
            known[inside(mask, points)] = 0.0
        grid = known.reshape(rows, columns)
        return np.ascontiguousarray(grid[:, ::-1]) if mirror else grid


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fitted head with what it says of itself, and its held-out frames on the ground."""

    head: Head
    held_out: tuple[Counted, ...]
    errors: Errors


def start_of(model: Model, file: Path | None, fresh: bool) -> Head | None:
    """What a fit starts from: the head in a file, the general head of the package, or none. Raises HeadWrong."""
    if file is None:
        return None if fresh else general(model)
    start = read(file)
    if start.about.backbone_sha256 != model.sha256:
        raise HeadWrong(f"head {file}: belongs to {start.about.backbone}, not to this {model.name}")
    return start


def begin(looked: Looked, features: Sequence[Features], start: Head | None, seed: int) -> Head:
    """The head to start from: `start` with its scale and threshold folded into its weights, or a fresh one."""
    if start is None:
        near = np.mean([one.example.near.astype(np.float32).std(axis=(1, 2)) for one in features], axis=0)
        far = np.mean([one.example.far.astype(np.float32).std(axis=(1, 2)) for one in features], axis=0)
        model = looked.detector.model
        about = About(backbone=model.name, backbone_sha256=model.sha256, tall_px=(0.0, 0.0), trained_on="")
        return fresh(about, looked.taps, seed, near, far)
    scale = np.float32(start.scale)
    return replace(
        start,
        last=start.last * scale,
        last_bias=(start.last_bias - np.float32(start.threshold)) * scale,
        scale=1.0,
        threshold=0.0,
    )


def fitted(
    begun: Head, features: Sequence[Features], *, steps: int, seed: int, checkpoints: Path, told: Told
) -> Head:
    """The head after `steps`. A fit of the same frames and marks that was interrupted goes on."""
    examples = [part for one in features for whole in (one.example, one.mirrored) for part in _tiles(whole)]
    plan = Plan(steps=steps, batch=BATCH, rate=RATE, seed=seed)
    checkpoint = checkpoints / f"fit-{_digest(begun, features, plan)}.npz"
    head = fit.fit(
        begun,
        examples,
        plan,
        checkpoint=checkpoint,
        progress=lambda done, of, loss: told(f"fitting, loss {loss:.4f}", done, of),
    )
    checkpoint.unlink(missing_ok=True)
    return head


def _tiles(example: Example) -> list[Example]:
    """A frame in parts that share a few cells: a step on one part costs a quarter, and frames mix in each batch.

    Parts begin and end on even cells, since a far feature covers two.
    """
    rows, columns = example.target.shape
    parts = []
    for down in _halves(rows):
        for across in _halves(columns):
            far = (
                slice(None),
                slice(down.start // 2, down.stop // 2),
                slice(across.start // 2, across.stop // 2),
            )
            parts.append(
                Example(
                    example.near[:, down, across],
                    example.far[far],
                    np.ascontiguousarray(example.target[down, across]),
                    None if example.known is None else np.ascontiguousarray(example.known[down, across]),
                )
            )
    return parts


def _halves(cells: int) -> tuple[slice, ...]:
    if cells < 2 * LEAST_TILE:
        return (slice(0, cells),)
    middle = cells // 4 * 2
    return slice(0, middle + SHARED_CELLS), slice(middle - SHARED_CELLS, cells)


def counted(looked: Looked, head: Head, features: Sequence[Features]) -> tuple[Counted, ...]:
    """What boxes and the head's map find in marked frames, and what was marked, on the ground."""
    counter = Counter(looked.ground)
    found = []
    for one in features:
        cells = layers.density(head, one.example.near, one.example.far)
        people_map = PeopleMap(cells, *one.map_px, spread_known=True)
        seen = Detections(one.boxes.boxes_xyxy, one.boxes.scores, one.boxes.kinds, people_map)
        found.append(counter.counted(seen, counter.marked(one.points_px)))
    return tuple(found)


def finished(
    head: Head,
    looked: Looked,
    *,
    site: str,
    trained: Sequence[Features],
    held_out: Sequence[Features],
    input_px: tuple[int, int],
    created_at: str,
) -> Outcome:
    """The head with its measured errors and what it is bound to. Raises `ErrorsUnusable`."""
    frames = counted(looked, head, held_out)
    errors = errors_of(frames, "marks")
    error = [float(one.mapped.sum() - one.true.sum()) for one in frames if one.mapped is not None]
    box_error = [float(one.boxes.sum() - one.true.sum()) for one in frames]
    camera = looked.camera
    heights = looked.ground.person_heights_px()
    down = (
        looked.detector.network_size(camera.picture.height, camera.picture.width)[0] / camera.picture.height
    )
    tall = (float(heights.min()) * down, float(heights.max()) * down) if heights.size else (0.0, 0.0)
    about = msgspec.structs.replace(
        head.about,
        camera=bound_name(site, camera),
        calibration=camera.calibration,
        input_px=input_px,
        tall_px=(round(tall[0], 1), round(tall[1], 1)),
        trained_on=f"{len(trained)} frames of camera {bound_name(site, camera)}, marked by hand",
        created_at=created_at,
        frames=tuple(one.name for one in trained),
        bands=(),
        held_out={
            "frames": float(len(frames)),
            "people_a_frame": round(float(np.mean([one.true.sum() for one in frames])), 3),
            "mae": round(float(np.mean(np.abs(error))), 3),
            "bias": round(float(np.mean(error)), 3),
            "detector_mae": round(float(np.mean(np.abs(box_error))), 3),
            "detector_bias": round(float(np.mean(box_error)), 3),
        },
        errors=errors,
    )
    return Outcome(replace(head, about=about), frames, errors)


def _digest(begun: Head, features: Sequence[Features], plan: Plan) -> str:
    whole = hashlib.sha256(repr(plan).encode())
    for array in begun.arrays().values():
        whole.update(array.tobytes())
    for one in features:
        whole.update(one.name.encode() + one.example.target.tobytes() + one.example.near.tobytes())
    return whole.hexdigest()[:16]


def split(features: Sequence[Features], kept: NDArray[np.bool_]) -> tuple[list[Features], list[Features]]:
    """Frames to fit to, and held-out ones. Raises MarksUnusable where either has nobody in it."""
    to_fit = [one for one, out in zip(features, kept, strict=True) if not out]
    held_out = [one for one, out in zip(features, kept, strict=True) if out]
    for part, said in ((to_fit, "frames to fit to"), (held_out, "held-out frames")):
        if not any(len(one.points_px) for one in part):
            raise MarksUnusable(
                f"not one head is marked in the {len(part)} {said}; mark more frames with people"
            )
    return to_fit, held_out
