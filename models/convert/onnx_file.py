"""Layers written as ONNX: a picture goes in, box encodings and class scores come out, at any input size.

Input `picture`: uint8 (1, height, width, 3), blue first. Outputs `encodings`: float32 (1, n, 4), and `scores`:
float32 (1, n, classes), sigmoid already taken. Anchors and decoding are `models.ssd_boxes`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.convert.layers import PICTURE, Layer, Network

OPSET: Final = 17
IR_VERSION: Final = 8
PIXEL_SCALE: Final = 2.0 / 255.0
PIXEL_CENTRE: Final = 127.5
"""The first layer was trained on pixel * 2 / 255 - 1."""


class OnnxFile(ABC):
    """Collects nodes and initializers; subclasses say how a layer is stored and computed."""

    def __init__(self, network: Network, classes: int) -> None:
        self._network = network
        self._classes = classes
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._tensor_of: dict[str, str] = {}

    def content(self) -> bytes:
        """The file's bytes: the same for the same network, whatever the machine."""
        self._tensor_of[PICTURE] = self.picture()
        for number, layer in enumerate(self._network.layers):
            plus = None if layer.plus is None else self._tensor_of[layer.plus]
            self._tensor_of[layer.name] = self.layer(
                f"l{number:02d}", layer, self._tensor_of[layer.source], plus
            )
        self._head("encodings", self._network.encodings, 4)
        self._head("logits", self._network.scores, self._classes)
        self.node("Sigmoid", ["logits"], "scores")
        graph = helper.make_graph(
            self.nodes,
            "ssdlite-mobilenet-v2",
            [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, "height", "width", 3])],
            [
                helper.make_tensor_value_info("encodings", TensorProto.FLOAT, [1, "anchors", 4]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, "anchors", self._classes]),
            ],
            self.initializers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="esplanade",
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    @abstractmethod
    def picture(self) -> str:
        """Write the way from the input to the first layer's tensor and return its name."""

    @abstractmethod
    def layer(self, name: str, layer: Layer, source: str, plus: str | None) -> str:
        """Write a layer and return the name of its output."""

    def node(self, operation: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(operation, list(inputs), [output], output, **attributes))
        return output

    def value(self, name: str, array: NDArray[Any]) -> str:
        """Add an initializer and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolution(self, name: str, layer: Layer, inputs: list[str], output: str) -> str:
        """A Conv with TensorFlow's SAME padding: the smaller half before, the larger after."""
        side = layer.kernel.shape[2]
        attributes: dict[str, Any] = {"kernel_shape": [side, side], "strides": [layer.stride, layer.stride]}
        if side > 1:
            attributes["auto_pad"] = "SAME_UPPER"
        if layer.groups > 1:
            attributes["group"] = layer.groups
        return self.node("Conv", inputs, output, **attributes)

    def _head(self, name: str, levels: tuple[str, ...], width: int) -> None:
        """Lay the outputs of all levels end to end: one row an anchor."""
        shape = self.value(f"{name}_shape", np.array([1, -1, width], np.int64))
        rows = []
        for number, level in enumerate(levels):
            last = self.node("Transpose", [self._tensor_of[level]], f"{name}{number}_nhwc", perm=[0, 2, 3, 1])
            rows.append(self.node("Reshape", [last, shape], f"{name}{number}_rows"))
        self.node("Concat", rows, name, axis=1)


def pixel_kernel(layer: Layer) -> NDArray[np.float64]:
    """The first layer's kernel for pixels less `PIXEL_CENTRE`, blue first, instead of -1 to 1, red first."""
    return layer.kernel[:, ::-1] * PIXEL_SCALE


class FloatFile(OnnxFile):
    """Computes in float32; weights stored as `stored` (float32 or float16) and widened on loading."""

    def __init__(self, network: Network, classes: int, stored: type[np.floating[Any]]) -> None:
        super().__init__(network, classes)
        self._stored = stored

    def picture(self) -> str:
        planes = self.node("Transpose", ["picture"], "planes", perm=[0, 3, 1, 2])
        pixels = self.node("Cast", [planes], "pixels", to=TensorProto.FLOAT)
        centre = self.value("pixel_centre", np.array(PIXEL_CENTRE, np.float32))
        self.value("six", np.array(6, np.float32))
        self.value("nought", np.array(0, np.float32))
        return self.node("Sub", [pixels, centre], "centred")

    def layer(self, name: str, layer: Layer, source: str, plus: str | None) -> str:
        kernel = pixel_kernel(layer) if layer.source == PICTURE else layer.kernel
        inputs = [source, self._weights(f"{name}_kernel", kernel), self._weights(f"{name}_bias", layer.bias)]
        output = self.convolution(name, layer, inputs, f"{name}_conv")
        if plus is not None:
            output = self.node("Add", [output, plus], f"{name}_sum")
        if layer.relu6:
            output = self.node("Clip", [output, "nought", "six"], f"{name}_relu6")
        return output

    def _weights(self, name: str, array: NDArray[np.float64]) -> str:
        if self._stored is np.float32:
            return self.value(name, array.astype(np.float32))
        # float32 first: the double rounding of one step would not be reproducible from the float32 original.
        half = self.value(f"{name}_half", array.astype(np.float32).astype(self._stored))
        return self.node("Cast", [half], name, to=TensorProto.FLOAT)
