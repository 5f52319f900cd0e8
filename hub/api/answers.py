"""What the routes answer, as types: the same structs make the JSON and the schemas in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import Response
from msgspec import Struct

from contract.instants import Instant
from contract.messages import Alert, ModelRef, Severity
from contract.phrase import Phrase
from hub.history import History
from hub.live import State
from hub.step import CameraState, Transition
from hub.words.page import PageWords

PointM = tuple[float, float]


class Origin(Struct, frozen=True, kw_only=True):
    latitude: float
    longitude: float


class StaticScore(Struct, frozen=True, kw_only=True):
    """T threat, V0 vulnerability before measures, V after, C consequence, R = sqrt(T V) C."""

    threat: str
    t: float
    v0: float
    v: float
    c: float
    r: float
    band: str


class SiteZone(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    crowd: str
    phase: str
    surface: str
    pedestrian: bool
    polygon: tuple[PointM, ...]
    effective_area_m2: float | None
    safe_occupancy: float | None
    static: tuple[StaticScore, ...]


class SiteArea(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    polygon: tuple[PointM, ...]
    closed_to: tuple[str, ...]
    restricted_stopping: bool


class SiteObstacle(Struct, frozen=True, kw_only=True):
    id: str
    polygon: tuple[PointM, ...]


class SiteLine(Struct, frozen=True, kw_only=True):
    id: str
    camera: str
    start: PointM
    end: PointM


class SiteAsset(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: str
    position_m: PointM


class SiteCamera(Struct, frozen=True, kw_only=True):
    """`coverage_m`: the outline of the ground it sees sharply enough to count on."""

    id: str
    agent: str
    name: str
    position_m: PointM
    height_m: float
    vms_url: str | None
    coverage_m: tuple[PointM, ...] | None


class SiteAssessment(Struct, frozen=True, kw_only=True):
    id: str
    version: int
    status: str
    synthetic: bool
    warnings: tuple[str, ...]
    warning_phrases: tuple[Phrase, ...] = ()


class SiteRule(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    title_phrase: Phrase
    severity: Severity


class SiteDescription(Struct, frozen=True, kw_only=True):
    """The site as drawn: what does not change while the hub runs. Coordinates are site metres."""

    site: str
    name: str
    time_zone: str
    origin: Origin
    cell_m: float
    bounds_m: tuple[float, float, float, float]
    zones: tuple[SiteZone, ...]
    areas: tuple[SiteArea, ...]
    obstacles: tuple[SiteObstacle, ...]
    lines: tuple[SiteLine, ...]
    assets: tuple[SiteAsset, ...]
    cameras: tuple[SiteCamera, ...]
    assessment: SiteAssessment | None
    rules: tuple[SiteRule, ...]
    has_truth: bool
    """Demos and exercises only: GET /zones/{zone}/truth answers."""
    has_cap: bool
    """Alerts can be released as CAP messages: the configuration has a part `cap`."""


class TruthRun(Struct, frozen=True, kw_only=True):
    """The film began at `begin`, to a second, and was last seen at `end`."""

    begin: Instant
    end: Instant


class ZoneTruth(Struct, frozen=True, kw_only=True):
    """People really in the zone at `t_s` seconds of a rendered film that lasts `loop_s` and is played in a loop."""

    zone: str
    camera: str
    story: str
    loop_s: float
    t_s: tuple[float, ...]
    people: tuple[int, ...]
    runs: tuple[TruthRun, ...]


class ZoneSummary(Struct, frozen=True, kw_only=True):
    """Null was never known."""

    people_mean: float | None
    people_max: float | None
    patch_max_per_m2: float | None


class Summary(Struct, frozen=True, kw_only=True):
    """What this hub stored in the minutes asked for, in few numbers. `media_s`: of capture time covered, by readings
    that are still kept; late readings count among `readings` and `frames`."""

    model: ModelRef | None
    frames: int
    readings: int
    media_s: float
    zones: dict[str, ZoneSummary]


class AlertList(Struct, frozen=True, kw_only=True):
    alerts: tuple[Alert, ...]


class Delivery(Struct, frozen=True, kw_only=True):
    """One message about the alert to one recipient, or why there is none.

    `state`: waiting, held (quiet hours), delivered, refused, given_up, digested (told in the digest `digest`), lapsed
    (over before the quiet hours were) or skipped. `duplicates`: attempts that failed here and may have arrived all
    the same. `disabled`: the channel sends nothing until somebody acts. `event`: what of the alert it is about.
    """

    id: int
    channel: str
    recipient: str
    name: str
    purpose: str
    event: str | None
    why: str
    reason: str
    state: str
    attempts: int
    duplicates: int
    disabled: bool
    last_error: str | None
    next_try_at: Instant | None
    held_until: Instant | None
    digest: int | None
    created_at: Instant
    changed_at: Instant


class ChannelShown(Struct, frozen=True, kw_only=True):
    """One way out of the hub. `last_delivered_at`: of the messages that are still kept."""

    channel: str
    kind: str
    disabled: bool
    since: Instant | None
    reason: str | None
    changed_by: str | None
    waiting: int
    held: int
    delivered: int
    failed: int
    last_delivered_at: Instant | None


class ChannelList(Struct, frozen=True, kw_only=True):
    channels: tuple[ChannelShown, ...]


class ChannelTest(Struct, frozen=True, kw_only=True):
    """What came of a test message. It is sent once."""

    channel: str
    delivered: bool
    error: str | None
    waiting: int


class AlertDetail(Struct, frozen=True, kw_only=True):
    alert: Alert
    transitions: tuple[Transition, ...]
    deliveries: tuple[Delivery, ...]


class AlertAnswer(Struct, frozen=True, kw_only=True):
    alert: Alert


class Permit(Struct, frozen=True, kw_only=True):
    place: str
    kinds: tuple[str, ...]
    until: Instant
    by: str
    reason: str


class OutOfServiceAnswer(Struct, frozen=True, kw_only=True):
    rule: str
    subject: str
    until: Instant
    by: str
    reason: str


class AgentState(Struct, frozen=True, kw_only=True):
    """`clock_offset_s`: hub time minus device time as measured here; null while unknown."""

    agent: str
    state: str
    version: str
    boot: str
    since: Instant
    clock_offset_s: float | None
    cameras: tuple[str, ...]


class RefusalShown(Struct, frozen=True, kw_only=True):
    """`first_bytes`: the beginning of the message, undecodable bytes shown as escapes."""

    at: Instant
    topic: str
    reason: str
    detail: str
    size: int
    first_bytes: str


class Refusals(Struct, frozen=True, kw_only=True):
    by_reason: dict[str, int]
    latest: tuple[RefusalShown, ...]


class Devices(Struct, frozen=True, kw_only=True):
    agents: tuple[AgentState, ...]
    cameras: tuple[CameraState, ...]
    refusals: Refusals


class Problem(Struct, frozen=True, kw_only=True):
    """What failed, and what to do about it."""

    error: str
    do: str


class AuditLine(Struct, frozen=True, kw_only=True):
    """One entry of the audit log. `detail` is the JSON text that was hashed."""

    seq: int
    at: Instant
    actor: str
    via: str
    action: str
    subject: str
    detail: str
    hash: str


class AuditPage(Struct, frozen=True, kw_only=True):
    """`next_before`: ask with it for older ones; null: there are none."""

    entries: tuple[AuditLine, ...]
    next_before: int | None


class AuditHeadNow(Struct, frozen=True, kw_only=True):
    seq: int
    hash: str


class AuditCheck(Struct, frozen=True, kw_only=True):
    """`wrong`, `at` and `text`: what was done to the log, the first entry that is wrong, and in words."""

    right: bool
    wrong: str | None
    at: int | None
    text: str | None
    first: int
    last: int
    hash: str
    anchors: int


class DocumentShown(Struct, frozen=True, kw_only=True):
    title: str
    kind: str
    media_type: str
    size: int
    put_by: str
    put_at: Instant


class DocumentList(Struct, frozen=True, kw_only=True):
    documents: tuple[DocumentShown, ...]


ANSWERS: tuple[type, ...] = (
    AuditPage,
    AuditHeadNow,
    AuditCheck,
    DocumentShown,
    DocumentList,
    SiteDescription,
    State,
    History,
    AlertList,
    AlertDetail,
    AlertAnswer,
    ChannelList,
    ChannelShown,
    ChannelTest,
    Permit,
    OutOfServiceAnswer,
    Devices,
    ZoneTruth,
    PageWords,
    Problem,
)


def reply(value: Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def said(kind: type, description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with `kind`, and with Problem when something is wrong."""
    return {
        status: {"description": description, "content": _content(kind)},
        "4XX": {"description": "what is wrong with the request", "content": _content(Problem)},
        "5XX": {"description": "what is wrong at the hub", "content": _content(Problem)},
    }


def said_of(media_types: Iterable[str], description: str) -> dict[int | str, dict[str, Any]]:
    """As `said`, for a route that answers with a file."""
    file, lines = {"type": "string", "format": "binary"}, {"type": "string"}
    schemas = {"text": lines, "application/geo+json": {"type": "object"}}
    return {
        **said(Problem, description),
        200: {
            "description": description,
            "content": {
                one.split(";")[0]: {"schema": schemas.get(one.split("/")[0]) or schemas.get(one, file)}
                for one in media_types
            },
        },
    }


def done(description: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers 204, with nothing in it, and with Problem when something is wrong."""
    return {204: {"description": description}, **{k: v for k, v in said(Problem, "").items() if k != 200}}


def _content(kind: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
