"""Those of whom no head shows: nobody is invented where few stand, it is bounded, and crowds bear it out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ground import Ground
from edge.hidden_heads import cot_elevation, with_hidden
from models.calibrate.hiding import hidden_in
from models.calibrate.reach import reaches
from models.density.hidden import (
    LEAST_SLOPE,
    MOST_FACTOR,
    MOST_PER_M2,
    everybody,
    hidden_share,
    tells_up_to_per_m2,
)
from tests.kit import edge_scene as scene

GROUND = Ground(scene.camera(), 2.0)
densities = st.floats(0.0, 12.0)
cots = st.floats(0.0, 30.0)


@given(densities, cots)
def test_nobody_is_taken_away_and_the_factor_is_bounded(shown, cot):
    factor, slope, hidden = everybody(shown, cot)
    assert 1.0 <= factor <= MOST_FACTOR
    assert 1.0 <= slope <= 1.0 / LEAST_SLOPE + 1e-9
    assert 0.0 <= hidden <= 1.0 - 1.0 / MOST_FACTOR + 1e-9


@given(cots)
def test_nobody_is_invented_where_few_stand(cot):
    assert float(everybody(0.0, cot)[0]) == 1.0
    assert float(everybody(0.25, min(cot, 6.0))[0]) < 1.003
    assert float(everybody(0.5, min(cot, 6.0))[0]) < 1.012


@given(st.floats(0.05, 8.0), st.floats(0.05, 8.0), cots)
def test_more_heads_are_more_people(one, other, cot):
    low, high = sorted((one, other))
    people = np.array([low, high]) * everybody(np.array([low, high]), cot)[0]
    assert people[1] >= people[0] - 1e-9


@given(st.floats(0.1, 6.0), st.floats(0.5, 5.5))
def test_heads_that_show_lead_back_to_everybody(per_m2, cot):
    shown = per_m2 * (1.0 - float(hidden_share(per_m2, cot)))
    assert shown * float(everybody(shown, cot)[0]) == pytest.approx(per_m2, rel=0.01, abs=0.01)


def test_the_flatter_the_view_and_the_fuller_the_place_the_more_are_hidden():
    cot = np.linspace(0.5, 12.0, 40)
    assert (np.diff(hidden_share(4.7, cot)) > 0.0).all()
    assert (np.diff(hidden_share(np.linspace(0.2, 8.0, 40), 5.0)) > 0.0).all()
    assert float(hidden_share(6.0, 1.0)) < 0.01, "from above nobody hides"


def test_a_crowd_placed_by_rule_hides_what_the_curve_says():
    """Bodies with heads and shoulders, none nearer than 0.33 m, seen from 11, 17 and 27 degrees."""
    rng = np.random.default_rng(5)
    for per_m2 in (2.0, 5.0):
        for density, cot, hidden, people in hidden_in(per_m2, 0.33, (2.0, 3.3, 5.0), rng):
            assert people > 90
            assert float(hidden_share(density, cot)) == pytest.approx(hidden, abs=0.04), (density, cot)


def test_what_a_camera_can_tell_falls_with_the_view():
    assert tells_up_to_per_m2(2.0) == MOST_PER_M2
    assert tells_up_to_per_m2(5.6) > 5.5
    limits = [tells_up_to_per_m2(cot) for cot in np.linspace(1.0, 14.0, 27)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] < 3.5


def test_a_full_far_place_gains_people_and_becomes_less_sure():
    people, sigma = np.zeros(GROUND.frame.shape), np.full(GROUND.frame.shape, 0.1)
    far = cot_elevation(GROUND) > 4.5
    assert (far & GROUND.covered).sum() >= 6
    people[far] = 16.0
    everyone, spread = with_hidden(people, sigma, GROUND.covered, GROUND)
    middle = far & GROUND.covered & (everyone == everyone[GROUND.covered].max())
    assert 1.08 < float(everyone[middle].max()) / 16.0 <= MOST_FACTOR
    assert float(spread[middle].max()) > 0.5
    empty = people == 0.0
    assert not everyone[empty].any(), "nobody where no head is"
    assert (spread >= sigma).all()


def test_the_report_names_the_zone_that_cannot_be_told():
    zones = {"near": [(-3, 12), (3, 12), (3, 18), (-3, 18)], "nowhere": [(500, 500), (510, 500), (510, 510)]}
    whole, near = reaches(GROUND, zones, 8.0)
    assert (whole.zone, near.zone) == ("all ground that it sees", "zone near")
    assert near.beyond == 0.0
    assert near.up_to_per_m2 > whole.up_to_per_m2 or whole.up_to_per_m2 == MOST_PER_M2
    assert "CANNOT" not in near.said()
    low = msgspec.structs.replace(GROUND.camera, height_m=3.2)
    flat = reaches(Ground(low, 2.0), {"far": [(-8, 24), (8, 24), (8, 34), (-8, 34)]}, 8.0)[-1]
    assert flat.zone == "zone far"
    assert flat.beyond > 0.5
    assert "CANNOT be told" in flat.said()
