"""One film of a folder of pictures, each shown at its own second.

AV1 by SVT-AV1 (BSD licence, free of royalties): it comes in PyAV's wheel, as does the decoder, and keeps ten minutes
of a still camera in a few megabytes. We encode with no GPL library (docs/licences.md).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

TICKS_PER_S: Final = 1000
QUALITY: Final = 26
"""SVT-AV1's constant rate factor, 1 (best) to 63: near what a recorder keeps. [E]"""
PRESET: Final = "9"
MOST_GAP_FRAMES: Final = 120
"""Frames between two that stand alone, so that a film can be entered in the middle."""


def write_film(path: Path, pictures: list[Path], times_s: list[float], quality: int = QUALITY) -> None:
    """MP4 with true times: a story told at several rates keeps them. Whole or not at all.

    Raises OSError when a picture cannot be read.
    """
    height, width = _picture(pictures[0]).shape[:2]
    half = path.with_suffix(".half.mp4")
    options = {"crf": str(quality), "preset": PRESET, "svtav1-params": "lp=1:enable-overlays=0"}
    with av.open(str(half), "w") as film:
        stream = film.add_stream("libsvtav1", rate=10, options=options)
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.gop_size = MOST_GAP_FRAMES
        for picture, t_s in zip(pictures, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(_picture(picture), format="bgr24")
            frame.pts = round((t_s - times_s[0]) * TICKS_PER_S)
            frame.time_base = Fraction(1, TICKS_PER_S)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    half.replace(path)


def _picture(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    read = cv2.imread(str(path))
    if read is None:
        raise OSError(f"{path}: is no picture; delete it and render again")
    return np.asarray(read, np.uint8)
