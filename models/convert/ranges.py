"""Ranges of the layers without Relu6, which 8-bit storage needs: read from a file, or measured on pictures.

They are committed, so that a conversion depends on nothing but the npm package and this folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.convert.int8_file import Range, before_sum
from models.convert.layers import Network
from models.convert.onnx_file import FloatFile

COMMITTED: Final = Path(__file__).with_name("ranges.toml")
SIZES_PX: Final = ((576, 768), (300, 300))
SMALLEST_PICTURE_PX: Final = 200
PERCENT: Final = 99.99
"""Beyond this share of values a range is cut: a finer step for all is worth more than the last outlier. [E]"""


def read(path: Path = COMMITTED) -> dict[str, Range]:
    """Ranges by layer name. Raises `OSError`, `tomllib.TOMLDecodeError`."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: (float(low), float(high)) for name, (low, high) in entries.items()}


def text(ranges: dict[str, Range]) -> str:
    """The file's text: three decimals are plenty."""
    return "".join(f'"{name}" = [{low:.3f}, {high:.3f}]\n' for name, (low, high) in sorted(ranges.items()))


def measured(network: Network, classes: int, folder: Path) -> dict[str, Range]:
    """The widest of the central `PERCENT` of values in any picture under `folder`. Needs onnxruntime and OpenCV."""
    import onnx
    import onnxruntime

    model = onnx.load_model_from_string(FloatFile(network, classes, np.float32).content())
    tensors = _tensors(network)
    for tensor in tensors.values():
        model.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, Range] = {}
    for picture in _pictures(folder):
        for name, values in zip(
            tensors, session.run(list(tensors.values()), {"picture": picture}), strict=True
        ):
            low, high = np.percentile(values, [100 - PERCENT, PERCENT])
            before = found.get(name, (0.0, 0.0))
            found[name] = (min(before[0], float(low)), max(before[1], float(high)))
    if not found:
        raise FileNotFoundError(f"{folder}: no picture with sides of {SMALLEST_PICTURE_PX} pixels or more")
    return found


def _tensors(network: Network) -> dict[str, str]:
    """Names under which `FloatFile` writes the values whose ranges are wanted."""
    heads = {*network.encodings, *network.scores}
    tensors = {}
    for number, layer in enumerate(network.layers):
        if layer.relu6 or layer.name in heads:
            continue
        if layer.plus is not None:
            tensors[before_sum(layer)] = f"l{number:02d}_conv"
        tensors[layer.name] = f"l{number:02d}_conv" if layer.plus is None else f"l{number:02d}_sum"
    return tensors


def _pictures(folder: Path) -> Iterator[NDArray[Any]]:
    import cv2

    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".png"):
            continue
        picture = cv2.imread(str(path))
        if picture is None or min(picture.shape[:2]) < SMALLEST_PICTURE_PX:
            continue
        for height, width in SIZES_PX:
            yield cv2.resize(picture, (width, height))[None]
