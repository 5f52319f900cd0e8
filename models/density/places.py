"""Invented places for training: grounds, buildings, street furniture and parked vehicles, from a seed alone. [E]"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from contract.site_file import Origin
from models.scenes import place_mesh
from models.scenes.light import LIGHTS, Light
from models.scenes.story import Block, Drive, Layout, Patch, Point
from models.scenes.traffic import Ride, Standpoint
from models.scenes.vehicle_forms import MODELS
from models.scenes.vehicle_mesh import VehicleMesh

GROUNDS: Final = ("asphalt", "paving", "setts", "pale-paving", "grass", "concrete")
FRONTS: Final[tuple[Literal["brick", "plaster", "glass", "concrete"], ...]] = (
    "brick",
    "plaster",
    "glass",
    "concrete",
)
LIGHT_SHARES: Final = {"sun": 0.3, "morning": 0.15, "overcast": 0.3, "dusk": 0.13, "night": 0.12}
RAIN_SHARE: Final = 0.15
MOST_PARKED: Final = 7

Solids = tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class SampledPlace:
    """A place to photograph. `half_m`: its free ground reaches so far from the origin to each side."""

    place: place_mesh.Place
    light: Light
    half_m: float
    parked: tuple[tuple[Ride, Standpoint], ...]
    solids: Solids


def sampled(seed: int, index: int, meshes: dict[str, VehicleMesh]) -> SampledPlace:
    """The place number `index` of a seed. The same two numbers give the same place."""
    rng = np.random.default_rng([seed, index, 1])
    half_m = float(rng.uniform(14.0, 42.0))
    layout = Layout(
        layout=f"sampled-{index}",
        title="Sampled",
        origin=Origin(latitude=0.0, longitude=0.0),
        time_zone="UTC",
        base=str(rng.choice(GROUNDS)),
        walkable=_square(half_m),
        ground=_ground(rng, half_m),
        blocks=(*_surroundings(rng, half_m), *_furniture(rng, half_m)),
        cameras={},
        places={},
        lanes={},
    )
    built = place_mesh.built(layout, seed + index)
    light = LIGHTS[str(rng.choice(list(LIGHT_SHARES), p=list(LIGHT_SHARES.values())))]
    if rng.random() < RAIN_SHARE:
        light = light.raining()
    parked = _parked(rng, half_m, meshes)
    solids = (*(polygon for _, polygon in built.solid), *(_footprint(*one) for one in parked))
    return SampledPlace(built, light, half_m, parked, solids)


def free(points_m: npt.NDArray[np.float64], solids: Solids) -> npt.NDArray[np.bool_]:
    """Which of the points (n, 2) lie in none of the convex or simple polygons (even-odd rule)."""
    inside = np.zeros(len(points_m), np.bool_)
    for polygon in solids:
        within = np.zeros(len(points_m), np.bool_)
        for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
            crosses = (ay > points_m[:, 1]) != (by > points_m[:, 1])
            if ay != by:
                at = ax + (points_m[:, 1] - ay) * (bx - ax) / (by - ay)
                within ^= crosses & (points_m[:, 0] < at)
        inside |= within
    return ~inside


def _square(half_m: float) -> tuple[Point, ...]:
    return ((-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m))


def _rectangle(x: float, y: float, w: float, d: float) -> tuple[Point, ...]:
    return ((x, y), (x + w, y), (x + w, y + d), (x, y + d))


def _ground(rng: np.random.Generator, half_m: float) -> tuple[Patch, ...]:
    patches = [
        Patch(
            surface=str(rng.choice(GROUNDS)), tile_m=float(rng.uniform(2.5, 7.0)), polygon=_square(half_m + 2)
        )
    ]
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(-half_m, half_m, 2)
        w, d = rng.uniform(2.0, 1.4 * half_m, 2)
        patches.append(
            Patch(
                surface=str(rng.choice(GROUNDS)),
                tile_m=float(rng.uniform(2.0, 7.0)),
                polygon=_rectangle(float(x - w / 2), float(y - d / 2), float(w), float(d)),
            )
        )
    return tuple(patches)


def _surroundings(rng: np.random.Generator, half_m: float) -> list[Block]:
    blocks = []
    for side in range(4):
        kind = rng.random()
        if kind < 0.14:
            continue
        start = -half_m - 14.0
        while start < half_m + 14.0:
            length = float(rng.uniform(9.0, 30.0))
            depth, height = float(rng.uniform(8.0, 16.0)), float(rng.uniform(5.0, 24.0))
            gap = float(rng.uniform(2.0, 9.0)) if rng.random() < 0.2 else 0.0
            low = half_m + float(rng.uniform(0.0, 1.5))
            rectangle = [
                (start, low),
                (start + length, low),
                (start + length, low + depth),
                (start, low + depth),
            ]
            turn = side * math.pi / 2
            c, s = round(math.cos(turn)), round(math.sin(turn))
            tint = rng.uniform(0.7, 1.0, 3)
            blocks.append(
                Block(
                    kind="building",
                    polygon=tuple((c * x - s * y, s * x + c * y) for x, y in rectangle),
                    height_m=height,
                    front=FRONTS[int(rng.integers(len(FRONTS)))],
                    shops=bool(rng.random() < 0.5),
                    tint=(float(tint[0]), float(tint[1]), float(tint[2])),
                )
            )
            start += length + gap
    return blocks


def _furniture(rng: np.random.Generator, half_m: float) -> list[Block]:
    blocks = []
    kinds: tuple[
        tuple[Literal["tree", "lamp", "bench", "bollard", "planter", "stall", "kiosk", "shelter"], int], ...
    ]
    kinds = (
        ("tree", 14),
        ("lamp", 10),
        ("bench", 10),
        ("bollard", 26),
        ("planter", 8),
        ("stall", 9),
        ("kiosk", 2),
        ("shelter", 2),
    )
    for kind, most in kinds:
        if rng.random() < 0.4:
            continue
        spread = half_m * (1.0 if rng.random() < 0.5 else 0.6)
        at = rng.uniform(-spread, spread, (int(rng.integers(1, most + 1)), 2))
        if kind in ("bollard", "lamp", "tree") and rng.random() < 0.6:
            line = float(rng.uniform(-half_m, half_m))
            at[:, 1] = line
            at[:, 0] = np.linspace(-spread, spread, len(at)) + float(rng.uniform(-1.0, 1.0))
        blocks.append(
            Block(
                kind=kind,
                at=tuple((float(x), float(y)) for x, y in at),
                turn_deg=float(rng.uniform(0.0, 360.0)),
                tint=(
                    float(rng.uniform(0.5, 1.0)),
                    float(rng.uniform(0.5, 1.0)),
                    float(rng.uniform(0.5, 1.0)),
                ),
            )
        )
    for _ in range(int(rng.integers(0, 4))):
        start = rng.uniform(-half_m, half_m, 2)
        turn, length = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(4.0, half_m)
        end = start + length * np.array([math.cos(turn), math.sin(turn)])
        blocks.append(
            Block(
                kind="fence" if rng.random() < 0.6 else "wall",
                points=((float(start[0]), float(start[1])), (float(end[0]), float(end[1]))),
                height_m=float(rng.uniform(0.8, 2.6)),
            )
        )
    return blocks


def _parked(
    rng: np.random.Generator, half_m: float, meshes: dict[str, VehicleMesh]
) -> tuple[tuple[Ride, Standpoint], ...]:
    found = []
    none = np.zeros(0)
    for k in range(int(rng.integers(0, MOST_PARKED + 1))):
        model = str(rng.choice(MODELS))
        x, y = rng.uniform(-half_m, half_m, 2)
        nose = float(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.normal(0.0, 6.0))
        drive = Drive(
            id=f"parked-{k}", model=model, lane="none", start_s=0.0, km_h=(), paint=int(rng.integers(64))
        )
        ride = Ride(drive, meshes[model].size_m, none, none, none, none)
        found.append((ride, Standpoint(float(x), float(y), nose, nose, 0.0, 0.0)))
    return tuple(found)


def _footprint(ride: Ride, here: Standpoint) -> tuple[Point, ...]:
    turn = math.radians(90.0 - here.nose_deg)
    c, s = math.cos(turn), math.sin(turn)
    length, width = ride.size_m[0] / 2.0, ride.size_m[1] / 2.0
    corners = ((-length, -width), (length, -width), (length, width), (-length, width))
    return tuple((here.x_m + c * a - s * b, here.y_m + s * a + c * b) for a, b in corners)
