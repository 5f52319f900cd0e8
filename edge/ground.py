"""From boxes in the picture to people on the ground: one camera's surfaces, grid and coverage.

Boxes and points in pixels are of the picture that the calibration was made on (`camera.picture`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from contract import limits
from contract.geometry import BoolGrid, FloatGrid, GridFrame
from contract.homography import Bools, Floats, Homography, NotFittable, inside, plane, precision
from contract.site_file import Camera

HEAD_HEIGHT_M: Final = 1.65
"""Mean height of the heads of standing people; the plane on which a head places its owner (contract.md). [E]"""
CALIBRATION_ERROR_PX: Final = 3.0
"""The pixel error that a covered cell must bear (contract.md)."""
FOOTPRINT_M: Final = 0.5
"""Side of the square that one person takes up when shared between cells. [E]"""
SIGMA_FLOOR: Final = 0.1
SIGMA_PER_PERSON: Final = 0.3
"""Standard deviation of a cell's count where the model's errors were not measured (models/count_errors.py): the floor,
and what each person adds in quadrature. [E]"""
SHORT_BOX: Final = 0.85
"""A box lower than this share of a standing person's height there may have lost its feet. [E]"""
HIDDEN_SHARE: Final = 0.5
"""Share of a box's lowest quarter that a nearer box must cover to hide the feet. [E]"""
CUT_SHARE: Final = 0.01
"""A box that ends this close to the picture's edge, as a share of its height, is cut by it. [E]"""
TOES_M: Final = 0.1
"""A box ends at the toes nearest to the camera; the person stands so much further. [E]"""
SAMPLES_ACROSS_CELL: Final = 5
BODY_PARTS: Final = (0.25, 0.5, 0.75)
"""Where a standing person must be seen, from feet 0 to head 1: at most of these. [E]"""
EDGE_STEP_PX: Final = 8
HIDDEN_BELOW_CAMERA_M: Final = 0.5
"""A camera must hang this much above the heads for their plane to say anything. [E]"""


class GroundUnusable(ValueError):
    """A calibration that no reading can rest on; the message names the camera and what to do."""


@dataclass(frozen=True, slots=True)
class Placed:
    """People on the ground. `points_m`: (n, 2), NaN where the picture shows no ground. `by_head`: (n,)."""

    points_m: Floats
    by_head: Bools


class Ground:
    """What one camera's pixels mean in site metres. Immutable."""

    def __init__(self, camera: Camera, cell_m: float) -> None:
        """Raises GroundUnusable when a surface cannot be fitted or no cell is precise enough."""
        self.camera = camera
        try:
            self.planes: tuple[Homography, ...] = tuple(plane(camera, surface) for surface in camera.surfaces)
        except NotFittable as wrong:
            raise GroundUnusable(str(wrong)) from None
        self._eye_m = np.asarray(camera.position_m, np.float64)
        self.heads_usable = camera.height_m > HEAD_HEIGHT_M + HIDDEN_BELOW_CAMERA_M
        self.frame = self._frame(cell_m)
        centre_x, centre_y = self.frame.centres_m()
        centres = np.stack([centre_x.ravel(), centre_y.ravel()], axis=1)
        self._centres_px = self.to_picture(centres)
        # From a low camera heads lie at the horizon and say nothing; there hidden feet alone hide a person.
        self._heads_px = self.to_picture(self._shadow(centres)) if self.heads_usable else self._centres_px
        self.covered: BoolGrid = self._covered()
        if not self.covered.any():
            raise GroundUnusable(
                f"camera {camera.id}: no cell of {cell_m:g} m is precise enough; "
                "zoom in, hang the camera higher, or raise cell_m"
            )
        self.metres_per_pixel: FloatGrid = precision(camera, self.planes, centre_x, centre_y)
        self._placement = self._placement_variance(cell_m)

    def _frame(self, cell_m: float) -> GridFrame:
        corners: list[Floats] = []
        width, height = self.camera.picture.width, self.camera.picture.height
        grid_x, grid_y = np.meshgrid(
            np.arange(0, width + 1, EDGE_STEP_PX), np.arange(0, height + 1, EDGE_STEP_PX)
        )
        pixels = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1).astype(np.float64)
        for surface, homography in zip(self.camera.surfaces, self.planes, strict=True):
            points = homography.to_site(pixels[inside(surface.polygon, pixels)])
            points = points[np.isfinite(points).all(axis=1)]
            sharp = homography.metres_per_pixel(points[:, 0], points[:, 1]) * CALIBRATION_ERROR_PX < cell_m
            corners.append(points[sharp])
        seen = np.concatenate(corners)
        if seen.size == 0:
            raise GroundUnusable(
                f"camera {self.camera.id}: nowhere does a {CALIBRATION_ERROR_PX:g}-pixel error stay under "
                f"{cell_m:g} m; check the point pairs, zoom in, or raise cell_m"
            )
        low, high = seen.min(axis=0), seen.max(axis=0)
        frame = GridFrame.around((float(low[0]), float(low[1]), float(high[0]), float(high[1])), cell_m)
        if frame.columns * frame.rows > limits.GRID_MAX_CELLS:
            raise GroundUnusable(
                f"camera {self.camera.id}: its ground takes {frame.columns} x {frame.rows} cells, at most "
                f"{limits.GRID_MAX_CELLS} are allowed; bound it with the surface's polygon, or raise cell_m"
            )
        return frame

    def _covered(self) -> BoolGrid:
        """Cells of which at least half is seen, unmasked and precise, and whose people show more than their feet."""
        frame, n = self.frame, SAMPLES_ACROSS_CELL
        within = (np.arange(n) + 0.5) / n
        x = (frame.column0 + (np.arange(frame.columns)[:, None] + within).ravel()) * frame.cell_m
        y = (frame.row0 + (np.arange(frame.rows)[:, None] + within).ravel()) * frame.cell_m
        grid_x, grid_y = np.meshgrid(x, y)
        sharp = precision(self.camera, self.planes, grid_x, grid_y) * CALIBRATION_ERROR_PX < frame.cell_m
        share = sharp.reshape(frame.rows, n, frame.columns, n).mean(axis=(1, 3))
        return np.asarray((share >= 0.5) & self._bodies_seen())

    def _bodies_seen(self) -> BoolGrid:
        """Cells at whose middle most of a standing person is in the picture and not masked."""
        parts = []
        for up in BODY_PARTS:
            points_px = self._centres_px + up * (self._heads_px - self._centres_px)
            seen = _within(
                points_px, np.array([0.0, 0.0, self.camera.picture.width, self.camera.picture.height])
            )
            for mask in self.camera.masks:
                seen &= ~inside(mask, points_px)
            parts.append(seen)
        return np.asarray(np.mean(parts, axis=0) > 0.5).reshape(self.frame.shape)

    def _placement_variance(self, cell_m: float) -> FloatGrid:
        """Variance that one person adds because a wrong pixel may put them into the next cell: q (1 - q)."""
        error_m = (
            np.where(np.isfinite(self.metres_per_pixel), self.metres_per_pixel, cell_m) * CALIBRATION_ERROR_PX
        )
        moved = np.minimum(0.5, error_m / cell_m / 2.0)
        return np.asarray(moved * (1.0 - moved))

    def _surface_at(self, points_px: Floats) -> npt.NDArray[np.intp]:
        """Index of the surface under each pixel; -1 where there is none."""
        found = np.full(points_px.shape[0], -1, dtype=np.intp)
        for index in reversed(range(len(self.planes))):
            found[inside(self.camera.surfaces[index].polygon, points_px)] = index
        return found

    def to_site(self, points_px: Floats) -> Floats:
        """Ground points (n, 2) in metres under pixels (n, 2); NaN where no surface lies."""
        points_m = np.full(points_px.shape, np.nan)
        surface = self._surface_at(points_px)
        for index, homography in enumerate(self.planes):
            here = surface == index
            if here.any():
                points_m[here] = homography.to_site(points_px[here])
        return points_m

    def to_site_anywhere(self, points_px: Floats) -> Floats:
        """As `to_site`, but pixels off every surface, or outside the picture, lie on the first surface's plane."""
        points_m = self.to_site(points_px)
        off = np.isnan(points_m[:, 0])
        if off.any():
            points_m[off] = self.planes[0].to_site(points_px[off])
        return points_m

    def precision_m(self, points_m: Floats) -> Floats:
        """Metres (n,) that a 1-pixel error moves each point (n, 2), in the worst direction; infinite where unseen."""
        x_m, y_m = points_m[:, 0], points_m[:, 1]
        return np.asarray(np.min([one.metres_per_pixel(x_m, y_m) for one in self.planes], axis=0))

    def to_picture(self, points_m: Floats) -> Floats:
        """Pixels of site points, by the first surface that shows them."""
        pixels = np.full(points_m.shape, np.nan)
        for surface, homography in zip(self.camera.surfaces, self.planes, strict=True):
            through = homography.to_picture(points_m)
            here = np.isnan(pixels[:, 0]) & inside(surface.polygon, through)
            pixels[here] = through[here]
        # A head above far ground may leave the polygon; the first surface still says where it is.
        rest = np.isnan(pixels[:, 0])
        pixels[rest] = self.planes[0].to_picture(points_m[rest])
        return pixels

    def shadow_of(self, points_m: Floats, raised_m: float) -> Floats:
        """Where the rays from the camera over these points, raised from the ground, meet it. Camera above them."""
        height_m = self.camera.height_m
        return np.asarray(self._eye_m + (points_m - self._eye_m) * (height_m / (height_m - raised_m)))

    def under(self, points_m: Floats, raised_m: float) -> Floats:
        """The inverse of `shadow_of`: the ground under what is seen, at that height, where these points lie."""
        height_m = self.camera.height_m
        return np.asarray(self._eye_m + (points_m - self._eye_m) * ((height_m - raised_m) / height_m))

    def _shadow(self, points_m: Floats) -> Floats:
        """The same for the heads of people who stand there."""
        return self.shadow_of(points_m, HEAD_HEIGHT_M)

    def place(self, people_xyxy: Floats, others_xyxy: Floats) -> Placed:
        """People on the ground: by the foot, or by the head where the feet are hidden.

        `people_xyxy` (n, 4): boxes to place. `others_xyxy` (m, 4): boxes of vehicles, which can hide feet too.
        """
        n = people_xyxy.shape[0]
        if n == 0:
            return Placed(np.zeros((0, 2)), np.zeros(0, np.bool_))
        middle = (people_xyxy[:, 0] + people_xyxy[:, 2]) / 2.0
        # A box that ends on the picture's last line still stands inside it.
        lowest = np.minimum(people_xyxy[:, 3], self.camera.picture.height - 0.01)
        feet = np.stack([middle, lowest], axis=1)
        surface = self._surface_at(feet)
        points_m = self._behind_toes(self.to_site(feet))
        by_head = np.zeros(n, np.bool_)
        if self.heads_usable:
            cut = self._cut(people_xyxy)
            hidden = cut | (_feet_hidden(people_xyxy, others_xyxy) & self._short(people_xyxy, points_m))
            heads = np.stack([middle, people_xyxy[:, 1]], axis=1)
            for i in np.flatnonzero(hidden):
                homography = self.planes[max(0, int(surface[i]))]
                shadow = homography.to_site(heads[i])[0]
                if np.isfinite(shadow).all():
                    points_m[i] = self.under(shadow, HEAD_HEIGHT_M)
                    by_head[i] = True
        return Placed(points_m, by_head)

    def _behind_toes(self, points_m: Floats) -> Floats:
        away = points_m - self._eye_m
        distance = np.maximum(np.hypot(away[:, 0], away[:, 1]), 1.0)[:, None]
        return np.asarray(points_m + away / distance * TOES_M)

    def heads_to_site(self, heads_px: Floats) -> Floats:
        """Where those stand whose heads are at these pixels (n, 2); NaN where no surface lies under them.

        On each surface a head is taken to be 1.65 m up; the first surface whose polygon then holds the feet counts.
        """
        points_m = np.full(heads_px.shape, np.nan)
        share = (self.camera.height_m - HEAD_HEIGHT_M) / self.camera.height_m
        for surface, homography in zip(self.camera.surfaces, self.planes, strict=True):
            rest = np.flatnonzero(np.isnan(points_m[:, 0]))
            if rest.size == 0:
                break
            feet_m = self._eye_m + (homography.to_site(heads_px[rest]) - self._eye_m) * share
            feet_px = homography.to_picture(feet_m)
            # Feet below the picture's last line stand on the ground that runs on there.
            feet_px[:, 1] = np.minimum(feet_px[:, 1], self.camera.picture.height - 0.01)
            under = inside(surface.polygon, feet_px)
            points_m[rest[under]] = feet_m[under]
        return points_m

    def person_heights_px(self) -> Floats:
        """Height in the picture of a person on each covered cell, in pixels; empty where `heads_usable` is False."""
        if not self.heads_usable:
            return np.zeros(0)
        height = np.linalg.norm(self._centres_px - self._heads_px, axis=1)[self.covered.ravel()]
        return np.asarray(height[np.isfinite(height)])

    def tall_px(self, points_m: Floats) -> Floats:
        """Height in the picture of a person who stands at these points (n, 2); NaN where that is not known."""
        return np.asarray(
            np.linalg.norm(self.to_picture(points_m) - self.to_picture(self._shadow(points_m)), axis=1)
        )

    def _cut(self, boxes_xyxy: Floats) -> Bools:
        """Boxes that the picture's lower edge cuts, and whose head is in the picture."""
        height = self.camera.picture.height
        return np.asarray(
            (boxes_xyxy[:, 3] >= height * (1.0 - CUT_SHARE)) & (boxes_xyxy[:, 1] > height * CUT_SHARE)
        )

    def _short(self, boxes_xyxy: Floats, points_m: Floats) -> Bools:
        """Boxes clearly lower than a person who stands where the box ends; also where that is not known."""
        head_px = self.to_picture(self._shadow(points_m))
        expected = boxes_xyxy[:, 3] - head_px[:, 1]
        tall = (boxes_xyxy[:, 3] - boxes_xyxy[:, 1]) >= SHORT_BOX * expected
        return np.asarray(~(np.isfinite(expected) & tall))

    def spread(self, points_m: Floats) -> tuple[FloatGrid, float]:
        """People per cell (rows, columns), each shared by area between cells; and how many lie outside."""
        _, cell, share = self.shares(points_m)
        grid = np.asarray(np.bincount(cell, share, minlength=self.covered.size), np.float64).reshape(
            self.frame.shape
        )
        return grid, max(0.0, float(points_m.shape[0]) - float(grid.sum()))

    def shares(self, points_m: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
        """Which points (n, 2) lie in which covered cell: point, flat cell and share of the footprint, (k,) each.

        NaN points and what lies outside the covered cells have no entry.
        """
        known = np.flatnonzero(np.isfinite(points_m).all(axis=1))
        cell_m, columns, rows = self.frame.cell_m, self.frame.columns, self.frame.rows
        low = (points_m[known] - FOOTPRINT_M / 2.0) / cell_m - (self.frame.column0, self.frame.row0)
        first = np.floor(low).astype(np.intp)
        # Share of the footprint that lies beyond the first cell, along x and along y.
        beyond = np.clip((low + FOOTPRINT_M / cell_m - (first + 1)) * cell_m / FOOTPRINT_M, 0.0, 1.0)
        points, cells, shares = [], [], []
        for dx in (0, 1):
            share_x = beyond[:, 0] if dx else 1.0 - beyond[:, 0]
            for dy in (0, 1):
                share = share_x * (beyond[:, 1] if dy else 1.0 - beyond[:, 1])
                column, row = first[:, 0] + dx, first[:, 1] + dy
                within = (column >= 0) & (column < columns) & (row >= 0) & (row < rows) & (share > 0.0)
                cell = row[within] * columns + column[within]
                covered = self.covered.ravel()[cell]
                points.append(known[within][covered])
                cells.append(cell[covered])
                shares.append(share[within][covered])
        return np.concatenate(points), np.concatenate(cells), np.concatenate(shares)

    def placement_sigma(self, people: FloatGrid) -> FloatGrid:
        """Standard deviation from placement alone: what this camera's geometry costs, however good the detector."""
        return np.asarray(np.sqrt(people * self._placement))

    def sigma(self, people: FloatGrid) -> FloatGrid:
        """Standard deviation of the people in each cell for a model whose errors nobody measured. [E]"""
        return np.asarray(np.sqrt(SIGMA_FLOOR**2 + people * (SIGMA_PER_PERSON**2 + self._placement)))

    def hidden_cells(self, vehicles_xyxy: Floats) -> BoolGrid:
        """Cells where a standing person would be wholly behind a vehicle's box."""
        hidden = np.zeros(self._centres_px.shape[0], np.bool_)
        for box in vehicles_xyxy:
            hidden |= _within(self._centres_px, box) & _within(self._heads_px, box)
        return hidden.reshape(self.frame.shape)

    def report(self) -> str:
        """How good the calibration is, in words, for `check` and the log."""
        lines = []
        for surface, homography in zip(self.camera.surfaces, self.planes, strict=True):
            pairs = len(homography.errors_m)
            if pairs == 4:
                lines.append(
                    f"surface {surface.id}: 4 pairs meet exactly, so they show no error; add a fifth"
                )
            else:
                worst = int(np.argmax(homography.errors_m))
                pixel = surface.points[worst].pixel
                lines.append(
                    f"surface {surface.id}: {pairs} pairs, error {homography.rms_m:.2f} m rms, "
                    f"{homography.max_m:.2f} m at most (pixel {pixel[0]:g}, {pixel[1]:g})"
                )
        sharp = self.metres_per_pixel[self.covered & np.isfinite(self.metres_per_pixel)]
        median = float(np.median(sharp)) if sharp.size else math.inf
        lines.append(
            f"{int(self.covered.sum())} cells of {self.frame.cell_m:g} m covered, {median:.3f} m a pixel in the middle"
        )
        return "; ".join(lines)


def _within(points_px: Floats, box: Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (points_px[:, 0] >= box[0])
            & (points_px[:, 0] <= box[2])
            & (points_px[:, 1] >= box[1])
            & (points_px[:, 1] <= box[3])
        )


def _feet_hidden(people_xyxy: Floats, others_xyxy: Floats) -> Bools:
    """People whose lowest quarter is covered by a box that ends lower, so that it stands nearer."""
    n = people_xyxy.shape[0]
    boxes = np.concatenate([people_xyxy, others_xyxy]) if others_xyxy.size else people_xyxy
    left, bottom, right = people_xyxy[:, 0], people_xyxy[:, 3], people_xyxy[:, 2]
    top = bottom - 0.25 * (bottom - people_xyxy[:, 1])
    across = np.minimum(right[:, None], boxes[:, 2]) - np.maximum(left[:, None], boxes[:, 0])
    down = np.minimum(bottom[:, None], boxes[:, 3]) - np.maximum(top[:, None], boxes[:, 1])
    covered = np.maximum(across, 0.0) * np.maximum(down, 0.0)
    area = np.maximum((right - left) * (bottom - top), 1e-9)
    nearer = boxes[:, 3] > bottom[:, None] + 2.0
    nearer[np.arange(n), np.arange(n)] = False
    return np.asarray(((covered / area[:, None] >= HIDDEN_SHARE) & nearer).any(axis=1))
