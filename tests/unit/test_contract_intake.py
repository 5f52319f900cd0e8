"""What is accepted from the wire, what is refused and with which reason."""

from __future__ import annotations

import contextlib
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import intake, limits
from contract.geometry import GridFrame, GroundGrid, Velocity
from contract.instants import from_ms, to_ms
from contract.intake import Observation
from contract.messages import Reading
from contract.refusal import RefusalReason, Refused
from contract.topics import ACK, READING, TOPICS, parse

TOPIC = "esplanade/v1/town/box-1/north/reading"


def ground(rows: int = 3, columns: int = 4, people: float = 1.5) -> GroundGrid:
    shape = (rows, columns)
    return GroundGrid(
        GridFrame(2.0, -2, 5, columns, rows),
        np.full(shape, people),
        np.full(shape, 0.5),
        np.ones(shape, bool),
        np.ones(shape, bool),
    )


def reading(**changes: object) -> dict[str, object]:
    body = {
        "schema": 1,
        "site": "town",
        "agent": "box-1",
        "camera": "north",
        "boot": "b1",
        "seq": 4,
        "oldest_seq": 0,
        "period_s": 1,
        "captured_from": "2026-06-20T18:00:00.000Z",
        "captured_to": "2026-06-20T18:00:01.000Z",
        "sent_at": "2026-06-20T18:00:01.050Z",
        "clock": "arrival",
        "frames_used": 10,
        "frames_dropped": 0,
        "model": {"name": "m", "sha256_12": "0123456789ab"},
        "calibration": "0123456789ab",
        "grid": json.loads(msgspec.json.encode(ground().to_wire())),
        "people_outside_grid": 0,
        "vehicles": [],
        "crossings": [],
    }
    return body | changes


def vehicle(**changes: object) -> dict[str, object]:
    return {
        "id": "v1",
        "kind": "car",
        "x_m": 1,
        "y_m": 2,
        "speed_m_s": 3,
        "speed_sigma_m_s": 0.5,
        "heading_deg": 359.9,
        "age_s": 1,
        "confidence": 0.9,
        "captured_at": "2026-06-20T18:00:00.900Z",
    } | changes


def encode(body: object) -> bytes:
    return json.dumps(body).encode()


def test_a_good_reading_is_unpacked() -> None:
    observation = intake.read(TOPIC, encode(reading(vehicles=[vehicle()], unknown_extra=1)))
    assert isinstance(observation, Observation)
    assert observation.captured_to_ms - observation.captured_from_ms == 1000
    assert observation.ground is not None
    assert observation.ground.frame == GridFrame(2.0, -2, 5, 4, 3)
    assert observation.ground.people.sum() == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, RefusalReason.SCHEMA_TOO_NEW),
        ({"seq": "4"}, RefusalReason.WRONG_SHAPE),
        ({"seq": -1}, RefusalReason.OUT_OF_RANGE),
        ({"seq": 2**53}, RefusalReason.OUT_OF_RANGE),
        ({"oldest_seq": 5}, RefusalReason.OUT_OF_RANGE),
        ({"period_s": 0}, RefusalReason.OUT_OF_RANGE),
        ({"people_outside_grid": -0.1}, RefusalReason.OUT_OF_RANGE),
        ({"site": "Town"}, RefusalReason.WRONG_SHAPE),
        ({"boot": "b1\n"}, RefusalReason.WRONG_SHAPE),
        ({"site": "other"}, RefusalReason.TOPIC_MISMATCH),
        ({"camera": "south"}, RefusalReason.TOPIC_MISMATCH),
        ({"captured_to": "2026-06-20T18:00:00.000Z"}, RefusalReason.TIME_BROKEN),
        ({"captured_to": "2026-06-20T19:00:00.000Z"}, RefusalReason.TIME_BROKEN),
        ({"captured_to": "2026-13-20T18:00:01.000Z"}, RefusalReason.TIME_BROKEN),
        ({"captured_to": "2026-06-20 18:00:01"}, RefusalReason.WRONG_SHAPE),
        ({"vehicles": [vehicle(heading_deg=360)]}, RefusalReason.OUT_OF_RANGE),
        ({"vehicles": [vehicle(kind="tank")]}, RefusalReason.WRONG_SHAPE),
        ({"vehicles": [vehicle(captured_at="2026-02-30T18:00:01.000Z")]}, RefusalReason.TIME_BROKEN),
        ({"vehicles": [vehicle(x_m=1e9)]}, RefusalReason.OUT_OF_RANGE),
        ({"vehicles": [vehicle()] * 501}, RefusalReason.OUT_OF_RANGE),
    ],
)
def test_a_bad_reading_is_refused_with_its_reason(changes: dict[str, object], reason: RefusalReason) -> None:
    with pytest.raises(Refused) as refused:
        intake.read(TOPIC, encode(reading(**changes)))
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"columns": 5}, "bytes"),
        ({"columns": 100, "rows": 100}, "cells"),
        ({"origin_m": [1, 0]}, "whole multiple"),
        ({"people": "////////////////////////////////"}, "per m2"),
        ({"covered": "AAA="}, "not covered"),
        ({"velocity_n": "AAA="}, "together"),
    ],
)
def test_a_broken_grid_is_refused(changes: dict[str, object], says: str) -> None:
    grid = json.loads(msgspec.json.encode(ground().to_wire())) | changes
    with pytest.raises(Refused, match=says) as refused:
        intake.read(TOPIC, encode(reading(grid=grid)))
    assert refused.value.reason is RefusalReason.GRID_BROKEN


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", RefusalReason.NOT_JSON),
        (b"{", RefusalReason.NOT_JSON),
        (b'{"schema": NaN}', RefusalReason.NOT_JSON),
        (b'{"site": "\xff\xfe"}', RefusalReason.NOT_UTF8),
        (b"\xff\xfe", RefusalReason.NOT_UTF8),
        (b"[" * 60_000, RefusalReason.WRONG_SHAPE),
        (b'{"x": ' + b"[" * 60_000, RefusalReason.NOT_JSON),
        (b" " * 200 * 1024, RefusalReason.TOO_LARGE),
    ],
)
def test_hostile_bytes_are_refused(payload: bytes, reason: RefusalReason) -> None:
    with pytest.raises(Refused) as refused:
        intake.read(TOPIC, payload)
    assert refused.value.reason is reason


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        intake.read(TOPIC, payload)
    intake.envelope(payload)


@given(
    st.sampled_from(sorted(reading())),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists),
)
def test_any_field_may_hold_anything_without_harm(field: str, value: object) -> None:
    with contextlib.suppress(Refused):
        intake.read(TOPIC, encode(reading(**{field: value})))


def test_the_envelope_of_a_refused_reading_is_known() -> None:
    found = intake.envelope(encode(reading(period_s=-1)))
    assert found is not None
    assert (found.site, found.agent, found.camera, found.boot, found.seq) == (
        "town",
        "box-1",
        "north",
        "b1",
        4,
    )


def test_a_refusal_that_an_administrator_can_mend_does_not_settle() -> None:
    assert not RefusalReason.UNKNOWN_CAMERA.settles
    assert RefusalReason.OUT_OF_RANGE.settles


def test_topics_parse_back_and_reserved_words_name_nobody() -> None:
    address = parse(READING.address(site="town", agent="box-1", camera="north"))
    assert address is not None
    assert (address.site, address.agent, address.camera) == ("town", "box-1", "north")
    assert parse("esplanade/v1/town/hub/ack/box-1") is None
    assert parse("esplanade/v1/town/hub/status") is None
    assert parse("other/v1/town/box-1/status") is None
    assert ACK.filter(site="town") == "esplanade/v1/town/hub/ack/+"
    assert len({topic.pattern for topic in TOPICS}) == len(TOPICS)


@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.floats(0, 40),
    st.booleans(),
    st.integers(-1000, 1000),
)
def test_a_grid_survives_the_wire(rows: int, columns: int, people: float, moving: bool, row0: int) -> None:
    shape = (rows, columns)
    rng = np.random.default_rng(rows * 100 + columns)
    covered = rng.random(shape) < 0.7
    velocity = (
        Velocity(
            np.round(rng.random(shape) * 9),
            rng.normal(0, 2, shape),
            rng.normal(0, 2, shape),
            rng.random(shape),
        )
        if moving
        else None
    )
    grid = GroundGrid(
        GridFrame(2.0, 3, row0, columns, rows),
        rng.random(shape) * people,
        rng.random(shape),
        covered,
        covered & (rng.random(shape) < 0.8),
        velocity,
    )
    back = GroundGrid.from_wire(
        msgspec.json.decode(msgspec.json.encode(grid.to_wire()), type=type(grid.to_wire()))
    )
    assert back.frame == grid.frame
    assert np.allclose(back.people, grid.people, atol=0.0051)
    assert (back.covered == grid.covered).all()
    assert (back.observed == grid.observed).all()
    if velocity is not None:
        assert back.velocity is not None
        assert np.allclose(back.velocity.x_m_s, velocity.x_m_s, atol=0.0051)
        assert np.allclose(back.velocity.variance_m2_s2, velocity.variance_m2_s2, atol=0.00051)


@given(st.integers(0, 4_102_444_800_000))
def test_instants_round_trip(unix_ms: int) -> None:
    assert to_ms(from_ms(unix_ms)) == unix_ms


def test_reading_defaults_are_within_the_limits() -> None:
    built = msgspec.convert(reading(grid=None), Reading)
    assert len(msgspec.json.encode(built)) < limits.MESSAGE_MAX_BYTES
