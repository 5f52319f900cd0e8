"""Up to which density a camera can tell people by their heads, for `calibrate`'s report and for choosing a mast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from contract.homography import inside
from edge.ground import Ground
from edge.hidden_heads import cot_elevation
from models.density.hidden import MOST_PER_M2, hidden_share, tells_up_to_per_m2

CRITICAL_PER_M2: Final = 4.7
"""The hub's density.critical (docs/method)."""
PATCH_M: Final = 6.0
DEEPEST_SHARE: Final = 0.5
"""A map cell that is deeper on the ground than this share of a patch cannot hold a hot spot apart. [E]"""
ALL: Final = "all ground that it sees"


@dataclass(frozen=True, slots=True)
class Reach:
    """One zone, or `ALL`, over the covered cells in it. Shares 0 to 1, metres, people per m2.

    `far_m`: of its farthest cell from the camera; there heads tell up to `up_to_per_m2`, and `hidden` of the people do
    not show at the critical density. `beyond`: share of its seen ground where that density cannot be told.
    """

    zone: str
    far_m: float
    up_to_per_m2: float
    hidden: float
    beyond: float

    def said(self) -> str:
        up_to = f"up to {self.up_to_per_m2:.1f} people per m2"
        if self.up_to_per_m2 >= MOST_PER_M2:
            up_to = f"up to {MOST_PER_M2:g} people per m2 and more"
        text = (
            f"{self.zone}: this camera can tell {up_to} at its far end ({self.far_m:.0f} m), where others hide "
            f"{self.hidden:.0%} of the heads at {CRITICAL_PER_M2:g}"
        )
        if self.beyond > 0.0:
            text += (
                f"; on {max(self.beyond, 0.01):.0%} of the ground it sees of it {CRITICAL_PER_M2:g} per m2 CANNOT be "
                "told: hang the camera higher or nearer, or watch that part with another one"
            )
        return text


def reaches(ground: Ground, zones: dict[str, Any], cell_px: float) -> tuple[Reach, ...]:
    """All ground first, then each zone of which the camera covers a cell. `cell_px`: height of the map's cells."""
    x, y = ground.frame.centres_m()
    cot = cot_elevation(ground)
    away = np.hypot(x - ground.camera.position_m[0], y - ground.camera.position_m[1])
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    deep = ground.metres_per_pixel * cell_px > DEEPEST_SHARE * PATCH_M
    found = []
    for name, polygon in ((ALL, None), *zones.items()):
        cells = ground.covered if polygon is None else ground.covered & _within(polygon, points, cot.shape)
        if not cells.any():
            continue
        farthest = float(cot[cells].max())
        limit = np.array([tells_up_to_per_m2(float(c)) for c in cot[cells]])
        blind = (limit < CRITICAL_PER_M2) | deep[cells]
        found.append(
            Reach(
                zone=name if polygon is None else f"zone {name}",
                far_m=float(away[cells].max()),
                up_to_per_m2=tells_up_to_per_m2(farthest),
                hidden=float(hidden_share(CRITICAL_PER_M2, farthest)),
                beyond=float(blind.mean()),
            )
        )
    return tuple(found)


def zones_of(site_file: Path) -> dict[str, Any]:
    """Id to polygon of the zones in a site file; none where it has only the part shared with the agents."""
    whole = yaml.safe_load(site_file.read_text(encoding="utf-8"))
    some = whole.get("zones", ()) if isinstance(whole, dict) else ()
    return {str(one["id"]): one["polygon"] for one in some or ()}


def _within(polygon: Any, points: Any, shape: tuple[int, ...]) -> Any:
    return inside(tuple((float(px), float(py)) for px, py in polygon), points).reshape(shape)
