"""What is true in each frame, and how it is written: JSON lines, one frame each (docs/scenes.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from contract.messages import Grid, VehicleKind

PixelPoint = tuple[float, float]
Box = tuple[float, float, float, float]
PictureTruth = Literal["good", "moved", "covered", "frozen"]


class PersonTruth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person in the picture. `head_px`: middle of the head; `foot_px`: the ground point under the body.

    `box_xyxy`: around the body (without bag or umbrella), cut at the picture's edges. `visible`: share of the body that
    neither anything else nor the picture's edge hides, 0 to 1. `rides`: the vehicle that carries them.
    """

    id: int
    x_m: float
    y_m: float
    vx_m_s: float
    vy_m_s: float
    height_m: float
    head_px: PixelPoint
    foot_px: PixelPoint
    box_xyxy: Box
    visible: float
    rides: str | None = None


class VehicleTruth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vehicle in the picture; x, y is the middle of its length. Its rider is a person of their own."""

    id: str
    kind: VehicleKind
    model: str
    x_m: float
    y_m: float
    speed_m_s: float
    heading_deg: float
    size_m: tuple[float, float, float]
    box_xyxy: Box
    visible: float
    permitted: bool = True


class FrameTruth(Struct, frozen=True, kw_only=True):
    """One frame of one camera. `picture`: what happened to the camera; `grid` holds all people on its ground."""

    frame: int
    t_s: float
    captured_at: str
    camera: str
    picture: PictureTruth
    people: list[PersonTruth]
    vehicles: list[VehicleTruth]
    grid: Grid
    people_outside_grid: float


class HotSpot(Struct, frozen=True, kw_only=True):
    """The fullest 6 x 6 m patch: people per square metre of its walkable ground, and its middle."""

    per_m2: float
    at_m: tuple[float, float]


class WorldPerson(Struct, frozen=True, kw_only=True, array_like=True):
    id: int
    x_m: float
    y_m: float
    vx_m_s: float
    vy_m_s: float


class WorldVehicle(Struct, frozen=True, kw_only=True, array_like=True):
    id: str
    kind: VehicleKind
    x_m: float
    y_m: float
    speed_m_s: float
    heading_deg: float
    permitted: bool


class WorldTruth(Struct, frozen=True, kw_only=True):
    """One instant of the whole place, seen or not. `zones`: people in each; `zones_per_m2`: over walkable ground."""

    t_s: float
    captured_at: str
    people: list[WorldPerson]
    vehicles: list[WorldVehicle]
    zones: dict[str, int]
    zones_per_m2: dict[str, float]
    hot_spot: HotSpot | None


_ENCODER = msgspec.json.Encoder()


def encode(truth: FrameTruth | WorldTruth) -> bytes:
    """One line, without its end."""
    return _ENCODER.encode(truth)


def read_frames(path: Path | str) -> Iterator[FrameTruth]:
    """The frames of a truth.jsonl, in order. Raises msgspec.DecodeError on a line that is none."""
    decoder = msgspec.json.Decoder(FrameTruth)
    with Path(path).open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)


def read_world(path: Path | str) -> Iterator[WorldTruth]:
    decoder = msgspec.json.Decoder(WorldTruth)
    with Path(path).open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
