"""What of an alert may leave the hub: one struct, and nothing beside it reaches a message.

Left behind, always: names of people and what they typed (acknowledged, shelved, causes), cameras and links to video,
the scores of the assessment, what it recommends and is not done yet, and every sentence of the hub's own.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from msgspec import Struct

from contract.geometry import SiteFrame
from contract.instants import to_ms
from contract.messages import Alert, AlertHandling, Reason
from hub.assessment import Assessment
from hub.cap.events import event_of
from hub.cap.message import Area, Certainty, Circle, LatLon, Pair, Severity, Urgency
from hub.cap.write import clean
from hub.polygons import centroid
from hub.reasons import Why
from hub.rules import RULES
from hub.site import Site

Condition = Literal["active", "returned", "unknown"]
Handled = Literal["waiting", "taken_up", "maintenance"]

_NUMBER_MAX = 1e9
POINT_RADIUS_M = 25.0  # [E] around a place known only as a point
_HANDLED: Final[dict[AlertHandling, Handled]] = {
    "unacknowledged": "waiting",
    "acknowledged": "taken_up",
    "shelved": "taken_up",
    "out_of_service": "maintenance",
}
_SEVERITY: Final[dict[str, tuple[Severity, Urgency]]] = {
    "high": ("Severe", "Immediate"),
    "medium": ("Moderate", "Expected"),
    "low": ("Minor", "Future"),
}

# The numbers that may leave, and the names of the layer's parameters for value and threshold.
NUMBERS: Final[dict[str, tuple[str, str]]] = {
    Why.DENSITY_PATCH.value: ("density_per_m2", "density_limit_per_m2"),
    Why.OCCUPANCY_SHARE.value: ("occupancy_percent", "occupancy_limit_percent"),
    Why.TIME_TO_CRITICAL.value: ("time_to_critical_min", "time_to_critical_limit_min"),
    Why.INFLOW_POSITIVE.value: ("net_inflow_per_min", ""),
    Why.AREA_PERSON.value: ("persons_in_closed_area", ""),
    Why.VEHICLE_UNAUTHORISED.value: ("vehicles_without_permit", ""),
    Why.VEHICLE_IN_CROWD.value: ("density_around_vehicle_per_m2", "density_around_vehicle_limit_per_m2"),
    Why.VEHICLE_STOPPED.value: ("vehicle_stood_s", "vehicle_stood_limit_s"),
    Why.ZONE_PARTLY_SEEN.value: ("zone_seen_percent", ""),
    Why.ZONE_HELD.value: ("people_kept_from_last_sight", ""),
}
_THRESHOLDS: Final[dict[str, bool]] = {why: bool(limit) for why, (_, limit) in NUMBERS.items()}


class Number(Struct, frozen=True, kw_only=True):
    """One reason's number, in the unit that its name in `NUMBERS` carries. `why`: a value of hub.reasons.Why."""

    why: str
    value: float
    limit: float | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of an alert and may be told. `place`: the zone's or area's name; `measured_ms`: numbers of when."""

    alert: str
    rule: str
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    condition: Condition
    handled: Handled
    opened_ms: int
    measured_ms: int
    place: str
    areas: tuple[Area, ...]
    hot_spot: LatLon | None = None
    hot_spot_m: tuple[float, float] | None = None
    numbers: tuple[Number, ...] = ()
    advice: tuple[str, ...] = ()

    def number(self, why: Why) -> Number | None:
        return next((one for one in self.numbers if one.why == why.value), None)


def facts_of(
    alert: Alert,
    *,
    site: Site,
    assessment: Assessment | None,
    now_ms: int,
    geocodes: dict[str, tuple[Pair, ...]],
) -> Facts:
    """What may be told of an open alert. `geocodes` by zone id; "*" for every area. Raises NotForOutside."""
    event = event_of(alert.rule)
    severity, urgency = _SEVERITY[alert.severity]
    if event.extreme:
        severity = "Extreme"
    condition: Condition = "active" if alert.condition == "pending" else alert.condition
    certainty: Certainty = "Likely" if event.forecast or condition == "unknown" else "Observed"
    if condition == "returned":
        urgency = "Past"
    frame = SiteFrame(site.origin.latitude, site.origin.longitude)
    point = alert.position_m if alert.position_m is not None and _finite(alert.position_m) else None
    return Facts(
        alert=alert.alert,
        rule=alert.rule,
        severity=severity,
        urgency=urgency,
        certainty=certainty,
        condition=condition,
        handled=_HANDLED[alert.handling],
        opened_ms=to_ms(alert.opened_at),
        # what is out of sight or over was measured when the alert last changed
        measured_ms=now_ms if condition == "active" else to_ms(alert.changed_at),
        place=_place(alert, site),
        areas=(_area(alert, site, frame, point, geocodes),),
        hot_spot=None if point is None else _latlon(frame, *point),
        hot_spot_m=point,
        numbers=tuple(_number(one) for one in alert.reasons if _may_leave(one)),
        advice=_advice(alert, assessment),
    )


def _finite(point: tuple[float, float]) -> bool:
    return all(math.isfinite(one) for one in point)


def _may_leave(reason: Reason) -> bool:
    return reason.reason in NUMBERS and _is_number(reason.value)


def _is_number(value: float | None) -> bool:
    """One that can have been counted or measured here; nothing else is worth telling."""
    return value is not None and abs(value) < _NUMBER_MAX


def _number(reason: Reason) -> Number:
    limit = reason.threshold if _THRESHOLDS[reason.reason] else None
    return Number(
        why=reason.reason,
        value=reason.value or 0.0,
        limit=limit if _is_number(limit) else None,
    )


def _place(alert: Alert, site: Site) -> str:
    """The name of what the alert is about, and of the zone it lies in."""
    names = [one.name for one in site.areas if one.id == alert.subject]
    names += [one.name for one in site.zones if one.id == alert.zone]
    found = [clean(name) for name in (*names, site.name)]
    return ", ".join(dict.fromkeys(name for name in found if name)) or site.site


def _area(
    alert: Alert,
    site: Site,
    frame: SiteFrame,
    point: tuple[float, float] | None,
    geocodes: dict[str, tuple[Pair, ...]],
) -> Area:
    """The area or zone the alert is about, or else its point with a circle, or else the whole site."""
    codes = (*geocodes.get(alert.zone or "", ()), *geocodes.get("*", ()))
    description = _place(alert, site)
    shapes = [one.polygon for one in site.areas if one.id == alert.subject]
    shapes += [one.polygon for one in site.zones if one.id in (alert.subject, alert.zone)]
    if not shapes and point is not None:
        circle = Circle(centre=_latlon(frame, *point), radius_km=POINT_RADIUS_M / 1000)
        return Area(description=description, circles=(circle,), geocodes=codes)
    if not shapes:
        x0, y0, x1, y1 = site.bounds_m
        shapes = [((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    shape = shapes[0]
    ring = [_latlon(frame, x, y) for x, y in shape]
    if _spans_the_date_line(ring):
        # no ring of CAP goes round 180 degrees; a circle does
        x, y = centroid(shape)
        radius_m = max(math.dist((x, y), corner) for corner in shape)
        circle = Circle(centre=_latlon(frame, x, y), radius_km=math.ceil(radius_m) / 1000)
        return Area(description=description, circles=(circle,), geocodes=codes)
    return Area(description=description, polygons=((*ring, ring[0]),), geocodes=codes)


def _latlon(frame: SiteFrame, x_m: float, y_m: float) -> LatLon:
    longitude, latitude = frame.to_lonlat(x_m, y_m)
    return round(latitude, 6), round((longitude + 180.0) % 360.0 - 180.0, 6)


def _spans_the_date_line(ring: list[LatLon]) -> bool:
    longitudes = [longitude for _, longitude in ring]
    return max(longitudes) - min(longitudes) > 180.0


def _advice(alert: Alert, assessment: Assessment | None) -> tuple[str, ...]:
    """What the assessment says to do with the measures at hand. What it finds lacking stays in the house."""
    if assessment is None:
        return ()
    threats = {threat for rule in RULES if rule.id == alert.rule for threat in rule.threats}
    return tuple(
        text
        for m in assessment.file.measures
        if m.advice and alert.zone in m.zones and any(m.credit.get(t, 0.0) > 0 for t in threats)
        if (text := clean(m.advice))
    )
