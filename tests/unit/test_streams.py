from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.streams import NOTHING, Stream, Streams


def stream() -> Stream:
    return Stream(1, "box", "boot", "cam")


def test_gaps_hold_the_settled_seq_back() -> None:
    one = stream()
    for seq, settled in ((1, NOTHING), (2, NOTHING), (0, 2), (5, 2), (4, 2), (3, 5)):
        assert one.is_above_all(seq)
        one.settle(seq, oldest_seq=0)
        assert one.settled == settled
        assert not one.is_above_all(seq)
    assert one.above == set()


def test_what_left_the_outbox_is_not_waited_for() -> None:
    one = stream()
    one.settle(100, oldest_seq=98)
    assert one.settled == 97
    one.settle(104, oldest_seq=101)
    assert one.settled == 100
    one.settle(101, oldest_seq=101)
    one.settle(103, oldest_seq=103)
    assert one.settled == 104


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=20))
def test_any_order_with_duplicates_settles_all(order: list[int], again: list[int]) -> None:
    one = stream()
    for done, seq in enumerate(order, start=1):
        one.settle(seq, oldest_seq=0)
        first_missing = min(set(range(13)) - set(order[:done]))
        assert one.settled == first_missing - 1
        assert one.above == {s for s in order[:done] if s > one.settled}
    for seq in again:
        assert not one.is_above_all(seq)
        one.settle(seq, oldest_seq=0)
    assert (one.settled, one.above) == (11, set())


def test_streams_are_found_and_numbered() -> None:
    streams = Streams(
        [Stream(7, "a", "b1", "c", 3, 100), Stream(4, "a", "b0", "c", 9, 50), Stream(5, "z", "b", "c")]
    )
    assert streams.get("a", "b1", "c") is not None
    assert streams.get("a", "b2", "c") is None
    assert streams.open("a", "b2", "c").id == 8
    assert [one.boot for one in streams.of("a", since_ms=50, at_most=9)] == ["b1", "b0"]
    assert [one.boot for one in streams.of("a", since_ms=50, at_most=1)] == ["b1"]
    assert streams.agents() == ["a", "z"]
