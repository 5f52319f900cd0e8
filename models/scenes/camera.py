"""A camera with exact geometry: where it hangs, where it looks, its lens; and the site file's Camera that it equals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contract.homography import Lens
from contract.site_file import Camera, CountingLine, Distortion, PictureSize, PointPair, Surface

Floats = npt.NDArray[np.float64]

NEAREST_M = 0.5
FARTHEST_M = 400.0


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole with one radial lens term. `pan_deg`: clockwise from north. `tilt_deg`: below the horizon.

    `focal_px` is in pixels of a picture `width` x `height`; the picture's centre is the axis.
    """

    x_m: float
    y_m: float
    height_m: float
    pan_deg: float
    tilt_deg: float
    roll_deg: float
    focal_px: float
    width: int
    height: int
    k1: float = 0.0

    @staticmethod
    def towards(
        position_m: tuple[float, float, float],
        look_at_m: tuple[float, float],
        across_deg: float,
        size: tuple[int, int],
        k1: float = 0.0,
    ) -> View:
        """A level camera that has a ground point in its middle; `across_deg` is the horizontal field of view."""
        dx, dy = look_at_m[0] - position_m[0], look_at_m[1] - position_m[1]
        away = math.hypot(dx, dy)
        return View(
            position_m[0],
            position_m[1],
            position_m[2],
            math.degrees(math.atan2(dx, dy)),
            math.degrees(math.atan2(position_m[2], away)),
            0.0,
            size[0] / 2.0 / math.tan(math.radians(across_deg) / 2.0),
            size[0],
            size[1],
            k1,
        )

    def knocked(self, pan_deg: float, tilt_deg: float, roll_deg: float) -> View:
        """The same camera after a blow that turned it."""
        return replace(
            self,
            pan_deg=self.pan_deg + pan_deg,
            tilt_deg=self.tilt_deg + tilt_deg,
            roll_deg=self.roll_deg + roll_deg,
        )

    @property
    def eye_m(self) -> Floats:
        return np.array([self.x_m, self.y_m, self.height_m])

    def axes(self) -> Floats:
        """Rows: the picture's right, down, and ahead, in site axes (east, north, up)."""
        pan, tilt, roll = (math.radians(a) for a in (self.pan_deg, self.tilt_deg, self.roll_deg))
        ahead = np.array([math.sin(pan) * math.cos(tilt), math.cos(pan) * math.cos(tilt), -math.sin(tilt)])
        right = np.array([math.cos(pan), -math.sin(pan), 0.0])
        down = np.cross(ahead, right)
        c, s = math.cos(roll), math.sin(roll)
        return np.stack([c * right + s * down, -s * right + c * down, ahead])

    @property
    def lens(self) -> Lens:
        return Lens(self.k1, self.focal_px, (self.width / 2.0, self.height / 2.0))

    def depth_m(self, points_m: Floats) -> Floats:
        """Distance along the axis, of points (n, 3)."""
        return np.asarray((points_m - self.eye_m) @ self.axes()[2])

    def pinhole(self, points_m: Floats) -> Floats:
        """Pixels (n, 2) without the lens's distortion; NaN behind the camera."""
        seen = (points_m - self.eye_m) @ self.axes().T
        depth = np.where(seen[:, 2] > NEAREST_M * 0.2, seen[:, 2], np.nan)
        centre = (self.width / 2.0, self.height / 2.0)
        return np.asarray(seen[:, :2] / depth[:, None] * self.focal_px + centre)

    def project(self, points_m: Floats) -> Floats:
        """Pixels (n, 2) in the real picture, distortion included; NaN where the lens shows nothing."""
        ideal = self.pinhole(points_m)
        return self.lens.distort(ideal) if self.k1 else ideal

    def ground(self, points_px: Floats) -> Floats:
        """Ground points (n, 2) in metres under pixels of the real picture; NaN at and above the horizon."""
        ideal = self.lens.undistort(points_px) if self.k1 else np.asarray(points_px, np.float64)
        offset = (ideal - (self.width / 2.0, self.height / 2.0)) / self.focal_px
        rays = np.concatenate([offset, np.ones((offset.shape[0], 1))], axis=1) @ self.axes()
        with np.errstate(divide="ignore", invalid="ignore"):
            along = np.where(rays[:, 2] < -1e-6, -self.height_m / rays[:, 2], np.nan)
        return np.asarray(self.eye_m[:2] + rays[:, :2] * along[:, None])

    def margin(self) -> float:
        """How many times larger the pinhole picture must be so that the distorted one is filled."""
        if self.k1 >= 0.0:
            return 1.0
        edges = np.array(
            [
                [0.0, 0.0],
                [self.width, 0.0],
                [self.width / 2.0, 0.0],
                [0.0, self.height / 2.0],
                [self.width, self.height],
            ]
        )
        ideal = np.abs(self.lens.undistort(edges) - (self.width / 2.0, self.height / 2.0))
        need = np.nanmax(ideal / (self.width / 2.0, self.height / 2.0))
        return float(need) * 1.005

    def matrix(self, margin: float = 1.0) -> Floats:
        """(4, 4) clip matrix for column vectors in site axes, rows in OpenGL's order (picture row 0 at the top)."""
        right, down, ahead = self.axes()
        turned = np.eye(4)
        turned[:3, :3] = np.stack([right, -down, -ahead])
        turned[:3, 3] = -turned[:3, :3] @ self.eye_m
        f, n = FARTHEST_M, NEAREST_M
        lens = np.zeros((4, 4))
        lens[0, 0] = self.focal_px / (self.width / 2.0) / margin
        lens[1, 1] = self.focal_px / (self.height / 2.0) / margin
        lens[2, 2], lens[2, 3] = -(f + n) / (f - n), -2.0 * f * n / (f - n)
        lens[3, 2] = -1.0
        return np.asarray(lens @ turned)

    def sees_ground(self, reach_m: float) -> list[tuple[float, float]]:
        """The picture's ground as a polygon in pixels: all below the row where it is `reach_m` away."""
        pan = math.radians(self.pan_deg)
        far = self.eye_m[:2] + reach_m * np.array([math.sin(pan), math.cos(pan)])
        row = self.project(np.array([[far[0], far[1], 0.0]]))[0, 1]
        top = float(round(min(max(row, 0.0), self.height * 0.8)))
        return [
            (0.0, float(self.height)),
            (float(self.width), float(self.height)),
            (float(self.width), top),
            (0.0, top),
        ]

    def to_site(
        self,
        camera: str,
        name: str,
        agent: str,
        reach_m: float,
        lines: tuple[CountingLine, ...] = (),
        clicks_px: float = 0.0,
    ) -> Camera:
        """The site file's Camera. With `clicks_px` 0 the point pairs are exact; else pixels are rounded to that step,
        as an operator's clicks would be."""
        polygon = self.sees_ground(reach_m)
        top = polygon[2][1]
        pairs = []
        for share_y in (0.03, 0.25, 0.5, 0.75, 0.97):
            for share_x in (0.08, 0.5, 0.92):
                pixel = np.array(
                    [[share_x * self.width, top + (1.0 - share_y) * (self.height - top) * 0.985 + 2.3]]
                )
                ground = self.ground(pixel)[0]
                if clicks_px:
                    pixel = np.round(pixel / clicks_px) * clicks_px
                if np.isfinite(ground).all():
                    pairs.append(
                        PointPair(
                            pixel=(round(float(pixel[0, 0]), 4), round(float(pixel[0, 1]), 4)),
                            site=(round(float(ground[0]), 5), round(float(ground[1]), 5)),
                        )
                    )
        return Camera(
            id=camera,
            agent=agent,
            name=name,
            position_m=(self.x_m, self.y_m),
            height_m=self.height_m,
            picture=PictureSize(width=self.width, height=self.height),
            surfaces=(Surface(id="ground", polygon=tuple(polygon), points=tuple(pairs)),),
            lines=lines,
            distortion=Distortion(k1=self.k1, focal_px=self.focal_px) if self.k1 else None,
        )
