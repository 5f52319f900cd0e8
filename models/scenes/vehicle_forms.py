"""The measures of each vehicle: outline, windows, wheels. Side views look at the left; x ahead, z up, metres."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from contract.messages import VehicleKind

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Form:
    """`top`: the body's upper outline from tail to nose, x rising. `belt_m`: above it the sides lean in by `lean`.

    `windows`: side windows as polygons (x, z). `doors`: x of the seams. `wheels`: x of the axles.
    `glass_top`: ranges of x where the upper outline is glass. `front_glass`, `rear_glass`: z ranges on steep ends.
    """

    name: str
    kind: VehicleKind
    width_m: float
    top: tuple[Point, ...]
    clearance_m: float
    belt_m: float
    lean: float
    round_m: float
    wheels: tuple[float, ...]
    wheel_m: float
    windows: tuple[tuple[Point, ...], ...]
    doors: tuple[float, ...] = ()
    glass_top: tuple[tuple[float, float], ...] = ()
    front_glass: tuple[float, float] | None = None
    rear_glass: tuple[float, float] | None = None
    nose_taper: float = 0.14
    tail_taper: float = 0.08
    stripes: tuple[float, float] | None = None
    paints: tuple[tuple[float, float, float], ...] = field(default=())

    @property
    def length_m(self) -> float:
        return self.top[-1][0] - self.top[0][0]

    @property
    def height_m(self) -> float:
        return max(z for _, z in self.top)


_USUAL = (
    (0.78, 0.79, 0.80),
    (0.60, 0.61, 0.63),
    (0.07, 0.07, 0.08),
    (0.25, 0.26, 0.28),
    (0.45, 0.06, 0.06),
    (0.07, 0.14, 0.32),
    (0.80, 0.80, 0.76),
    (0.16, 0.24, 0.20),
)

HATCHBACK: Final = Form(
    "hatchback",
    "car",
    1.78,
    (
        (-2.05, 0.42),
        (-2.03, 0.78),
        (-1.98, 0.98),
        (-1.62, 1.40),
        (-1.45, 1.45),
        (-0.6, 1.49),
        (0.15, 1.45),
        (0.40, 1.38),
        (1.12, 0.99),
        (1.30, 0.95),
        (1.75, 0.86),
        (1.96, 0.72),
        (2.03, 0.55),
        (2.06, 0.36),
    ),
    0.20,
    0.93,
    0.19,
    0.07,
    (-1.24, 1.27),
    0.32,
    (
        ((-1.55, 1.00), (-1.36, 1.34), (-1.02, 1.37), (-1.02, 0.98)),
        ((-0.96, 0.98), (-0.96, 1.38), (-0.22, 1.40), (-0.22, 0.97)),
        ((-0.16, 0.97), (-0.16, 1.40), (0.30, 1.35), (0.92, 1.02), (0.86, 0.96)),
    ),
    (-0.99, -0.19, 0.92),
    ((0.38, 1.13), (-1.97, -1.60)),
    paints=_USUAL,
)

SALOON: Final = Form(
    "saloon",
    "car",
    1.84,
    (
        (-2.33, 0.40),
        (-2.31, 0.74),
        (-2.25, 0.95),
        (-1.70, 1.02),
        (-1.05, 1.36),
        (-0.75, 1.43),
        (-0.1, 1.45),
        (0.30, 1.41),
        (1.15, 0.99),
        (1.30, 0.94),
        (1.95, 0.83),
        (2.20, 0.70),
        (2.29, 0.55),
        (2.33, 0.34),
    ),
    0.19,
    0.95,
    0.20,
    0.07,
    (-1.36, 1.43),
    0.33,
    (
        ((-1.42, 1.00), (-1.02, 1.25), (-0.92, 1.32), (-0.72, 1.35), (-0.72, 0.98)),
        ((-0.66, 0.98), (-0.66, 1.36), (0.02, 1.37), (0.02, 0.97)),
        ((0.08, 0.97), (0.08, 1.37), (0.36, 1.32), (1.00, 1.01), (0.94, 0.96)),
    ),
    (-0.69, 0.05, 1.00),
    ((0.32, 1.16), (-1.70, -1.04)),
    paints=_USUAL,
)

ESTATE: Final = Form(
    "estate",
    "car",
    1.86,
    (
        (-2.25, 0.45),
        (-2.23, 0.85),
        (-2.18, 1.08),
        (-1.95, 1.55),
        (-1.75, 1.62),
        (-0.6, 1.68),
        (0.20, 1.64),
        (0.42, 1.58),
        (1.12, 1.13),
        (1.28, 1.09),
        (1.85, 1.00),
        (2.08, 0.84),
        (2.16, 0.62),
        (2.20, 0.40),
    ),
    0.24,
    1.06,
    0.17,
    0.07,
    (-1.32, 1.36),
    0.36,
    (
        ((-1.88, 1.14), (-1.74, 1.48), (-1.12, 1.54), (-1.12, 1.12)),
        ((-1.06, 1.12), (-1.06, 1.55), (-0.20, 1.57), (-0.20, 1.11)),
        ((-0.14, 1.11), (-0.14, 1.57), (0.34, 1.53), (0.94, 1.16), (0.88, 1.10)),
    ),
    (-1.09, -0.17, 0.95),
    ((0.40, 1.13), (-2.17, -1.94)),
    paints=_USUAL,
)

VAN: Final = Form(
    "van",
    "truck",
    2.02,
    (
        (-2.70, 0.48),
        (-2.69, 1.2),
        (-2.66, 2.30),
        (-2.58, 2.42),
        (-1.0, 2.48),
        (0.85, 2.45),
        (1.18, 2.34),
        (1.92, 1.42),
        (2.05, 1.34),
        (2.52, 1.14),
        (2.66, 0.95),
        (2.71, 0.62),
        (2.72, 0.38),
    ),
    0.24,
    1.30,
    0.07,
    0.09,
    (-1.72, 1.72),
    0.35,
    (((0.55, 1.34), (0.55, 1.98), (1.14, 1.98), (1.62, 1.40), (1.56, 1.30)),),
    (-0.95, 0.48, 1.62),
    ((1.16, 1.93),),
    rear_glass=(1.45, 2.05),
    nose_taper=0.12,
    tail_taper=0.02,
    paints=(
        (0.82, 0.82, 0.81),
        (0.82, 0.82, 0.80),
        (0.55, 0.57, 0.60),
        (0.12, 0.20, 0.42),
        (0.55, 0.10, 0.08),
    ),
)

CAB: Final = Form(
    "cab",
    "truck",
    2.30,
    (
        (1.75, 0.60),
        (1.76, 2.40),
        (1.84, 2.62),
        (2.4, 2.70),
        (3.02, 2.62),
        (3.22, 2.44),
        (3.40, 1.55),
        (3.46, 1.30),
        (3.48, 0.75),
        (3.48, 0.45),
    ),
    0.36,
    1.40,
    0.06,
    0.10,
    (2.62,),
    0.45,
    (((2.20, 1.45), (2.20, 2.22), (2.95, 2.22), (3.12, 1.62), (3.05, 1.40)),),
    (2.12, 3.12),
    front_glass=(1.45, 2.40),
    nose_taper=0.10,
    tail_taper=0.0,
    paints=(
        (0.80, 0.80, 0.78),
        (0.10, 0.22, 0.45),
        (0.60, 0.10, 0.08),
        (0.12, 0.30, 0.20),
        (0.75, 0.50, 0.08),
    ),
)

BUS: Final = Form(
    "bus",
    "bus",
    2.52,
    (
        (-5.70, 0.50),
        (-5.70, 1.2),
        (-5.68, 2.75),
        (-5.58, 2.98),
        (-4.5, 3.05),
        (0.0, 3.06),
        (4.5, 3.05),
        (5.45, 3.00),
        (5.60, 2.85),
        (5.70, 1.25),
        (5.72, 0.85),
        (5.72, 0.42),
    ),
    0.30,
    1.15,
    0.03,
    0.12,
    (-2.95, 3.05),
    0.48,
    (
        *tuple(
            ((x, 1.12), (x, 2.42), (x + 1.28, 2.42), (x + 1.28, 1.12))
            for x in (-5.3, -3.94, -2.58, -1.22, 1.46, 2.82)
        ),
        ((0.12, 0.45), (0.12, 2.5), (1.34, 2.5), (1.34, 0.45)),
        ((4.32, 0.45), (4.32, 2.5), (5.42, 2.5), (5.46, 0.45)),
    ),
    (),
    front_glass=(1.10, 2.72),
    rear_glass=(1.55, 2.55),
    nose_taper=0.08,
    tail_taper=0.04,
    paints=((0.62, 0.10, 0.10), (0.12, 0.32, 0.60), (0.16, 0.42, 0.24), (0.82, 0.78, 0.66)),
)

FORMS: Final[dict[str, Form]] = {form.name: form for form in (HATCHBACK, SALOON, ESTATE, VAN, CAB, BUS)}

MODELS: Final[tuple[str, ...]] = (
    "hatchback",
    "saloon",
    "estate",
    "van",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
)
"""Everything that a story can drive. A van counts as a truck, as COCO's labels and our vehicle kinds have it."""

KIND_OF_MODEL: Final[dict[str, VehicleKind]] = {
    "hatchback": "car",
    "saloon": "car",
    "estate": "car",
    "van": "truck",
    "truck": "truck",
    "bus": "bus",
    "motorcycle": "motorcycle",
    "bicycle": "bicycle",
}
