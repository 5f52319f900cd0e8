"""What the monitor says after it has judged: one Step per capture instant or clock tick, and the parts of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.instants import Instant
from contract.messages import (
    Alert,
    AlertCondition,
    AlertHandling,
    ClockSource,
    PictureState,
    Share,
    VehicleKind,
    ZoneState,
)
from contract.phrase import Phrase

CameraCondition = Literal["live", "silent", "never", "bad_picture", "stopped"]


class _Said(Struct, frozen=True, kw_only=True):
    """Immutable and keyword-only, as the messages of the contract are."""


class Transition(_Said, frozen=True, kw_only=True):
    """One change of one alert: a line of the alert log. `alert` is the alert after it; `from_*` say what it was."""

    at: Instant
    alert: Alert
    from_condition: AlertCondition | None
    from_handling: AlertHandling | None
    event: str
    by: str | None = None


class Heat(_Said, frozen=True, kw_only=True):
    """Persons per square metre for each ground cell, row-major from the south-west; null is not observed."""

    origin_m: tuple[float, float]
    cell_m: float
    columns: int
    rows: int
    density_per_m2: tuple[float | None, ...]


class GroundVehicle(_Said, frozen=True, kw_only=True):
    """One vehicle on the ground, as all cameras that see it agree. `id` is ephemeral; `zone` null is outside all."""

    id: str
    kind: VehicleKind
    x_m: float
    y_m: float
    speed_m_s: float
    heading_deg: Annotated[float, Meta(ge=0, lt=360, description="clockwise from north")]
    cameras: tuple[str, ...]
    zone: str | None
    authorised: bool
    captured_at: Instant


class CameraState(_Said, frozen=True, kw_only=True):
    """How one camera does, as the hub sees it. `problem` says what to do."""

    camera: str
    agent: str
    name: str
    position_m: tuple[float, float]
    vms_url: str | None
    state: CameraCondition
    picture: PictureState | None
    captured_to: Instant | None
    age_s: float | None
    frames_per_s: float | None
    clock: ClockSource | None
    clock_offset_s: float | None
    clock_corrected: bool
    problem: str | None
    outbox_depth: int | None
    zones: tuple[str, ...] = ()
    observed_share: Share | None = None
    problem_phrase: Phrase | None = None


class Step(_Said, frozen=True, kw_only=True):
    """Everything the hub knows at one instant. `alerts`: the open ones, most urgent first, without the pending."""

    now_ms: int
    zones: tuple[ZoneState, ...]
    alerts: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    heat: Heat
    vehicles: tuple[GroundVehicle, ...]
    cameras: tuple[CameraState, ...]
