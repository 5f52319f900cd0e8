"""Small counts do not leave the hub in a file. Pure: no clock, no input or output.

A count is told as the step it lies in: with a step of 5, as at least 10 and below 15. Below the step itself nothing is
told but that: fewer than 5, which none may be. Only counts of ground that overlaps no other told ground are put into
steps; what contains others is the sum of their steps and never its own. So no difference of two told numbers says more
than the steps already did.

Threshold rule, differencing between overlapping areas, and why rounding each number by itself can be unpicked:
Hundepool et al., Handbook on Statistical Disclosure Control, second edition, 2024, chapter 5. Rounding the inner cells
and adding up: Heldal, The European Census Hub 2011 Hypercubes - Norwegian SDC Experiences, UNECE/Eurostat 2017;
Langsrud and Heldal, An Algorithm for Small Count Rounding of Tabular Data, 2018. docs/decisions/0014 says what is not
protected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SMALL_COUNT = 5
# With 2, whoever stands there knows the other one; with 1, nothing is suppressed.
SMALL_COUNT_MIN = 3
# A patch is known from half of its 36 square metres on (hub.crowd): the fewest people that a density can stand for.
PATCH_SEEN_MIN_M2 = 18.0
# Float error of a minute's sums; beyond it a part that holds more than the whole is a contradiction.
_SLACK = 1e-6


class Told(StrEnum):
    """What a row says of a count, and why no more."""

    STEPS = "in_steps"
    FEWER = "fewer_than_step"
    SUM = "sum_of_parts"
    PARTS_UNKNOWN = "parts_unknown"
    OVERLAPS = "overlaps_another"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Steps:
    """The count is at least the one and below the other."""

    at_least: int
    below: int

    def __add__(self, other: Steps) -> Steps:
        return Steps(self.at_least + other.at_least, self.below + other.below)


def steps(count: float, step: int) -> Steps:
    """The step that a count lies in. Raises ValueError for a negative one."""
    if count < 0:
        raise ValueError(f"a count is not negative: {count}")
    at_least = math.floor(count / step) * step
    return Steps(at_least, at_least + step)


@dataclass(frozen=True, slots=True)
class CountedMinute:
    """One zone and minute as recorded. `people` is the mean over the seconds in which it was known, None for none."""

    people: float | None
    people_low: float | None = None
    people_high: float | None = None
    people_max: float | None = None
    patch_max_per_m2: float | None = None
    level_max: int | None = None


@dataclass(frozen=True, slots=True)
class ToldMinute:
    """One zone and minute as it may be told. None is not told, or not known: `told` says which."""

    told: Told
    people: Steps | None = None
    people_max: Steps | None = None
    people_low_at_least: int | None = None
    people_high_below: int | None = None
    patch_max_at_least_per_m2: float | None = None
    level_max: int | None = None


@dataclass(frozen=True, slots=True)
class Nested:
    """Which zone lies in which. `inside`: the zones directly inside each told zone. `crossing`: never told, since they
    overlap a told zone in part."""

    inside: Mapping[str, tuple[str, ...]]
    crossing: frozenset[str]


def tell(minute: Mapping[str, CountedMinute], nested: Nested, step: int) -> dict[str, ToldMinute]:
    """All zones of one minute; a zone that is not in `minute` was not recorded and counts as unknown."""
    nothing = CountedMinute(None)
    told: dict[str, ToldMinute] = dict.fromkeys(nested.crossing, ToldMinute(Told.OVERLAPS))
    sums: dict[str, Steps | None] = {}

    def total(zone: str) -> Steps | None:
        """The sum of the steps of the zone's parts, None where one of them is not known."""
        if zone not in sums:
            sums[zone] = _sum_of(zone)
        return sums[zone]

    def _sum_of(zone: str) -> Steps | None:
        people = minute.get(zone, nothing).people
        if people is None:
            return None
        rest, summed = people, Steps(0, 0)
        for part in nested.inside[zone]:
            parts, counted = total(part), minute.get(part, nothing).people
            if parts is None or counted is None:
                return None
            rest, summed = rest - counted, summed + parts
        if rest < -_SLACK:
            return None  # the parts were known at other seconds than the whole
        return summed + steps(max(0.0, rest), step)

    for zone, parts in nested.inside.items():
        counted = minute.get(zone, nothing)
        summed = total(zone)
        if counted.people is None:
            told[zone] = ToldMinute(Told.UNKNOWN)
        elif parts:
            # extremes and level are of the whole at once: they are no sums, so they would tell the parts apart
            told[zone] = ToldMinute(Told.PARTS_UNKNOWN if summed is None else Told.SUM, summed)
        elif counted.people < step:
            told[zone] = ToldMinute(Told.FEWER, summed)
        else:
            told[zone] = _alone(counted, summed, step)
    return told


def _alone(counted: CountedMinute, people: Steps | None, step: int) -> ToldMinute:
    """A zone without zones in it, with enough people: its extremes in steps of their own."""
    low, high, patch = counted.people_low, counted.people_high, counted.patch_max_per_m2
    return ToldMinute(
        Told.STEPS,
        people,
        None if counted.people_max is None else steps(counted.people_max, step),
        None if low is None or low < step else steps(low, step).at_least,
        None if high is None else steps(high, step).below,
        None if patch is None else patch_at_least_per_m2(patch, step),
        counted.level_max,
    )


def patch_at_least_per_m2(density_per_m2: float, step: int) -> float | None:
    """A patch's density in steps that stand for `step` people on the least ground a patch is known from."""
    width = step / PATCH_SEEN_MIN_M2
    whole = math.floor(density_per_m2 / width)
    return None if whole == 0 else math.floor(whole * width * 1000) / 1000
