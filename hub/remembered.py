"""What was last seen on ground that nobody observes now: silence must not read as emptiness.

It never raises anything. It only keeps what was seen there from being forgotten: an alert or a level does not fall
while the ground it rests on is out of sight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from contract.geometry import BoolGrid, FloatGrid
from hub.crowd import box_sum, patch_densities_per_m2, patch_room
from hub.ground import Ground
from hub.merge import Fused


class RememberedCells(Struct, frozen=True, kw_only=True):
    """For storing: cells ever observed (bitmap), the last people in every cell (float32, little-endian), and how many
    cameras watched a cell when they last differed there (one byte each)."""

    frame: tuple[float, int, int, int, int]
    ever: bytes
    people: bytes
    disputed_by: bytes = b""


class RememberedGround:
    """Last known people in each cell.

    Where cameras differed and one of them has gone, the others were the overruled ones: what they say now does not
    replace what was known, until as many watch the cell again as did then.
    """

    def __init__(self, ground: Ground, stored: RememberedCells | None = None) -> None:
        self._ground = ground
        self._people: FloatGrid = np.zeros(ground.frame.shape)
        self._ever: BoolGrid = np.zeros(ground.frame.shape, dtype=np.bool_)
        self._seen: BoolGrid = np.zeros(ground.frame.shape, dtype=np.bool_)
        self._disputed_by: npt.NDArray[np.uint8] = np.zeros(ground.frame.shape, dtype=np.uint8)
        # After a change of the site file the cells are others: what was remembered of them says nothing.
        if stored is not None and stored.frame == self._frame:
            bits = np.unpackbits(np.frombuffer(stored.ever, dtype=np.uint8), count=self._ever.size)
            self._ever = bits.astype(np.bool_).reshape(ground.frame.shape)
            last = np.frombuffer(stored.people, dtype="<f4", count=self._ever.size)
            self._people = last.astype(np.float64).reshape(ground.frame.shape)
            by = np.frombuffer(stored.disputed_by, dtype=np.uint8)
            if by.size == self._ever.size:
                self._disputed_by = by.reshape(ground.frame.shape)

    @property
    def _frame(self) -> tuple[float, int, int, int, int]:
        frame = self._ground.frame
        return frame.cell_m, frame.column0, frame.row0, frame.columns, frame.rows

    def update(self, fused: Fused) -> None:
        # Kept in single precision, as it is stored, so that a restart changes no bit.
        settled = fused.observed & (fused.observers >= self._disputed_by)
        self._disputed_by = np.where(
            fused.disputed, fused.observers, np.where(settled, np.uint8(0), self._disputed_by)
        )
        people = fused.people.astype("<f4")
        self._seen = settled | fused.disputed
        more = fused.observed & (people > self._people)
        self._people = np.where(self._seen | more, people, self._people)
        self._ever = self._ever | fused.observed

    def lost(self) -> BoolGrid:
        """Cells once observed that nobody observes now, or nobody who may say that they have emptied."""
        return self._ever & ~self._seen

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
            disputed_by=self._disputed_by.tobytes(),
        )
