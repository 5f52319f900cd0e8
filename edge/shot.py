"""A decoded picture before its colours are converted: cheap to drop when a newer one comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import av
import cv2

from contract.messages import ClockSource
from edge.frame import Picture

_TURNS: Final = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Shot:
    """`captured_ms`: Unix ms; `clock` says how it is known. `offset_s`: the sender's clock minus ours, where told."""

    image: av.VideoFrame
    captured_ms: int
    clock: ClockSource
    offset_s: float | None = None


def picture_of(image: av.VideoFrame) -> Picture:
    """The picture as the camera meant it to be looked at: BGR, turned by its rotation mark."""
    picture = cast(Picture, image.to_ndarray(format="bgr24"))
    turn = _TURNS.get(image.rotation % 360)
    return picture if turn is None else cast(Picture, cv2.rotate(picture, turn))
