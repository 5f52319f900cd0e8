"""Whatever comes off the broker ends as stored, known, refused or a fault, and never stops the next message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import topics
from contract.instants import from_ms
from contract.messages import Crossing
from hub.batch import Batch
from hub.clocks import Clocks
from hub.ingest import Arrival, Fault, Heard, Ingest, Seen, corrected
from hub.site import Site, read_site
from hub.streams import Streams
from tests.kit.square import SITE, Square

SQUARE = Square(cameras=2)
NOW_MS = 1_781_978_400_000
TOPIC = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")


class Empty:
    """A store that holds nothing yet."""

    def __init__(self) -> None:
        self.payloads: dict[tuple[int, int], bytes] = {}

    def payload(self, stream: int, seq: int) -> bytes | None:
        return self.payloads.get((stream, seq))

    def was_refused(self, stream: int, seq: int) -> bool:
        return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return read_site(SQUARE.write(tmp_path_factory.mktemp("site")))


def ingest(site: Site, *, media: bool = False, store: Any = None) -> Ingest:
    return Ingest(site=site, store=store or Empty(), streams=Streams(), clocks=Clocks(), media=media)


def arrival(payload: bytes, *, topic: str = TOPIC, received_ms: int = NOW_MS, again: bool = False) -> Arrival:
    return Arrival(topic, payload, received_ms, again, 1, 1, 1)


def of(seq: int, *, captured_to_ms: int = NOW_MS - 100, **changes: Any) -> bytes:
    return msgspec.json.encode(SQUARE.reading(0, seq=seq, captured_to_ms=captured_to_ms, **changes))


def reasons(batch: Batch) -> list[str]:
    return [one.reason for one in batch.refusals]


def test_a_good_reading_is_kept_as_it_came(site: Site) -> None:
    batch = Batch()
    crossing = Crossing(line="line-0", kind="person", forward=3, backward=1)
    payload = of(0, crossings=(crossing,))
    (seen,) = ingest(site).sort([arrival(payload)], batch)
    assert isinstance(seen, Seen)
    assert seen.live
    (row,) = batch.readings
    assert (row.payload, row.seq, row.captured_to_ms, row.late) == (payload, 0, NOW_MS - 100, False)
    minute = (NOW_MS - 101) // 60_000 * 60_000
    assert batch.camera_minutes["cam-0", minute].people_sum == pytest.approx(160.0)
    assert batch.line_minutes == {("line-0", "person", minute): [3, 1]}
    assert batch.streams[row.stream].settled == 0


@pytest.mark.parametrize(
    ("period_ms", "age_ms", "live"),
    [(1000, 2900, True), (1000, 3100, False), (5000, 14_000, True), (5000, 16_000, False), (200, 2900, True)],
)
def test_what_is_late_is_history(site: Site, period_ms: int, age_ms: int, live: bool) -> None:
    batch = Batch()
    (seen,) = ingest(site).sort([arrival(of(0, captured_to_ms=NOW_MS - age_ms, period_ms=period_ms))], batch)
    assert isinstance(seen, Seen)
    assert (seen.live, batch.readings[0].late, batch.counts["late"]) == (live, not live, int(not live))


def test_duplicates_within_a_batch_and_across(site: Site) -> None:
    store = Empty()
    sorter, batch = ingest(site, store=store), Batch()
    assert len(list(sorter.sort([arrival(of(0)), arrival(of(0))], batch))) == 1
    store.payloads[batch.readings[0].stream, 0] = batch.readings[0].payload
    later = Batch()
    # sent again: another sent_at and oldest_seq are no other reading
    again = of(0, sent_at_ms=NOW_MS + 900)
    assert list(sorter.sort([arrival(again)], later)) == []
    assert (batch.counts["duplicates"], later.counts["duplicates"], later.readings) == (1, 1, [])
    assert list(sorter.sort([arrival(of(0, frames_used=99))], later)) == []
    assert reasons(later) == ["seq_conflict"]


def test_a_duplicate_within_a_batch_of_a_device_whose_clock_is_corrected(site: Site) -> None:
    """Its vehicles' times are corrected too, and are not what it is compared by."""
    sorter, batch = ingest(site), Batch()
    for second in range(6):
        at = NOW_MS + 1000 * second
        payload = of(
            second,
            captured_to_ms=at + 120_000,
            sent_at_ms=at + 120_050,
            vehicles=(SQUARE.vehicle(0, captured_at_ms=at + 120_000),),
        )
        list(sorter.sort([arrival(payload, received_ms=at + 60)] * (2 if second == 5 else 1), batch))
    assert batch.counts["duplicates"] == 1
    assert "seq_conflict" not in reasons(batch)


def test_a_device_ahead_is_corrected_once_it_is_known(site: Site) -> None:
    """Two minutes ahead: refused for now and not settled, then corrected; its original time stays in the payload."""
    sorter, batch = ingest(site), Batch()
    ahead_ms = 120_000
    found = []
    for second in range(6):
        at = NOW_MS + 1000 * second
        payload = of(
            second,
            captured_to_ms=at + ahead_ms,
            sent_at_ms=at + 50 + ahead_ms,
            vehicles=(SQUARE.vehicle(0, captured_at_ms=at + ahead_ms),),
        )
        found += sorter.sort([arrival(payload, received_ms=at + 60)], batch)
    assert reasons(batch) == ["future", "future"]
    assert batch.refused_seqs == []
    assert batch.streams[1].settled == -1
    assert [row.offset_ms for row in batch.readings] == [-ahead_ms + 10] * 4
    last = found[-1]
    assert isinstance(last, Seen)
    assert last.live
    assert last.observation.captured_to_ms == NOW_MS + 5000 + 10
    assert last.observation.reading.vehicles[0].captured_at == from_ms(NOW_MS + 5010)
    again = corrected(batch.readings[-1].payload, batch.readings[-1].offset_ms)
    assert again.reading == last.observation.reading
    assert again.captured_to_ms == last.observation.captured_to_ms
    assert again.captured_from_ms == last.observation.captured_from_ms
    assert batch.clocks == {("box-0", "boot-1"): -ahead_ms + 10}


def test_the_future_is_refused_for_good_where_the_clock_is_known(site: Site) -> None:
    sorter, batch = ingest(site), Batch()
    for second in range(4):
        at = NOW_MS + 1000 * second
        list(sorter.sort([arrival(of(second, captured_to_ms=at, sent_at_ms=at), received_ms=at)], batch))
    at = NOW_MS + 4000
    list(sorter.sort([arrival(of(4, captured_to_ms=at + 60_000, sent_at_ms=at), received_ms=at)], batch))
    assert reasons(batch) == ["future"]
    assert batch.streams[1].settled == 4


def test_media_time_knows_no_future_and_measures_no_clock(site: Site) -> None:
    sorter, batch = ingest(site, media=True), Batch()
    far = [arrival(of(seq, captured_to_ms=NOW_MS + 86_400_000 + 1000 * seq)) for seq in range(3)]
    found = list(sorter.sort(far, batch))
    assert [seen.received_ms for seen in found if isinstance(seen, Seen)] == [
        NOW_MS + 86_400_000 + 1000 * seq for seq in range(3)
    ]
    assert sorter.newest_ms == NOW_MS + 86_402_000
    assert (batch.refusals, batch.clocks) == ([], {})


def test_status_and_health(site: Site) -> None:
    sorter, batch = ingest(site), Batch()
    health = msgspec.json.encode(SQUARE.health(1, sent_at_ms=NOW_MS))
    status = msgspec.json.encode(SQUARE.status("box-0", sent_at_ms=NOW_MS))
    found = list(
        sorter.sort(
            [
                arrival(health, topic=topics.HEALTH.address(site=SITE, agent="box-0", camera="cam-1")),
                arrival(status, topic=topics.STATUS.address(site=SITE, agent="box-0")),
            ],
            batch,
        )
    )
    assert all(isinstance(one, Heard) for one in found)
    assert set(batch.said) == {("box-0", "cam-1"), ("box-0", "")}
    stranger = msgspec.json.encode(SQUARE.status("box-9", sent_at_ms=NOW_MS))
    list(sorter.sort([arrival(stranger, topic=topics.STATUS.address(site=SITE, agent="box-9"))], batch))
    assert reasons(batch) == ["unknown_camera"]


def test_a_fault_of_ours_stops_nothing(site: Site) -> None:
    class Breaking(Empty):
        def payload(self, stream: int, seq: int) -> bytes | None:
            raise ZeroDivisionError("on purpose")

    sorter, batch = ingest(site, store=Breaking()), Batch()
    list(sorter.sort([arrival(of(0))], batch))
    found = list(sorter.sort([arrival(of(0)), arrival(of(1))], batch))
    fault, seen = found
    assert isinstance(fault, Fault)
    assert "ZeroDivisionError: on purpose" in fault.text
    assert TOPIC in fault.where
    assert isinstance(seen, Seen)
    assert reasons(batch) == ["fault"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
FIELDS = sorted(msgspec.to_builtins(SQUARE.reading(0, seq=0, captured_to_ms=NOW_MS)))
GRID_FIELDS = [
    "origin_m",
    "cell_m",
    "columns",
    "rows",
    "people",
    "sigma_people",
    "covered",
    "observed",
    "velocity_n",
]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Noise, or a good reading of which something was changed, cut or torn."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=300))
    value = msgspec.to_builtins(SQUARE.reading(0, seq=draw(st.integers(0, 50)), captured_to_ms=NOW_MS - 100))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            value[draw(st.sampled_from(FIELDS))] = draw(json_values)
        elif isinstance(value.get("grid"), dict):
            value["grid"][draw(st.sampled_from(GRID_FIELDS))] = draw(json_values)
    data = json.dumps(value).encode()
    if draw(st.integers(0, 3)) == 0:
        cut = draw(st.integers(0, len(data)))
        data = data[:cut] + draw(st.binary(max_size=8)) + data[cut + draw(st.integers(0, 8)) :]
    return data


any_topic = st.sampled_from(
    [TOPIC, TOPIC, TOPIC, "", "esplanade/v1", "esplanade/v1/a/b/c/reading"]
) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(any_topic, payloads()), min_size=1, max_size=6))
def test_fuzzed_messages_never_stop_a_good_one(site: Site, messages: list[tuple[str, bytes]]) -> None:
    sorter, batch = ingest(site), Batch()
    arrivals = [arrival(payload, topic=topic) for topic, payload in messages]
    arrivals.append(arrival(of(999, boot="good")))
    found = list(sorter.sort(arrivals, batch))
    last = found[-1]
    assert isinstance(last, Seen)
    assert last.observation.reading.boot == "good"
    assert not [one for one in found if isinstance(one, Fault)]
    assert len(batch.readings) + len(batch.refusals) + batch.counts["duplicates"] == len(arrivals)
    assert all(len(one.first_bytes) <= 4096 and one.detail for one in batch.refusals)


def test_a_stored_reading_of_an_unknown_shape_is_no_end(site: Site, tmp_path: Path) -> None:
    assert list(ingest(site).said_before([("esplanade/v1/x/y/status", NOW_MS, b"{}")])) == []
