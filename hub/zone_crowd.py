"""The crowd in each zone now, measured on observed cells only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from contract.geometry import FloatGrid
from contract.messages import LevelOfService, Quality
from contract.phrase import Phrase, say, say_many
from hub.crowd import level_of_service
from hub.ground import Ground, Place
from hub.inflow import ZoneInflow
from hub.remembered import RememberedGround
from hub.site import Site, Zone
from hub.site_state import SiteView

PATCH_MEDIAN_MS = 5_000
OBSERVED_FROM = 0.95  # [E] share from which a zone is called observed; between is partly
_HELD_MIN, _HELD_RELATIVE = (
    1.0,
    0.05,
)  # [E] people kept from before, beyond those seen, that make a count a held one
_SIGMA_RELATIVE = 0.10  # [E] what a whole count is off by together; measured, docs/accuracy.md
_SHOWN_SIGMA = 2.0


class PatchSample(Struct, frozen=True, array_like=True):
    """The fullest patch of a zone at one capture instant."""

    captured_ms: int
    density_per_m2: float


class ZoneCrowd(Struct, frozen=True):
    """Numbers of one zone. `people` counts observed cells only; None when nothing is observed.

    `people_high` adds what the unseen part could hold at the density of the fullest patch seen. `held_people` adds what
    was last known of ground now out of sight; `unseen_patch_per_m2` is the fullest patch there. Both only hold back
    an end, they raise nothing. `lost_share`: of the zone, once seen and not now. `is_held`: what was last known is
    kept, because a camera that saw more has gone, or because it is more than what is seen now.
    """

    zone: Zone
    place: Place
    captured_ms: int | None
    watched_ms: int | None
    quality: Quality
    seen_share: float
    lost_share: float
    people: float | None
    sigma: float
    people_low: float | None
    people_high: float | None
    held_people: float
    is_held: bool
    safe_occupancy: float
    density_per_m2: float | None
    los: LevelOfService | None
    patch_per_m2: float | None
    patch_at_m: tuple[float, float] | None
    unseen_patch_per_m2: float | None
    disputed: bool
    inflow: ZoneInflow
    cameras: tuple[str, ...]

    @property
    def occupancy(self) -> float | None:
        return None if self.people is None else self.people / self.safe_occupancy

    def certainty(self) -> Phrase:
        """How sure the numbers are, in words."""
        if self.people is None:
            return say("Nobody sees this zone now.")
        found = [
            say("{share:.0%} of the zone seen by {cameras}", share=self.seen_share, cameras=self.cameras),
            say_many(
                "{count} ± {sigma:.0f} person counted there (2 sigma, our error model)",
                "{count} ± {sigma:.0f} people counted there (2 sigma, our error model)",
                round(self.people),
                sigma=_SHOWN_SIGMA * self.sigma,
            ),
        ]
        if self.disputed:
            found.append(say("cameras differ in places, the larger count stands"))
        if self.is_held:
            found.append(
                say(
                    "{people:.0f} with what was last seen where nobody can say that it has emptied",
                    people=self.held_people,
                )
            )
        return say("{parts}.", parts=tuple(found))


class _Sums(Struct, frozen=True):
    """What the grids hold of one zone; patches as (density, flat cell)."""

    people: float
    variance: float
    held: float
    lost_m2: float
    contested_m2: float
    patch: tuple[float, int] | None
    unseen: tuple[float, int] | None
    disputed: bool


class CrowdMeter:
    """Measures every zone; keeps the last 5 s of each zone's fullest patch."""

    def __init__(
        self, site: Site, ground: Ground, stored: dict[str, tuple[PatchSample, ...]] | None = None
    ) -> None:
        self._site = site
        self._ground = ground
        self._series: dict[str, list[PatchSample]] = {
            zone.id: list((stored or {}).get(zone.id, ())) for zone in site.zones
        }
        count = len(ground.zones)
        self._share, self._room = ground.place_share[:count], ground.place_m2[:count]
        self._share_squared = self._share**2
        self._cells = [np.flatnonzero(place.cells) for place in ground.zones]

    def store(self) -> dict[str, tuple[PatchSample, ...]]:
        return {zone: tuple(samples) for zone, samples in self._series.items() if samples}

    def measure(
        self, view: SiteView, remembered: RememberedGround, inflows: Sequence[ZoneInflow]
    ) -> tuple[ZoneCrowd, ...]:
        """One ZoneCrowd for each zone, in the site's order."""
        people = (self._share @ view.fused.people.ravel()).tolist()
        variance = (self._share_squared @ view.fused.variance.ravel()).tolist()
        patches = _filled(view.patches_per_m2)
        disputed = view.fused.disputed.ravel() if view.fused.disputed.any() else None
        lost = remembered.unseen_patches_per_m2()
        unseen = None if lost is None else _filled(lost)
        held, lost_m2 = people, [0.0] * len(people)
        contested_m2 = lost_m2
        if unseen is not None:
            held = (self._share @ remembered.people().ravel()).tolist()
            gone = remembered.lost()
            lost_m2 = (self._room @ gone.ravel()).tolist()
            contested_m2 = (self._room @ (gone & view.fused.observed).ravel()).tolist()
        return tuple(
            self._zone(
                i,
                view,
                _Sums(
                    people[i],
                    variance[i],
                    held[i],
                    lost_m2[i],
                    contested_m2[i],
                    _fullest(patches, cells),
                    None if unseen is None else _fullest(unseen, cells),
                    disputed is not None and bool(disputed[cells].any()),
                ),
                inflows[i],
            )
            for i, cells in enumerate(self._cells)
        )

    def _zone(self, i: int, view: SiteView, sums: _Sums, inflow: ZoneInflow) -> ZoneCrowd:
        people, unseen = sums.people, sums.unseen
        zone, place, seen = self._site.zones[i], self._ground.zones[i], view.places[i]
        total = max(place.total_m2, 1e-9)
        share = min(1.0, seen.seen_m2 / total)
        known = seen.captured_ms is not None and seen.seen_m2 > 0.0
        patch = sums.patch if known else None
        patch_median = self._patch_median(zone.id, seen.captured_ms, patch) if known else None
        density = people / seen.seen_m2 if known else None
        sigma = math.sqrt(sums.variance + (_SIGMA_RELATIVE * people) ** 2) if known else 0.0
        low = high = None
        if density is not None:
            low = max(0.0, people - _SHOWN_SIGMA * sigma)
            fullest = max(density, patch[0] if patch else 0.0)
            high = people + _SHOWN_SIGMA * sigma + max(0.0, total - seen.seen_m2) * fullest
        is_held = known and (
            sums.contested_m2 > 0.0 or sums.held - people >= max(_HELD_MIN, _HELD_RELATIVE * people)
        )
        if high is not None and is_held:
            high = max(high, sums.held + _SHOWN_SIGMA * sigma)
        return ZoneCrowd(
            zone=zone,
            place=place,
            captured_ms=seen.captured_ms if known else None,
            watched_ms=seen.watched_ms if known else None,
            quality=_quality(known, share, is_held),
            seen_share=share if known else 0.0,
            lost_share=min(1.0, sums.lost_m2 / total),
            people=people if known else None,
            sigma=sigma,
            people_low=low,
            people_high=high,
            held_people=sums.held,
            is_held=is_held,
            safe_occupancy=self._ground.safe_occupancy[i],
            density_per_m2=density,
            los=None if density is None else level_of_service(density, zone.surface),
            patch_per_m2=patch_median,
            patch_at_m=self._ground.centre_m(patch[1], self._ground.patch_cells) if patch else None,
            unseen_patch_per_m2=unseen[0] if unseen else None,
            disputed=sums.disputed,
            inflow=inflow,
            cameras=seen.cameras,
        )

    def _patch_median(
        self, zone: str, captured_ms: int | None, patch: tuple[float, int] | None
    ) -> float | None:
        """The median over the last 5 s of capture time."""
        samples = self._series[zone]
        if captured_ms is None:
            return None
        if patch is not None and (not samples or captured_ms >= samples[-1].captured_ms):
            if samples and samples[-1].captured_ms == captured_ms:
                samples.pop()
            samples.append(PatchSample(captured_ms, patch[0]))
        while samples and samples[0].captured_ms <= captured_ms - PATCH_MEDIAN_MS:
            samples.pop(0)
        if patch is None or not samples:
            return None
        ordered = sorted([sample.density_per_m2 for sample in samples])
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _quality(known: bool, share: float, is_held: bool) -> Quality:
    if not known:
        return "unknown"
    if share < OBSERVED_FROM:
        return "partly"
    return "held" if is_held else "observed"


def _filled(patches: FloatGrid) -> FloatGrid:
    """Flat, with -1 where unknown."""
    flat = patches.ravel()
    return np.where(np.isnan(flat), -1.0, flat)


def _fullest(patches: FloatGrid, cells: npt.NDArray[np.intp]) -> tuple[float, int] | None:
    """(density, flat cell) of the fullest known patch among `cells`; the first of equals."""
    values = patches[cells]
    best = int(values.argmax()) if values.size else 0
    if not values.size or values[best] < 0.0:
        return None
    return float(values[best]), int(cells[best])
