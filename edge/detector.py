"""One picture in, `Detections` out: the same `Detector` over SSD and YOLOX networks, with a density head or without."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.detections import KINDS, Detections, PeopleMap, best_without_overlap
from models import free_input, ssd_boxes, yolox_boxes
from models.density.assemble import CELL_PX, OUTPUT
from models.manifest import Model, UnknownModel, manifest
from models.store import located

__all__ = ["KINDS", "Detections", "Detector", "ModelUnreadable"]

MOST_INPUT_PX: Final = 2048
MOST_CANDIDATES: Final = 1000
MOST_DETECTIONS: Final = 300
"""Bounds on the work that one picture can cause. [E]"""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Candidates = tuple[Floats, Floats, NDArray[np.uint8]]
"""Boxes (n, 4) in input pixels, scores (n,), kinds (n,)."""


class ModelUnreadable(ValueError):
    """The model's file is the right one and onnxruntime can still not use it; the message says why."""


class Detector:
    """Finds people and vehicles in pictures with one network. Not for use by two threads at once.

    The network's input follows the picture: `input_size` (height, width) is a frame that the picture is fitted into
    with its aspect kept, each side then rounded to the network's step. So a 16:9 camera wastes nothing on padding.
    """

    def __init__(
        self,
        model: Model,
        content: bytes,
        *,
        input_size: tuple[int, int] | None = None,
        threads: int = 1,
        person_threshold: float | None = None,
        vehicle_threshold: float | None = None,
        name: str | None = None,
        sha256: str | None = None,
    ) -> None:
        """`content`: the model's file, or one with a density head added, whose own name and hash are then given."""
        self.model = model
        self.name = name or model.name
        self.sha256 = sha256 or model.sha256
        feed, decode = model.input, model.decode
        step = feed.multiple_px
        frame_px = input_size or (feed.height_px, feed.width_px)
        if min(frame_px) < step or max(frame_px) > MOST_INPUT_PX:
            raise ValueError(
                f"model {model.name}: input_size {frame_px} must lie between {step} and {MOST_INPUT_PX} pixels a side"
            )
        self._frame_px = frame_px
        person = decode.person_threshold if person_threshold is None else person_threshold
        vehicle = decode.vehicle_threshold if vehicle_threshold is None else vehicle_threshold
        for name, threshold in (("person_threshold", person), ("vehicle_threshold", vehicle)):
            if not 0.0 < threshold < 1.0:
                raise ValueError(f"model {model.name}: {name} {threshold} must lie between 0 and 1")
        self.thresholds: Floats = np.array([person] + [vehicle] * (len(KINDS) - 1), dtype=np.float32)
        self.session = _session(model, content, threads)
        self._input_name: str = self.session.get_inputs()[0].name
        self.makes_map: bool = self.session.get_outputs()[-1].name == OUTPUT
        self._columns = np.array(decode.columns)
        self._read = READERS[decode.kind]

    @classmethod
    def load(
        cls,
        name_or_path: str | Path | None = None,
        *,
        input_size: tuple[int, int] | None = None,
        threads: int = 1,
        person_threshold: float | None = None,
        vehicle_threshold: float | None = None,
    ) -> Detector:
        """Load a model by its name in the manifest, or a file of it; None is the manifest's default.

        Thresholds default to those the manifest gives. Raises `UnknownModel`, `models.store.ModelMissing`,
        `models.store.WrongContent` (the file is not the one whose hash the manifest holds), `ModelUnreadable`,
        or `ValueError` for a size or threshold out of range.
        """
        model, path = _chosen(name_or_path)
        return cls(
            model,
            path.read_bytes(),
            input_size=input_size,
            threads=threads,
            person_threshold=person_threshold,
            vehicle_threshold=vehicle_threshold,
        )

    @property
    def short_sha256(self) -> str:
        """First 12 hexadecimal digits of the model file's SHA-256."""
        return self.sha256[:12]

    def at(self, input_size: tuple[int, int]) -> Detector:
        """The same network for another camera's input size. Shares the session: one thread may use both."""
        other = copy.copy(self)
        other._frame_px = input_size
        return other

    def network_size(self, picture_height_px: int, picture_width_px: int) -> tuple[int, int]:
        """The (height, width) the network sees for a picture of this size."""
        height_px, width_px = self._frame_px
        step = self.model.input.multiple_px
        scale = min(height_px / picture_height_px, width_px / picture_width_px)
        return (
            max(step, round(picture_height_px * scale / step) * step),
            max(step, round(picture_width_px * scale / step) * step),
        )

    def tensor(self, picture_bgr: Picture) -> tuple[NDArray[Any], float, float]:
        """The network's input for a picture, and how many input pixels one picture pixel is across and down."""
        picture_height, picture_width = picture_bgr.shape[:2]
        height, width = self.network_size(picture_height, picture_width)
        across, down = width / picture_width, height / picture_height
        if (height, width) != (picture_height, picture_width):
            resized = cv2.resize(picture_bgr, (width, height), interpolation=cv2.INTER_LINEAR)
            picture_bgr = np.asarray(resized, dtype=np.uint8)
        if self.model.input.tensor == "uint8_nhwc":
            return np.ascontiguousarray(picture_bgr)[None], across, down
        swap = self.model.input.colour == "rgb"
        return cv2.dnn.blobFromImage(picture_bgr, swapRB=swap), across, down

    def detect(self, picture_bgr: Picture) -> Detections:
        """Find people and vehicles in a uint8 (height, width, 3) picture, blue first. Raises `ValueError` on others."""
        if picture_bgr.dtype != np.uint8 or picture_bgr.ndim != 3 or picture_bgr.shape[2] != 3:
            raise ValueError(
                f"model {self.name}: a picture must be uint8 (height, width, 3), "
                f"this is {picture_bgr.dtype} {picture_bgr.shape}"
            )
        tensor, across, down = self.tensor(picture_bgr)
        outputs = self.session.run(None, {self._input_name: tensor})
        people_map = None
        if self.makes_map:
            cells = np.asarray(outputs[-1][0, 0], np.float32)
            people_map = PeopleMap(
                np.maximum(cells, 0.0), CELL_PX / across, CELL_PX / down, spread_known=True
            )
        boxes, scores, kinds = self._read(outputs, tensor.shape, self._columns, self.thresholds)
        if scores.shape[0] == 0:
            return Detections.none(people_map)
        height, width = picture_bgr.shape[:2]
        boxes *= np.array([1 / across, 1 / down, 1 / across, 1 / down], dtype=np.float32)
        np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32), out=boxes)
        kept = best_without_overlap(
            boxes, scores, kinds, overlap=self.model.decode.overlap, most=MOST_DETECTIONS
        )
        return Detections(boxes[kept], scores[kept], kinds[kept], people_map)


def _chosen(name_or_path: str | Path | None) -> tuple[Model, Path]:
    """The manifest entry meant, and its verified file."""
    known = manifest()
    text = str(name_or_path) if name_or_path is not None else known.default
    path = Path(text)
    if isinstance(name_or_path, str | None) and not (text.endswith(".onnx") or "/" in text):
        model = known.named(text)
        return model, located(model)
    if not path.is_file():
        raise UnknownModel(
            f"model file {path}: not there; give a name of {', '.join(m.name for m in known.model)}"
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    by_content = known.with_sha256(sha256)
    if by_content is None:
        raise UnknownModel(
            f"model file {path}: sha256 {sha256} is in no manifest entry, so nothing says how to read its outputs; "
            f"add an entry to manifest.toml or use one of {', '.join(m.name for m in known.model)}"
        )
    return by_content, path


def _session(model: Model, content: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # Idle worker threads must not burn the cores that decode the next frame.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if model.input.fixed_px is not None:
        content = free_fixed_sides(content, model.input.fixed_px)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as wrong:
        raise ModelUnreadable(
            f"model {model.name}: onnxruntime {onnxruntime.__version__} can not load it: {wrong}"
        ) from wrong


def free_fixed_sides(content: bytes, fixed_px: tuple[int, int]) -> bytes:
    """`models.free_input.free_fixed_sides`; raises `ModelUnreadable`."""
    try:
        return free_input.free_fixed_sides(content, fixed_px)
    except free_input.InputFixed as wrong:
        raise ModelUnreadable(str(wrong)) from wrong


def _ssd(
    outputs: list[Any], shape: tuple[int, ...], columns: NDArray[np.intp], thresholds: Floats
) -> Candidates:
    """Outputs: encodings (1, n, 4) and scores (1, n, k)."""
    encodings, scores = outputs[0][0], outputs[1][0]
    if not np.array_equal(columns, np.arange(scores.shape[1])):
        scores = scores[:, columns]
    rows, kinds = np.nonzero(scores >= thresholds)
    rows, kinds, chosen = _strongest(rows, kinds, scores[rows, kinds])
    boxes = ssd_boxes.boxes_xyxy(encodings[rows], ssd_boxes.anchors(shape[1], shape[2]), rows)
    return boxes, chosen, kinds.astype(np.uint8)


def _yolox(
    outputs: list[Any], shape: tuple[int, ...], columns: NDArray[np.intp], thresholds: Floats
) -> Candidates:
    """Output: (1, n, 5 + classes): box, objectness, class scores. A score is objectness times class score."""
    output = outputs[0][0]
    # Objectness alone already rules most cells out.
    likely = np.flatnonzero(output[:, yolox_boxes.OBJECTNESS] >= thresholds.min())
    output = output[likely]
    scores = output[:, yolox_boxes.FIRST_CLASS + columns] * output[:, yolox_boxes.OBJECTNESS, None]
    rows, kinds = np.nonzero(scores >= thresholds)
    rows, kinds, chosen = _strongest(rows, kinds, scores[rows, kinds])
    cells = yolox_boxes.cells(shape[2], shape[3])
    boxes = yolox_boxes.boxes_xyxy(output[rows, : yolox_boxes.BOX_COLUMNS], cells, likely[rows])
    return boxes, chosen, kinds.astype(np.uint8)


def _strongest(
    rows: NDArray[np.intp], kinds: NDArray[np.intp], scores: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    if scores.shape[0] > MOST_CANDIDATES:
        best = np.sort(np.argsort(-scores, kind="stable")[:MOST_CANDIDATES])
        return rows[best], kinds[best], scores[best]
    return rows, kinds, scores


READERS: Final[dict[str, Callable[..., Candidates]]] = {"ssd": _ssd, "yolox": _yolox}
