"""What zone.risk says about each zone: live risk far above what the assessment approved."""

from __future__ import annotations

from collections.abc import Sequence

from contract.messages import Reason
from contract.phrase import say
from hub.assessment import Assessment, band_rank
from hub.delays import Verdict
from hub.finding import Finding
from hub.reasons import Why, because
from hub.risk import RISE_POINTS, ShownRisk, explain, worst
from hub.rules import Family
from hub.terms import BAND_WORDS, THREAT_WORDS
from hub.zone_crowd import ZoneCrowd

_TERMS_SHOWN = 4


def risk_finding(
    crowd: ZoneCrowd, risks: Sequence[ShownRisk], assessment: Assessment | None, now_ms: int
) -> Finding | None:
    """zone.risk of one zone; None without an approved assessment of it. Falling is delayed in R' itself."""
    if assessment is None or not assessment.approved or not risks:
        return None
    top = worst([risk for risk in risks if risk.above_static]) or worst(risks)
    if top is None:
        return None
    blind = crowd.people is None
    off = Verdict.UNKNOWN if blind else Verdict.OFF
    verdicts = (
        Verdict.ON if any(risk.above_static for risk in risks) else off,
        Verdict.ON if any(risk.far_above_static for risk in risks) else off,
    )
    shown = top

    def because_of(step: int) -> tuple[Reason, ...]:
        return _reasons(shown, crowd, assessment)

    return Finding(
        family=Family.ZONE_RISK,
        subject=crowd.zone.id,
        name=crowd.zone.name,
        zone=crowd.zone.id,
        at_ms=now_ms if crowd.captured_ms is None else crowd.captured_ms,
        verdicts=verdicts,
        explain=because_of,
        certainty=lambda: say(
            "Ranks, and is no probability. Scores: {assessment}. {certainty}",
            assessment=assessment.name,
            certainty=crowd.certainty(),
        ),
        position_m=None,
        cameras=crowd.cameras,
        threats=(top.live.static.threat,),
    )


def _reasons(risk: ShownRisk, crowd: ZoneCrowd, assessment: Assessment) -> tuple[Reason, ...]:
    static, threat = risk.live.static, THREAT_WORDS[risk.live.static.threat]
    found: list[Reason] = []
    if band_rank(risk.band) > band_rank(static.band):
        found.append(
            because(
                Why.RISK_BAND,
                say(
                    "live risk for {threat} is {band} ({r:.1f}), the approved static risk is {static_band} "
                    "({static:.1f})",
                    threat=threat,
                    band=BAND_WORDS[risk.band],
                    r=risk.shown,
                    static_band=BAND_WORDS[static.band],
                    static=static.r,
                ),
                risk.shown,
                static.r,
                "R",
                (assessment.name,),
            )
        )
    if risk.shown >= static.r + RISE_POINTS:
        found.append(
            because(
                Why.RISK_RISE,
                say(
                    "live risk for {threat} is {points:.1f} points above the static risk; limit {limit:g}",
                    threat=threat,
                    points=risk.shown - static.r,
                    limit=RISE_POINTS,
                ),
                risk.shown - static.r,
                RISE_POINTS,
                "R",
                (assessment.name,),
            )
        )
    terms = [t for t in explain(risk, assessment, crowd.quality).terms if t.without is not None]
    terms.sort(key=lambda t: (-abs(risk.shown - (t.without or 0.0)), t.term))
    for term in terms[:_TERMS_SHOWN]:
        if term.without is not None and abs(risk.shown - term.without) >= 0.05:
            found.append(
                because(
                    Why.RISK_TERM,
                    say(
                        "{term} (without it R' would be {r:.1f})",
                        term=term.phrase or term.text,
                        r=term.without,
                    ),
                    term.value,
                    term.reference,
                    term.term,
                    (term.source,),
                )
            )
    for state in risk.live.given.measures:
        if not state.fresh:
            found.append(because(Why.MEASURE_STALE, state.text, state.share, 1.0, "share"))
    if risk.live.given.reference_people is None:
        text = say("the assessment gives no reference_people here; consequence does not follow the crowd")
        found.append(because(Why.REFERENCE_MISSING, text, sources=(assessment.name,)))
    return (
        *found,
        because(
            Why.STATIC_SCORES,
            say(
                "static scores for {threat}: T {t:g}, V0 {v0:g}, V {v:g}, C {c:g}",
                threat=threat,
                t=static.t,
                v0=static.v0,
                v=static.v,
                c=static.c,
            ),
            static.r,
            unit="R",
            sources=(assessment.name,),
        ),
    )
