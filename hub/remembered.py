"""What was last seen on ground that nobody observes now: silence must not read as emptiness.

It never raises anything. It only keeps what was seen there from being forgotten: an alert or a level does not fall
while the ground it rests on is out of sight.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from contract.geometry import BoolGrid, FloatGrid
from hub.crowd import box_sum, patch_densities_per_m2, patch_room
from hub.ground import Ground
from hub.merge import Fused


class RememberedCells(Struct, frozen=True, kw_only=True):
    """For storing: cells ever observed (bitmap), and the last people in every cell (float32, little-endian)."""

    frame: tuple[float, int, int, int, int]
    ever: bytes
    people: bytes


class RememberedGround:
    """Last known people in each cell."""

    def __init__(self, ground: Ground, stored: RememberedCells | None = None) -> None:
        self._ground = ground
        self._people: FloatGrid = np.zeros(ground.frame.shape)
        self._ever: BoolGrid = np.zeros(ground.frame.shape, dtype=np.bool_)
        self._observed: BoolGrid = np.zeros(ground.frame.shape, dtype=np.bool_)
        # After a change of the site file the cells are others: what was remembered of them says nothing.
        if stored is not None and stored.frame == self._frame:
            bits = np.unpackbits(np.frombuffer(stored.ever, dtype=np.uint8), count=self._ever.size)
            self._ever = bits.astype(np.bool_).reshape(ground.frame.shape)
            last = np.frombuffer(stored.people, dtype="<f4", count=self._ever.size)
            self._people = last.astype(np.float64).reshape(ground.frame.shape)

    @property
    def _frame(self) -> tuple[float, int, int, int, int]:
        frame = self._ground.frame
        return frame.cell_m, frame.column0, frame.row0, frame.columns, frame.rows

    def update(self, fused: Fused) -> None:
        # Kept in single precision, as it is stored, so that a restart changes no bit.
        self._people = np.where(fused.observed, fused.people.astype("<f4"), self._people)
        self._observed = fused.observed
        self._ever = self._ever | fused.observed

    def lost(self) -> BoolGrid:
        """Cells once observed that nobody observes now."""
        return self._ever & ~self._observed

    def people(self) -> FloatGrid:
        """People now where observed, and as last known where not."""
        return self._people

    def unseen_patches_per_m2(self) -> FloatGrid | None:
        """Density of each patch that has lost ground, with what was last known there; NaN for patches in full sight.

        None when no ground is lost.
        """
        lost = self.lost()
        if not lost.any():
            return None
        ground = self._ground
        known = self._ever
        room = patch_room(known, ground.walkable_m2, ground.patch_cells)
        with_memory = patch_densities_per_m2(self._people, room, ground.patch_cells)
        touched = box_sum(lost.astype(np.float64), ground.patch_cells) > 0.5
        return np.where(touched, with_memory, np.nan)

    def store(self) -> RememberedCells:
        return RememberedCells(
            frame=self._frame,
            ever=np.packbits(self._ever).tobytes(),
            people=self._people.astype("<f4").tobytes(),
        )
