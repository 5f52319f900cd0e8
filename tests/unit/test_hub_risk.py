"""Live risk: every clamp, every unknown, every term."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.instants import from_ms
from contract.phrase import say
from hub.assessment import Cue, Measure, Reported, StaticRisk, Threat, ThreatLevel, band_of, clamp, risk_of
from hub.risk import (
    FALL_MS,
    Circumstances,
    MeasureState,
    RiskMemory,
    ShownRisk,
    crowd_exponent,
    cue_points,
    explain,
    live_risk,
    measure_state,
    risk_floor,
)
from tests.plaza import assessment

NOW = 1_782_000_000_000


def static(t=3.0, v0=4.0, c=4.0, credits=0.0, threat=Threat.VEHICLE):
    v = clamp(v0 - credits)
    r = risk_of(t, v, c)
    return StaticRisk("square", threat, t, v0, credits, v, c, r, band_of(r), 0, "medium")


def now(people=1500.0, share=1.0, reference=1500.0, **over):
    return Circumstances(people=people, seen_share=share, reference_people=reference, now_ms=NOW, **over)


def measure(known="fixed", credit=2.0, reported=None, hours=None):
    return Measure(
        id="m", name="M", kind="k", zones=("square",), credit={Threat.VEHICLE: credit}, known=known,
        reported=reported, stays_true_h=hours,
    )  # fmt: skip


def cue(ratio, group="g", rule="vehicle.unauthorised"):
    return Cue(rule=rule, threat=Threat.VEHICLE, ratio=ratio, group=group)


def level(offset):
    return ThreatLevel(offset=offset, by="Chief", at=from_ms(NOW), reason="r")


# --- C' ---


@pytest.mark.parametrize(
    ("threat", "g"),
    [(t, 0.5 if t in (Threat.FIREARMS, Threat.SHARP_OBJECTS) else 1.0) for t in Threat],
)
def test_exponent(threat, g):
    assert crowd_exponent(threat) == g


def test_consequence_follows_the_crowd():
    assert live_risk(static(c=3.0), now(people=1500)).c == 3.0
    assert live_risk(static(c=3.0), now(people=4743.4)).c == pytest.approx(4.0, abs=1e-4)
    assert live_risk(static(c=3.0, threat=Threat.FIREARMS), now(people=4743.4)).c == pytest.approx(
        3.5, abs=1e-4
    )
    assert live_risk(static(c=3.0), now(people=15)).c == 1.0
    assert live_risk(static(c=3.0), now(people=10**6)).c == 5.0


def test_nobody_counts_as_one():
    assert live_risk(static(c=5.0), now(people=0.0, reference=10.0)).c == pytest.approx(3.0)


def test_missing_reference_keeps_the_score():
    live = live_risk(static(c=3.0), now(people=9999, reference=None))
    assert live.c == 3.0
    term = explain(ShownRisk(live, live.r), assessment(), "observed").terms[0]
    assert term.quality == "unknown"
    assert "no reference_people" in term.text


def test_unknown_people_never_lower_consequence():
    assert live_risk(static(c=3.0), now(people=None, last_known_c=4.5)).c == 4.5
    assert live_risk(static(c=3.0), now(people=None, last_known_c=None)).c == 3.0
    assert live_risk(static(c=3.0), now(people=None, last_known_c=2.0)).c == 3.0


@pytest.mark.parametrize(("share", "expected"), [(0.8, 1.0), (0.79, 4.5), (0.1, 4.5)])
def test_partly_observed_never_lowers_consequence(share, expected):
    assert live_risk(static(c=3.0), now(people=1, share=share, last_known_c=4.5)).c == expected


def test_partly_observed_may_raise_consequence():
    assert live_risk(static(c=3.0), now(people=15_000, share=0.3, last_known_c=3.2)).c == 5.0


def test_says_when_more_people_cannot_raise_it():
    live = live_risk(static(), now(people=10**6))
    assert live.capped
    text = explain(ShownRisk(live, live.r), assessment(), "observed").terms[0].text
    assert "more people cannot raise" in text


# --- V' ---


def test_measures_in_place_absent_and_half_way():
    def v(share):
        return live_risk(static(), now(measures=(MeasureState(measure(), share, True, None, ""),))).v

    assert (v(1.0), v(0.5), v(0.0)) == (2.0, 3.0, 4.0)


def test_vulnerability_is_clamped():
    many = tuple(MeasureState(measure(credit=4.0), 1.0, True, None, "") for _ in range(3))
    assert live_risk(static(), now(measures=many)).v == 1.0


def test_fixed_is_in_place():
    state = measure_state(measure("fixed"), NOW)
    assert (state.share, state.fresh) == (1.0, True)


def test_live_without_a_feed_counts_nothing_and_is_flagged():
    state = measure_state(measure("live"), NOW)
    assert (state.share, state.fresh) == (0.0, False)
    assert "no live state" in str(state.text)


@pytest.mark.parametrize(
    ("age_h", "share", "fresh"), [(0, 0.7, True), (4, 0.7, True), (4.01, 0.0, False), (-0.1, 0.0, False)]
)
def test_a_report_holds_for_its_time(age_h, share, fresh):
    said = Reported(share=0.7, at=from_ms(NOW - round(age_h * 3_600_000)), by="A. Marin")
    state = measure_state(measure("reported", reported=said, hours=4.0), NOW)
    assert (state.share, state.fresh) == (share, fresh)


def test_never_reported_counts_nothing():
    state = measure_state(measure("reported", hours=4.0), NOW)
    assert (state.share, state.fresh) == (0.0, False)


# --- T' ---


def test_cues():
    assert cue_points([]) == 0.0
    assert cue_points([cue(3.0)]) == pytest.approx(2 * math.log10(3))
    assert cue_points([cue(3.0, "a"), cue(10.0, "a")]) == pytest.approx(2.0)
    assert cue_points([cue(2.0, "a"), cue(2.0, "b")]) == pytest.approx(2 * math.log10(4))
    assert cue_points([cue(0.1)]) == 0.0
    assert cue_points([cue(1000.0)]) == 2.0


@pytest.mark.parametrize(
    ("t", "offset", "expected"), [(3, 2, 5), (3, -1, 2), (1, -1, 1), (5, 2, 5), (3, 0, 3)]
)
def test_threat_level(t, offset, expected):
    assert live_risk(static(t=float(t)), now(threat_level=level(offset))).t == expected


# --- R' ---


@pytest.mark.parametrize(
    ("band", "floor"), [("low", 0.0), ("moderate", 0.0), ("high", 5.0), ("very_high", 10.0)]
)
def test_floor_is_one_band_below(band, floor):
    assert risk_floor(band) == floor


def test_floor_holds_and_is_a_term_of_its_own():
    live = live_risk(static(t=5.0, v0=5.0, c=4.0), now(people=1))
    assert live.static.band == "very_high"
    assert live.raw == pytest.approx(5.0)
    assert live.r == 10.0
    floor = next(
        t for t in explain(ShownRisk(live, live.r), assessment(), "observed").terms if t.term == "floor"
    )
    assert (floor.value, floor.without) == (10.0, 5.0)


scores = st.floats(1, 5)


@given(scores, scores, scores, st.one_of(st.none(), st.floats(0, 1e6)), st.floats(0, 1), st.floats(0, 1000))
def test_everything_stays_in_range(t, v0, c, people, share, ratio):
    given_now = now(people=people, share=share, cues=(cue(max(ratio, 0.001)),), threat_level=level(2))
    live = live_risk(static(t, v0, c), given_now)
    assert all(1.0 <= x <= 5.0 for x in (live.t, live.v, live.c))
    assert 1.0 <= live.raw <= 25.0 + 1e-9
    assert live.r >= live.raw
    assert live.r >= risk_floor(live.static.band)


def test_every_term_says_what_it_does():
    van = cue(3.0)
    open_barrier = MeasureState(measure("live"), 0.0, False, None, say("open"))
    live = live_risk(
        static(credits=2.0), now(people=4500, cues=(van,), measures=(open_barrier,), threat_level=level(1))
    )
    shown = ShownRisk(live, live.r)
    terms = {t.term: t for t in explain(shown, assessment(), "observed").terms}
    assert set(terms) == {
        "consequence",
        "vulnerability",
        "measure.m",
        "threat",
        "threat_level",
        "cue.vehicle.unauthorised",
    }
    assert terms["consequence"].without == pytest.approx(risk_of(live.t, live.v, 4.0), abs=0.01)
    assert terms["vulnerability"].without == pytest.approx(risk_of(live.t, 2.0, live.c), abs=0.01)
    assert terms["measure.m"].without == pytest.approx(risk_of(live.t, 2.0, live.c), abs=0.01)
    assert terms["measure.m"].quality == "unknown"
    assert terms["threat"].without == pytest.approx(risk_of(3.0, live.v, live.c), abs=0.01)
    assert terms["cue.vehicle.unauthorised"].without == pytest.approx(risk_of(4.0, live.v, live.c), abs=0.01)
    assert terms["threat_level"].without == pytest.approx(
        risk_of(3 + 2 * math.log10(3), live.v, live.c), abs=0.01
    )
    assert terms["threat_level"].source == "Chief"


# --- what is shown ---


def shown_after(memory, values, start=0):
    return [memory.show(r, start + i * 1000) for i, r in enumerate(values)]


def test_rises_at_once():
    assert shown_after(RiskMemory(), [5.0, 12.0, 20.0]) == [5.0, 12.0, 20.0]


def test_falls_after_a_point_for_two_minutes():
    memory = RiskMemory()
    shown = shown_after(memory, [12.0, *[9.0] * 121])
    assert shown[120] == 12.0
    assert shown[121] == 9.0


def test_less_than_a_point_does_not_fall():
    assert shown_after(RiskMemory(), [12.0, *[11.1] * 1000])[-1] == 12.0


def test_falls_to_the_highest_of_the_two_minutes():
    assert shown_after(RiskMemory(), [12.0, *[6.0] * 60, 10.5, *[6.0] * 60])[-1] == 10.5


def test_back_within_a_point_begins_anew():
    assert shown_after(RiskMemory(), [12.0, *[6.0] * 100, 11.5, *[6.0] * 100])[-1] == 12.0


def test_unknown_stops_the_fall_and_lets_it_rise():
    memory = RiskMemory()
    shown_after(memory, [12.0, *[6.0] * 100])
    for _ in range(500):
        assert memory.show(6.0, None) == 12.0
    assert memory.show(13.0, None) == 13.0
    assert FALL_MS == 120_000


def test_condition_of_zone_risk():
    def above(r, risk):
        return ShownRisk(live_risk(risk, now()), r)

    moderate = static(t=3.0, v0=2.0, c=4.0)  # 9.8
    assert not above(9.9, moderate).above_static
    assert above(10.0, moderate).above_static
    low = static(t=1.0, v0=1.0, c=1.0)
    assert not above(3.9, low).above_static
    assert above(4.0, low).above_static  # three points
    assert not above(10.0, moderate).far_above_static
    assert above(15.0, moderate).far_above_static
