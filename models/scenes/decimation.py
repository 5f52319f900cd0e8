"""A coarser triangle mesh that keeps a subset of the old vertices, so weights and shapes carry over unchanged.

Edges collapse onto one of their ends in the order of the quadric error of M. Garland and P. Heckbert, Surface
simplification using quadric error metrics, SIGGRAPH 1997.
"""

from __future__ import annotations

import heapq
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

BORDER_WEIGHT: Final = 10.0
"""How much more an open border or a seam between regions counts than a face. [E]"""
FLIP_COSINE: Final = 0.15
"""A collapse that turns a face further than this is refused. [E]"""

_Quadric = tuple[float, ...]
"""Ten numbers: the upper triangle of a symmetric 4 x 4 matrix."""
_Vector = tuple[float, float, float]


def decimate(points: Floats, triangles: Ints, regions: Ints, targets: list[int]) -> list[Ints]:
    """One list of triangles per entry of `targets` (falling triangle counts), over the same `points`.

    `points` (n, 3), `triangles` (m, 3), `regions` (n,): vertices of different regions meet at seams that are kept
    longer. Deterministic: ties go to the lower vertex number.
    """
    mesh = _Mesh(points, triangles, regions)
    levels: list[Ints] = []
    for target in targets:
        mesh.reduce(target)
        levels.append(mesh.triangles())
    return levels


class _Mesh:
    def __init__(self, points: Floats, triangles: Ints, regions: Ints) -> None:
        self.points: list[_Vector] = [(float(p[0]), float(p[1]), float(p[2])) for p in points]
        self.faces: dict[int, list[int]] = {i: [int(v) for v in t] for i, t in enumerate(triangles)}
        self.around: list[set[int]] = [set() for _ in self.points]
        for i, face in self.faces.items():
            for v in face:
                self.around[v].add(i)
        self.regions = [int(r) for r in regions]
        self.quadrics: list[_Quadric] = [(0.0,) * 10] * len(self.points)
        self.stamp = [0] * len(self.points)
        for face in self.faces.values():
            self._add_face(face)
        self._add_borders()
        self.heap: list[tuple[float, int, int, int, int]] = []
        for a, b in sorted({(min(e), max(e)) for e in self._edges()}):
            self._push(a, b)
            self._push(b, a)

    def triangles(self) -> Ints:
        return np.array([self.faces[i] for i in sorted(self.faces)], np.int32).reshape(-1, 3)

    def reduce(self, target: int) -> None:
        skipped: list[tuple[float, int, int, int, int]] = []
        while len(self.faces) > target and self.heap:
            item = heapq.heappop(self.heap)
            _, a, b, stamp_a, stamp_b = item
            if self.stamp[a] != stamp_a or self.stamp[b] != stamp_b or not self.around[a]:
                continue
            if self._spoils(a, b):
                skipped.append(item)
                continue
            self._collapse(a, b)
        for item in skipped:
            heapq.heappush(self.heap, item)

    def _edges(self) -> list[tuple[int, int]]:
        found = []
        for a, b, c in self.faces.values():
            found += [(a, b), (b, c), (c, a)]
        return found

    def _normal(self, a: int, b: int, c: int) -> tuple[_Vector, float]:
        p, q, r = self.points[a], self.points[b], self.points[c]
        ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        vx, vy, vz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = (x * x + y * y + z * z) ** 0.5
        if length < 1e-15:
            return (0.0, 0.0, 0.0), 0.0
        return (x / length, y / length, z / length), length / 2.0

    def _add(self, vertex: int, normal: _Vector, weight: float) -> None:
        a, b, c = normal
        p = self.points[vertex]
        d = -(a * p[0] + b * p[1] + c * p[2])
        plane = (a * a, a * b, a * c, a * d, b * b, b * c, b * d, c * c, c * d, d * d)
        old = self.quadrics[vertex]
        self.quadrics[vertex] = tuple(o + weight * n for o, n in zip(old, plane, strict=True))

    def _add_face(self, face: list[int]) -> None:
        normal, area = self._normal(*face)
        for v in face:
            self._add(v, normal, area)

    def _add_borders(self) -> None:
        owners: dict[tuple[int, int], list[int]] = {}
        for i, (a, b, c) in self.faces.items():
            for x, y in ((a, b), (b, c), (c, a)):
                owners.setdefault((min(x, y), max(x, y)), []).append(i)
        for (a, b), faces in owners.items():
            seam = self.regions[a] != self.regions[b]
            if len(faces) > 1 and not seam:
                continue
            normal, _ = self._normal(*self.faces[faces[0]])
            p, q = self.points[a], self.points[b]
            ex, ey, ez = q[0] - p[0], q[1] - p[1], q[2] - p[2]
            length = (ex * ex + ey * ey + ez * ez) ** 0.5
            if length < 1e-12:
                continue
            nx, ny, nz = normal
            wall = ((ey * nz - ez * ny) / length, (ez * nx - ex * nz) / length, (ex * ny - ey * nx) / length)
            for v in (a, b):
                self._add(v, wall, BORDER_WEIGHT * length * length * (0.3 if seam else 1.0))

    def _cost(self, a: int, b: int) -> float:
        x, y, z = self.points[b]
        q = self.quadrics[a]
        cost = (
            q[0] * x * x
            + 2.0 * (q[1] * x * y + q[2] * x * z + q[3] * x)
            + q[4] * y * y
            + 2.0 * (q[5] * y * z + q[6] * y)
            + q[7] * z * z
            + 2.0 * q[8] * z
            + q[9]
        )
        p = self.points[a]
        length2 = (p[0] - x) ** 2 + (p[1] - y) ** 2 + (p[2] - z) ** 2
        seam = 4.0 if self.regions[a] != self.regions[b] else 1.0
        return (max(cost, 0.0) + 1e-7 * length2) * seam

    def _push(self, a: int, b: int) -> None:
        heapq.heappush(self.heap, (self._cost(a, b), a, b, self.stamp[a], self.stamp[b]))

    def _neighbours(self, v: int) -> set[int]:
        found: set[int] = set()
        for i in self.around[v]:
            found.update(self.faces[i])
        found.discard(v)
        return found

    def _spoils(self, a: int, b: int) -> bool:
        shared = self._neighbours(a) & self._neighbours(b)
        if len(shared) > 2:
            return True
        for i in self.around[a]:
            face = self.faces[i]
            if b in face:
                continue
            before, area = self._normal(*face)
            moved = [b if v == a else v for v in face]
            after, area_after = self._normal(*moved)
            if area_after < 1e-9 and area > 1e-9:
                return True
            if before[0] * after[0] + before[1] * after[1] + before[2] * after[2] < FLIP_COSINE and area > 0:
                return True
        return False

    def _collapse(self, a: int, b: int) -> None:
        for i in list(self.around[a]):
            face = self.faces[i]
            if b in face:
                for v in face:
                    self.around[v].discard(i)
                del self.faces[i]
            else:
                face[face.index(a)] = b
                self.around[b].add(i)
        self.around[a].clear()
        self.stamp[a] += 1
        self.quadrics[b] = tuple(x + y for x, y in zip(self.quadrics[a], self.quadrics[b], strict=True))
        self.stamp[b] += 1
        for v in sorted(self._neighbours(b)):
            self._push(b, v)
            self._push(v, b)
