"""Triangle meshes put together from simple solids. Axes: x, y on the ground, z up; metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Unshared corners, three to a triangle: `points`, `normals`, `colours` (n, 3), `uv` (n, 2), `layer` (n,).

    `layer` picks the texture; -1 is plain colour, -2 glows by its own light after dark.
    """

    points: Array
    normals: Array
    uv: Array
    layer: Array
    colours: Array

    @staticmethod
    def of(triangles: npt.ArrayLike, uv: npt.ArrayLike | None, layer: float, colour: Colour) -> Mesh:
        """Flat-shaded triangles (m, 3, 3)."""
        corners = np.asarray(triangles, np.float32).reshape(-1, 3, 3)
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
        n = corners.shape[0] * 3
        given = np.zeros((n, 2), np.float32) if uv is None else np.asarray(uv, np.float32).reshape(n, 2)
        return Mesh(
            corners.reshape(n, 3),
            np.repeat(across, 3, axis=0).astype(np.float32),
            given,
            np.full(n, layer, np.float32),
            np.tile(np.asarray(colour, np.float32), (n, 1)),
        )

    @staticmethod
    def joined(parts: Sequence[Mesh]) -> Mesh:
        if not parts:
            return Mesh.of(np.zeros((0, 3, 3)), None, -1.0, (0.0, 0.0, 0.0))
        return Mesh(
            np.concatenate([p.points for p in parts]),
            np.concatenate([p.normals for p in parts]),
            np.concatenate([p.uv for p in parts]),
            np.concatenate([p.layer for p in parts]),
            np.concatenate([p.colours for p in parts]),
        )

    def placed(self, x_m: float, y_m: float, z_m: float = 0.0, turn_deg: float = 0.0) -> Mesh:
        """Turned anticlockwise about the vertical, then moved."""
        c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
        turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], np.float32)
        moved = self.points @ turn.T + np.array([x_m, y_m, z_m], np.float32)
        return Mesh(
            moved.astype(np.float32),
            (self.normals @ turn.T).astype(np.float32),
            self.uv,
            self.layer,
            self.colours,
        )

    def smooth(self, crease_cosine: float = 0.5) -> Mesh:
        """Normals shared by corners at one place whose faces meet at less than the crease."""
        keys = np.round(self.points * 2000.0).astype(np.int64)
        _, inverse = np.unique(keys, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        order = np.argsort(inverse, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(inverse[order]) != 0])
        normals = self.normals.copy()
        for group in np.split(order, starts[1:]):
            near = self.normals[group] @ self.normals[group].T > crease_cosine
            total = near.astype(np.float32) @ self.normals[group]
            normals[group] = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)
        return Mesh(self.points, normals, self.uv, self.layer, self.colours)


def quad(
    a: Sequence[float], b: Sequence[float], c: Sequence[float], d: Sequence[float]
) -> list[Sequence[Sequence[float]]]:
    """Two triangles, anticlockwise seen from outside."""
    return [(a, b, c), (a, c, d)]


def box(
    size: tuple[float, float, float],
    colour: Colour,
    layer: float = -1.0,
    metres_per_tile: float = 1.0,
    lift: float = 0.0,
) -> Mesh:
    """A box centred on the origin in x and y that stands at z = `lift`."""
    x, y = size[0] / 2.0, size[1] / 2.0
    return prism([(-x, -y), (x, -y), (x, y), (-x, y)], lift, lift + size[2], colour, layer, metres_per_tile)


def prism(
    outline: Sequence[Point],
    low: float,
    high: float,
    colour: Colour,
    layer: float = -1.0,
    metres_per_tile: float = 1.0,
    top_layer: float | None = None,
    top_colour: Colour | None = None,
    tile_height_m: float | None = None,
) -> Mesh:
    """An upright prism over a polygon. Walls carry the texture, u along the wall and v up, in tiles."""
    points = list(outline) if area(outline) > 0 else list(reversed(outline))
    walls, uv = [], []
    along = 0.0
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        length = math.hypot(bx - ax, by - ay)
        walls += quad((ax, ay, low), (bx, by, low), (bx, by, high), (ax, ay, high))
        u0, u1 = along / metres_per_tile, (along + length) / metres_per_tile
        v0, v1 = 0.0, (high - low) / (tile_height_m or metres_per_tile)
        uv += [(u0, v0), (u1, v0), (u1, v1), (u0, v0), (u1, v1), (u0, v1)]
        along += length
    sides = Mesh.of(walls, uv, layer, colour)
    lid = flat(points, high, top_colour or colour, layer if top_layer is None else top_layer, metres_per_tile)
    return Mesh.joined([sides, lid])


def flat(
    outline: Sequence[Point], z_m: float, colour: Colour, layer: float = -1.0, metres_per_tile: float = 1.0
) -> Mesh:
    """A level polygon, textured in site metres."""
    points = list(outline) if area(outline) > 0 else list(reversed(outline))
    triangles = [[(*points[i], z_m) for i in corner] for corner in ears(points)]
    uv = [[(x / metres_per_tile, y / metres_per_tile) for x, y, _ in t] for t in triangles]
    return Mesh.of(triangles, uv, layer, colour)


def area(outline: Sequence[Point]) -> float:
    """Signed area in square metres; positive when anticlockwise."""
    total = 0.0
    for (ax, ay), (bx, by) in zip(outline, [*outline[1:], outline[0]], strict=True):
        total += ax * by - bx * ay
    return total / 2.0


def ears(outline: Sequence[Point]) -> list[tuple[int, int, int]]:
    """Triangulates a simple anticlockwise polygon by cutting ears."""
    left = list(range(len(outline)))
    found: list[tuple[int, int, int]] = []
    while len(left) > 3:
        for k in range(len(left)):
            a, b, c = left[k - 1], left[k], left[(k + 1) % len(left)]
            if _cross(outline[a], outline[b], outline[c]) <= 1e-12:
                continue
            others = [p for p in left if p not in (a, b, c)]
            if not any(_within(outline[p], outline[a], outline[b], outline[c]) for p in others):
                found.append((a, b, c))
                left.pop(k)
                break
        else:
            break
    found.append((left[0], left[1], left[2]))
    return found


def _cross(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _within(p: Point, a: Point, b: Point, c: Point) -> bool:
    return _cross(a, b, p) >= 0 and _cross(b, c, p) >= 0 and _cross(c, a, p) >= 0


def tube(
    a: Sequence[float], b: Sequence[float], radius_a: float, radius_b: float, colour: Colour, sides: int = 8
) -> Mesh:
    """A cone's frustum between two points, closed at both ends."""
    start, end = np.asarray(a, np.float64), np.asarray(b, np.float64)
    axis = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    other = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    u = np.cross(axis, other)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    ring = [(math.cos(2 * math.pi * k / sides), math.sin(2 * math.pi * k / sides)) for k in range(sides)]
    low = [start + radius_a * (c * u + s * v) for c, s in ring]
    high = [end + radius_b * (c * u + s * v) for c, s in ring]
    triangles: list[object] = []
    for k in range(sides):
        m = (k + 1) % sides
        triangles += [(low[k], low[m], high[m]), (low[k], high[m], high[k])]
        triangles += [(start, low[m], low[k]), (end, high[k], high[m])]
    return Mesh.of(np.array(triangles), None, -1.0, colour).smooth()


def ball(
    centre: Sequence[float], radii: Sequence[float], colour: Colour, rings: int = 6, sides: int = 10
) -> Mesh:
    """An ellipsoid."""
    grid = np.zeros((rings + 1, sides, 3))
    for i in range(rings + 1):
        polar = math.pi * i / rings
        for k in range(sides):
            turn = 2 * math.pi * k / sides
            grid[i, k] = (
                math.sin(polar) * math.cos(turn) * radii[0] + centre[0],
                math.sin(polar) * math.sin(turn) * radii[1] + centre[1],
                math.cos(polar) * radii[2] + centre[2],
            )
    triangles = []
    for i in range(rings):
        for k in range(sides):
            m = (k + 1) % sides
            triangles += [
                (grid[i, k], grid[i + 1, k], grid[i + 1, m]),
                (grid[i, k], grid[i + 1, m], grid[i, m]),
            ]
    kept = [t for t in triangles if np.linalg.norm(np.cross(t[1] - t[0], t[2] - t[0])) > 1e-9]
    return Mesh.of(np.array(kept), None, -1.0, colour).smooth(0.2)


def ring(centre: Sequence[float], radius: float, thick: float, colour: Colour, sides: int = 22) -> Mesh:
    """A wheel's rim and tyre in the x-z plane: a torus of square section."""
    triangles: list[object] = []
    for k in range(sides):
        a, b = 2 * math.pi * k / sides, 2 * math.pi * (k + 1) / sides
        rows = []
        for turn in (a, b):
            c, s = math.cos(turn), math.sin(turn)
            rows.append(
                [
                    (centre[0] + c * r, centre[1] + y, centre[2] + s * r)
                    for r, y in (
                        (radius - thick, -thick / 2),
                        (radius, -thick / 2),
                        (radius, thick / 2),
                        (radius - thick, thick / 2),
                    )
                ]
            )
        for j in range(4):
            n = (j + 1) % 4
            triangles += quad(rows[0][j], rows[1][j], rows[1][n], rows[0][n])
            triangles += quad(rows[0][n], rows[1][n], rows[1][j], rows[0][j])
    return Mesh.of(np.array(triangles), None, -1.0, colour)
