"""What zone.risk says about each zone: live risk far above what the assessment approved."""

from __future__ import annotations

from collections.abc import Sequence

from contract.messages import Reason
from hub.assessment import Assessment, band_rank
from hub.delays import Verdict
from hub.finding import Finding
from hub.reasons import Why, because
from hub.risk import RISE_POINTS, ShownRisk, explain, worst
from hub.rules import Family
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
        certainty=lambda: f"Ranks, and is no probability. Scores: {assessment.name}. {crowd.certainty()}",
        position_m=None,
        cameras=crowd.cameras,
        threats=(top.live.static.threat,),
    )


def _reasons(risk: ShownRisk, crowd: ZoneCrowd, assessment: Assessment) -> tuple[Reason, ...]:
    static, threat = risk.live.static, risk.live.static.threat.replace("_", " ")
    found: list[Reason] = []
    if band_rank(risk.band) > band_rank(static.band):
        found.append(
            because(
                Why.RISK_BAND,
                f"live risk for {threat} is {risk.band.replace('_', ' ')} ({risk.shown:.1f}), the approved static "
                f"risk is {static.band.replace('_', ' ')} ({static.r:.1f})",
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
                f"live risk for {threat} is {risk.shown - static.r:.1f} points above the static risk; "
                f"limit {RISE_POINTS:g}",
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
                    f"{term.text} (without it R' would be {term.without:.1f})",
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
        text = "the assessment gives no reference_people here; consequence does not follow the crowd"
        found.append(because(Why.REFERENCE_MISSING, text, sources=(assessment.name,)))
    return (
        *found,
        because(
            Why.STATIC_SCORES,
            f"static scores for {threat}: T {static.t:g}, V0 {static.v0:g}, V {static.v:g}, C {static.c:g}",
            static.r,
            unit="R",
            sources=(assessment.name,),
        ),
    )
