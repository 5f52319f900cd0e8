"""What is painted on a vehicle: windows, seams, lamps, grille, plates without a number.

One sheet per form, 1024 x 1024: the side in rows 0-383, the top in rows 384-767, tail and nose in rows 768-1023.
Alpha says what a texel is: 255 coloured by the vehicle's paint, 128 glass, 40 a lamp, 0 its own plain colour.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.scenes.vehicle_forms import Form

Picture = npt.NDArray[np.uint8]
Point = tuple[float, float]

SHEET_PX: Final = 1024
SIDE_ROWS: Final = (0, 384)
TOP_ROWS: Final = (384, 768)
END_ROWS: Final = (768, 1024)
PAINT: Final = (255, 255, 255, 255)
GLASS: Final = (34, 38, 42, 128)
BLACK: Final = (26, 26, 28, 0)
SEAM: Final = (120, 120, 120, 255)
RUBBER: Final = (22, 22, 23, 0)
CHROME: Final = (150, 152, 155, 0)
HEADLAMP: Final = (235, 238, 240, 40)
TAIL_LAMP: Final = (170, 16, 14, 40)
INDICATOR: Final = (220, 120, 30, 0)
PLATE: Final = (225, 225, 215, 0)


class Sheet:
    """Draws in metres on one of the three views."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.picture: Picture = np.full((SHEET_PX, SHEET_PX, 4), 255, np.uint8)

    def uv_side(self, x: float, z: float) -> Point:
        form = self.form
        u = (x - form.top[0][0]) / form.length_m
        v = (SIDE_ROWS[0] + 4 + (1.0 - z / form.height_m) * 376) / SHEET_PX
        return 0.004 + 0.992 * u, v

    def uv_top(self, x: float, y: float) -> Point:
        form = self.form
        u = (x - form.top[0][0]) / form.length_m
        v = (TOP_ROWS[0] + 4 + (0.5 - y / (form.width_m * 1.04)) * 376) / SHEET_PX
        return 0.004 + 0.992 * u, v

    def uv_end(self, y: float, z: float, nose: bool) -> Point:
        form = self.form
        across = 0.5 + y / (form.width_m * 1.04)
        u = (0.502 if nose else 0.004) + 0.494 * across
        v = (END_ROWS[0] + 4 + (1.0 - z / form.height_m) * 248) / SHEET_PX
        return u, v

    def polygon(self, uv: list[Point], colour: tuple[int, int, int, int]) -> None:
        points = np.round(np.array(uv) * SHEET_PX * 16).astype(np.int32)
        cv2.fillPoly(self.picture, [points], colour, cv2.LINE_8, 4)

    def line(self, uv: list[Point], colour: tuple[int, int, int, int], thick_px: int = 2) -> None:
        points = np.round(np.array(uv) * SHEET_PX).astype(np.int32)
        cv2.polylines(self.picture, [points], False, colour, thick_px)

    def side(self, points: list[Point], colour: tuple[int, int, int, int]) -> None:
        self.polygon([self.uv_side(*p) for p in points], colour)

    def top(self, points: list[Point], colour: tuple[int, int, int, int]) -> None:
        self.polygon([self.uv_top(*p) for p in points], colour)

    def end(
        self, box: tuple[float, float, float, float], nose: bool, colour: tuple[int, int, int, int]
    ) -> None:
        """A rectangle (y0, z0, y1, z1) and its mirror image."""
        y0, z0, y1, z1 = box
        for s in (1.0, -1.0):
            corners = [(s * y0, z0), (s * y1, z0), (s * y1, z1), (s * y0, z1)]
            self.polygon([self.uv_end(y, z, nose) for y, z in corners], colour)


def sheet(form: Form) -> tuple[Sheet, Picture]:
    """The painted sheet and its texels, row 0 at the top."""
    drawn = Sheet(form)
    _paint_side(drawn)
    _paint_top(drawn)
    _paint_ends(drawn)
    return drawn, drawn.picture


def _arch(x: float, radius: float, z: float) -> list[Point]:
    turns = np.linspace(0.0, np.pi, 15)
    return [(x + radius * float(np.cos(t)), z + radius * float(np.sin(t))) for t in turns] + [
        (x - radius, 0.0),
        (x + radius, 0.0),
    ]


def _paint_side(drawn: Sheet) -> None:
    form = drawn.form
    tail, nose = form.top[0][0], form.top[-1][0]
    low = form.clearance_m
    drawn.side([(tail, 0.0), (nose, 0.0), (nose, low + 0.10), (tail, low + 0.10)], BLACK)
    if form.stripes:
        z0, z1 = form.stripes
        drawn.side([(tail, z0), (nose, z0), (nose, z1), (tail, z1)], (230, 230, 225, 0))
    for window in form.windows:
        middle = np.array(window).mean(axis=0)
        frame = [
            (float(m + (p - m) * 1.06), float(q))
            for (p, q), m in zip(window, [middle[0]] * len(window), strict=True)
        ]
        drawn.side([(x, z + (0.02 if z > middle[1] else -0.02)) for x, z in frame], BLACK)
        drawn.side(list(window), GLASS)
        x0, z0 = min(p[0] for p in window), min(p[1] for p in window)
        x1 = max(p[0] for p in window)
        drawn.side(
            [
                (x0 + 0.1, z0),
                (x0 + 0.4 * (x1 - x0), z0),
                (x0 + 0.35 * (x1 - x0), z0 + 0.2),
                (x0 + 0.14, z0 + 0.2),
            ],
            (22, 22, 24, 128),
        )
    top = min(form.belt_m + 0.9, form.height_m - 0.2)
    for x in form.doors:
        drawn.line([drawn.uv_side(x, low + 0.12), drawn.uv_side(x, top)], SEAM)
        drawn.side(
            [
                (x + 0.07, form.belt_m - 0.13),
                (x + 0.24, form.belt_m - 0.13),
                (x + 0.24, form.belt_m - 0.09),
                (x + 0.07, form.belt_m - 0.09),
            ],
            (60, 60, 62, 0),
        )
    drawn.line(
        [drawn.uv_side(tail + 0.1, form.belt_m - 0.22), drawn.uv_side(nose - 0.15, form.belt_m - 0.26)],
        (196, 196, 196, 255),
        2,
    )
    for x in form.wheels:
        drawn.side(_arch(x, form.wheel_m * 1.22, form.wheel_m), (8, 8, 9, 0))
    lamp_z = form.belt_m * (0.72 if form.height_m < 2.0 else 0.62)
    drawn.side(
        [
            (nose - 0.34, lamp_z - 0.04),
            (nose, lamp_z - 0.05),
            (nose, lamp_z + 0.07),
            (nose - 0.2, lamp_z + 0.09),
        ],
        HEADLAMP,
    )
    drawn.side(
        [(tail, lamp_z), (tail + 0.16, lamp_z), (tail + 0.16, lamp_z + 0.16), (tail, lamp_z + 0.16)],
        TAIL_LAMP,
    )


def _paint_top(drawn: Sheet) -> None:
    form = drawn.form
    half = form.width_m * 0.5
    for x0, x1 in form.glass_top:
        drawn.top([(x0, -half), (x1, -half), (x1, half), (x0, half)], (60, 60, 60, 255))
        edge = 0.13 * form.width_m * 0.5
        drawn.top(
            [
                (x0 + 0.03, -half + edge),
                (x1 - 0.03, -half + edge * 0.8),
                (x1 - 0.03, half - edge * 0.8),
                (x0 + 0.03, half - edge),
            ],
            GLASS,
        )
    if form.name in ("hatchback", "saloon", "estate"):
        start = form.glass_top[0][1]
        nose = form.top[-1][0]
        for s in (1.0, -1.0):
            drawn.line(
                [drawn.uv_top(start + 0.05, s * 0.62), drawn.uv_top(nose - 0.25, s * 0.52)],
                (205, 205, 205, 255),
                2,
            )
    if form.name == "van":
        for x in (-2.3, -1.8, -1.3, -0.8, -0.3, 0.2, 0.7):
            drawn.line([drawn.uv_top(x, -0.72), drawn.uv_top(x, 0.72)], (172, 172, 172, 255), 5)
    if form.name == "bus":
        for x in (-3.0, 1.0):
            drawn.top([(x, -0.5), (x + 1.6, -0.5), (x + 1.6, 0.5), (x, 0.5)], (205, 205, 205, 0))


def _paint_ends(drawn: Sheet) -> None:
    form = drawn.form
    half = form.width_m * 0.5
    big = form.height_m > 2.0
    low = form.clearance_m
    for nose, glass in ((True, form.front_glass), (False, form.rear_glass)):
        drawn.end((0.0, 0.0, half, low + 0.16), nose, BLACK)
        if glass:
            inset = 0.06 if nose else 0.16
            drawn.end((0.0, glass[0], half - inset, glass[1]), nose, GLASS)
            if not nose:
                drawn.end((0.0, glass[0], 0.03, glass[1]), nose, SEAM)
    lamp = form.belt_m * (0.72 if not big else 0.62)
    drawn.end((half - 0.46, lamp - 0.06, half - 0.06, lamp + 0.09), True, HEADLAMP)
    drawn.end((0.0, lamp - 0.14, half - 0.52, lamp + 0.05), True, BLACK)
    drawn.end((0.0, lamp - 0.04, half - 0.55, lamp - 0.01), True, CHROME)
    drawn.end((0.0, low + 0.10, half - 0.4, low + 0.24), True, BLACK)
    drawn.end((0.0, low + 0.17, 0.26, low + 0.28), True, PLATE)
    tall = 0.42 if big else 0.20
    drawn.end((half - 0.30, lamp, half - 0.05, lamp + tall), False, TAIL_LAMP)
    drawn.end((half - 0.30, lamp + tall * 0.75, half - 0.05, lamp + tall), False, INDICATOR)
    drawn.end((0.0, lamp - 0.02, 0.26, lamp + 0.10), False, PLATE)
    if form.name == "van":
        drawn.line(
            [drawn.uv_end(0.0, low + 0.2, False), drawn.uv_end(0.0, form.height_m - 0.15, False)], SEAM
        )
    if form.name == "bus":
        drawn.end((0.0, 2.74, half - 0.3, 2.96), True, (30, 30, 26, 0))
        drawn.end((0.0, 2.79, half - 0.6, 2.91), True, (230, 150, 30, 40))
