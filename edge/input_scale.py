"""How large the network's input must be for this camera, so that people are seen at a size the model knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.homography import Floats
from models.manifest import Input

SHARE_SMALL: Final = 10.0
SHARE_LARGE: Final = 90.0
"""Percentiles over the covered ground of a person's height in the picture: who counts as small, who as large. [E]"""
MOST_UP: Final = 2.0
"""A picture is enlarged at most this many times: beyond it there is nothing more to see. [E]"""
LEAST_PX: Final = 160


@dataclass(frozen=True, slots=True)
class InputScale:
    """`frame_px`: (height, width) that the picture is fitted into. `small_px`, `large_px`: a person's height there.

    `known`: whether the model knows people from `small_px` to `large_px`.
    """

    frame_px: tuple[int, int]
    small_px: float
    large_px: float
    known: bool

    def report(self) -> str:
        """In words, for `check` and the log."""
        said = f"people are {self.small_px:.0f} to {self.large_px:.0f} pixels high in it"
        return said if self.known else f"{said}, and some are too small or too large for this model"


def fitted(
    heights_px: Floats, picture_px: tuple[int, int], feed: Input, most_pixels: int | None = None
) -> InputScale | None:
    """The input size for people of these heights (n,) in a picture of (height, width); None where nothing says it.

    `most_pixels`: of the input, since that is the time a frame takes; None: as many as this picture has in the
    manifest's frame. Fewer where even small people are then larger than they need be, or large ones larger than the
    model knows.
    """
    if heights_px.size == 0 or feed.person_px is None:
        return None
    low, best, high = feed.person_px
    small, large = (float(x) for x in np.percentile(heights_px, (SHARE_SMALL, SHARE_LARGE)))
    height, width = picture_px
    affordable = min(feed.height_px / height, feed.width_px / width)
    if most_pixels is not None:
        affordable = math.sqrt(most_pixels / (height * width))
    enough = max(best / small, LEAST_PX / min(height, width))
    # Large people may grow beyond what the model knows only where small ones would else be lost.
    scale = min(affordable, MOST_UP, enough, max(high / large, low / small))
    frame = tuple(
        max(feed.multiple_px, round(side * scale / feed.multiple_px) * feed.multiple_px)
        for side in picture_px
    )
    return InputScale(
        frame_px=(frame[0], frame[1]),
        small_px=small * scale,
        large_px=large * scale,
        known=small * scale >= low and large * scale <= high,
    )
