"""A density network made elsewhere, in the form that DM-Count's exports have: picture in, people per cell out.

Input: float32 (1, 3, height, width), RGB, 0 to 1 and then normalised with ImageNet's mean and deviation. Output:
float32 (1, 1, rows, columns) whose sum is the number of people. Such a file is the user's own: pinned by its hash,
never fetched.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.combined_file import DensityRefused
from edge.detections import Detections, PeopleMap
from edge.detector import Detector
from edge.frame import Picture

MEAN_RGB: Final = (0.485, 0.456, 0.406)
DEVIATION_RGB: Final = (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, 0 to 1: what such networks are trained with (torchvision documents them with its models)."""
STEP_PX: Final = 32
MOST_PER_CELL: Final = 1e4
"""More people than this in one cell are no count. [E]"""


class ExternalMap:
    """One external network for one camera. Not for use by two threads at once."""

    def __init__(
        self, path: Path, sha256: str, *, frame_px: tuple[int, int] | None = None, threads: int = 1
    ) -> None:
        """`frame_px`: (height, width) that the picture is fitted into; None takes the picture's own size.

        Raises DensityRefused: another file than the pinned one, or not of the form above.
        """
        self._what = f"density model {path}"
        try:
            content = path.read_bytes()
        except OSError as wrong:
            raise DensityRefused(f"{self._what}: cannot be read: {wrong.strerror}") from None
        self.sha256 = hashlib.sha256(content).hexdigest()
        if self.sha256 != sha256:
            raise DensityRefused(
                f"{self._what}: has sha256 {self.sha256}, the configuration says {sha256}; it is not the file "
                "that was chosen"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as wrong:
            raise DensityRefused(f"{self._what}: onnxruntime cannot load it: {wrong}") from wrong
        inputs = self._session.get_inputs()
        shape: list[Any] = list(inputs[0].shape)
        if (
            len(inputs) != 1
            or len(shape) != 4
            or shape[1] not in (3, "3")
            or inputs[0].type != "tensor(float)"
        ):
            raise DensityRefused(
                f"{self._what}: takes {[(one.name, one.type, one.shape) for one in inputs]}; one float input of shape "
                "(1, 3, height, width) is expected"
            )
        fixed = isinstance(shape[2], int) and isinstance(shape[3], int)
        self._fixed_px: tuple[int, int] | None = (shape[2], shape[3]) if fixed else None
        self._frame_px = frame_px
        self._mean = np.asarray(MEAN_RGB, np.float32) * np.float32(255)
        self._deviation = np.asarray(DEVIATION_RGB, np.float32) * np.float32(255)

    def people_map(self, picture_bgr: Picture) -> PeopleMap:
        """People per cell of a uint8 (height, width, 3) picture, blue first. Raises DensityRefused."""
        picture_height, picture_width = picture_bgr.shape[:2]
        height, width = self._network_size(picture_height, picture_width)
        resized = cv2.resize(picture_bgr, (width, height), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(resized, np.float32)[:, :, ::-1]
        tensor = np.ascontiguousarray(((rgb - self._mean) / self._deviation).transpose(2, 0, 1))[None]
        try:
            outputs = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
        except Exception as wrong:
            raise DensityRefused(
                f"{self._what}: onnxruntime cannot run it on {height} x {width}: {wrong}"
            ) from wrong
        found: NDArray[Any] = np.asarray(outputs[0])
        if found.ndim != 4 or found.shape[:2] != (1, 1):
            raise DensityRefused(
                f"{self._what}: gives a tensor of shape {found.shape}; (1, 1, rows, columns) is expected"
            )
        cells = found[0, 0].astype(np.float32)
        if not np.isfinite(cells).all() or float(np.abs(cells).max(initial=0.0)) > MOST_PER_CELL:
            raise DensityRefused(f"{self._what}: gives numbers that are no count; is it a density network?")
        rows, columns = cells.shape
        return PeopleMap(np.maximum(cells, 0.0), picture_width / columns, picture_height / rows)

    def _network_size(self, picture_height: int, picture_width: int) -> tuple[int, int]:
        if self._fixed_px is not None:
            return self._fixed_px
        scale = 1.0
        if self._frame_px is not None:
            scale = min(self._frame_px[0] / picture_height, self._frame_px[1] / picture_width)
        return (
            max(STEP_PX, round(picture_height * scale / STEP_PX) * STEP_PX),
            max(STEP_PX, round(picture_width * scale / STEP_PX) * STEP_PX),
        )


class WithExternalMap:
    """A detector's boxes and an external network's map of the same picture."""

    def __init__(self, detector: Detector, external: ExternalMap) -> None:
        self.detector, self.external = detector, external
        self.name = f"{detector.name}+external"
        self.sha256 = hashlib.sha256(f"{detector.sha256}/{external.sha256}".encode()).hexdigest()

    def detect(self, picture_bgr: Picture) -> Detections:
        """As `Detector.detect`, with a map. Raises ValueError, DensityRefused."""
        boxes = self.detector.detect(picture_bgr)
        return Detections(boxes.boxes_xyxy, boxes.scores, boxes.kinds, self.external.people_map(picture_bgr))
