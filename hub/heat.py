"""The heat map: persons per walkable square metre of each cell, as pages draw it."""

from __future__ import annotations

import numpy as np

from hub.ground import Ground
from hub.merge import Fused
from hub.step import Heat


def heat_map(fused: Fused, ground: Ground) -> Heat:
    """Rounded to 0.01; None where nobody looks, or nobody can stand."""
    frame, walkable_m2 = ground.frame, ground.walkable_m2
    shown = fused.observed & (walkable_m2 > 0.0)
    density = np.round(fused.people / np.where(shown, walkable_m2, 1.0), 2)
    return Heat(
        origin_m=frame.origin_m,
        cell_m=frame.cell_m,
        columns=frame.columns,
        rows=frame.rows,
        density_per_m2=tuple(
            value if seen else None
            for value, seen in zip(density.ravel().tolist(), shown.ravel().tolist(), strict=True)
        ),
    )
