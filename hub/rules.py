"""The default rules as one table: what raises an alert, after how long, and when it is over. [E] throughout.

Rules of one family about one subject make one alert that rises: an operator sees one hot spot, not four alerts for it.
Thresholds are to be calibrated on site.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract.messages import Reason, Severity
from contract.phrase import Phrase, say
from hub.assessment import Assessment, StaticRisk, Threat, band_rank
from hub.delays import Verdict
from hub.reasons import Why, because
from hub.site import Zone
from hub.terms import BAND_WORDS, SEVERITY_WORDS, THREAT_WORDS


class Family(StrEnum):
    """What one alert is about."""

    DENSITY = "density"
    TIME_TO_CRITICAL = "time.to.critical"
    OCCUPANCY = "occupancy"
    AREA_ENTERED = "area.entered"
    VEHICLE_ACCESS = "vehicle.access"
    VEHICLE_STOPPED = "vehicle.stopped"
    ZONE_RISK = "zone.risk"
    SENSOR_SILENT = "sensor.silent"


class StaticEffect(StrEnum):
    """What a high static risk does to a rule."""

    NONE = "none"
    DELAY = "delay"  # halves the on-delay
    DELAY_AND_SEVERITY = "delay_and_severity"  # and raises the severity one step


SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")
VEHICLE_THREATS = (Threat.VEHICLE,)


@dataclass(frozen=True, slots=True)
class Rule:
    """One step of a family. `on_at` and `off_at` in `unit`; `rising` False means that smaller is worse.

    `on_at_static`, `off_at_static`: for a zone whose crowd stands. `threats` empty with an effect means the worst.
    """

    id: str
    family: Family
    title: Phrase
    severity: Severity
    on_after_s: float
    off_after_s: float
    unit: str = ""
    on_at: float = 1.0
    off_at: float = 1.0
    on_at_static: float | None = None
    off_at_static: float | None = None
    rising: bool = True
    latched: bool = False
    effect: StaticEffect = StaticEffect.NONE
    threats: tuple[Threat, ...] = ()

    def bounds(self, zone: Zone | None = None) -> tuple[float, float]:
        """(on, off) for this zone's kind of crowd."""
        if zone is not None and zone.crowd == "static" and self.on_at_static is not None:
            return self.on_at_static, self.off_at if self.off_at_static is None else self.off_at_static
        return self.on_at, self.off_at

    def verdict(self, value: float | None, zone: Zone | None = None) -> Verdict:
        """What a value says: on at the first threshold, off beyond the second, hold between; None is unknown."""
        if value is None:
            return Verdict.UNKNOWN
        on_at, off_at = self.bounds(zone)
        if self.rising:
            return Verdict.ON if value >= on_at else Verdict.OFF if value < off_at else Verdict.HOLD
        return Verdict.ON if value < on_at else Verdict.OFF if value > off_at else Verdict.HOLD


_PER_M2 = "/m2"
_CROWD = StaticEffect.DELAY
_BOTH = StaticEffect.DELAY_AND_SEVERITY

RULES: tuple[Rule, ...] = (
    Rule(
        "density.caution", Family.DENSITY, say("Filling up"), "low", 60, 120, _PER_M2, 2.0, 1.7, 3.0, 2.55,
        effect=_CROWD,
    ),
    Rule("density.warning", Family.DENSITY, say("Crowded"), "medium", 30, 120, _PER_M2, 3.5, 3.0, effect=_CROWD),
    Rule(
        "density.critical", Family.DENSITY, say("Critically crowded"), "high", 10, 180, _PER_M2, 4.7, 4.0,
        effect=_CROWD,
    ),
    Rule(
        "density.extreme", Family.DENSITY, say("Crush danger"), "high", 5, 180, _PER_M2, 6.0, 5.0, effect=_CROWD
    ),
    Rule(
        "time.to.critical", Family.TIME_TO_CRITICAL, say("Critical within ten minutes"), "medium", 60, 180, "min",
        10.0, 15.0, rising=False, effect=_CROWD,
    ),
    Rule(
        "time.to.critical", Family.TIME_TO_CRITICAL, say("Critical within five minutes"), "high", 60, 180, "min",
        5.0, 15.0, rising=False, effect=_CROWD,
    ),
    Rule(
        "occupancy", Family.OCCUPANCY, say("Nearly full"), "low", 60, 180, "share", 0.80, 0.75, effect=_CROWD
    ),
    Rule(
        "occupancy", Family.OCCUPANCY, say("Full"), "medium", 60, 180, "share", 1.00, 0.95, effect=_CROWD
    ),
    # Half a person, since counts are shares of people; a person at the border counts in part.
    Rule("area.entered", Family.AREA_ENTERED, say("Person in a closed area"), "low", 3, 30, "persons", 0.5, 0.25),
    Rule(
        "vehicle.unauthorised", Family.VEHICLE_ACCESS, say("Vehicle without a permit"), "medium", 3, 30,
        "vehicles", effect=_BOTH, threats=VEHICLE_THREATS,
    ),
    Rule(
        "vehicle.in_crowd", Family.VEHICLE_ACCESS, say("Vehicle in a crowd"), "high", 0.5, 30, _PER_M2, 2.0, 2.0,
        latched=True, effect=_BOTH, threats=VEHICLE_THREATS,
    ),
    Rule(
        "vehicle.stopped", Family.VEHICLE_STOPPED, say("Vehicle standing where none may"), "medium", 180, 30,
        "vehicles", effect=_BOTH, threats=VEHICLE_THREATS,
    ),
    Rule("zone.risk", Family.ZONE_RISK, say("Risk above the assessment"), "low", 30, 0, "R"),
    Rule("zone.risk", Family.ZONE_RISK, say("Risk far above the assessment"), "medium", 30, 0, "R"),
    Rule("sensor.silent", Family.SENSOR_SILENT, say("Camera silent"), "low", 30, 0, "s"),
)  # fmt: skip


_STEPS = {family: tuple(rule for rule in RULES if rule.family is family) for family in Family}


def steps_of(family: Family) -> tuple[Rule, ...]:
    """The family's rules, mildest first."""
    return _STEPS[family]


def may_be_on(family: Family, value: float | None, zone: Zone | None = None) -> bool:
    """Whether any step of the family is on at `value`."""
    return value is not None and any(rule.verdict(value, zone) is Verdict.ON for rule in _STEPS[family])


def family_of(rule: str) -> Family | None:
    """The family that a rule id, or a family's own name, belongs to."""
    for one in RULES:
        if rule in (one.id, one.family.value):
            return one.family
    return None


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    title: Phrase
    severity: Severity


def listing() -> tuple[Listed, ...]:
    """One row for each rule id, with its mildest step."""
    seen: dict[str, Listed] = {}
    for rule in RULES:
        seen.setdefault(rule.id, Listed(rule.id, rule.title, rule.severity))
    return tuple(seen.values())


@dataclass(frozen=True, slots=True)
class Effective:
    """A rule step as it works in one place: after the static score has moved it, and what it says about that."""

    on_after_ms: int
    off_after_ms: int
    samples_min: int
    severity: Severity
    reasons: tuple[Reason, ...]


def effective(rule: Rule, zone: str | None, assessment: Assessment | None) -> Effective:
    """The step's delays and severity in `zone`. Only an approved assessment moves anything."""
    on_after_ms, off_after_ms = round(rule.on_after_s * 1000), round(rule.off_after_s * 1000)
    risk = _moving_risk(rule, zone, assessment)
    if risk is None or assessment is None:
        return Effective(on_after_ms, off_after_ms, 1, rule.severity, ())
    reasons = [
        because(
            Why.STATIC_SCORES,
            say(
                "static risk for {threat} is {r:.1f} ({band}): T {t:g}, V {v:g}, C {c:g}",
                threat=THREAT_WORDS[risk.threat],
                r=risk.r,
                band=BAND_WORDS[risk.band],
                t=risk.t,
                v=risk.v,
                c=risk.c,
            ),
            risk.r,
            10.0,
            "R",
            (assessment.name,),
        ),
        because(
            Why.STATIC_DELAY_HALVED,
            say("the static risk halves the delay to {s:g} s", s=rule.on_after_s / 2),
            rule.on_after_s / 2,
            rule.on_after_s,
            "s",
            (assessment.name,),
        ),
    ]
    severity = rule.severity
    if rule.effect is StaticEffect.DELAY_AND_SEVERITY and severity != "high":
        severity = SEVERITIES[SEVERITIES.index(severity) + 1]
        reasons.append(
            because(
                Why.STATIC_SEVERITY_RAISED,
                say(
                    "the static risk raises the severity from {before} to {after}",
                    before=SEVERITY_WORDS[rule.severity],
                    after=SEVERITY_WORDS[severity],
                ),
                sources=(assessment.name,),
            )
        )
    return Effective(on_after_ms // 2, off_after_ms, 2, severity, tuple(reasons))


def _moving_risk(rule: Rule, zone: str | None, assessment: Assessment | None) -> StaticRisk | None:
    if assessment is None or not assessment.approved or zone is None or rule.effect is StaticEffect.NONE:
        return None
    about = [r for r in assessment.of_zone(zone) if not rule.threats or r.threat in rule.threats]
    worst = max(about, key=lambda r: r.r, default=None)
    if worst is None or band_rank(worst.band) < band_rank("high"):
        return None
    return worst
