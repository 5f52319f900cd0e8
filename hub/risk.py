"""Live risk R': the static assessment moved by how many people are there, what stands open, and what is going on.

R' = sqrt(T' V') C' with each of T', V', C' clamped to 1 to 5 (method 3) [E]. It ranks; it is no probability. Every
term says what R' would be without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import Struct

from contract.instants import to_ms
from contract.messages import Quality, RiskTerm, ZoneRisk
from hub.assessment import (
    BANDS,
    Assessment,
    Band,
    Cue,
    Measure,
    StaticRisk,
    Threat,
    ThreatLevel,
    band_of,
    band_rank,
    clamp,
    risk_of,
)

OBSERVED_MIN = 0.8  # below this share the count says too little to lower C'
FALL_POINTS, FALL_MS = 1.0, 120_000
CUES_MAX = 2.0
RISE_POINTS = 3.0  # zone.risk: this much above the approved static risk

_HALF_DECADE = frozenset({Threat.FIREARMS, Threat.SHARP_OBJECTS})


def crowd_exponent(threat: Threat) -> float:
    """g: how the number of casualties grows with the crowd: 0.5 for blade and firearm, 1 for the rest."""
    return 0.5 if threat in _HALF_DECADE else 1.0


@dataclass(frozen=True, slots=True)
class MeasureState:
    """How much of a measure is in place (0 to 1), and how that is known. Stale counts 0 and is flagged."""

    measure: Measure
    share: float
    fresh: bool
    age_s: float | None
    text: str


def measure_state(measure: Measure, now_ms: int) -> MeasureState:
    """Fixed measures are in place; reported ones as long as the report holds; live ones need a feed."""
    if measure.known == "fixed":
        return MeasureState(measure, 1.0, True, None, f"{measure.name} is fixed")
    if measure.known == "live":
        return MeasureState(
            measure,
            0.0,
            False,
            None,
            f"{measure.name}: no live state is fed to this hub, so it counts as absent",
        )
    if measure.reported is None or measure.stays_true_h is None:
        return MeasureState(measure, 0.0, False, None, f"{measure.name}: nobody has reported it in place")
    age_s = (now_ms - to_ms(measure.reported.at)) / 1000.0
    if age_s < 0 or age_s > measure.stays_true_h * 3600.0:
        text = (
            f"{measure.name}: the report by {measure.reported.by} no longer holds; check it and report again"
        )
        return MeasureState(measure, 0.0, False, max(age_s, 0.0), text)
    share = measure.reported.share
    return MeasureState(
        measure, share, True, age_s, f"{measure.name} reported {share:.0%} in place by {measure.reported.by}"
    )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What moves the risk of one zone and threat now. `people` None: nothing observes the zone."""

    people: float | None
    seen_share: float
    reference_people: float | None
    measures: Sequence[MeasureState] = ()
    cues: Sequence[Cue] = ()
    threat_level: ThreatLevel | None = None
    last_known_c: float | None = None
    count_age_s: float | None = None
    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class LiveRisk:
    """T', V', C' and R' of one zone and threat. `raw` is before `floor`; `r` after it."""

    static: StaticRisk
    given: Circumstances
    t: float
    v: float
    c: float
    raw: float
    floor: float
    r: float
    well_observed: bool

    @property
    def capped(self) -> bool:
        """More people cannot raise R' any further."""
        return self.c >= 5.0


def live_risk(static: StaticRisk, given: Circumstances) -> LiveRisk:
    """R' of one zone and threat, before what was last shown holds it up."""
    well_observed = given.people is not None and given.seen_share >= OBSERVED_MIN
    c = _consequence(static, given)
    if not well_observed and given.last_known_c is not None:
        c = max(c, given.last_known_c)
    v = clamp(static.v0 - sum(m.share * m.measure.credit.get(static.threat, 0.0) for m in given.measures))
    offset = 0 if given.threat_level is None else given.threat_level.offset
    t = clamp(static.t + offset + cue_points(given.cues))
    raw = risk_of(t, v, c)
    floor = risk_floor(static.band)
    return LiveRisk(static, given, t, v, c, raw, floor, max(raw, floor), well_observed)


def _consequence(static: StaticRisk, given: Circumstances) -> float:
    """C' = clamp(C + 2 g log10(max(N, 1) / n_ref)); C where N or n_ref is not known."""
    if given.people is None or given.reference_people is None:
        return static.c
    g = crowd_exponent(static.threat)
    return clamp(static.c + 2.0 * g * math.log10(max(given.people, 1.0) / given.reference_people))


def cue_points(cues: Sequence[Cue]) -> float:
    """min(2, max(0, 2 log10 L)); L is the product over groups, and within a group the strongest counts once."""
    strongest: dict[str, float] = {}
    for cue in cues:
        strongest[cue.group] = max(strongest.get(cue.group, 0.0), cue.ratio)
    likelihood = math.prod(strongest[group] for group in sorted(strongest))
    return min(CUES_MAX, max(0.0, 2.0 * math.log10(likelihood))) if strongest else 0.0


def risk_floor(static_band: Band) -> float:
    """The lower bound of one band below the static band: a quiet evening does not argue an assessment away."""
    return BANDS[max(0, band_rank(static_band) - 1)][1]


class RiskMemory(Struct, kw_only=True):
    """What must be kept for each (zone, threat): the R' shown, the fall under way, and the last good C'."""

    shown: float | None = None
    falling_ms: int = 0
    falling: bool = False
    falling_max: float = 0.0
    at_ms: int | None = None
    last_c: float | None = None

    def show(self, r: float, at_ms: int | None) -> float:
        """R' to show: rises at once, falls after a point's difference for 120 s, to the highest of those 120 s.

        `at_ms` None: nothing is observed; then it may rise and does not fall, and the clock stands still.
        """
        before, self.at_ms = self.at_ms, at_ms
        if self.shown is None or r >= self.shown:
            self.shown = r
            self.falling, self.falling_ms = False, 0
            return r
        if at_ms is None:
            return self.shown
        if r > self.shown - FALL_POINTS:
            self.falling, self.falling_ms = False, 0
            return self.shown
        if not self.falling:
            self.falling, self.falling_ms, self.falling_max = True, 0, r
            return self.shown
        self.falling_max = max(self.falling_max, r)
        self.falling_ms += 0 if before is None else max(0, at_ms - before)
        if self.falling_ms >= FALL_MS:
            self.shown = self.falling_max
            self.falling, self.falling_ms = False, 0
        return self.shown


@dataclass(frozen=True, slots=True)
class ShownRisk:
    """A LiveRisk with the R' that is shown for it."""

    live: LiveRisk
    shown: float

    @property
    def band(self) -> Band:
        return band_of(self.shown)

    @property
    def above_static(self) -> bool:
        """The condition of zone.risk: a band above the static one and at least high, or 3 points above."""
        rank, static = band_rank(self.band), self.live.static
        if rank > band_rank(static.band) and rank >= band_rank("high"):
            return True
        return self.shown >= static.r + RISE_POINTS

    @property
    def far_above_static(self) -> bool:
        return self.above_static and self.band == "very_high"


def worst(risks: Sequence[ShownRisk]) -> ShownRisk | None:
    """The highest R'; then the highest static risk; then the first in the assessment's order."""
    return max(risks, key=lambda risk: (risk.shown, risk.live.static.r), default=None)


def explain(risk: ShownRisk, assessment: Assessment, quality: Quality) -> ZoneRisk:
    """Every term with what R' would be without it."""
    live, static = risk.live, risk.live.static
    terms = [_consequence_term(risk, quality), _vulnerability_term(risk, assessment)]
    terms += [_measure_term(risk, state) for state in live.given.measures]
    terms.append(_threat_term(risk, assessment))
    if live.given.threat_level is not None:
        terms.append(_threat_level_term(risk, live.given.threat_level))
    terms += [_cue_term(risk, cue, assessment) for cue in live.given.cues]
    if live.floor > live.raw:
        terms.append(
            _term(
                "floor", live.floor, live.raw, live.raw,
                f"R' is kept at {live.floor:g}, one band below the approved static band", assessment.name, None,
                "observed",
            )
        )  # fmt: skip
    if risk.shown > live.r:
        terms.append(
            _term(
                "held", risk.shown, live.r, live.r,
                f"R' falls only after a full point's difference for {FALL_MS // 1000} s; it is now {live.r:.1f}",
                "this hub", None, quality,
            )
        )  # fmt: skip
    return ZoneRisk(
        threat=static.threat.value,
        static=round(static.r, 2),
        live=round(risk.shown, 2),
        static_band=static.band,
        live_band=risk.band,
        terms=tuple(terms),
    )


def _term(
    term: str,
    value: float | None,
    reference: float | None,
    without: float | None,
    text: str,
    source: str,
    age_s: float | None,
    quality: Quality,
) -> RiskTerm:
    return RiskTerm(
        term=term,
        value=None if value is None else round(value, 2),
        reference=None if reference is None else round(reference, 2),
        without=None if without is None else round(without, 2),
        text=text,
        source=source,
        age_s=None if age_s is None else round(age_s, 1),
        quality=quality,
    )


def _without(
    live: LiveRisk, *, t: float | None = None, v: float | None = None, c: float | None = None
) -> float:
    raw = risk_of(live.t if t is None else t, live.v if v is None else v, live.c if c is None else c)
    return max(raw, live.floor)


def _consequence_term(risk: ShownRisk, quality: Quality) -> RiskTerm:
    live, static, given = risk.live, risk.live.static, risk.live.given
    if given.reference_people is None:
        text = f"consequence stays at {static.c:g}: the assessment gives no reference_people for this zone"
    elif given.people is None:
        text = f"consequence {live.c:.2f}: nobody sees the zone, so it is kept at what was last known"
    else:
        text = f"consequence {live.c:.2f}: {given.people:.0f} people, scored for {given.reference_people:.0f}"
        if not live.well_observed:
            text += f"; only {given.seen_share:.0%} of the zone is seen, so it is not lowered"
        elif live.capped:
            text += "; it is at 5, more people cannot raise R' further"
    flagged: Quality = "unknown" if given.reference_people is None else quality
    return _term(
        "consequence",
        live.c,
        static.c,
        _without(live, c=static.c),
        text,
        "crowd count",
        given.count_age_s,
        flagged,
    )


def _vulnerability_term(risk: ShownRisk, assessment: Assessment) -> RiskTerm:
    live, static = risk.live, risk.live.static
    stale = [m.measure.name for m in live.given.measures if not m.fresh]
    text = f"vulnerability {live.v:.2f}: {static.v0:g} before measures"
    if stale:
        text += f"; not known to be in place: {', '.join(stale)}"
    quality: Quality = "partly" if stale else "observed"
    return _term(
        "vulnerability", live.v, static.v, _without(live, v=static.v), text, assessment.name, None, quality
    )


def _measure_term(risk: ShownRisk, state: MeasureState) -> RiskTerm:
    live, static = risk.live, risk.live.static
    others = sum(
        m.share * m.measure.credit.get(static.threat, 0.0)
        for m in live.given.measures
        if m.measure.id != state.measure.id
    )
    in_place = clamp(static.v0 - others - state.measure.credit.get(static.threat, 0.0))
    quality: Quality = "observed" if state.fresh else "unknown"
    source = "assessment" if state.measure.reported is None else state.measure.reported.by
    return _term(
        f"measure.{state.measure.id}",
        state.share,
        1.0,
        _without(live, v=in_place),
        state.text,
        source,
        state.age_s,
        quality,
    )


def _threat_term(risk: ShownRisk, assessment: Assessment) -> RiskTerm:
    live, static = risk.live, risk.live.static
    text = f"threat {live.t:.2f}: scored {static.t:g}"
    return _term(
        "threat", live.t, static.t, _without(live, t=static.t), text, assessment.name, None, "observed"
    )


def _threat_level_term(risk: ShownRisk, level: ThreatLevel) -> RiskTerm:
    live = risk.live
    plain = live_risk(live.static, replace(live.given, threat_level=None))
    age_s = max(0.0, (live.given.now_ms - to_ms(level.at)) / 1000.0)
    return _term(
        "threat_level", float(level.offset), 0.0, plain.r, f"threat level {level.offset:+d}: {level.reason}",
        level.by, age_s, "observed",
    )  # fmt: skip


def _cue_term(risk: ShownRisk, cue: Cue, assessment: Assessment) -> RiskTerm:
    live = risk.live
    others = tuple(one for one in live.given.cues if one is not cue)
    plain = live_risk(live.static, replace(live.given, cues=others))
    priors = assessment.file.priors
    source = "priors" if priors is None else f"priors v{priors.version}, {priors.author}, {priors.date}"
    return _term(
        f"cue.{cue.rule}", cue.ratio, 1.0, plain.r,
        f"{cue.rule} is active: believed {cue.ratio:g} times likelier (an expert's prior, not a measurement)",
        source, 0.0, "observed",
    )  # fmt: skip
