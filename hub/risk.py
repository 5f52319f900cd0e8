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
from contract.phrase import Phrase, english, say, say_many
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
    text: Phrase


def measure_state(measure: Measure, now_ms: int) -> MeasureState:
    """Fixed measures are in place; reported ones as long as the report holds; live ones need a feed."""
    if measure.known == "fixed":
        return MeasureState(measure, 1.0, True, None, say("{measure} is fixed", measure=measure.name))
    if measure.known == "live":
        return MeasureState(
            measure,
            0.0,
            False,
            None,
            say("{measure}: no live state is fed to this hub, so it counts as absent", measure=measure.name),
        )
    if measure.reported is None or measure.stays_true_h is None:
        nobody = say("{measure}: nobody has reported it in place", measure=measure.name)
        return MeasureState(measure, 0.0, False, None, nobody)
    age_s = (now_ms - to_ms(measure.reported.at)) / 1000.0
    if age_s < 0 or age_s > measure.stays_true_h * 3600.0:
        text = say(
            "{measure}: the report by {name} no longer holds; check it and report again",
            measure=measure.name,
            name=measure.reported.by,
        )
        return MeasureState(measure, 0.0, False, max(age_s, 0.0), text)
    share = measure.reported.share
    text = say(
        "{measure} reported {share:.0%} in place by {name}",
        measure=measure.name,
        share=share,
        name=measure.reported.by,
    )
    return MeasureState(measure, share, True, age_s, text)


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
                say("R' is kept at {r:g}, one band below the approved static band", r=live.floor), assessment.name,
                None, "observed",
            )
        )  # fmt: skip
    if risk.shown > live.r:
        terms.append(
            _term(
                "held", risk.shown, live.r, live.r,
                say("R' falls only after a full point's difference for {s} s; it is now {r:.1f}", s=FALL_MS // 1000,
                    r=live.r),
                say("this hub"), None, quality,
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
    text: Phrase,
    source: Phrase | str,
    age_s: float | None,
    quality: Quality,
) -> RiskTerm:
    return RiskTerm(
        term=term,
        value=None if value is None else round(value, 2),
        reference=None if reference is None else round(reference, 2),
        without=None if without is None else round(without, 2),
        text=english(text),
        phrase=text,
        source=str(source),
        source_phrase=source if isinstance(source, Phrase) else None,
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
        text = say(
            "consequence stays at {c:g}: the assessment gives no reference_people for this zone", c=static.c
        )
    elif given.people is None:
        text = say(
            "consequence {c:.2f}: nobody sees the zone, so it is kept at what was last known", c=live.c
        )
    else:
        text = say_many(
            "consequence {c:.2f}: {count} person, scored for {scored:.0f}",
            "consequence {c:.2f}: {count} people, scored for {scored:.0f}",
            round(given.people),
            c=live.c,
            scored=given.reference_people,
        )
        if not live.well_observed:
            text = say(
                "{consequence}; only {share:.0%} of the zone is seen, so it is not lowered",
                consequence=text,
                share=given.seen_share,
            )
        elif live.capped:
            text = say("{consequence}; it is at 5, more people cannot raise R' further", consequence=text)
    flagged: Quality = "unknown" if given.reference_people is None else quality
    return _term(
        "consequence",
        live.c,
        static.c,
        _without(live, c=static.c),
        text,
        say("crowd count"),
        given.count_age_s,
        flagged,
    )


def _vulnerability_term(risk: ShownRisk, assessment: Assessment) -> RiskTerm:
    live, static = risk.live, risk.live.static
    stale = tuple(m.measure.name for m in live.given.measures if not m.fresh)
    if stale:
        text = say(
            "vulnerability {v:.2f}: {v0:g} before measures; not known to be in place: {measures}",
            v=live.v,
            v0=static.v0,
            measures=stale,
        )
    else:
        text = say("vulnerability {v:.2f}: {v0:g} before measures", v=live.v, v0=static.v0)
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
    source = say("assessment") if state.measure.reported is None else state.measure.reported.by
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
    text = say("threat {t:.2f}: scored {scored:g}", t=live.t, scored=static.t)
    return _term(
        "threat", live.t, static.t, _without(live, t=static.t), text, assessment.name, None, "observed"
    )


def _threat_level_term(risk: ShownRisk, level: ThreatLevel) -> RiskTerm:
    live = risk.live
    plain = live_risk(live.static, replace(live.given, threat_level=None))
    age_s = max(0.0, (live.given.now_ms - to_ms(level.at)) / 1000.0)
    return _term(
        "threat_level", float(level.offset), 0.0, plain.r,
        say("threat level {offset:+d}: {reason}", offset=level.offset, reason=level.reason), level.by, age_s,
        "observed",
    )  # fmt: skip


def _cue_term(risk: ShownRisk, cue: Cue, assessment: Assessment) -> RiskTerm:
    live = risk.live
    others = tuple(one for one in live.given.cues if one is not cue)
    plain = live_risk(live.static, replace(live.given, cues=others))
    priors = assessment.file.priors
    source = say("priors")
    if priors is not None:
        source = say(
            "priors v{version}, {author}, {date}",
            version=str(priors.version),
            author=priors.author,
            date=str(priors.date),
        )
    return _term(
        f"cue.{cue.rule}", cue.ratio, 1.0, plain.r,
        say(
            "{rule} is active: believed {ratio:g} times likelier (an expert's prior, not a measurement)",
            rule=cue.rule,
            ratio=cue.ratio,
        ),
        source, 0.0, "observed",
    )  # fmt: skip
