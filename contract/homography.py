"""From the picture to the ground and back: plane homographies fitted to point pairs, and how precise they are.

Pixels: (n, 2), x to the right, y down, origin at the picture's top left. Metres: (n, 2), site frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.site_file import Camera, Pixel, PointPair, Surface

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Below this the design matrix has a second null vector: the points do not place the plane. [E]
_DEGENERATE = 1e-7
_NEWTON_STEPS = 12


class NotFittable(ValueError):
    """Point pairs that place no plane."""


@dataclass(frozen=True, slots=True)
class Lens:
    """One radial term about `centre_px`: r_d = r (1 + k1 r^2), r in units of `focal_px`.

    The first term of Brown's model (D. C. Brown, Close-range camera calibration, 1971).
    """

    k1: float
    focal_px: float
    centre_px: Pixel

    def distort(self, points_px: npt.ArrayLike) -> Floats:
        """Where an ideal pinhole's pixels fall in the real picture. NaN beyond where the model folds back."""
        offset = (_points(points_px) - self.centre_px) / self.focal_px
        r2 = np.sum(offset**2, axis=1, keepdims=True)
        seen = offset * (1.0 + self.k1 * r2)
        seen[(1.0 + 3.0 * self.k1 * r2[:, 0]) <= 0.0] = np.nan
        return np.asarray(seen * self.focal_px + self.centre_px)

    def undistort(self, points_px: npt.ArrayLike) -> Floats:
        """The inverse of `distort`, to 1e-9 of a radius. NaN where no ideal pixel falls there."""
        offset = (_points(points_px) - self.centre_px) / self.focal_px
        seen_r = np.sqrt(np.sum(offset**2, axis=1))
        if self.k1 < 0.0:
            # The model's largest radius, where its slope 1 + 3 k1 r^2 is zero.
            seen_r[seen_r >= (2.0 / 3.0) / math.sqrt(-3.0 * self.k1)] = np.nan
        r = seen_r / (1.0 + max(self.k1, 0.0) * seen_r**2)  # on the side from which Newton's steps converge
        for _ in range(_NEWTON_STEPS):
            r = r - (r * (1.0 + self.k1 * r**2) - seen_r) / (1.0 + 3.0 * self.k1 * r**2)
        scale = np.ones_like(r)
        np.divide(r, seen_r, out=scale, where=seen_r != 0.0)
        return np.asarray(offset * scale[:, None] * self.focal_px + self.centre_px)

    def jacobian(self, points_px: Floats) -> Floats:
        """Derivative of `distort` at ideal pixels, (n, 2, 2)."""
        offset = (points_px - self.centre_px) / self.focal_px
        r2 = np.sum(offset**2, axis=1)
        outer = offset[:, :, None] * offset[:, None, :]
        eye: Floats = np.eye(2)
        return np.asarray((1.0 + self.k1 * r2)[:, None, None] * eye + 2.0 * self.k1 * outer)


@dataclass(frozen=True, slots=True)
class Homography:
    """One flat surface, picture to site. Made by `fit`.

    `matrix` (3, 3) takes ideal (undistorted) homogeneous pixels to metres; its third row is positive on the near side
    of the horizon. `errors_m`: how far each given pair misses, in metres; `rms_m` and `max_m` sum them up.
    """

    matrix: Floats
    inverse: Floats
    lens: Lens | None
    errors_m: tuple[float, ...]

    @property
    def rms_m(self) -> float:
        return math.sqrt(sum(e * e for e in self.errors_m) / len(self.errors_m))

    @property
    def max_m(self) -> float:
        return max(self.errors_m)

    def to_site(self, points_px: npt.ArrayLike) -> Floats:
        """Metres (n, 2) of pixels (n, 2); NaN at and above the horizon, where a pixel shows no ground."""
        pixels = _points(points_px)
        if self.lens is not None:
            pixels = self.lens.undistort(pixels)
        return _through(self.matrix, pixels)

    def to_picture(self, points_m: npt.ArrayLike) -> Floats:
        """Pixels (n, 2) of site metres (n, 2), also outside the frame; NaN behind the camera."""
        pixels = _through(self.inverse, _points(points_m))
        return pixels if self.lens is None else self.lens.distort(pixels)

    def metres_per_pixel(self, x_m: npt.ArrayLike, y_m: npt.ArrayLike) -> Floats:
        """How far a point at (x_m, y_m) moves when its pixel is off by one, in the worst direction.

        Any shape, returned in that shape; infinite where the surface cannot be seen.
        """
        x, y = np.broadcast_arrays(np.asarray(x_m, np.float64), np.asarray(y_m, np.float64))
        site = np.stack([x.ravel(), y.ravel()], axis=1)
        pixels = _through(self.inverse, site)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            w = pixels @ self.matrix[2, :2] + self.matrix[2, 2]
            slope = (self.matrix[:2, :2] - site[:, :, None] * self.matrix[2, :2]) / w[:, None, None]
            if self.lens is not None:
                bend = self.lens.jacobian(pixels)
                folded = ~(np.linalg.det(np.nan_to_num(bend, nan=0.0)) > 1e-6)
                bend[folded] = np.eye(2)
                slope = slope @ np.linalg.inv(bend)
                slope[folded] = np.nan
            # Largest singular value of a 2 x 2 matrix in closed form.
            half = np.sum(slope**2, axis=(1, 2)) / 2.0
            det = slope[:, 0, 0] * slope[:, 1, 1] - slope[:, 0, 1] * slope[:, 1, 0]
            worst = np.sqrt(half + np.sqrt(np.maximum(half**2 - det**2, 0.0)))
        return np.asarray(np.where(np.isfinite(worst), worst, np.inf).reshape(x.shape))


def fit(pairs: Iterable[PointPair], lens: Lens | None = None) -> Homography:
    """The homography through four or more pairs; more than four are met in the least-squares sense.

    Normalised direct linear transform (Hartley and Zisserman, Multiple View Geometry, 2nd ed., algorithm 4.2).
    Raises NotFittable when there are too few pairs, or too many of them stand on one line.
    """
    pairs = tuple(pairs)
    if len(pairs) < 4:
        raise NotFittable(f"{len(pairs)} point pairs; at least 4 are needed")
    seen = _points([pair.pixel for pair in pairs])
    site = _points([pair.site for pair in pairs])
    pixels = seen if lens is None else lens.undistort(seen)
    if not np.isfinite(pixels).all():
        raise NotFittable("a pixel lies beyond what the lens distortion can show; check k1 and focal_px")
    to_unit_px, unit_px = _normalised(pixels)
    to_unit_m, unit_m = _normalised(site)
    rows = np.zeros((2 * len(pairs), 9))
    ones = np.column_stack([unit_px, np.ones(len(pairs))])
    rows[0::2, 0:3] = ones
    rows[1::2, 3:6] = ones
    rows[0::2, 6:9] = -unit_m[:, :1] * ones
    rows[1::2, 6:9] = -unit_m[:, 1:] * ones
    _, singular, vectors = np.linalg.svd(rows)
    if singular[7] < _DEGENERATE * singular[0]:
        raise NotFittable("three or more of the points stand on one line; spread them over the surface")
    matrix = np.linalg.inv(to_unit_m) @ vectors[8].reshape(3, 3) @ to_unit_px
    if abs(np.linalg.det(matrix / np.linalg.norm(matrix))) < 1e-14:
        raise NotFittable("three or more of the points stand on one line; spread them over the surface")
    w = pixels @ matrix[2, :2] + matrix[2, 2]
    if np.median(w) < 0:
        matrix, w = -matrix, -w
    if (w <= 0).any():
        raise NotFittable("the points lie on both sides of the horizon; a pixel and its metres are swapped")
    matrix = matrix / np.linalg.norm(matrix)
    inverse = np.linalg.inv(matrix)
    if np.median(site @ inverse[2, :2] + inverse[2, 2]) < 0:
        inverse = -inverse
    errors = np.linalg.norm(_through(matrix, pixels) - site, axis=1)
    return Homography(matrix, inverse, lens, tuple(float(e) for e in errors))


def lens_of(camera: Camera) -> Lens | None:
    """The camera's lens distortion, about its picture's centre; None when it has none."""
    if camera.distortion is None:
        return None
    centre = (camera.picture.width / 2.0, camera.picture.height / 2.0)
    return Lens(camera.distortion.k1, camera.distortion.focal_px, centre)


def plane(camera: Camera, surface: Surface) -> Homography:
    """The homography of one of a camera's surfaces. Raises NotFittable naming camera and surface."""
    try:
        return fit(surface.points, lens_of(camera))
    except NotFittable as wrong:
        raise NotFittable(f"camera {camera.id}: surface {surface.id}: {wrong}") from None


def precision(camera: Camera, planes: Sequence[Homography], x_m: npt.ArrayLike, y_m: npt.ArrayLike) -> Floats:
    """Metres per pixel at site points, by the surface that shows each best; infinite where none does or a mask lies.

    `planes`: one for each of `camera.surfaces`, in order. Any shape of points, returned in that shape.
    """
    x, y = np.broadcast_arrays(np.asarray(x_m, np.float64), np.asarray(y_m, np.float64))
    site = np.stack([x.ravel(), y.ravel()], axis=1)
    best = np.full(site.shape[0], np.inf)
    for surface, homography in zip(camera.surfaces, planes, strict=True):
        pixels = homography.to_picture(site)
        seen = inside(surface.polygon, pixels)
        seen &= (pixels >= 0).all(axis=1) & (pixels <= (camera.picture.width, camera.picture.height)).all(
            axis=1
        )
        for mask in camera.masks:
            seen &= ~inside(mask, pixels)
        metres = homography.metres_per_pixel(site[:, 0], site[:, 1])
        best = np.where(seen, np.minimum(best, metres), best)
    return best.reshape(x.shape)


def inside(polygon: Sequence[tuple[float, float]], points: npt.ArrayLike) -> Bools:
    """Which of the points (n, 2) lie in the polygon, by the even-odd rule; NaN lies nowhere."""
    x, y = _points(points)[:, :, None].transpose(1, 0, 2)
    x0, y0 = np.asarray(polygon, np.float64).T
    following = np.arange(1, x0.size + 1) % x0.size
    x1, y1 = x0[following], y0[following]
    # A side along x is crossed by no line along x, whatever its division gives.
    with np.errstate(invalid="ignore", divide="ignore"):
        crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return np.asarray(np.bitwise_xor.reduce(crosses, axis=1))


def _points(points: npt.ArrayLike) -> Floats:
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)


def _normalised(points: Floats) -> tuple[Floats, Floats]:
    """Points moved to mean 0 and mean distance sqrt 2, and the (3, 3) matrix that does it."""
    centre = points.mean(axis=0)
    spread = float(np.linalg.norm(points - centre, axis=1).mean())
    if spread == 0.0:
        raise NotFittable("all points are the same")
    scale = math.sqrt(2.0) / spread
    matrix = np.array([[scale, 0.0, -scale * centre[0]], [0.0, scale, -scale * centre[1]], [0.0, 0.0, 1.0]])
    return matrix, (points - centre) * scale


def _through(matrix: Floats, points: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mapped = points @ matrix[:, :2].T + matrix[:, 2]
        w = mapped[:, 2:]
        return np.asarray(np.where(w > 1e-12, mapped[:, :2] / w, np.nan))
