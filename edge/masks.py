"""Privacy masks: parts of the picture that are burned black before anything looks at it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from contract.site_file import Camera, PolygonPx
from edge.frame import Picture


class Masks:
    """The masks of one camera, for pictures of one size."""

    def __init__(self, polygons: Sequence[PolygonPx], across: float = 1.0, down: float = 1.0) -> None:
        """`across`, `down`: pixels of the picture for one pixel of the calibration."""
        self._polygons: list[npt.NDArray[np.int32]] = [
            np.rint(np.asarray(polygon) * (across, down)).astype(np.int32) for polygon in polygons
        ]

    @classmethod
    def of(cls, camera: Camera, picture_width: int, picture_height: int) -> Masks:
        """The camera's masks for pictures of this size."""
        return cls(camera.masks, picture_width / camera.picture.width, picture_height / camera.picture.height)

    def burn(self, picture_bgr: Picture) -> None:
        """Blackens the masked parts in place; nothing of them is left in memory."""
        if self._polygons:
            cv2.fillPoly(picture_bgr, self._polygons, (0, 0, 0))
