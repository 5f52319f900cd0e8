"""The static assessment (VAT-style): how a site was scored on foot, and the static risk R of each zone and threat.

R ranks; it is no probability. T, V and C are always shown with it. Real assessments are sensitive: only invented
ones, marked `synthetic: true`, belong in tests and examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.instants import Instant, to_ms
from contract.messages import Identifier
from contract.phrase import Phrase, say
from contract.yaml_file import YamlFile
from hub.site import Site

Band = Literal["low", "moderate", "high", "very_high"]
Score = Annotated[int, Meta(ge=1, le=5)]
Votes = Annotated[dict[str, Score], Meta(min_length=1)]

SCORE_MIN, SCORE_MAX = 1.0, 5.0
BANDS: tuple[tuple[Band, float], ...] = (("low", 0.0), ("moderate", 5.0), ("high", 10.0), ("very_high", 15.0))
SPREAD_TO_DISCUSS = 2


class Threat(StrEnum):
    """The ten threat types of the EU Vulnerability Assessment Tool."""

    FIREARMS = "firearms"
    SHARP_OBJECTS = "sharp_objects"
    VEHICLE = "vehicle"
    EXPLOSIVE_LEFT = "explosive_left"
    EXPLOSIVE_PERSON = "explosive_person"
    EXPLOSIVE_DRONE = "explosive_drone"
    EXPLOSIVE_VEHICLE = "explosive_vehicle"
    CHEMICAL = "chemical"
    BIOLOGICAL = "biological"
    RADIOLOGICAL = "radiological"


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is not known is an error, since it is most often misspelt."""


class Assessor(_Part, frozen=True, kw_only=True):
    role: str
    organisation: str


class Walk(_Part, frozen=True, kw_only=True):
    date: str
    notes: str


class ReferencePeople(_Part, frozen=True, kw_only=True):
    """`people`: how many the consequence scores of this zone were given for (n_ref)."""

    zone: Identifier
    people: float


class Reported(_Part, frozen=True, kw_only=True):
    """What a person said about a measure: how much of it is in place (0 to 1), when, and who says so."""

    share: Annotated[float, Meta(ge=0, le=1)]
    at: Instant
    by: str


class Measure(_Part, frozen=True, kw_only=True):
    """Something that lowers vulnerability. `credit`: points of V0 per threat while it is fully in place.

    `known`: "fixed" is always in place; "reported" holds for `stays_true_h` after the report; "live" needs a feed.
    """

    id: Identifier
    name: str
    kind: str
    zones: Annotated[tuple[Identifier, ...], Meta(min_length=1)]
    credit: dict[Threat, Annotated[float, Meta(ge=0, le=4)]]
    known: Literal["fixed", "reported", "live"]
    stays_true_h: Annotated[float, Meta(gt=0)] | None = None
    reported: Reported | None = None
    advice: str | None = None


class ThreatScores(_Part, frozen=True, kw_only=True):
    """One zone, one threat: a score, or each assessor's vote under a name, for T, V0 and C."""

    zone: Identifier
    threat: Threat
    t: Score | Votes
    v0: Score | Votes
    c: Score | Votes
    rationale: str
    confidence: Literal["low", "medium", "high"]
    discussed: bool = False


class Recommendation(_Part, frozen=True, kw_only=True):
    """What the assessors recommend. With `zones` or `threats` empty it goes for all."""

    id: Identifier
    text: str
    owner: str
    due: str | None = None
    done: bool = False
    zones: tuple[Identifier, ...] = ()
    threats: tuple[Threat, ...] = ()


class Cue(_Part, frozen=True, kw_only=True):
    """How much likelier an attack is while a rule's alert is active. `group`: cues of one group count once."""

    rule: str
    threat: Threat
    ratio: Annotated[float, Meta(gt=0, le=1000)]
    group: str


class Priors(_Part, frozen=True, kw_only=True):
    """Likelihood ratios: an expert's belief, not a measurement."""

    version: int
    author: str
    date: str
    cues: tuple[Cue, ...]


class ThreatLevel(_Part, frozen=True, kw_only=True):
    """An offset on every T, set by a named person."""

    offset: Annotated[int, Meta(ge=-1, le=2)]
    by: str
    at: Instant
    reason: str


class AssessmentFile(_Part, frozen=True, kw_only=True):
    id: Identifier
    version: Annotated[int, Meta(ge=1)]
    status: Literal["draft", "approved"]
    site: Identifier
    synthetic: bool = False
    assessors: Annotated[tuple[Assessor, ...], Meta(min_length=1)]
    walks: tuple[Walk, ...] = ()
    reference_people: tuple[ReferencePeople, ...] = ()
    measures: tuple[Measure, ...] = ()
    scores: Annotated[tuple[ThreatScores, ...], Meta(min_length=1)]
    recommendations: tuple[Recommendation, ...] = ()
    priors: Priors | None = None
    threat_level: ThreatLevel | None = None
    schema: Literal[1] = 1


def band_of(risk: float) -> Band:
    """< 5 low, < 10 moderate, < 15 high, else very high. [E]"""
    found = BANDS[0][0]
    for band, lower in BANDS:
        if risk >= lower:
            found = band
    return found


def band_rank(band: Band) -> int:
    """0 low to 3 very high."""
    return [name for name, _ in BANDS].index(band)


def clamp(score: float) -> float:
    return min(SCORE_MAX, max(SCORE_MIN, score))


def risk_of(t: float, v: float, c: float) -> float:
    """R = sqrt(T V) C, 1 to 25. [E]"""
    return math.sqrt(t * v) * c


@dataclass(frozen=True, slots=True)
class StaticRisk:
    """What the assessors found for one zone and threat: T, V0, V = clamp(V0 - credits), C, and R = sqrt(T V) C."""

    zone: str
    threat: Threat
    t: float
    v0: float
    credits: float
    v: float
    c: float
    r: float
    band: Band
    spread: int
    confidence: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """A read assessment. `risks` in the order zone of the site file, then threat. `warnings` for people to read."""

    file: AssessmentFile
    risks: tuple[StaticRisk, ...]
    warnings: tuple[Phrase, ...]

    @property
    def approved(self) -> bool:
        """Only an approved assessment moves rules."""
        return self.file.status == "approved"

    @property
    def name(self) -> str:
        return f"{self.file.id} v{self.file.version}"

    def of_zone(self, zone: str) -> tuple[StaticRisk, ...]:
        return tuple(risk for risk in self.risks if risk.zone == zone)

    def measures_of(self, zone: str, threat: Threat) -> tuple[Measure, ...]:
        return tuple(m for m in self.file.measures if zone in m.zones and m.credit.get(threat, 0.0) > 0.0)

    def reference_people(self, zone: str) -> float | None:
        """n_ref, or None when it was not given or is not positive."""
        for entry in self.file.reference_people:
            if entry.zone == zone and entry.people > 0:
                return entry.people
        return None

    def advice(self, zone: str | None, threats: tuple[Threat, ...]) -> tuple[Phrase | str, ...]:
        """What the assessment says to do here about these threats: measures first, then open recommendations."""
        found: list[Phrase | str] = [
            m.advice
            for m in self.file.measures
            if m.advice and zone in m.zones and any(m.credit.get(t, 0.0) > 0 for t in threats)
        ]
        for r in self.file.recommendations:
            here = not r.zones or zone in r.zones
            about = not r.threats or any(t in r.threats for t in threats)
            if not r.done and here and about:
                found.append(say("Recommended, not done yet: {text} ({owner})", text=r.text, owner=r.owner))
        return tuple(found)


def read_assessment(path: Path | str, site: Site, data: bytes | None = None) -> Assessment:
    """Reads an assessment of `site`. Raises FileError naming file, line and key.

    `data`: its content where it is no file; `path` is then only how errors call it.
    """
    yaml = YamlFile(path, data)
    file = yaml.to(AssessmentFile)
    _check(yaml, file, site)
    return assess(file, site)


def assess(file: AssessmentFile, site: Site) -> Assessment:
    """Static risk of every scored (zone, threat)."""
    order = {zone: i for i, zone in enumerate(site.zone_ids)}
    threats = list(Threat)
    scores = sorted(file.scores, key=lambda s: (order[s.zone], threats.index(s.threat)))
    risks = tuple(_risk(file, score) for score in scores)
    warnings: list[Phrase] = []
    for risk in risks:
        if risk.credits > risk.v0 - 1:
            warnings.append(
                say(
                    "zone {zone}, {threat}: credits {credits:g} exceed V0 - 1 = {most:g}; V cannot fall below 1",
                    zone=risk.zone,
                    threat=risk.threat.value,
                    credits=risk.credits,
                    most=risk.v0 - 1,
                )
            )
    scored = {risk.zone for risk in risks}
    known = {entry.zone for entry in file.reference_people if entry.people > 0}
    for zone in site.zone_ids:
        if zone not in scored:
            warnings.append(say("zone {zone} has no scores; its level rests on the crowd alone", zone=zone))
        elif zone not in known:
            warnings.append(
                say(
                    "zone {zone} has no reference_people; its consequence does not follow the crowd",
                    zone=zone,
                )
            )
    if file.status == "draft":
        warnings.append(say("the assessment is a draft: its scores are shown and move no rule"))
    return Assessment(file, risks, tuple(warnings))


def _risk(file: AssessmentFile, score: ThreatScores) -> StaticRisk:
    t, v0, c = (float(median(_votes(x))) for x in (score.t, score.v0, score.c))
    credit = sum(m.credit.get(score.threat, 0.0) for m in file.measures if score.zone in m.zones)
    v = clamp(v0 - credit)
    r = risk_of(t, v, c)
    spread = max(max(_votes(x)) - min(_votes(x)) for x in (score.t, score.v0, score.c))
    return StaticRisk(score.zone, score.threat, t, v0, credit, v, c, r, band_of(r), spread, score.confidence)


def _votes(score: int | dict[str, int]) -> list[int]:
    return list(score.values()) if isinstance(score, dict) else [score]


def _check(yaml: YamlFile, file: AssessmentFile, site: Site) -> None:
    if file.site != site.site:
        raise yaml.error(f"assesses {file.site}; this is site {site.site}", "site")
    zones = set(site.zone_ids)
    named: list[tuple[str, tuple[str | int, ...]]] = []
    for i, score in enumerate(file.scores):
        named.append((score.zone, ("scores", i, "zone")))
    for i, entry in enumerate(file.reference_people):
        named.append((entry.zone, ("reference_people", i, "zone")))
    for i, measure in enumerate(file.measures):
        named += [(zone, ("measures", i, "zones", j)) for j, zone in enumerate(measure.zones)]
    for i, recommendation in enumerate(file.recommendations):
        named += [(zone, ("recommendations", i, "zones", j)) for j, zone in enumerate(recommendation.zones)]
    for zone, key in named:
        if zone not in zones:
            raise yaml.error(f"the site has no zone {zone}; it has {', '.join(site.zone_ids)}", *key)
    _check_scores(yaml, file)
    _check_measures(yaml, file)
    if file.threat_level is not None:
        _check_instant(yaml, file.threat_level.at, "threat_level", "at")


def _check_scores(yaml: YamlFile, file: AssessmentFile) -> None:
    seen: set[tuple[str, Threat]] = set()
    for i, score in enumerate(file.scores):
        if (score.zone, score.threat) in seen:
            raise yaml.error(f"zone {score.zone} is scored twice for {score.threat}", "scores", i)
        seen.add((score.zone, score.threat))
        for key in ("t", "v0", "c"):
            votes = _votes(getattr(score, key))
            spread = max(votes) - min(votes)
            if file.status == "approved" and spread >= SPREAD_TO_DISCUSS and not score.discussed:
                raise yaml.error(
                    f"the votes differ by {spread}; discuss them and set discussed: true before approval",
                    *("scores", i, key),
                )


def _check_measures(yaml: YamlFile, file: AssessmentFile) -> None:
    seen: set[str] = set()
    for i, measure in enumerate(file.measures):
        if measure.id in seen:
            raise yaml.error(f"measure {measure.id} stands twice", "measures", i, "id")
        seen.add(measure.id)
        if measure.known == "reported" and measure.stays_true_h is None:
            raise yaml.error(
                "is needed with known: reported; say how many hours a report holds",
                "measures",
                i,
                "stays_true_h",
            )
        if measure.known != "reported" and measure.reported is not None:
            raise yaml.error(
                f"goes only with known: reported, not {measure.known}", "measures", i, "reported"
            )
        if measure.reported is not None:
            _check_instant(yaml, measure.reported.at, "measures", i, "reported", "at")


def _check_instant(yaml: YamlFile, instant: str, *key: str | int) -> None:
    try:
        to_ms(instant)
    except ValueError as error:
        raise yaml.error(str(error), *key) from None
