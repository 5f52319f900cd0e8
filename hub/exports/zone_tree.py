"""Which zones lie in which, worked out once from the site's ground: what a sum of zones may be made of."""

from __future__ import annotations

import numpy as np

from contract.geometry import FloatGrid
from hub.exports.disclosure import Nested
from hub.ground import Ground

# [E] two zones drawn side by side may overlap by this share of the smaller one before they count as crossing
DRAWN_BADLY = 0.02
_EPSILON = 1e-6


def nest(ground: Ground) -> Nested:
    """Zones in the site file's order: of two that overlap in part, the one that stands first is told.

    Counts are sums over ground cells with the zone's share of each, so shares decide: a zone is inside another where
    no cell gives it more.
    """
    shares = {zone.id: zone.share for zone in ground.zones}
    kept: list[str] = []
    crossing: set[str] = set()
    for zone, share in shares.items():
        if all(_apart(share, shares[one]) or _nested(share, shares[one]) for one in kept):
            kept.append(zone)
        else:
            crossing.add(zone)
    inside: dict[str, list[str]] = {zone: [] for zone in kept}
    order = {zone: place for place, zone in enumerate(kept)}
    for zone in kept:
        around = [one for one in kept if one != zone and _holds(one, zone, shares, order)]
        if around:
            inside[min(around, key=lambda one: (shares[one].sum(), -order[one]))].append(zone)
    return Nested({zone: tuple(parts) for zone, parts in inside.items()}, frozenset(crossing))


def _holds(outer: str, inner: str, shares: dict[str, FloatGrid], order: dict[str, int]) -> bool:
    """Of two that are drawn alike, the one that stands first holds the other."""
    if not _covers(shares[outer], shares[inner]):
        return False
    return not _covers(shares[inner], shares[outer]) or order[outer] < order[inner]


def _nested(a: FloatGrid, b: FloatGrid) -> bool:
    return _covers(a, b) or _covers(b, a)


def _covers(outer: FloatGrid, inner: FloatGrid) -> bool:
    return not bool((inner > outer + _EPSILON).any())


def _apart(a: FloatGrid, b: FloatGrid) -> bool:
    shared = float(np.maximum(0.0, a + b - 1.0).sum())
    return shared <= DRAWN_BADLY * min(float(a.sum()), float(b.sum())) + _EPSILON
