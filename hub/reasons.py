"""Why: every reason the hub can give for a level or an alert. Stored, shown and counted by these values."""

from __future__ import annotations

from enum import StrEnum

from contract.messages import Reason
from contract.phrase import Phrase, english


class Why(StrEnum):
    DENSITY_PATCH = "density.patch"
    OCCUPANCY_SHARE = "occupancy.share"
    TIME_TO_CRITICAL = "time.to_critical"
    INFLOW_POSITIVE = "inflow.positive"
    AREA_PERSON = "area.person"
    VEHICLE_UNAUTHORISED = "vehicle.unauthorised"
    VEHICLE_IN_CROWD = "vehicle.in_crowd"
    VEHICLE_STOPPED = "vehicle.stopped"
    PERMIT_NONE = "permit.none"
    RISK_BAND = "risk.band"
    RISK_RISE = "risk.rise"
    RISK_TERM = "risk.term"
    STATIC_SCORES = "static.scores"
    STATIC_DELAY_HALVED = "static.delay_halved"
    STATIC_SEVERITY_RAISED = "static.severity_raised"
    SENSOR_NO_READING = "sensor.no_reading"
    SENSOR_NEVER_SEEN = "sensor.never_seen"
    SENSOR_BAD_PICTURE = "sensor.bad_picture"
    SENSOR_STOPPED = "sensor.stopped"
    SENSOR_ZONE_AT_STAKE = "sensor.zone_at_stake"
    ZONE_BLIND = "zone.blind"
    ZONE_HELD = "zone.held"
    ZONE_PARTLY_SEEN = "zone.partly_seen"
    ZONE_NEVER_SEEN = "zone.never_seen"
    ZONE_HAZARD = "zone.hazard"
    ZONE_RISK_BAND = "zone.risk_band"
    ZONE_CALM = "zone.calm"
    MEASURE_STALE = "measure.stale"
    REFERENCE_MISSING = "reference.missing"
    LAST_KNOWN = "last_known"


def because(
    why: Why,
    said: Phrase,
    value: float | None = None,
    threshold: float | None = None,
    unit: str | None = None,
    sources: tuple[str, ...] = (),
) -> Reason:
    """A Reason with its numbers rounded to what they are good for: two decimals."""
    return Reason(
        reason=why.value,
        text=english(said),
        phrase=said,
        value=None if value is None else round(float(value), 2),
        threshold=None if threshold is None else round(float(threshold), 2),
        unit=unit,
        sources=sources,
    )
