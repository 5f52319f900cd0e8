"""Which ground vehicles are where they may not be.

An area closed to vehicles comes before the zone it lies in: it needs a permit of its own. In a pedestrian zone a permit
of the zone, or of an open area at that spot (a loading bay), is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.phrase import Phrase, say
from hub.permits import PermitWindow, TimedPermit, describe, in_force
from hub.polygons import contains
from hub.site import Area, Site, Zone
from hub.terms import A_KIND_WORDS
from hub.vehicles import Vehicle


@dataclass(frozen=True, slots=True)
class Standing:
    """One vehicle, the zone it is in, the place whose closure it breaks (None: none), and why."""

    vehicle: Vehicle
    zone: str | None
    breaks: str | None
    why: Phrase

    @property
    def authorised(self) -> bool:
        return self.breaks is None


def judge_access(
    site: Site, vehicles: Sequence[Vehicle], granted: Sequence[TimedPermit]
) -> tuple[Standing, ...]:
    """One Standing for each vehicle, in order. Permits are read at the instant the vehicle was seen."""
    return tuple(_stand(site, vehicle, granted) for vehicle in vehicles)


def permitted(
    site: Site, place: Zone | Area, vehicle: Vehicle, granted: Sequence[TimedPermit]
) -> Phrase | None:
    """What permits this vehicle in this place, in words, or None."""
    return in_force(place.id, place.permits, granted, vehicle.kind, vehicle.captured_ms, site.time_zone_info)


def _stand(site: Site, vehicle: Vehicle, granted: Sequence[TimedPermit]) -> Standing:
    zone = site.zone_at(vehicle.x_m, vehicle.y_m)
    zone_id = None if zone is None else zone.id
    if not vehicle.motor:
        return Standing(
            vehicle, zone_id, None, say("{a_vehicle} needs no permit", a_vehicle=A_KIND_WORDS[vehicle.kind])
        )
    areas = [area for area in site.areas if contains(area.polygon, vehicle.x_m, vehicle.y_m)]
    closed = [area for area in areas if "vehicle" in area.closed_to]
    why = say("vehicles may be here")
    for area in closed:
        found = permitted(site, area, vehicle, granted)
        if found is None:
            return Standing(
                vehicle,
                zone_id,
                area.id,
                say(
                    "{place} is closed to vehicles; no permit for {a_vehicle} is in force (windows: {windows})",
                    place=area.name,
                    **_missing(vehicle, area.permits),
                ),
            )
        why = found
    if closed:
        return Standing(vehicle, zone_id, None, why)
    held = next(filter(None, (permitted(site, area, vehicle, granted) for area in areas)), None)
    pedestrian = [
        one for one in site.zones if one.pedestrian and contains(one.polygon, vehicle.x_m, vehicle.y_m)
    ]
    for one in pedestrian:
        found = permitted(site, one, vehicle, granted) or held
        if found is None:
            return Standing(
                vehicle,
                zone_id,
                one.id,
                say(
                    "{place} is a pedestrian zone; no permit for {a_vehicle} is in force (windows: {windows})",
                    place=one.name,
                    **_missing(vehicle, one.permits),
                ),
            )
        why = found
    return Standing(vehicle, zone_id, None, why)


def _missing(vehicle: Vehicle, windows: Sequence[PermitWindow]) -> dict[str, Phrase | tuple[Phrase, ...]]:
    return {"a_vehicle": A_KIND_WORDS[vehicle.kind], "windows": describe(windows, vehicle.kind)}
