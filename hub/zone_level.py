"""A zone's level 0 to 4: the worse of crowd hazard H and the band of live risk; unknown where nobody looks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from contract import limits
from contract.instants import from_ms
from contract.messages import Reason, TimeToCritical, ZoneState
from contract.phrase import Phrase, Said, say
from hub.assessment import Assessment, band_rank
from hub.crowd_findings import partly_seen
from hub.reasons import Why, because
from hub.risk import ShownRisk, explain, worst
from hub.terms import BAND_WORDS, LEVEL_WORDS, THREAT_WORDS
from hub.zone_crowd import ZoneCrowd


class LevelMemory(Struct, kw_only=True):
    """What is kept for each zone. `last` is the last level known; `since_ms` is when `level` came to be."""

    level: int | None = None
    last: int | None = None
    since_ms: int | None = None


def settle(memory: LevelMemory, crowd: ZoneCrowd, hazard: int, risk: ShownRisk | None, now_ms: int) -> None:
    """Sets the level of now. Unknown leaves `last` as it was: it never lowers it."""
    level: int | None = None
    if crowd.people is not None:
        level = max(hazard, 0 if risk is None else band_rank(risk.band))
        memory.last = level
    if memory.since_ms is None or level != memory.level:
        memory.since_ms = now_ms
    memory.level = level


def zone_state(
    site: str,
    crowd: ZoneCrowd,
    hazard: int,
    risks: Sequence[ShownRisk],
    assessment: Assessment | None,
    memory: LevelMemory,
    now_ms: int,
) -> ZoneState:
    """The zone as everyone is told of it."""
    known = crowd.people is not None
    top = worst(risks)
    soonest = crowd.inflow.soonest if known else None
    net = crowd.inflow.net_per_s if known and crowd.inflow.known else None
    arrival = None
    if soonest is not None:
        high_s = soonest.until.high_s
        arrival = TimeToCritical(
            median_min=round(soonest.until.median_s / 60, 1),
            low_min=round(soonest.until.low_s / 60, 1),
            high_min=None if high_s is None else round(high_s / 60, 1),
            where=str(soonest.where),
            where_phrase=soonest.where if isinstance(soonest.where, Phrase) else None,
        )
    return ZoneState(
        schema=limits.SCHEMA,
        site=site,
        zone=crowd.zone.id,
        at=from_ms(now_ms),
        captured_to=None if crowd.captured_ms is None else from_ms(crowd.captured_ms),
        level=memory.level,
        last_level=memory.last,
        since=from_ms(now_ms if memory.since_ms is None else memory.since_ms),
        quality=crowd.quality,
        observed_share=round(crowd.seen_share, 3),
        people=_rounded(crowd.people, 2),
        people_low=_rounded(crowd.people_low, 2),
        people_high=_rounded(crowd.people_high, 2),
        density_per_m2=_rounded(crowd.density_per_m2, 3),
        level_of_service=crowd.los,
        patch_max_per_m2=_rounded(crowd.patch_per_m2, 3),
        patch_at_m=crowd.patch_at_m,
        safe_occupancy=round(crowd.safe_occupancy, 1),
        occupancy_share=_rounded(crowd.occupancy, 3),
        net_inflow_per_min=None if net is None else round(net.median * 60, 1),
        time_to_critical=arrival,
        hazard=hazard if known else None,
        risk=None if top is None or assessment is None else explain(top, assessment, crowd.quality),
        reasons=_reasons(crowd, hazard, top, memory),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _reasons(
    crowd: ZoneCrowd, hazard: int, risk: ShownRisk | None, memory: LevelMemory
) -> tuple[Reason, ...]:
    if memory.level is None:
        return _blind(memory)
    found: list[Reason] = list(partly_seen(crowd))
    if hazard > 0:
        patch = crowd.patch_per_m2
        said: dict[str, Said] = {"hazard": hazard, "level": LEVEL_WORDS[hazard]}
        found.append(
            because(
                Why.ZONE_HAZARD,
                say("crowd hazard {hazard} ({level}): the fullest 6 x 6 m is out of sight", **said)
                if patch is None
                else say(
                    "crowd hazard {hazard} ({level}): the fullest 6 x 6 m holds {density:.1f} people per square metre",
                    **said,
                    density=patch,
                ),
                patch,
                unit="/m2",
                sources=crowd.cameras,
            )
        )
    if risk is not None and band_rank(risk.band) > 0:
        found.append(
            because(
                Why.ZONE_RISK_BAND,
                say(
                    "live risk {r:.1f} ({band}) for {threat}; the assessment says {static:.1f}",
                    r=risk.shown,
                    band=BAND_WORDS[risk.band],
                    threat=THREAT_WORDS[risk.live.static.threat],
                    static=risk.live.static.r,
                ),
                risk.shown,
                risk.live.static.r,
                "R",
            )
        )
    if hazard == 0 and memory.level == 0:
        found.append(because(Why.ZONE_CALM, say("nothing is above its limit"), sources=crowd.cameras))
    return tuple(found)


def _blind(memory: LevelMemory) -> tuple[Reason, ...]:
    if memory.last is None:
        return (because(Why.ZONE_NEVER_SEEN, say("no camera has seen this zone since the hub started")),)
    last: dict[str, Said] = {"level": memory.last, "word": LEVEL_WORDS[memory.last]}
    return (
        because(
            Why.ZONE_BLIND,
            say(
                "no camera sees this zone; last known level {level} ({word}): treat it as that until someone has "
                "looked",
                **last,
            )
            if memory.since_ms is None
            else say(
                "no camera sees this zone since {since:moment}; last known level {level} ({word}): treat it as that "
                "until someone has looked",
                since=from_ms(memory.since_ms),
                **last,
            ),
            float(memory.last),
            unit="level",
        ),
    )
