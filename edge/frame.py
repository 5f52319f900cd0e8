"""One picture and when it was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.messages import ClockSource

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture of one camera.

    `picture_bgr`: uint8 (height, width, 3), blue first, owned by whoever holds the frame. `captured_ms`: Unix ms.
    `clock`: how that time is known: `rtcp` (the camera's own sender report), `arrival` (when it came here) or
    `media` (the position in a file). `dropped`: pictures decoded since the frame before and never used. `key_frames`:
    how many of the pictures since the frame before, this one included, were coded anew rather than as a change.
    """

    picture_bgr: Picture
    captured_ms: int
    clock: ClockSource
    dropped: int = 0
    key_frames: int = 1
