"""The method's own figures: published bounds and curves, and its worked example (invented scores)."""

from __future__ import annotations

import itertools
import math

import pytest

from hub.assessment import Cue, Measure, StaticRisk, Threat, band_of, clamp, risk_of
from hub.crowd import (
    CRITICAL_PER_M2,
    LOS_BOUNDS_PER_M2,
    Slope,
    level_of_service,
    time_to_critical,
    weidmann_speed_m_s,
)
from hub.risk import Circumstances, MeasureState, live_risk
from hub.rules import RULES
from hub.site import SAFE_DENSITY_PER_M2

# --- Fruin, Pedestrian Planning and Design, ch. 4 ---


@pytest.mark.parametrize(
    ("surface", "bounds"),
    [
        ("walkway", (0.31, 0.43, 0.72, 1.08, 2.15)),
        ("stairs", (0.54, 0.72, 1.08, 1.54, 2.69)),
        ("queue", (0.83, 1.08, 1.54, 3.59, 5.38)),
    ],
)
def test_fruin_bounds(surface, bounds):
    assert LOS_BOUNDS_PER_M2[surface] == bounds
    assert level_of_service(0.0, surface) == "A"
    for letter, next_letter, bound in zip("ABCDE", "BCDEF", bounds, strict=True):
        assert level_of_service(bound, surface) == letter
        assert level_of_service(bound + 1e-6, surface) == next_letter


# --- Weidmann's fundamental diagram ---


def test_weidmann_ends():
    assert weidmann_speed_m_s(0.0) == 1.34
    assert weidmann_speed_m_s(1e-9) == pytest.approx(1.34)
    assert weidmann_speed_m_s(5.4) == 0.0
    assert weidmann_speed_m_s(9.0) == 0.0


@pytest.mark.parametrize("density", [0.3, 1.0, 2.0, 3.0, 4.0, 5.0])
def test_weidmann_between(density):
    expected = 1.34 * (1 - math.exp(-1.913 * (1 / density - 1 / 5.4)))
    assert weidmann_speed_m_s(density) == pytest.approx(expected, rel=1e-12)


def test_weidmann_never_rises():
    speeds = [weidmann_speed_m_s(i / 50) for i in range(300)]
    assert all(a >= b for a, b in itertools.pairwise(speeds))


# --- the worked example ---


SAFE = 70 * 70 * 0.6 * SAFE_DENSITY_PER_M2


def square(credits: float) -> StaticRisk:
    v = clamp(4.0 - credits)
    r = risk_of(3.0, v, 4.0)
    return StaticRisk("square", Threat.VEHICLE, 3.0, 4.0, credits, v, 4.0, r, band_of(r), 0, "medium")


def barrier(share: float) -> MeasureState:
    measure = Measure(
        id="barrier",
        name="Barrier",
        kind="barrier",
        zones=("square",),
        credit={Threat.VEHICLE: 2.0},
        known="fixed",
    )
    return MeasureState(measure, share, True, None, "")


VAN = Cue(rule="vehicle.unauthorised", threat=Threat.VEHICLE, ratio=3.0, group="vehicle")


def test_safe_occupancy():
    assert pytest.approx(5880.0) == SAFE


def test_static_risk_without_and_with_the_barrier():
    assert square(0.0).r == pytest.approx(13.9, abs=0.05)
    assert square(2.0).r == pytest.approx(9.8, abs=0.05)
    assert square(0.0).band == "high"
    assert square(2.0).band == "moderate"


def test_market_evening_with_an_open_barrier_and_a_van():
    given = Circumstances(
        people=4500.0, seen_share=1.0, reference_people=1500.0, measures=(barrier(0.0),), cues=(VAN,)
    )
    live = live_risk(square(2.0), given)
    assert live.c == pytest.approx(4.95, abs=0.005)
    assert live.v == 4.0
    assert live.t == pytest.approx(3.95, abs=0.005)
    assert live.r == pytest.approx(19.7, abs=0.05)
    assert band_of(live.r) == "very_high"


def test_hot_spot_reaches_critical_in_9_2_minutes():
    until = time_to_critical(400 * 3.6, 400 * CRITICAL_PER_M2, Slope(0.8, 0.8, 0.8))
    assert until is not None
    assert until.median_s / 60 == pytest.approx(9.2, abs=0.05)


# --- the table of rules, number by number ---


def test_density_rules_are_those_of_the_method():
    found = {
        r.id: (r.on_at, r.off_at, r.on_after_s, r.off_after_s, r.severity)
        for r in RULES
        if r.id.startswith("density")
    }
    assert found == {
        "density.caution": (2.0, pytest.approx(0.85 * 2.0), 60, 120, "low"),
        "density.warning": (3.5, 3.0, 30, 120, "medium"),
        "density.critical": (4.7, 4.0, 10, 180, "high"),
        "density.extreme": (6.0, 5.0, 5, 180, "high"),
    }
    caution = next(r for r in RULES if r.id == "density.caution")
    assert (caution.on_at_static, caution.off_at_static) == (3.0, pytest.approx(0.85 * 3.0))


def test_other_rules_are_those_of_the_method():
    found = [(r.id, r.on_after_s, r.off_after_s, r.severity) for r in RULES if not r.id.startswith("density")]
    assert found == [
        ("time.to.critical", 60, 180, "medium"),
        ("time.to.critical", 60, 180, "high"),
        ("occupancy", 60, 180, "low"),
        ("occupancy", 60, 180, "medium"),
        ("area.entered", 3, 30, "low"),
        ("vehicle.unauthorised", 3, 30, "medium"),
        ("vehicle.in_crowd", 0.5, 30, "high"),
        ("vehicle.stopped", 180, 30, "medium"),
        ("zone.risk", 30, 0, "low"),
        ("zone.risk", 30, 0, "medium"),
        ("sensor.silent", 30, 0, "low"),
    ]
    assert [r.id for r in RULES if r.latched] == ["vehicle.in_crowd"]
