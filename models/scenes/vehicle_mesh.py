"""Vehicles as meshes: a body lofted from its outline, wheels, mirrors; two-wheelers from tubes.

Axes: x ahead, y left, z up; the origin is on the ground under the middle of the vehicle's length.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.meshes import Colour, Mesh, ball, box, ring, tube
from models.scenes.vehicle_forms import BUS, CAB, ESTATE, HATCHBACK, SALOON, VAN, Form
from models.scenes.vehicle_paint import Picture, Sheet, sheet

Floats = npt.NDArray[np.float64]

SHEETS: Final[tuple[Form, ...]] = (HATCHBACK, SALOON, ESTATE, VAN, CAB, BUS)
"""A form's painted sheet is the texture layer of its place here."""
STATIONS: Final = 56
ROWS: Final = 12
ACROSS: Final = 8

TYRE: Final[Colour] = (0.02, 0.02, 0.02)
ALLOY: Final[Colour] = (0.34, 0.35, 0.36)
PAINTED: Final[Colour] = (-1.0, -1.0, -1.0)
"""Marks plain parts that take the vehicle's paint."""


@dataclass(frozen=True, slots=True)
class VehicleMesh:
    """`size_m`: length, width, height of the box that the truth logs."""

    mesh: Mesh
    size_m: tuple[float, float, float]
    paints: tuple[Colour, ...]
    ridden: bool


def painted_sheets() -> Picture:
    """(sheets, 1024, 1024, 4), row 0 at the bottom as OpenGL has it."""
    return np.ascontiguousarray(np.stack([sheet(form)[1][::-1] for form in SHEETS]))


def built(model: str) -> VehicleMesh:
    """Raises KeyError for a model that is not known."""
    return _BUILDERS[model]()


def _car(form: Form) -> VehicleMesh:
    parts = [_body(form), *_wheels(form)]
    if form.name != "bus":
        nose = max(p[0] for window in form.windows for p in window)
        mirror = form.belt_m + 0.05
        for s in (1.0, -1.0):
            parts.append(
                ball((nose - 0.12, s * (form.width_m / 2 + 0.08), mirror), (0.06, 0.11, 0.08), PAINTED)
            )
    else:
        for s in (1.0, -1.0):
            parts.append(box((0.10, 0.18, 0.40), (0.03, 0.03, 0.03)).placed(5.75, s * 1.32, 2.2))
    middle = (form.top[0][0] + form.top[-1][0]) / 2.0
    mesh = Mesh.joined(parts).placed(-middle, 0.0)
    return VehicleMesh(mesh, (form.length_m, form.width_m, form.height_m), form.paints, False)


def _truck() -> VehicleMesh:
    cab = _body(CAB)
    load = box((5.0, 2.45, 2.55), (0.72, 0.72, 0.70), lift=0.95).placed(-0.85, 0.0)
    seams = [box((0.03, 2.47, 2.45), (0.45, 0.45, 0.45), lift=1.0).placed(x, 0.0) for x in (-3.34, 1.62)]
    rail = box((5.2, 0.9, 0.35), (0.05, 0.05, 0.05), lift=0.55).placed(-0.8, 0.0)
    guards = [
        box((2.0, 0.06, 0.35), (0.25, 0.25, 0.26), lift=0.45).placed(0.1, s * 1.12) for s in (1.0, -1.0)
    ]
    lamps = [
        replace(box((0.04, 0.30, 0.14), (0.55, 0.02, 0.02), layer=-2.0, lift=0.72)).placed(-3.36, s * 0.95)
        for s in (1.0, -1.0)
    ]
    step = box((0.3, 2.2, 0.12), (0.07, 0.07, 0.07), lift=0.45).placed(-3.3, 0.0)
    mirrors = [
        box((0.10, 0.20, 0.45), (0.03, 0.03, 0.03), lift=1.75).placed(3.15, s * 1.32) for s in (1.0, -1.0)
    ]
    rear = replace(CAB, wheels=(-2.05,))
    parts = [cab, load, *seams, rail, *guards, *lamps, step, *mirrors, *_wheels(CAB), *_wheels(rear)]
    return VehicleMesh(Mesh.joined(parts).placed(-0.05, 0.0), (6.86, 2.46, 3.50), CAB.paints, False)


def _half_width(form: Form, x: float, z: float, top_z: float) -> float:
    """Half the body's width at a place of its side."""
    tail, nose = form.top[0][0], form.top[-1][0]
    half = float(form.width_m / 2.0)
    reach = 0.75 if form.height_m < 2.0 else 0.35
    near_nose, near_tail = max(0.0, 1.0 - (nose - x) / reach), max(0.0, 1.0 - (x - tail) / (reach * 0.7))
    half *= 1.0 - form.nose_taper * near_nose**2.2 - form.tail_taper * near_tail**2.2
    if z > form.belt_m:
        half -= form.lean * (z - form.belt_m) * (0.9 if form.height_m < 2.0 else 0.6)
    else:
        half -= 0.06 * ((form.belt_m - z) / form.belt_m) ** 2
    down = top_z - z
    if down < form.round_m:
        half -= form.round_m * (1.0 - math.sqrt(max(0.0, 1.0 - (1.0 - down / form.round_m) ** 2)))
    return float(half)


def _body(form: Form) -> Mesh:
    drawn = Sheet(form)
    corners = np.array(form.top)
    even = np.linspace(corners[0, 0], corners[-1, 0], STATIONS)
    xs = np.unique(np.concatenate([even, corners[:, 0]]))
    tops = np.interp(xs, corners[:, 0], corners[:, 1])
    layer = float(next(i for i, known in enumerate(SHEETS) if known.name == form.name))
    low = form.clearance_m
    rows = np.linspace(0.0, 1.0, ROWS) ** 0.8
    grid = np.zeros((len(xs), ROWS, 3))
    for i, (x, top) in enumerate(zip(xs, tops, strict=True)):
        for j, share in enumerate(rows):
            z = low + share * (top - low)
            grid[i, j] = (x, _half_width(form, float(x), float(z), float(top)), z)
    triangles: list[object] = []
    uv: list[tuple[float, float]] = []
    for i in range(len(xs) - 1):
        for j in range(ROWS - 1):
            cell = [grid[i, j], grid[i + 1, j], grid[i + 1, j + 1], grid[i, j + 1]]
            for left in (True, False):
                pts = cell if not left else [cell[1], cell[0], cell[3], cell[2]]
                if not left:
                    pts = [p * (1.0, -1.0, 1.0) for p in pts]
                for a, b, c in ((0, 1, 2), (0, 2, 3)):
                    triangles.append((pts[a], pts[b], pts[c]))
                    uv += [drawn.uv_side(float(pts[k][0]), float(pts[k][2])) for k in (a, b, c)]
        _across(drawn, grid[i, -1], grid[i + 1, -1], triangles, uv)
    _end_walls(drawn, grid, triangles, uv)
    flipped = [(u, 1.0 - v) for u, v in uv]
    mesh = Mesh.of(np.array(triangles), flipped, layer, PAINTED)
    return mesh.smooth(0.72)


def _across(
    drawn: Sheet, back: Floats, front: Floats, triangles: list[object], uv: list[tuple[float, float]]
) -> None:
    """The strip of roof, bonnet or glass between two stations, slightly crowned."""
    steep = abs(front[2] - back[2]) > 1.6 * abs(front[0] - back[0])
    shares = np.linspace(1.0, -1.0, ACROSS + 1)

    def at(edge: Floats, share: float) -> Floats:
        crown = 0.035 * (1.0 - share * share)
        ahead = crown * (1.2 if steep and front[2] < back[2] else -1.2 if steep else 0.0)
        return np.array([edge[0] + ahead, edge[1] * share, edge[2] + (0.0 if steep else crown)])

    def texel(p: Floats, edge: Floats) -> tuple[float, float]:
        if steep:
            return drawn.uv_end(float(p[1]), float(p[2]), front[2] < back[2])
        return drawn.uv_top(float(edge[0]), float(p[1]))

    for a, b in itertools.pairwise(shares):
        quad_points = [(at(back, a), back), (at(back, b), back), (at(front, b), front), (at(front, a), front)]
        for i, j, k in ((0, 1, 2), (0, 2, 3)):
            triangles.append(tuple(quad_points[n][0] for n in (i, j, k)))
            uv += [texel(*quad_points[n]) for n in (i, j, k)]


def _end_walls(drawn: Sheet, grid: Floats, triangles: list[object], uv: list[tuple[float, float]]) -> None:
    """The last low walls of nose and tail, below the outline's first and last points."""
    for i, nose in ((0, False), (-1, True)):
        for j in range(ROWS - 1):
            a, b = grid[i, j], grid[i, j + 1]
            quad_points = [a, a * (1.0, -1.0, 1.0), b * (1.0, -1.0, 1.0), b]
            if nose:
                quad_points.reverse()
            for m, n, o in ((0, 1, 2), (0, 2, 3)):
                triangles.append((quad_points[m], quad_points[n], quad_points[o]))
                uv += [
                    drawn.uv_end(float(quad_points[k][1]), float(quad_points[k][2]), nose) for k in (m, n, o)
                ]


def _wheels(form: Form) -> list[Mesh]:
    parts = []
    for x in form.wheels:
        for s in (1.0, -1.0):
            outer = s * (form.width_m / 2.0 - 0.02)
            r, inner = form.wheel_m, outer - s * 0.22
            parts.append(tube((x, inner, r), (x, outer, r), r, r, TYRE, sides=20))
            parts.append(
                tube((x, outer - s * 0.02, r), (x, outer + s * 0.012, r), r * 0.66, r * 0.62, ALLOY, sides=16)
            )
            parts.append(
                tube((x, outer, r), (x, outer + s * 0.02, r), r * 0.18, r * 0.16, (0.10, 0.10, 0.10), sides=8)
            )
            for k in range(5):
                turn = 2.0 * math.pi * k / 5.0
                hole = (x + 0.42 * r * math.cos(turn), outer + s * 0.004, r + 0.42 * r * math.sin(turn))
                end = (hole[0], outer + s * 0.016, hole[2])
                parts.append(tube(hole, end, r * 0.13, r * 0.13, (0.03, 0.03, 0.03), sides=6))
    return parts


def _bicycle() -> VehicleMesh:
    dark, frame = (0.03, 0.03, 0.03), PAINTED
    wheel, hub_back, hub_front, crank = 0.345, (-0.50, 0.0, 0.345), (0.56, 0.0, 0.345), (-0.06, 0.0, 0.29)
    seat, head = (-0.20, 0.0, 0.86), (0.40, 0.0, 0.88)
    parts = [ring(hub_back, wheel, 0.042, dark), ring(hub_front, wheel, 0.042, dark)]
    for hub in (hub_back, hub_front):
        for k in range(10):
            turn = math.pi * k / 5.0
            tip = (hub[0] + 0.32 * math.cos(turn), 0.0, hub[2] + 0.32 * math.sin(turn))
            parts.append(tube(hub, tip, 0.004, 0.004, (0.4, 0.4, 0.4), sides=3))
    for a, b, r in (
        (crank, seat, 0.022),
        (crank, (0.42, 0.0, 0.72), 0.026),
        (seat, (0.40, 0.0, 0.82), 0.022),
        (crank, hub_back, 0.016),
        ((-0.18, 0.0, 0.80), hub_back, 0.014),
        (head, hub_front, 0.022),
    ):
        parts.append(tube(a, b, r, r, frame, sides=6))
    parts.append(tube(head, (0.36, 0.0, 1.02), 0.018, 0.018, dark, sides=6))
    parts.append(tube((0.40, -0.28, 1.02), (0.40, 0.28, 1.02), 0.018, 0.018, dark, sides=6))
    parts.append(tube(seat, (-0.22, 0.0, 0.94), 0.016, 0.016, dark, sides=6))
    parts.append(ball((-0.24, 0.0, 0.96), (0.14, 0.08, 0.04), dark))
    parts.append(tube((-0.06, -0.05, 0.29), (-0.06, 0.05, 0.29), 0.09, 0.09, (0.2, 0.2, 0.2), sides=12))
    paints = ((0.45, 0.05, 0.05), (0.04, 0.10, 0.35), (0.02, 0.02, 0.02), (0.10, 0.35, 0.20), (0.6, 0.6, 0.6))
    return VehicleMesh(Mesh.joined(parts), (1.80, 0.60, 1.06), paints, True)


def _motorcycle() -> VehicleMesh:
    dark, metal = (0.025, 0.025, 0.028), (0.32, 0.33, 0.34)
    back, front = (-0.70, 0.0, 0.31), (0.74, 0.0, 0.31)
    parts = []
    for hub in (back, front):
        parts.append(tube((hub[0], -0.065, hub[2]), (hub[0], 0.065, hub[2]), 0.31, 0.31, dark, sides=20))
        parts.append(tube((hub[0], -0.07, hub[2]), (hub[0], 0.07, hub[2]), 0.19, 0.19, metal, sides=14))
    for s in (1.0, -1.0):
        parts.append(tube((0.42, s * 0.09, 0.92), (0.74, s * 0.09, 0.31), 0.028, 0.028, metal, sides=6))
        parts.append(tube((-0.10, s * 0.09, 0.38), (-0.70, s * 0.09, 0.31), 0.03, 0.03, dark, sides=6))
        parts.append(tube((0.30, s * 0.10, 0.32), (-0.75, s * 0.16, 0.40), 0.045, 0.06, metal, sides=8))
        parts.append(tube((0.40, s * 0.10, 1.02), (0.30, s * 0.40, 1.04), 0.018, 0.02, dark, sides=6))
        parts.append(ball((0.42, s * 0.38, 1.20), (0.03, 0.08, 0.05), dark))
    parts.append(box((0.52, 0.34, 0.36), (0.10, 0.10, 0.11), lift=0.26).placed(0.05, 0.0))
    parts.append(ball((0.16, 0.0, 0.82), (0.32, 0.17, 0.16), PAINTED))
    parts.append(ball((-0.38, 0.0, 0.80), (0.42, 0.15, 0.08), dark))
    parts.append(ball((-0.72, 0.0, 0.80), (0.28, 0.12, 0.11), PAINTED))
    parts.append(ball((0.50, 0.0, 0.93), (0.18, 0.17, 0.22), PAINTED))
    lamp = ball((0.64, 0.0, 0.88), (0.06, 0.09, 0.09), (0.9, 0.9, 0.88))
    parts.append(replace(lamp, layer=np.full_like(lamp.layer, -2.0)))
    tail = ball((-1.00, 0.0, 0.80), (0.04, 0.08, 0.05), (0.6, 0.02, 0.02))
    parts.append(replace(tail, layer=np.full_like(tail.layer, -2.0)))
    parts.append(ball((0.74, 0.0, 0.60), (0.30, 0.08, 0.10), PAINTED))
    paints = ((0.35, 0.03, 0.03), (0.03, 0.03, 0.04), (0.05, 0.10, 0.30), (0.45, 0.46, 0.47))
    return VehicleMesh(Mesh.joined(parts), (2.10, 0.80, 1.25), paints, True)


_BUILDERS: Final = {
    "hatchback": lambda: _car(HATCHBACK),
    "saloon": lambda: _car(SALOON),
    "estate": lambda: _car(ESTATE),
    "van": lambda: _car(VAN),
    "truck": _truck,
    "bus": lambda: _car(BUS),
    "motorcycle": _motorcycle,
    "bicycle": _bicycle,
}
