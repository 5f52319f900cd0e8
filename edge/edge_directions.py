"""Where a picture's edges run, whatever the light: tells another light from another view.

Lamps, sun and shadows change how strong an edge is and which side of it is bright, not where it lies nor along which
line it runs. So each pixel is told by its gradient's direction, doubled so that an edge and its negative are one, and
two pictures are compared at all displacements: the same view peaks at none.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

GreyPicture = npt.NDArray[np.float32]
"""(height, width), 0 to 255."""
DirectionField = npt.NDArray[np.complex64]
"""Per pixel: twice the gradient's angle as the complex argument, a damped strength as the modulus."""

STRONG: Final = 8.0
"""Gradient, in grey levels a pixel, from which on an edge counts no more: a lamp must not outweigh a street. [E]"""
MARGIN_SHARE: Final = 0.1
"""Left out at the top and the bottom, where cameras write their name and the time. [E]"""
BLACK: Final = 1.0
BLACK_AROUND_PX: Final = 5
"""Burned-in masks move with no camera: edges this near to pixels that have always been black are left out. [E]"""
REACH_SHARE: Final = 0.25
"""Displacements compared, as a share of the picture's sides. [E]"""
NEAR_PX: Final = 1
FAR_PX: Final = 6
PEAK_LEAST: Final = 0.08
PEAK_DEVIATIONS: Final = 6.0
"""In place: the correlation at no displacement (give or take a pixel) is the greatest, at least this, and stands this
many standard deviations above those at displacements of at least FAR_PX. Measured in docs/picture-health.md. [E]"""


class EdgeDirections:
    """Remembers where one view's edges run."""

    def __init__(self) -> None:
        self._field: DirectionField | None = None
        self._black: npt.NDArray[np.bool_] | None = None

    def learn(self, grey: GreyPicture, gain: float) -> None:
        """Moves the memory by the share `gain` towards this picture; the first is taken whole. All of one size."""
        field, black = _field(grey), grey < BLACK
        if self._field is None or self._black is None:
            self._field, self._black = field, black
        else:
            self._field += gain * (field - self._field)
            self._black &= black

    def in_place(self, grey: GreyPicture) -> bool:
        """Whether this picture shows the remembered view, not displaced. False when either shows no edges."""
        if self._field is None or self._black is None:
            return False
        around = np.ones((BLACK_AROUND_PX, BLACK_AROUND_PX), np.uint8)
        counts = cv2.dilate(self._black.astype(np.uint8), around) == 0
        margin = round(grey.shape[0] * MARGIN_SHARE)
        counts[:margin] = counts[grey.shape[0] - margin :] = False
        return _in_place(self._field * counts, _field(grey) * counts)


def _field(grey: GreyPicture) -> DirectionField:
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3) / 8.0
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3) / 8.0
    doubled = (across + 1j * down) ** 2
    squared = np.abs(doubled)
    field = np.zeros(grey.shape, np.complex64)
    np.divide(doubled, squared, out=field, where=squared > 0.0)
    field *= np.minimum(squared**0.25, STRONG**0.5)
    return field


def _in_place(remembered: DirectionField, now: DirectionField) -> bool:
    height, width = now.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    one, other = remembered * window, now * window
    strength = float(np.sqrt((np.abs(one) ** 2).sum() * (np.abs(other) ** 2).sum()))
    if strength == 0.0:
        return False
    padded = (2 * height, 2 * width)  # so that no displacement wraps around
    spectrum = np.conj(np.fft.fft2(one, s=padded)) * np.fft.fft2(other, s=padded)
    likeness = np.fft.fftshift(np.real(np.fft.ifft2(spectrum))) / strength
    down_px, across_px = round(height * REACH_SHARE), round(width * REACH_SHARE)
    likeness = likeness[height - down_px : height + down_px + 1, width - across_px : width + across_px + 1]
    down, across = np.mgrid[-down_px : down_px + 1, -across_px : across_px + 1]
    peak = float(likeness[(np.abs(down) <= NEAR_PX) & (np.abs(across) <= NEAR_PX)].max())
    far = likeness[np.hypot(down, across) >= FAR_PX]
    least = max(PEAK_LEAST, float(far.max()), float(far.mean()) + PEAK_DEVIATIONS * float(far.std()))
    return peak >= least
