"""What the rules about people say: density, occupancy and time to critical of zones, entry into closed areas."""

from __future__ import annotations

import math
from collections.abc import Callable

from contract.messages import Reason
from contract.phrase import Phrase, say, say_many
from hub.delays import Verdict
from hub.finding import Finding
from hub.reasons import Why, because
from hub.rules import Family, Rule, may_be_on, steps_of
from hub.site import Area
from hub.zone_crowd import ZoneCrowd

_LOST_MAX = 0.02  # [E] of a zone gone out of sight: more, and no trend elsewhere can end what was seen coming


def crowd_findings(
    crowd: ZoneCrowd,
    unknown_at_ms: int,
    idle: Callable[[Family, str], bool] = lambda _family, _subject: False,
) -> list[Finding]:
    """Density, occupancy and time to critical of one zone. `unknown_at_ms` stands in where nothing was captured.

    What has no step on, and is `idle` in the alert book, would change nothing there and is left out.
    """
    at_ms = crowd.captured_ms if crowd.captured_ms is not None else unknown_at_ms
    zone = crowd.zone
    found = []
    if may_be_on(Family.DENSITY, crowd.patch_per_m2, zone) or not idle(Family.DENSITY, zone.id):
        found.append(_density(crowd, at_ms))
    if may_be_on(Family.OCCUPANCY, crowd.occupancy) or not idle(Family.OCCUPANCY, zone.id):
        found.append(_occupancy(crowd, at_ms))
    minutes = _minutes(crowd)
    if may_be_on(Family.TIME_TO_CRITICAL, minutes) or not idle(Family.TIME_TO_CRITICAL, zone.id):
        found.append(_time_to_critical(crowd, minutes, at_ms))
    return found


def _minutes(crowd: ZoneCrowd) -> float | None:
    """Until the soonest critical moment: infinite for none in sight, None where nothing can be said."""
    if crowd.people is None or not crowd.inflow.known:
        return None
    soonest = crowd.inflow.soonest
    return math.inf if soonest is None else soonest.until.median_s / 60.0


def partly_seen(crowd: ZoneCrowd) -> tuple[Reason, ...]:
    """Says so where part of the zone is out of sight, or where what was last seen is kept."""
    found = []
    if crowd.is_held:
        found.append(
            because(
                Why.ZONE_HELD,
                say_many(
                    "{count} person with what was last seen where no camera, or too few, can say that it has "
                    "emptied: kept until they can",
                    "{count} people with what was last seen where no camera, or too few, can say that it has "
                    "emptied: kept until they can",
                    round(crowd.held_people),
                ),
                crowd.held_people,
                crowd.people,
                "persons",
                crowd.cameras,
            )
        )
    if crowd.quality == "partly":
        found.append(
            because(
                Why.ZONE_PARTLY_SEEN,
                say(
                    "only {share:.0%} of the zone is seen; the numbers count that part alone",
                    share=crowd.seen_share,
                ),
                crowd.seen_share * 100,
                95.0,
                "%",
                crowd.cameras,
            )
        )
    return tuple(found)


def _finding(
    family: Family,
    crowd: ZoneCrowd,
    at_ms: int,
    verdict: Callable[[Rule], Verdict],
    explain: Callable[[int], tuple[Reason, ...]],
    position_m: tuple[float, float] | None,
) -> Finding:
    return Finding(
        family=family,
        subject=crowd.zone.id,
        name=crowd.zone.name,
        zone=crowd.zone.id,
        at_ms=at_ms,
        verdicts=tuple(verdict(rule) for rule in steps_of(family)),
        explain=explain,
        certainty=crowd.certainty,
        caveats=lambda: partly_seen(crowd),
        position_m=position_m,
        cameras=crowd.cameras,
    )


def _density(crowd: ZoneCrowd, at_ms: int) -> Finding:
    steps = steps_of(Family.DENSITY)

    def explain(step: int) -> tuple[Reason, ...]:
        rule = steps[step - 1]
        on_at, _ = rule.bounds(crowd.zone)
        value = crowd.patch_per_m2
        if value is None:
            return ()
        return (
            because(
                Why.DENSITY_PATCH,
                say(
                    "the fullest 6 x 6 m hold {density:.1f} people per square metre (median of 5 s); "
                    "{rule} from {limit:g}",
                    density=value,
                    rule=rule.id,
                    limit=on_at,
                ),
                value,
                on_at,
                "/m2",
                crowd.cameras,
            ),
            *partly_seen(crowd),
        )

    def verdict(rule: Rule) -> Verdict:
        found = rule.verdict(crowd.patch_per_m2, crowd.zone)
        _, off_at = rule.bounds(crowd.zone)
        unseen = crowd.unseen_patch_per_m2
        if found is Verdict.OFF and unseen is not None and unseen >= off_at:
            return Verdict.UNKNOWN
        return found

    return _finding(Family.DENSITY, crowd, at_ms, verdict, explain, crowd.patch_at_m)


def _occupancy(crowd: ZoneCrowd, at_ms: int) -> Finding:
    steps = steps_of(Family.OCCUPANCY)

    def explain(step: int) -> tuple[Reason, ...]:
        rule, share, people = steps[step - 1], crowd.occupancy, crowd.people
        if share is None or people is None:
            return ()
        return (
            because(
                Why.OCCUPANCY_SHARE,
                say_many(
                    "{count} person, {share:.0%} of the {safe:.0f} that are safe here; limit {limit:.0%}",
                    "{count} people, {share:.0%} of the {safe:.0f} that are safe here; limit {limit:.0%}",
                    round(people),
                    share=share,
                    safe=crowd.safe_occupancy,
                    limit=rule.on_at,
                ),
                share * 100,
                rule.on_at * 100,
                "%",
                crowd.cameras,
            ),
            *partly_seen(crowd),
        )

    def verdict(rule: Rule) -> Verdict:
        found = rule.verdict(crowd.occupancy)
        if found is Verdict.OFF and crowd.held_people / crowd.safe_occupancy >= rule.off_at:
            return Verdict.UNKNOWN
        return found

    return _finding(Family.OCCUPANCY, crowd, at_ms, verdict, explain, crowd.patch_at_m)


def _time_to_critical(crowd: ZoneCrowd, minutes: float | None, at_ms: int) -> Finding:
    steps = steps_of(Family.TIME_TO_CRITICAL)
    soonest = crowd.inflow.soonest

    def explain(step: int) -> tuple[Reason, ...]:
        rule = steps[step - 1]
        if soonest is None or minutes is None:
            return ()
        low, high = soonest.until.low_s / 60.0, soonest.until.high_s
        upto: Phrase | int = round(high / 60.0) if high is not None and high < 36_000 else say("never")
        return (
            because(
                Why.TIME_TO_CRITICAL,
                say_many(
                    "{where}: {count} person reaches {critical:.0f} in {min:.0f} min (range {low:.0f} to {high}); "
                    "limit {limit:g} min",
                    "{where}: {count} people reach {critical:.0f} in {min:.0f} min (range {low:.0f} to {high}); "
                    "limit {limit:g} min",
                    round(soonest.people),
                    where=soonest.where,
                    critical=soonest.critical_people,
                    min=minutes,
                    low=low,
                    high=upto,
                    limit=rule.on_at,
                ),
                minutes,
                rule.on_at,
                "min",
                crowd.cameras,
            ),
            because(
                Why.INFLOW_POSITIVE,
                say_many(
                    "net inflow {count} person a minute over two minutes",
                    "net inflow {count} people a minute over two minutes",
                    round(soonest.inflow_per_s.median * 60.0),
                ),
                soonest.inflow_per_s.median * 60.0,
                0.0,
                "/min",
                crowd.cameras,
            ),
            *partly_seen(crowd),
        )

    def verdict(rule: Rule) -> Verdict:
        found = rule.verdict(minutes)
        if minutes == 0.0:
            # It is there already: density.critical and occupancy say so, each with its own severity.
            return Verdict.HOLD
        return Verdict.UNKNOWN if found is Verdict.OFF and crowd.lost_share > _LOST_MAX else found

    here = soonest.at_m if soonest is not None and soonest.at_m is not None else crowd.patch_at_m
    return _finding(Family.TIME_TO_CRITICAL, crowd, at_ms, verdict, explain, here)


def entered_finding(
    area: Area,
    zone: str | None,
    people: float | None,
    held_people: float,
    permit: Phrase | None,
    captured_ms: int | None,
    now_ms: int,
    position_m: tuple[float, float] | None,
    cameras: tuple[str, ...],
) -> Finding:
    """area.entered for one area closed to people. A permit for persons counts them as none."""
    rule = steps_of(Family.AREA_ENTERED)[0]
    verdict = rule.verdict(people)
    if people is not None and permit is not None:
        verdict = Verdict.OFF
    elif verdict is Verdict.OFF and held_people >= rule.off_at:
        verdict = Verdict.UNKNOWN

    def explain(step: int) -> tuple[Reason, ...]:
        if people is None:
            return ()
        return (
            because(
                Why.AREA_PERSON,
                say(
                    "{people:.1f} people in {place}, which is closed to people; limit {limit:g}",
                    people=people,
                    place=area.name,
                    limit=rule.on_at,
                ),
                people,
                rule.on_at,
                "persons",
                cameras,
            ),
        )

    return Finding(
        family=Family.AREA_ENTERED,
        subject=area.id,
        name=area.name,
        zone=zone,
        at_ms=now_ms if captured_ms is None else captured_ms,
        verdicts=(verdict,),
        explain=explain,
        certainty=lambda: (
            say("Counted by {cameras}.", cameras=cameras) if cameras else say("Nobody sees this place now.")
        ),
        position_m=position_m,
        cameras=cameras,
    )
