"""What the hub forgets of old boots never lets a duplicate in again, whatever the broker still delivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import topics
from hub import streams as streams_module
from hub.batch import Batch
from hub.clocks import Clocks
from hub.ingest import Arrival, Ingest
from hub.retention import Retention
from hub.site import Site, read_site
from hub.store import Store
from hub.streams import KEPT_MS, Stream, Streams
from tests.kit.square import SITE, Square

SQUARE = Square(cameras=1)
NOW_MS = 1_781_978_400_000
DAY_MS = 86_400_000
TOPIC = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return read_site(SQUARE.write(tmp_path_factory.mktemp("site")))


class Keeper:
    """A store with an ingest over it, without the judge's thread."""

    def __init__(self, site: Site, path: Path) -> None:
        self.site, self.path = site, path
        self.start()

    def start(self) -> None:
        self.store = Store(self.path)
        self.ingest = Ingest(
            site=self.site,
            store=self.store,
            streams=self.store.streams(),
            clocks=Clocks(self.store.clocks()),
            media=False,
        )

    def restart(self) -> None:
        self.store.close()
        self.start()

    def take(self, payload: bytes, *, at_ms: int, again: bool = False) -> Batch:
        batch = Batch(at_ms=at_ms)
        list(self.ingest.sort([Arrival(TOPIC, payload, at_ms, again, 1, 1, 1)], batch))
        self.store.write(batch)
        return batch

    def forget(self, *, at_ms: int) -> None:
        """As the judge does it, with 72 hours of readings."""
        streams = self.ingest.streams
        run = self.store.retire(Retention(readings_hours=72, minutes_days=None), now_ms=at_ms)
        while run.step():
            pass
        streams.forget_payloads(run.forgotten)
        gone = streams.to_drop(before_ms=at_ms - KEPT_MS)
        self.store.drop_streams(gone, streams.floors_without(gone), before_ms=at_ms - KEPT_MS)
        streams.drop(gone)


@pytest.fixture
def keeper(site: Site, tmp_path: Path) -> Iterator[Keeper]:
    one = Keeper(site, tmp_path / "hub.sqlite3")
    yield one
    one.store.close()


def of(seq: int, captured_to_ms: int, boot: str = "boot-1", **changes: Any) -> bytes:
    return msgspec.json.encode(
        SQUARE.reading(0, seq=seq, captured_to_ms=captured_to_ms, boot=boot, **changes)
    )


def stored(batch: Batch) -> int:
    return batch.counts["readings"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_reading_past_its_time_is_still_known(keeper: Keeper, restart: bool) -> None:
    """Seq 3 lies beyond a gap: after its row is gone, the gap alone must not make it new."""
    payloads = {seq: of(seq, NOW_MS + 1000 * seq) for seq in (0, 1, 3)}
    for seq, payload in payloads.items():
        assert stored(keeper.take(payload, at_ms=NOW_MS + 1000 * seq + 50)) == 1
    later_ms = NOW_MS + 5 * DAY_MS
    keeper.forget(at_ms=later_ms)
    if restart:
        keeper.restart()
    for seq, payload in payloads.items():
        batch = keeper.take(payload, at_ms=later_ms, again=True)
        assert (stored(batch), batch.counts["duplicates"]) == (0, 1), seq
    # what fills the gap after all is history, and new
    assert stored(keeper.take(of(2, NOW_MS + 2000), at_ms=later_ms)) == 1
    assert keeper.take(of(2, NOW_MS + 2000), at_ms=later_ms, again=True).counts["duplicates"] == 1


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("ahead_ms", [0, 10 * DAY_MS, -400 * DAY_MS])
def test_a_dropped_boot_stays_out(keeper: Keeper, restart: bool, ahead_ms: int) -> None:
    """The device's clock may have been days off: what was stored was corrected, what comes again is not."""
    payloads = []
    for second in range(20):
        at_ms = NOW_MS + 1000 * second
        payloads.append(of(second, at_ms + ahead_ms, sent_at_ms=at_ms + ahead_ms))
        keeper.take(payloads[-1], at_ms=at_ms + 10)
    for again in payloads:  # what was refused before its clock was known
        keeper.take(again, at_ms=NOW_MS + 20_000, again=True)
    later_ms = NOW_MS + KEPT_MS + max(0, ahead_ms) + 3 * DAY_MS
    keeper.forget(at_ms=later_ms)
    assert keeper.ingest.streams.get("box-0", "boot-1", "cam-0") is None
    if restart:
        keeper.restart()
    for _ in range(2):
        for payload in payloads:
            batch = keeper.take(payload, at_ms=later_ms, again=True)
            assert stored(batch) == 0
            assert [one.reason for one in batch.refusals] in ([], ["too_old"])
    # and the next boot is heard
    assert stored(keeper.take(of(0, later_ms, "boot-2"), at_ms=later_ms + 50)) == 1
    assert keeper.store.clocks().keys() <= {("box-0", "boot-2")}


def test_too_old_is_settled_once_the_clock_is_known(keeper: Keeper) -> None:
    """Until then a device that only thinks that it is 1970 must not lose what it sees now."""
    keeper.take(of(0, NOW_MS), at_ms=NOW_MS)
    later_ms = NOW_MS + KEPT_MS + DAY_MS
    keeper.forget(at_ms=later_ms)
    batch = keeper.take(of(0, 1000, "boot-2", sent_at_ms=2000), at_ms=later_ms)
    assert ([one.reason for one in batch.refusals], batch.refused_seqs) == (["too_old"], [])
    for second in range(3):  # the agent's clock is right, and it sends what nobody acknowledged a month ago
        batch = keeper.take(
            of(7, NOW_MS, sent_at_ms=later_ms + 1000 * second), at_ms=later_ms + 1000 * second
        )
        assert stored(batch) == 0
    assert [reason for *_, reason in batch.refused_seqs] == ["too_old"]
    assert stored(keeper.take(of(8, NOW_MS, sent_at_ms=later_ms), at_ms=later_ms + 3000)) == 0


def test_a_device_in_1970_is_heard_where_old_boots_were_dropped(keeper: Keeper) -> None:
    """What it says it captured lies below the floor; what it really captured can be of no dropped boot."""
    keeper.take(of(0, NOW_MS), at_ms=NOW_MS)
    later_ms = NOW_MS + KEPT_MS + DAY_MS
    keeper.forget(at_ms=later_ms)
    batches = [
        keeper.take(of(n, 1000 * n, "boot-2", sent_at_ms=1000 * n), at_ms=later_ms + 1000 * n)
        for n in range(1, 30)
    ]
    assert [stored(one) for one in batches[-10:]] == [1] * 10
    # none of those refused before its clock was known was settled, so it sends them again, and they are new
    unheard = [n for n, one in enumerate(batches, 1) if not stored(one)]
    assert not any(one.refused_seqs for one in batches)
    for n in unheard:
        assert stored(keeper.take(of(n, 1000 * n, "boot-2", sent_at_ms=30_000), at_ms=later_ms + 30_000)) == 1
    again = keeper.take(of(5, 5000, "boot-2", sent_at_ms=31_000), at_ms=later_ms + 31_000)
    assert (stored(again), again.counts["duplicates"]) == (0, 1)


def test_boots_without_end_are_no_growth_without_end(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "KEPT_MAX", 20)
    payloads = [of(0, NOW_MS + 10_000 * n, f"boot-{n}") for n in range(60)]
    for n, payload in enumerate(payloads):
        assert stored(keeper.take(payload, at_ms=NOW_MS + 10_000 * n)) == 1
        if keeper.ingest.streams.crowded:
            keeper.forget(at_ms=NOW_MS + 10_000 * n)
    count = keeper.store._db.execute("SELECT count(*) FROM streams").fetchone()[0]
    assert 20 <= count <= 22
    assert not keeper.ingest.streams.crowded
    keeper.restart()
    for payload in payloads:
        assert stored(keeper.take(payload, at_ms=NOW_MS + 600_000, again=True)) == 0
    # numbers of dropped streams, whose readings are still there, do not come again
    assert stored(keeper.take(of(0, NOW_MS + 600_000, "boot-new"), at_ms=NOW_MS + 600_000)) == 1
    assert keeper.store._db.execute("SELECT count(*) FROM readings").fetchone()[0] == 61


def test_a_stream_far_in_the_future_raises_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "KEPT_MAX", 1)
    ahead = Stream(1, "a", "b0", "c", 0, NOW_MS, NOW_MS + 10 * DAY_MS)
    streams = Streams([ahead, Stream(2, "a", "b1", "c", 0, NOW_MS + 1, NOW_MS)])
    assert streams.to_drop(before_ms=0) == []
    assert streams.to_drop(before_ms=NOW_MS + 11 * DAY_MS)[0] is ahead


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(-20, 20), st.booleans()), max_size=60
    )
)
def test_nothing_that_was_taken_is_taken_again(told: list[tuple[int, int, int, bool]]) -> None:
    """Any order of boots, seqs and droppings; the device's clock is off by up to 20 days, another in each boot."""
    streams, taken = Streams(), set()
    for n, (boot, seq, off_days, drop) in enumerate(told):
        now_ms = NOW_MS + n * 2 * DAY_MS
        name = f"boot-{boot}"
        captured_ms = NOW_MS + (100 * boot + seq) * 60_000 + off_days * DAY_MS * (boot + 1) // 6
        key = (boot, seq)
        first = next((at for b, s, at in taken if (b, s) == key), captured_ms)
        stream = streams.get("a", name, "c")
        new = stream is None or stream.is_above_all(seq)
        if new and not streams.is_below_floor("a", "c", first):
            assert key not in {(b, s) for b, s, _ in taken}
            stream = stream or streams.open("a", name, "c")
            stream.settle(seq, oldest_seq=0)
            stream.touched_ms, stream.captured_ms = now_ms, max(stream.captured_ms, first)
            taken.add((boot, seq, first))
        if drop:
            streams.drop(streams.to_drop(before_ms=now_ms - 10 * DAY_MS))
