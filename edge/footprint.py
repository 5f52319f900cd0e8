"""Where the middle of a vehicle stands, from the box around it.

A box's lower edge shows the wheels nearest to the camera; the middle of a bus is four metres further. So an outline of
the kind's usual size is stood on the ground, headed as the vehicle moves, where its box would end as the seen one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.ground import Ground

Floats = npt.NDArray[np.float64]

SIZES_M: Final[dict[str, tuple[float, float, float]]] = {
    "bicycle": (1.8, 0.6, 1.1),
    "motorcycle": (2.1, 0.8, 1.3),
    "car": (4.4, 1.8, 1.5),
    "bus": (11.0, 2.5, 3.1),
    "truck": (6.0, 2.1, 2.6),
}
"""Length, width and height of a usual vehicle of each kind; vans count as trucks. [E]"""
SCALE_LOW: Final = 0.7
SCALE_HIGH: Final = 1.5
SCALE_GAIN: Final = 0.2
"""How far a vehicle may differ from its kind's size, and how fast its own is learnt from whole boxes. [E]"""
HEADINGS: Final = 8
"""Directions tried, over half a turn, while a vehicle has not moved. [E]"""
STEPS: Final = 4
"""The cuboid is moved so often; each step leaves about a tenth of the error. [E]"""
CUT_PX: Final = 2.0
"""A box that ends this close to the picture's edge goes on beyond it. [E]"""
CUT_SIGMA: Final = 0.15
"""Standard deviation of a cut vehicle's place, as a share of its length. [E]"""
BELOW_CAMERA_M: Final = 0.5
"""A roof this close under the camera's height has no picture to speak of; then wheels alone are used. [E]"""

WHEELS: Final = (0.0, 0.66, 0.9)
BUMPERS: Final = (0.1, 0.96, 0.7)
FLANKS: Final = (0.1, 0.8, 1.0)
ROOF: Final = (1.0, 0.85, 0.8)
"""What a vehicle's outline touches: height as a share of its own, length and width likewise. Corners are round. [E]"""

_CORNERS: Final = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) / 2.0


@dataclass(frozen=True, slots=True)
class Form:
    """A vehicle's size and direction: `heading_rad` clockwise from north, front and back alike."""

    kind: str
    scale: float = 1.0
    heading_rad: float = 0.0

    def size_m(self) -> tuple[float, float, float]:
        length, width, height = SIZES_M[self.kind]
        return length * self.scale, width * self.scale, height * self.scale


@dataclass(frozen=True, slots=True)
class Footprint:
    """`middle_m` (2,): on the ground. `sigma_m`: how much less sure than a whole box leaves it; 0 for a whole one."""

    middle_m: Floats
    sigma_m: float


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which sides of a box are the picture's edge, not the vehicle's."""

    left: bool
    top: bool
    right: bool
    below: bool

    @property
    def any(self) -> bool:
        return self.left or self.top or self.right or self.below


def footprint(ground: Ground, box_xyxy: Floats, form: Form) -> Footprint | None:
    """Where a vehicle of this form stands whose box is seen. None where the box ends on no surface.

    A box whose wheels are below the picture is placed by its roof.
    """
    cut = _cut(ground, box_xyxy)
    length, _, height = form.size_m()
    by_roof = cut.below and not cut.top and ground.camera.height_m > height + BELOW_CAMERA_M
    # A step of the roof's shadow is a smaller step of the vehicle.
    share = (ground.camera.height_m - height) / ground.camera.height_m if by_roof else 1.0
    seen_px = _reference(box_xyxy, cut, by_roof)
    seen_px[1] = min(seen_px[1], ground.camera.picture.height - 0.01)
    if by_roof:
        shown_m = ground.to_site_anywhere(seen_px[None])[0]
        start_m = ground.under(shown_m, height)
    else:
        shown_m = start_m = ground.to_site(seen_px[None])[0]
    if not np.isfinite(shown_m).all():
        return None
    middle_m = start_m
    for _ in range(STEPS):
        box = box_of(ground, middle_m, form)
        if box is None:
            return Footprint(start_m, length / 2.0)
        reached_m = ground.to_site_anywhere(_reference(box, cut, by_roof)[None])[0]
        if not np.isfinite(reached_m).all():
            return Footprint(start_m, length / 2.0)
        middle_m = middle_m + share * (shown_m - reached_m)
    # Whatever the picture says, the middle is no further from where the box ends than the vehicle is long.
    if math.hypot(*(middle_m - start_m)) > length:
        return Footprint(start_m, length / 2.0)
    if (cut.below and not by_roof) or (cut.left and cut.right):
        return Footprint(middle_m, length / 2.0)
    return Footprint(middle_m, CUT_SIGMA * length if cut.any else 0.0)


def box_of(ground: Ground, middle_m: Floats, form: Form) -> Floats | None:
    """The box (4,) in pixels around a vehicle of this form that stands there; None where it cannot be seen."""
    length, width, height = form.size_m()
    ahead = np.array([math.sin(form.heading_rad), math.cos(form.heading_rad)])
    beside = np.array([ahead[1], -ahead[0]])
    points = []
    for up, share_long, share_wide in (WHEELS, BUMPERS, FLANKS, ROOF):
        corners = (
            middle_m
            + _CORNERS[:, :1] * (length * share_long) * ahead
            + _CORNERS[:, 1:] * (width * share_wide) * beside
        )
        raised_m = up * height
        if raised_m == 0.0:
            points.append(corners)
        elif ground.camera.height_m > raised_m + BELOW_CAMERA_M:
            points.append(ground.shadow_of(corners, raised_m))
    pixels = ground.to_picture(np.concatenate(points))
    if not np.isfinite(pixels).all():
        return None
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def learnt(ground: Ground, box_xyxy: Floats, form: Form, middle_m: Floats) -> Form:
    """The form with its scale moved towards what a whole box shows; unchanged for a box that an edge cuts."""
    if _cut(ground, box_xyxy).any:
        return form
    box = box_of(ground, middle_m, form)
    if box is None:
        return form
    scale = form.scale * math.sqrt(_size_ratio(box_xyxy, box)) ** SCALE_GAIN
    return replace(form, scale=min(SCALE_HIGH, max(SCALE_LOW, scale)))


def headed(ground: Ground, box_xyxy: Floats, form: Form) -> Form:
    """The form turned so that its box has the shape of the seen one: for a vehicle that has not moved yet.

    One that comes in from the side heads across the view, one from below or above along it.
    """
    cut = _cut(ground, box_xyxy)
    if cut.any:
        sight_m = (
            ground.to_site_anywhere(((box_xyxy[:2] + box_xyxy[2:]) / 2.0)[None])[0] - ground.camera.position_m
        )
        if not np.isfinite(sight_m).all():
            return form
        along = math.atan2(sight_m[0], sight_m[1])
        return replace(form, heading_rad=along if cut.below or cut.top else along + math.pi / 2.0)
    best, least = form, math.inf
    for n in range(HEADINGS):
        turned = replace(form, heading_rad=math.pi * n / HEADINGS)
        stands = footprint(ground, box_xyxy, turned)
        box = None if stands is None else box_of(ground, stands.middle_m, turned)
        if box is None:
            continue
        across, down = _ratios(box_xyxy, box)
        off = abs(math.log(across)) + abs(math.log(down))
        if off < least - 1e-9:
            best, least = turned, off
    return best


def _cut(ground: Ground, box: Floats) -> _Cut:
    width, height = ground.camera.picture.width, ground.camera.picture.height
    return _Cut(
        bool(box[0] <= CUT_PX),
        bool(box[1] <= CUT_PX),
        bool(box[2] >= width - CUT_PX),
        bool(box[3] >= height - CUT_PX),
    )


def _reference(box: Floats, cut: _Cut, by_roof: bool) -> Floats:
    """The point of a box that is compared: the middle of its lower edge, or that edge's end where the other is cut.

    Of its upper edge when `by_roof`.
    """
    row = box[1] if by_roof else box[3]
    if cut.left and not cut.right:
        return np.array([box[2], row])
    if cut.right and not cut.left:
        return np.array([box[0], row])
    return np.array([(box[0] + box[2]) / 2.0, row])


def _ratios(seen: Floats, meant: Floats) -> tuple[float, float]:
    across = max(float(seen[2] - seen[0]), 1.0) / max(float(meant[2] - meant[0]), 1.0)
    down = max(float(seen[3] - seen[1]), 1.0) / max(float(meant[3] - meant[1]), 1.0)
    return across, down


def _size_ratio(seen: Floats, meant: Floats) -> float:
    """Area of the seen box as a share of the meant one."""
    across, down = _ratios(seen, meant)
    return across * down
