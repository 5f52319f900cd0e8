"""Windows: whole UTC multiples of the period, means over frames, and short readings while a vehicle moves."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.instants import from_ms
from contract.intake import read
from contract.messages import Crossing, ModelRef, VehicleTrack
from edge.ground import Ground
from edge.readings import Readings
from edge.sighting import Sighting
from tests.kit import edge_scene as scene

START_MS = 1_781_978_400_000  # a whole second


@pytest.fixture(scope="module")
def ground():
    return Ground(scene.camera(lines=[("east-arm", (-5.0, 20.0), (5.0, 20.0))]), 2.0)


def readings(ground, period_s=1.0):
    return Readings(
        site="square",
        camera=ground.camera,
        boot="b00t",
        period_s=period_s,
        ground=ground,
        model=ModelRef(name="m", sha256_12="0123456789ab"),
    )


def sighting(ground, at_ms, people=(), *, moving=False, usable=True, hidden=None, crossings=(), dropped=0):
    vehicle = VehicleTrack(
        id="v-1", kind="car", x_m=1.0, y_m=2.0, speed_m_s=4.0, speed_sigma_m_s=0.1, heading_deg=0.0, age_s=1.0,
        confidence=0.9, captured_at=from_ms(at_ms),
    )  # fmt: skip
    return Sighting(
        captured_ms=at_ms,
        clock="media",
        dropped=dropped,
        usable=usable,
        people_m=np.asarray(people, float).reshape(-1, 2),
        hidden=np.zeros(ground.frame.shape, bool) if hidden is None else hidden,
        vehicles=(vehicle,) if moving else (),
        vehicle_moving=moving,
        crossings=crossings,
    )


def run(ground, sightings, period_s=1.0):
    made, out = readings(ground, period_s), []
    for seen in sightings:
        out += made.advance(seen.captured_ms)
        made.add(seen)
    return out + made.close()


def checked(reading):
    """What the hub makes of it."""
    topic = f"esplanade/v1/{reading.site}/{reading.agent}/{reading.camera}/reading"
    return read(topic, msgspec.json.encode(reading))


def test_windows_lie_on_whole_multiples_whatever_the_first_frame(ground):
    out = run(ground, [sighting(ground, START_MS + 350 + 100 * i) for i in range(30)])
    assert [(r.captured_from[-7:], r.captured_to[-7:], r.frames_used) for r in out] == [
        ("00.000Z", "01.000Z", 7), ("01.000Z", "02.000Z", 10), ("02.000Z", "03.000Z", 10), ("03.000Z", "04.000Z", 3),
    ]  # fmt: skip
    assert [r.seq for r in out] == [0, 1, 2, 3]
    assert all(checked(r) for r in out)


def test_a_frame_at_the_end_belongs_to_the_next_window(ground):
    out = run(ground, [sighting(ground, START_MS), sighting(ground, START_MS + 1000)])
    assert [r.frames_used for r in out] == [1, 1]


def test_a_window_without_frames_is_not_invented(ground):
    out = run(ground, [sighting(ground, START_MS), sighting(ground, START_MS + 7_400)])
    assert [r.captured_from[-7:] for r in out] == ["00.000Z", "07.000Z"]


def test_people_are_the_mean_over_frames(ground):
    here = (1.0, 21.0)
    out = run(ground, [sighting(ground, START_MS + 100 * i, [here] * (i % 3)) for i in range(9)])
    seen = checked(out[0]).ground
    assert seen.people[ground.frame.cell_of(*here)] == pytest.approx(1.0, abs=0.01)
    assert seen.people.sum() == pytest.approx(1.0, abs=0.01)
    assert (seen.observed == seen.covered).all()
    assert seen.covered.any()


def test_people_off_the_grid_are_told_apart(ground):
    out = run(ground, [sighting(ground, START_MS, [(1.0, 21.0), (500.0, 500.0), (np.nan, np.nan)])])
    assert out[0].people_outside_grid == pytest.approx(2.0)


def test_hidden_cells_are_not_observed_and_not_zero(ground):
    cell = ground.frame.cell_of(1.0, 21.0)
    hidden = np.zeros(ground.frame.shape, bool)
    hidden[cell] = True
    mostly = [
        sighting(ground, START_MS + 100 * i, [(1.0, 21.0)], hidden=hidden if i < 7 else None)
        for i in range(10)
    ]
    assert not checked(run(ground, mostly)[0]).ground.observed[cell]
    seldom = [
        sighting(ground, START_MS + 100 * i, [(1.0, 21.0)], hidden=hidden if i < 3 else None)
        for i in range(10)
    ]
    seen = checked(run(ground, seldom)[0]).ground
    assert seen.observed[cell]
    assert seen.people[cell] == pytest.approx(1.0, abs=0.01), "the mean is over the frames that saw the cell"


def test_a_bad_picture_observes_nothing(ground):
    out = run(ground, [sighting(ground, START_MS + 100 * i, [(1.0, 21.0)], usable=False) for i in range(10)])
    seen = checked(out[0]).ground
    assert not seen.observed.any()
    assert seen.covered.any()
    assert seen.people.sum() == 0.0
    assert out[0].frames_used == 10


def test_while_a_vehicle_moves_there_is_a_reading_every_200_ms(ground):
    out = run(ground, [sighting(ground, START_MS + 100 * i, moving=True) for i in range(20)])
    first = out[:5]
    assert [r.captured_to[-7:] for r in first] == ["00.200Z", "00.400Z", "00.600Z", "00.800Z", "01.000Z"]
    assert [r.grid is None for r in first] == [True, True, True, True, False]
    assert [r.frames_used for r in first] == [2, 2, 2, 2, 10]
    assert all(len(r.vehicles) == 1 for r in first)
    assert [r.seq for r in out] == list(range(10))
    assert all(checked(r) for r in out)


def test_a_parked_vehicle_asks_for_no_short_readings(ground):
    out = run(ground, [sighting(ground, START_MS + 100 * i) for i in range(20)])
    assert len(out) == 2


def test_crossings_are_summed_once(ground):
    one = (Crossing(line="east-arm", kind="person", forward=1, backward=0),)
    out = run(
        ground,
        [
            sighting(ground, START_MS + 100 * i, crossings=one if i in (1, 5) else (), moving=True)
            for i in range(10)
        ],
    )
    assert [(c.line, c.forward, c.backward) for r in out for c in r.crossings] == [("east-arm", 2, 0)]
    assert all(r.grid is not None for r in out if r.crossings)


def test_dropped_frames_are_counted(ground):
    out = run(ground, [sighting(ground, START_MS + 300 * i, dropped=2) for i in range(3)])
    assert out[0].frames_dropped == 6


@pytest.mark.parametrize("period_s", [0.2, 0.5, 2.0, 60.0])
def test_other_periods(ground, period_s):
    out = run(ground, [sighting(ground, START_MS + 100 * i) for i in range(int(period_s * 20))], period_s)
    assert len(out) == 2
    assert all(r.period_s == period_s and checked(r) for r in out)


def test_a_late_frame_of_a_long_period_never_opens_a_window_twice(ground):
    made = readings(ground, 60.0)
    begin = START_MS // 60_000 * 60_000
    made.add(sighting(ground, begin + 59_000))
    (first,) = made.advance(begin + 60_000)
    made.add(sighting(ground, begin + 59_950))
    (second,) = made.close()
    assert second.captured_from == first.captured_to


def test_what_is_due_next(ground):
    made = readings(ground)
    assert made.due_ms() is None
    made.add(sighting(ground, START_MS + 50))
    assert made.due_ms() == START_MS + 1_000
    made.add(sighting(ground, START_MS + 150, moving=True))
    assert made.due_ms() == START_MS + 200
    (short,) = made.advance(START_MS + 200)
    assert short.grid is None
    assert made.due_ms() == START_MS + 1_000


def test_readings_of_an_odd_period_come_in_order(ground):
    out = run(ground, [sighting(ground, START_MS + 100 * i, moving=True) for i in range(20)], 0.5)
    ends = [r.captured_to for r in out]
    assert ends == sorted(ends)
    assert [r.captured_to[-7:] for r in out if r.grid is not None] == [
        "00.500Z",
        "01.000Z",
        "01.500Z",
        "02.000Z",
    ]
    assert all(checked(r) for r in out)


def test_a_late_frame_never_opens_a_window_twice(ground):
    made = readings(ground)
    out = []
    for at in (
        START_MS,
        START_MS + 1_050,
        START_MS + 950,
        START_MS + 2_000,
        START_MS + 1_980,
        START_MS + 3_000,
    ):
        out += made.advance(at)
        made.add(sighting(ground, at))
    out += made.close()
    spans = [(r.captured_from, r.captured_to) for r in out]
    assert spans == sorted(set(spans))
    assert sum(r.frames_used for r in out) == 6


def test_a_clock_set_back_by_an_hour_goes_on_at_once(ground):
    made = readings(ground)
    made.add(sighting(ground, START_MS))
    made.advance(START_MS + 1_000)
    back = START_MS - 3_600_000
    made.add(sighting(ground, back))
    (reading,) = made.advance(back + 1_000)
    assert reading.captured_to == from_ms(back + 1_000)


def test_an_impossible_crowd_in_one_cell_is_bounded_as_the_contract_demands(ground):
    out = run(ground, [sighting(ground, START_MS, [(1.0, 21.0)] * 80)])
    assert checked(out[0]).ground.people.max() == pytest.approx(48.0)


@pytest.mark.parametrize("cell_m", [0.54, 0.7, 1.21, 2.0])
def test_the_fullest_cell_there_may_be_is_accepted_at_any_cell_size(cell_m):
    small = Ground(scene.camera(polygon=((0, 400), (scene.WIDTH, 400), (scene.WIDTH, 576), (0, 576))), cell_m)
    row, column = np.argwhere(small.covered)[small.covered.sum() // 2]
    x, y = small.frame.centres_m()
    out = run(small, [sighting(small, START_MS, [(x[row, column], y[row, column])] * 300)])
    assert checked(out[0]).ground.people.max() == pytest.approx(12.0 * cell_m**2, abs=0.01)


def test_a_clock_set_back_in_the_middle_of_a_window_goes_on_at_once(ground):
    made = readings(ground)
    made.add(sighting(ground, START_MS, moving=True))
    back = START_MS - 3_600_000
    assert [r.captured_to for r in made.advance(back)] == [from_ms(START_MS + 200), from_ms(START_MS + 1_000)]
    made.add(sighting(ground, back))
    (reading,) = made.advance(back + 1_000)
    assert reading.captured_to == from_ms(back + 1_000)
