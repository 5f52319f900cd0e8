"""What is said. One struct per message; field names carry their units; unknown extra fields are ignored.

Decoding checks types and ranges field by field; `contract.intake` checks what spans several fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract import limits
from contract.instants import Instant
from contract.phrase import Phrase

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$(?!\n)")]
Sha256Prefix = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$(?!\n)")]
Text = Annotated[str, Meta(max_length=400)]
Schema = Annotated[int, Meta(ge=1, le=limits.SCHEMA)]
Seq = Annotated[int, Meta(ge=0, le=limits.SEQ_MAX)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Metres = Annotated[float, Meta(ge=-limits.SITE_MAX_M, le=limits.SITE_MAX_M)]
Share = Annotated[float, Meta(ge=0, le=1)]

VehicleKind = Literal["bicycle", "motorcycle", "car", "bus", "truck"]
CrossingKind = Literal["person", "bicycle", "motorcycle", "car", "bus", "truck"]
ClockSource = Literal["rtcp", "arrival", "media"]
Severity = Literal["low", "medium", "high"]
AlertCondition = Literal["pending", "active", "returned", "unknown"]
AlertHandling = Literal["unacknowledged", "acknowledged", "shelved", "out_of_service"]
# `held`: all of it is seen, and yet not known to be as empty as it looks: a camera that saw more there has gone
Quality = Literal["observed", "held", "partly", "unknown"]
LevelOfService = Literal["A", "B", "C", "D", "E", "F"]


class _Message(Struct, frozen=True, kw_only=True):
    """Base of all structs here: immutable, keyword-only, unknown fields ignored."""


class ModelRef(_Message, frozen=True, kw_only=True):
    name: Text
    sha256_12: Sha256Prefix


# --- edge to hub -------------------------------------------------------------------------------------------


class Grid(_Message, frozen=True, kw_only=True):
    """People per ground cell. Row-major from the south-west corner: row 0 is the southernmost.

    `people`, `sigma_people`: uint16 little-endian, people x 100, base64. `covered`, `observed`: bitmaps, least
    significant bit first. Not observed is not zero. Velocity arrays are optional and come together:
    `velocity_n` uint16, `velocity_x` and `velocity_y` int16 in cm/s, `velocity_variance` uint16 in 0.001 m2/s2.
    """

    origin_m: Annotated[tuple[Metres, Metres], Meta(description="integer multiples of cell_m")]
    cell_m: Annotated[float, Meta(ge=limits.CELL_MIN_M, le=limits.CELL_MAX_M)]
    columns: Annotated[int, Meta(ge=1, le=limits.GRID_MAX_CELLS)]
    rows: Annotated[int, Meta(ge=1, le=limits.GRID_MAX_CELLS)]
    people: bytes
    sigma_people: bytes
    covered: bytes
    observed: bytes
    velocity_n: bytes | None = None
    velocity_x: bytes | None = None
    velocity_y: bytes | None = None
    velocity_variance: bytes | None = None


class VehicleTrack(_Message, frozen=True, kw_only=True):
    """One vehicle seen by one camera. `id` is ephemeral: never reused across boots, never kept beyond the day."""

    id: Identifier
    kind: VehicleKind
    x_m: Metres
    y_m: Metres
    speed_m_s: Annotated[float, Meta(ge=0, le=limits.SPEED_MAX_M_S)]
    speed_sigma_m_s: Annotated[float, Meta(ge=0, le=limits.SPEED_MAX_M_S)]
    heading_deg: Annotated[float, Meta(ge=0, lt=360, description="clockwise from north")]
    age_s: Annotated[float, Meta(ge=0, le=86_400)]
    confidence: Share
    captured_at: Instant


class Crossing(_Message, frozen=True, kw_only=True):
    """Crossings of one counting line in this window; forward is from the line's left to its right."""

    line: Identifier
    kind: CrossingKind
    forward: Annotated[int, Meta(ge=0, le=limits.CROSSING_COUNT_MAX)]
    backward: Annotated[int, Meta(ge=0, le=limits.CROSSING_COUNT_MAX)]


class Reading(_Message, frozen=True, kw_only=True):
    """What one camera saw in one window of capture time. Windows lie on whole UTC multiples of the period.

    `seq` counts up from 0 for each (boot, camera). `oldest_seq` is the lowest one still in the agent's outbox:
    nothing below it will come again, so the hub need not wait for it. Both `sent_at` and `oldest_seq` are set at
    each publish. While a motor vehicle moves, readings with `grid` null come every 0.2 s between full ones.
    """

    schema: Schema
    site: Identifier
    agent: Identifier
    camera: Identifier
    boot: Identifier
    seq: Seq
    oldest_seq: Seq
    period_s: Annotated[float, Meta(ge=limits.PERIOD_MIN_S, le=limits.PERIOD_MAX_S)]
    captured_from: Instant
    captured_to: Instant
    sent_at: Instant
    clock: ClockSource
    frames_used: Count
    frames_dropped: Count
    model: ModelRef | None
    calibration: Sha256Prefix | None
    grid: Grid | None
    people_outside_grid: Annotated[float, Meta(ge=0, le=limits.PEOPLE_OUTSIDE_MAX)]
    vehicles: Annotated[tuple[VehicleTrack, ...], Meta(max_length=limits.VEHICLES_MAX)]
    crossings: Annotated[tuple[Crossing, ...], Meta(max_length=limits.CROSSINGS_MAX)]


PictureState = Literal["good", "frozen", "dark", "covered", "moved", "none"]


class CameraHealth(_Message, frozen=True, kw_only=True):
    """How well one camera sees, now. `none` is no picture at all; `problem` says what to do about it."""

    schema: Schema
    site: Identifier
    agent: Identifier
    camera: Identifier
    boot: Identifier
    sent_at: Instant
    picture: PictureState
    since: Instant
    problem: Text | None
    frames_per_s: Annotated[float, Meta(ge=0, le=1000)]
    frames_used: Count
    frames_dropped: Count
    clock: ClockSource
    clock_offset_s: Annotated[float, Meta(ge=-1e9, le=1e9)] | None
    last_frame_at: Instant | None
    outbox_depth: Annotated[int, Meta(ge=0)]
    problem_phrase: Phrase | None = None


class AgentStatus(_Message, frozen=True, kw_only=True):
    """Retained. `offline` is the Last Will, `stopped` a shutdown on purpose."""

    schema: Schema
    site: Identifier
    agent: Identifier
    boot: Identifier
    state: Literal["online", "offline", "stopped"]
    sent_at: Instant
    version: Text
    cameras: Annotated[tuple[Identifier, ...], Meta(max_length=64)]
    models: Annotated[tuple[ModelRef, ...], Meta(max_length=64)]
    clock_offset_s: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None


# --- hub to edge -------------------------------------------------------------------------------------------


class SettledSeq(_Message, frozen=True, kw_only=True):
    """Every reading of (boot, camera) up to and including `seq` is stored or refused for good."""

    boot: Identifier
    camera: Identifier
    seq: Seq


class RefusedSeq(_Message, frozen=True, kw_only=True):
    boot: Identifier
    camera: Identifier
    seq: Seq
    reason: Text


class Ack(_Message, frozen=True, kw_only=True):
    """Retained, at most once a second per agent. `refused` lists the latest refusals, so that an agent can say so."""

    schema: Schema
    site: Identifier
    agent: Identifier
    sent_at: Instant
    settled: tuple[SettledSeq, ...]
    refused: Annotated[tuple[RefusedSeq, ...], Meta(max_length=50)] = ()


# --- hub to everyone ---------------------------------------------------------------------------------------


class Reason(_Message, frozen=True, kw_only=True):
    """Why: one value of the hub's list of reasons, in words, with its number and threshold where it has them.

    `phrase`: the same words, for saying them in another language.
    """

    reason: Annotated[str, Meta(pattern=r"^[a-z0-9_.]{1,60}$(?!\n)")]
    text: str
    value: float | None = None
    threshold: float | None = None
    unit: str | None = None
    sources: tuple[str, ...] = ()
    phrase: Phrase | None = None


class RiskTerm(_Message, frozen=True, kw_only=True):
    """One term of a live risk. `without`: what R' would be with this term at its reference value."""

    term: str
    value: float | None
    reference: float | None
    without: float | None
    text: str
    source: str
    age_s: float | None
    quality: Quality
    phrase: Phrase | None = None
    source_phrase: Phrase | None = None


class ZoneRisk(_Message, frozen=True, kw_only=True):
    """Live risk R' of the zone's worst threat beside the approved static risk R. It ranks; it is no probability."""

    threat: str
    static: float
    live: float
    static_band: Literal["low", "moderate", "high", "very_high"]
    live_band: Literal["low", "moderate", "high", "very_high"]
    terms: tuple[RiskTerm, ...]


class TimeToCritical(_Message, frozen=True, kw_only=True):
    """Minutes until the critical count at the present net inflow; `low_min`/`high_min` are the range shown."""

    median_min: float
    low_min: float
    high_min: float | None
    where: str
    where_phrase: Phrase | None = None


class ZoneState(_Message, frozen=True, kw_only=True):
    """One zone now. `level` null is unknown, which never means safe; `last_level` is what was last known."""

    schema: Schema
    site: Identifier
    zone: Identifier
    at: Instant
    captured_to: Instant | None
    level: Annotated[int, Meta(ge=0, le=4)] | None
    last_level: Annotated[int, Meta(ge=0, le=4)] | None
    since: Instant
    quality: Quality
    observed_share: Share
    people: float | None
    people_low: float | None
    people_high: float | None
    density_per_m2: float | None
    level_of_service: LevelOfService | None
    patch_max_per_m2: float | None
    patch_at_m: tuple[float, float] | None
    safe_occupancy: float
    occupancy_share: float | None
    net_inflow_per_min: float | None
    time_to_critical: TimeToCritical | None
    hazard: Annotated[int, Meta(ge=0, le=4)] | None
    risk: ZoneRisk | None
    reasons: tuple[Reason, ...]


class Alert(_Message, frozen=True, kw_only=True):
    """One alert and everything an operator needs to judge it in four seconds.

    Title, advice and certainty also come as phrases, for saying them in another language; `advice_phrases` follows
    `advice` line by line, null for what the town wrote itself.
    """

    schema: Schema
    site: Identifier
    alert: Identifier
    rule: str
    title: str
    subject: str
    zone: Identifier | None
    severity: Severity
    condition: AlertCondition
    handling: AlertHandling
    latched: bool
    opened_at: Instant
    changed_at: Instant
    cleared_at: Instant | None
    closed_at: Instant | None
    acknowledged_by: str | None
    acknowledged_at: Instant | None
    shelved_until: Instant | None
    escalation: int
    position_m: tuple[float, float] | None
    cameras: tuple[str, ...]
    vms_url: str | None
    reasons: tuple[Reason, ...]
    advice: tuple[str, ...]
    certainty: Text
    disposition: str | None = None
    title_phrase: Phrase | None = None
    advice_phrases: tuple[Phrase | None, ...] = ()
    certainty_phrase: Phrase | None = None


class AuditHead(_Message, frozen=True, kw_only=True):
    """The newest entry of the hub's audit log. Who keeps these can tell later that nothing before was changed."""

    schema: Schema
    site: Identifier
    at: Instant
    seq: Annotated[int, Meta(ge=0, description="number of the newest entry; 0 is an empty log")]
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="SHA-256 of that entry, hex")]


class Notification(_Message, frozen=True, kw_only=True):
    """A message to people or systems, as routing decided. `alerts`: the alert, or those of a digest; none in a test.

    `key` is the same over all attempts; `repeat`: an earlier attempt may have arrived. `mode`: all but `live` is no
    real event.
    """

    schema: Schema
    site: Identifier
    channel: Identifier
    delivery: int
    key: Text
    attempt: Annotated[int, Meta(ge=1)]
    repeat: bool
    sent_at: Instant
    mode: Literal["live", "replay", "exercise", "test"]
    purpose: Literal["alert", "escalation", "news", "end", "digest", "test"]
    recipient: Text
    language: Text
    subject: str
    text: str
    alerts: tuple[Alert, ...]
