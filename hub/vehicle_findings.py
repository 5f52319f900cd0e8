"""What the vehicle rules say about each place: held per zone or area, never per track, since a track may change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from contract.messages import Reason
from contract.phrase import Phrase, say, say_many
from hub.access import Standing, permitted
from hub.delays import Verdict
from hub.finding import Finding
from hub.ground import Ground
from hub.permits import TimedPermit
from hub.polygons import contains
from hub.reasons import Why, because
from hub.rules import Family, steps_of
from hub.site import Area, Site, Zone
from hub.site_state import SiteView
from hub.terms import A_KIND_WORDS
from hub.vehicles import Vehicle

# [E] A vehicle may be missed for so long, behind a passer-by, without counting as gone.
MISSED_MS = 2_000
STOPPED_WITHIN_M = 2.0
STANDING_M_S = 1.5  # [E] a parked vehicle's measured speed stays below
SPOT_KEPT_MS = 10_000  # [E] a spot is forgotten when it was seen empty for so long


class Watch(Struct, kw_only=True):
    """For one closed place: when an intruder was last seen there, where, and by which cameras."""

    seen_ms: int | None = None
    spots: tuple[tuple[float, float], ...] = ()
    cameras: tuple[str, ...] = ()
    why: Phrase | str = ""  # a text in a store of an older hub


class Spot(Struct, kw_only=True):
    """Somewhere a vehicle stands: for how long in all, and when it was last seen."""

    x_m: float
    y_m: float
    stood_ms: int
    seen_ms: int


class Stops(Struct, kw_only=True):
    """For one area where no vehicle may stand."""

    at_ms: int | None = None
    newest_ms: int | None = None
    spots: list[Spot] = []

    def rewind(self, now_ms: int) -> None:
        """After a clock was set back: nothing was seen later than now."""
        self.at_ms = self.newest_ms = None
        for spot in self.spots:
            spot.seen_ms = min(spot.seen_ms, now_ms)


@dataclass(frozen=True, slots=True)
class Eyes:
    """The view, asked about single spots."""

    ground: Ground
    view: SiteView

    def sees(self, x_m: float, y_m: float) -> bool:
        at = self.ground.frame.cell_of(x_m, y_m)
        return at is not None and bool(self.view.fused.observed[at])

    def density_around(self, x_m: float, y_m: float) -> float | None:
        """The fullest patch that holds the spot: the vehicle itself takes room in its own. None when unknown."""
        at = self.ground.frame.cell_of(x_m, y_m)
        if at is None:
            return None
        k = self.ground.patch_cells
        near = self.view.patches_per_m2[
            max(0, at[0] - k // 2) : at[0] + (k - 1) // 2 + 1,
            max(0, at[1] - k // 2) : at[1] + (k - 1) // 2 + 1,
        ]
        known = near[~np.isnan(near)]
        return float(known.max()) if known.size else None


def access_finding(
    place: Zone | Area,
    zone: str | None,
    standings: Sequence[Standing],
    watch: Watch,
    watched_ms: int | None,
    eyes: Eyes,
    cameras: tuple[str, ...],
) -> Finding:
    """vehicle.unauthorised and vehicle.in_crowd for one closed place. Updates `watch`."""
    intruders = [standing for standing in standings if standing.breaks == place.id]
    seen_ms = max((one.vehicle.captured_ms for one in intruders), default=None)
    at_ms = max((ms for ms in (watched_ms, seen_ms) if ms is not None), default=eyes.view.now_ms)
    density: float | None = None
    position: tuple[float, float] | None = None
    if intruders:
        watch.seen_ms = at_ms
        watch.spots = tuple((one.vehicle.x_m, one.vehicle.y_m) for one in intruders)
        watch.cameras = tuple(sorted({camera for one in intruders for camera in one.vehicle.cameras}))
        watch.why = intruders[0].why
        around = [eyes.density_around(x, y) for x, y in watch.spots]
        known = [value for value in around if value is not None]
        density = max(known, default=None)
        nearest = around.index(density) if density is not None else 0
        position = (round(watch.spots[nearest][0], 2), round(watch.spots[nearest][1], 2))
        in_crowd = steps_of(Family.VEHICLE_ACCESS)[1].verdict(density)
        verdicts = (Verdict.ON, in_crowd)
    else:
        absent = _absent(watch, watched_ms, eyes)
        verdicts = (absent, absent)
    seen_by = watch.cameras if intruders else cameras
    shown, why = tuple(one.vehicle for one in intruders), watch.why

    def explain(step: int) -> tuple[Reason, ...]:
        return _access_reasons(place.name, shown, why, density if step > 1 else None, seen_by)

    return Finding(
        family=Family.VEHICLE_ACCESS,
        subject=place.id,
        name=place.name,
        zone=zone,
        at_ms=at_ms,
        verdicts=verdicts,
        explain=explain,
        certainty=lambda: _sure(shown, cameras),
        position_m=position,
        cameras=seen_by,
    )


def _absent(watch: Watch, watched_ms: int | None, eyes: Eyes) -> Verdict:
    if watched_ms is None:
        return Verdict.UNKNOWN
    if watch.seen_ms is not None and watched_ms - watch.seen_ms <= MISSED_MS:
        return Verdict.HOLD
    if not all(eyes.sees(x, y) for x, y in watch.spots):
        return Verdict.UNKNOWN
    # Another camera that looks there and never saw it does not know that it has gone.
    witnesses = [eyes.view.conditions[c] for c in watch.cameras if c in eyes.view.conditions]
    if witnesses and "live" not in witnesses:
        return Verdict.UNKNOWN
    return Verdict.OFF


def _pace(speed_m_s: float) -> Phrase:
    """A parked vehicle measures a little speed; said as a number it would only mislead."""
    return say("standing") if speed_m_s < STANDING_M_S else say("{kmh:.0f} km/h", kmh=speed_m_s * 3.6)


def _access_reasons(
    place: str,
    vehicles: tuple[Vehicle, ...],
    why: Phrase | str,
    density: float | None,
    cameras: tuple[str, ...],
) -> tuple[Reason, ...]:
    if not vehicles:
        return ()
    first = vehicles[0]
    pace = _pace(max(v.speed_m_s for v in vehicles))
    if len(vehicles) == 1:
        what = say(
            "{a_vehicle} in {place}, {pace}", a_vehicle=A_KIND_WORDS[first.kind], place=place, pace=pace
        )
    else:
        what = say_many(
            "{count} motor vehicle in {place}, {pace}",
            "{count} motor vehicles in {place}, {pace}",
            len(vehicles),
            place=place,
            pace=pace,
        )
    found = [
        because(
            Why.VEHICLE_UNAUTHORISED,
            what,
            float(len(vehicles)),
            1.0,
            "vehicles",
            cameras,
        ),
        because(Why.PERMIT_NONE, why if isinstance(why, Phrase) else Phrase(id=why), sources=cameras),
    ]
    if density is not None:
        found.insert(
            0,
            because(
                Why.VEHICLE_IN_CROWD,
                say(
                    "the crowd around it holds {density:.1f} people per square metre; limit {limit:g}",
                    density=density,
                    limit=2.0,
                ),
                density,
                2.0,
                "/m2",
                cameras,
            ),
        )
    return tuple(found)


def _sure(vehicles: tuple[Vehicle, ...], cameras: tuple[str, ...]) -> Phrase:
    if not vehicles:
        return (
            say("Watched by {cameras}.", cameras=cameras) if cameras else say("Nobody sees this place now.")
        )
    by = tuple(sorted({camera for vehicle in vehicles for camera in vehicle.cameras}))
    if any(len(v.cameras) > 1 for v in vehicles):
        return say(
            "Seen by {cameras}; two or more cameras agree; kind by the detector, place by calibration.",
            cameras=by,
        )
    return say(
        "Seen by {cameras}; one camera sees it; kind by the detector, place by calibration.", cameras=by
    )


def stopped_finding(
    site: Site,
    area: Area,
    zone: str | None,
    vehicles: Sequence[Vehicle],
    granted: Sequence[TimedPermit],
    stops: Stops,
    watched_ms: int | None,
    on_after_ms: int,
    eyes: Eyes,
    cameras: tuple[str, ...],
) -> Finding:
    """vehicle.stopped for one area: some vehicle within 2 m of one spot for `on_after_ms`. Updates `stops`."""
    here = [
        v
        for v in vehicles
        if v.motor
        and v.speed_m_s < STANDING_M_S
        and contains(area.polygon, v.x_m, v.y_m)
        and permitted(site, area, v, granted) is None
    ]
    at_ms = max([v.captured_ms for v in here] + ([] if watched_ms is None else [watched_ms]), default=None)
    if at_ms is None:
        stops.at_ms = None
    elif stops.newest_ms is None or at_ms > stops.newest_ms:
        _stand(stops, here, at_ms, eyes)
    ripe = [spot for spot in stops.spots if spot.stood_ms >= on_after_ms]
    longest = max(ripe, key=lambda spot: spot.stood_ms, default=None)
    if at_ms is None:
        verdict = Verdict.UNKNOWN
    elif longest is None:
        verdict = Verdict.OFF
    elif any(spot.seen_ms == at_ms for spot in ripe):
        verdict = Verdict.ON
    elif any(at_ms - spot.seen_ms <= MISSED_MS for spot in ripe):
        verdict = Verdict.HOLD
    elif all(eyes.sees(spot.x_m, spot.y_m) for spot in ripe):
        verdict = Verdict.OFF
    else:
        verdict = Verdict.UNKNOWN

    def explain(step: int) -> tuple[Reason, ...]:
        if longest is None:
            return ()
        return (
            because(
                Why.VEHICLE_STOPPED,
                say(
                    "a vehicle has stood within {reach:g} m of one spot in {place} for {s:.0f} s; limit {limit:g} s",
                    reach=STOPPED_WITHIN_M,
                    place=area.name,
                    s=longest.stood_ms / 1000,
                    limit=on_after_ms / 1000,
                ),
                longest.stood_ms / 1000,
                on_after_ms / 1000,
                "s",
                cameras,
            ),
        )

    return Finding(
        family=Family.VEHICLE_STOPPED,
        subject=area.id,
        name=area.name,
        zone=zone,
        at_ms=eyes.view.now_ms if at_ms is None else at_ms,
        verdicts=(verdict,),
        explain=explain,
        certainty=lambda: _sure(tuple(here), cameras),
        position_m=None if longest is None else (round(longest.x_m, 2), round(longest.y_m, 2)),
        cameras=cameras,
        on_after_ms=0,
    )


def _stand(stops: Stops, here: Sequence[Vehicle], at_ms: int, eyes: Eyes) -> None:
    """Moves the clock of every spot that is taken; forgets those seen empty."""
    step_ms = 0 if stops.at_ms is None else at_ms - stops.at_ms
    stops.at_ms = stops.newest_ms = at_ms
    free = list(stops.spots)
    for vehicle in here:
        near = [spot for spot in free if _apart_m(spot, vehicle) <= STOPPED_WITHIN_M]
        if near:
            spot = min(near, key=lambda one: (_apart_m(one, vehicle), one.x_m, one.y_m))
            spot.stood_ms += step_ms
            spot.seen_ms = at_ms
            free.remove(spot)
        else:
            stops.spots.append(Spot(x_m=vehicle.x_m, y_m=vehicle.y_m, stood_ms=0, seen_ms=at_ms))
    stops.spots = [
        spot
        for spot in stops.spots
        if at_ms - spot.seen_ms <= SPOT_KEPT_MS or not eyes.sees(spot.x_m, spot.y_m)
    ]


def _apart_m(spot: Spot, vehicle: Vehicle) -> float:
    return math.hypot(spot.x_m - vehicle.x_m, spot.y_m - vehicle.y_m)
