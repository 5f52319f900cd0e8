"""Small counts in exports, against somebody who knows the method and tries every town that could have made the file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.exports.disclosure import (
    CountedMinute,
    Nested,
    Steps,
    Told,
    patch_at_least_per_m2,
    steps,
    tell,
)

K = 5
# zone -> the zones directly inside it
FORESTS = (
    {"a": ("b",), "b": ()},
    {"a": ("b", "c"), "b": (), "c": ()},
    {"a": ("b",), "b": ("c",), "c": ()},
    {"a": ("b", "c"), "b": (), "c": (), "d": ()},
)
Tell = Callable[[Mapping[str, CountedMinute], Nested, int], object]


def minute(forest: dict[str, tuple[str, ...]], own: dict[str, int]) -> dict[str, CountedMinute]:
    """What a hub records where each zone holds `own` people beside those in the zones inside it."""

    def people(zone: str) -> int:
        return own[zone] + sum(people(part) for part in forest[zone])

    return {
        zone: CountedMinute(
            count := people(zone), 0.8 * count, 1.2 * count + 1, count + 2, count / 20, min(4, count // 2)
        )
        for zone in forest
    }


def could_be(
    forest: dict[str, tuple[str, ...]], own: dict[str, int], tell_it: Tell, most: int
) -> dict[str, set[int]]:
    """For each piece of ground, every count in some town whose file is the very same."""
    nested = Nested(forest, frozenset())
    seen = tell_it(minute(forest, own), nested, K)
    found: dict[str, set[int]] = {zone: set() for zone in forest}
    for counts in itertools.product(range(most), repeat=len(forest)):
        town = dict(zip(forest, counts, strict=True))
        if tell_it(minute(forest, town), nested, K) == seen:
            for zone, count in town.items():
                found[zone].add(count)
    return found


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(FORESTS), st.data())
def test_every_small_count_could_be_any_small_count(
    forest: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    own = {zone: data.draw(st.integers(0, 11), label=zone) for zone in forest}
    for zone, counts in could_be(forest, own, tell, most=12 if len(forest) < 4 else 11).items():
        if own[zone] < K:
            assert counts >= set(range(K)), (zone, own, counts)


def _primary_only(found: Mapping[str, CountedMinute], nested: Nested, step: int) -> object:
    return {
        zone: None if one.people is None or one.people < step else one.people for zone, one in found.items()
    }


def _each_in_steps(found: Mapping[str, CountedMinute], nested: Nested, step: int) -> object:
    return {zone: steps(one.people or 0.0, step) for zone, one in found.items()}


@pytest.mark.parametrize(
    ("own", "tell_it"),
    [({"a": 2, "b": 9, "c": 9}, _primary_only), ({"a": 4, "b": 4, "c": 7}, _each_in_steps)],
    ids=["only small zones left out", "each zone rounded by itself"],
)
def test_the_attack_breaks_weaker_methods(own: dict[str, int], tell_it: Tell) -> None:
    forest = {"a": ("b", "c"), "b": (), "c": ()}
    found = could_be(forest, own, tell_it, most=24)
    small = [zone for zone in forest if own[zone] < K]
    assert any(not found[zone] >= set(range(K)) for zone in small), found


def test_a_zone_is_told_as_the_sum_of_its_parts() -> None:
    forest = {"a": ("b", "c"), "b": (), "c": ()}
    told = tell(minute(forest, {"a": 12, "b": 3, "c": 9}), Nested(forest, frozenset({"x"})), K)
    assert (told["a"].told, told["a"].people) == (Told.SUM, Steps(10 + 0 + 5, 15 + 5 + 10))
    assert (told["a"].people_max, told["a"].level_max, told["a"].patch_max_at_least_per_m2) == (
        None,
        None,
        None,
    )
    assert (told["b"].told, told["b"].people) == (Told.FEWER, Steps(0, 5))
    assert (told["b"].people_max, told["b"].people_high_below, told["b"].level_max) == (None, None, None)
    assert (told["c"].told, told["c"].people, told["c"].people_max) == (
        Told.STEPS,
        Steps(5, 10),
        Steps(10, 15),
    )
    assert (told["c"].people_low_at_least, told["c"].people_high_below, told["c"].level_max) == (5, 15, 4)
    assert told["x"].told is Told.OVERLAPS


def test_what_is_not_known_is_not_zero_and_not_a_rest() -> None:
    nested = Nested({"a": ("b",), "b": ()}, frozenset())
    told = tell({"a": CountedMinute(40.0), "b": CountedMinute(None)}, nested, K)
    assert (told["a"].told, told["a"].people) == (Told.PARTS_UNKNOWN, None)
    assert (told["b"].told, told["b"].people) == (Told.UNKNOWN, None)
    assert tell({"b": CountedMinute(40.0)}, nested, K)["a"].told is Told.UNKNOWN
    more = tell({"a": CountedMinute(40.0), "b": CountedMinute(45.0)}, nested, K)
    assert (more["a"].told, more["b"].people) == (Told.PARTS_UNKNOWN, Steps(45, 50))


@pytest.mark.parametrize(
    ("count", "found"), [(0.0, (0, 5)), (4.99, (0, 5)), (5.0, (5, 10)), (9.99, (5, 10)), (61.0, (60, 65))]
)
def test_steps(count: float, found: tuple[int, int]) -> None:
    assert steps(count, K) == Steps(*found)


def test_no_negative_count() -> None:
    with pytest.raises(ValueError, match="not negative"):
        steps(-0.1, K)


def test_a_patch_stands_for_no_fewer_than_a_step() -> None:
    assert patch_at_least_per_m2(4.99 / 18, K) is None
    assert patch_at_least_per_m2(5.01 / 18, K) == 0.277
    for count in range(5, 200):
        found = patch_at_least_per_m2(count / 18, K)
        assert found is not None
        assert found * 18 <= count < found * 18 + K + 0.02
