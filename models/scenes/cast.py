"""The world's people and vehicles as the renderer's rows: where each stands, in which pose and clothes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.meshes import Colour
from models.scenes.renderer import BLOB, BLOB_DTYPE, OBJECT_DTYPE, PEOPLE_DTYPE
from models.scenes.traffic import Ride, Standpoint
from models.scenes.vehicle_mesh import VehicleMesh
from models.scenes.world import Somebody

FIRST_VEHICLE: Final = 200_000
"""Numbers in the picture: people by their own number, vehicles from here, what people carry is CARRIED."""
CARRIED: Final = 300_000
PROP_HEIGHT_M: Final = 1.77


@dataclass(frozen=True, slots=True)
class Cast:
    people: npt.NDArray[np.void]
    shapes: npt.NDArray[np.int32]
    objects: list[tuple[str, npt.NDArray[np.void]]]
    blobs: npt.NDArray[np.void]


def cast(
    people: list[Somebody],
    vehicles: list[tuple[Ride, Standpoint]],
    meshes: dict[str, VehicleMesh],
    numbers: dict[str, int],
) -> Cast:
    """`numbers`: each vehicle's number in the picture."""
    rows = np.zeros(len(people), PEOPLE_DTYPE)
    blobs = np.zeros(len(people) + len(vehicles), BLOB_DTYPE)
    carried: dict[str, list[tuple[Somebody, Colour]]] = {}
    for i, one in enumerate(people):
        rows[i]["at"] = (one.x_m, one.y_m, 0.0)
        rows[i]["turn_scale"] = (one.heading_rad, one.look.scale)
        rows[i]["frames"] = one.frames
        dress = one.look.dress.astype(np.uint32)
        rows[i]["dress"] = dress[:, 0] | (dress[:, 1] << 8) | (dress[:, 2] << 16)
        rows[i]["who"] = one.person
        rows[i]["style"] = one.look.style
        blobs[i]["place"] = (one.x_m, one.y_m, 0.46, 0.36)
        blobs[i]["turn_dark"] = (one.heading_rad, BLOB if one.rides is None else 0.3)
        if one.rides is None:
            if one.look.bag != "none":
                carried.setdefault(one.look.bag, []).append((one, one.look.bag_colour))
            if one.look.umbrella is not None:
                carried.setdefault("umbrella", []).append((one, one.look.umbrella))
    objects = [(name, _carried(bearers)) for name, bearers in carried.items()]
    for k, (ride, here) in enumerate(vehicles):
        row = np.zeros(1, OBJECT_DTYPE)
        turn = math.radians(90.0 - here.nose_deg)
        paints = meshes[ride.drive.model].paints
        row["at"] = (here.x_m, here.y_m, 0.0)
        row["turn_scale_tilt"] = (turn, 1.0, 0.0)
        row["paint"] = paints[ride.drive.paint % len(paints)]
        row["who"] = numbers[ride.drive.id]
        objects.append((ride.drive.model, row))
        blobs[len(people) + k]["place"] = (here.x_m, here.y_m, ride.size_m[0] * 0.62, ride.size_m[1] * 0.68)
        blobs[len(people) + k]["turn_dark"] = (turn, 0.92 if ride.size_m[1] > 1.0 else 0.4)
    shapes = np.array([one.look.shape for one in people], np.int32)
    return Cast(rows, shapes, objects, blobs)


def _carried(bearers: list[tuple[Somebody, Colour]]) -> npt.NDArray[np.void]:
    rows = np.zeros(len(bearers), OBJECT_DTYPE)
    for i, (one, colour) in enumerate(bearers):
        rows[i]["at"] = (one.x_m, one.y_m, 0.0)
        rows[i]["turn_scale_tilt"] = (one.heading_rad, one.look.height_m / PROP_HEIGHT_M, 0.0)
        rows[i]["paint"] = colour
        rows[i]["who"] = CARRIED
    return rows
