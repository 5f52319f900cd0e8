"""A CAP 1.2 message as structs. Names in English; `hub.cap.write` knows the element names and their order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"

Status = Literal["Actual", "Exercise", "System", "Test", "Draft"]
MsgType = Literal["Alert", "Update", "Cancel", "Ack", "Error"]
Scope = Literal["Public", "Restricted", "Private"]
Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]  # fmt: skip
ResponseType = Literal[
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"
]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]

LatLon = tuple[float, float]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable and keyword-only."""


class Pair(_Part, frozen=True, kw_only=True):
    """A valueName with its value: eventCode, parameter or geocode."""

    name: str
    value: str


class Circle(_Part, frozen=True, kw_only=True):
    centre: LatLon
    radius_km: float


class Area(_Part, frozen=True, kw_only=True):
    """`polygons`: closed rings of (latitude, longitude) in WGS 84 degrees."""

    description: str
    polygons: tuple[tuple[LatLon, ...], ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Pair, ...] = ()


class Info(_Part, frozen=True, kw_only=True):
    """What is said in one language. `onset`, `effective`, `expires`: as `cap_time` writes them."""

    language: str
    event: str
    categories: tuple[Category, ...]
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    response_types: tuple[ResponseType, ...] = ()
    event_codes: tuple[Pair, ...] = ()
    effective: str | None = None
    onset: str | None = None
    expires: str | None = None
    sender_name: str | None = None
    headline: str | None = None
    description: str | None = None
    instruction: str | None = None
    web: str | None = None
    contact: str | None = None
    parameters: tuple[Pair, ...] = ()
    areas: tuple[Area, ...] = ()


class Reference(_Part, frozen=True, kw_only=True):
    """An earlier message: all three together name it."""

    sender: str
    identifier: str
    sent: str

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent}"


class Message(_Part, frozen=True, kw_only=True):
    """One <alert>. `sent` as `cap_time` writes it; `references` oldest first."""

    identifier: str
    sender: str
    sent: str
    status: Status
    msg_type: MsgType
    scope: Scope
    source: str | None = None
    restriction: str | None = None
    addresses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    note: str | None = None
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()

    @property
    def reference(self) -> Reference:
        return Reference(sender=self.sender, identifier=self.identifier, sent=self.sent)


def cap_time(unix_ms: int, zone: ZoneInfo) -> str:
    """The moment on the zone's clock, to the second, with its offset; CAP 1.2 wants UTC written as -00:00."""
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC).astimezone(zone)
    offset = moment.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    sign = "+" if minutes > 0 else "-"
    return f"{moment:%Y-%m-%dT%H:%M:%S}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
