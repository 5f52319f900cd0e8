"""The original graph, node by node, in numpy: slow, plain, and independent of our reading of it into layers.

It serves to check the converter. Values keep TensorFlow's layout (batch, height, width, channels).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.convert.layers import PICTURE
from models.convert.tfjs_graph import Graph, Node

Value = NDArray[Any]

BOXES: Final = "Postprocessor/ExpandDims_1"
"""The graph's decoded boxes: (1, 1917, 1, 4) as ymin, xmin, ymax, xmax, in parts of the picture."""
SCORES: Final = "Postprocessor/Slice"
"""The graph's scores: (1, 1917, 90), background dropped."""
TRAINED_PX: Final = 300


class OperationUnknown(ValueError):
    """The graph has an operation that is not written here; the message names it."""


def evaluate(graph: Graph, picture_rgb: NDArray[np.uint8], names: tuple[str, ...]) -> list[Value]:
    """Values of nodes for a picture of uint8 (300, 300, 3), red first: the size the graph itself resizes to."""
    if picture_rgb.shape != (TRAINED_PX, TRAINED_PX, 3):
        raise ValueError(f"the original graph is fed 300 by 300 pictures here, not {picture_rgb.shape}")
    scale, centre = graph.constants["Preprocessor/mul/x"], graph.constants["Preprocessor/sub/y"]
    values: dict[str, list[Value]] = {PICTURE: [picture_rgb[None].astype(np.float32) * scale - centre]}
    values |= {name: [constant] for name, constant in graph.constants.items()}
    return [_value(graph, name, values) for name in names]


def _value(graph: Graph, reference: str, values: dict[str, list[Value]]) -> Value:
    name, _, output = reference.partition(":")
    if name not in values:
        node = graph.nodes[name]
        inputs = [_value(graph, source, values) for source in node.inputs]
        operation = OPERATIONS.get(node.operation)
        if operation is None:
            raise OperationUnknown(f"node {name}: operation {node.operation} is not written in the reference")
        result = operation(node, inputs)
        values[name] = result if isinstance(result, list) else [result]
    return values[name][int(output or 0)]


def _same_windows(value: Value, side: int, stride: int) -> Value:
    """Windows (1, rows, columns, channels, side, side) under SAME padding."""
    pads = []
    for size in value.shape[1:3]:
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(value, ((0, 0), *pads, (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]


def _convolution(node: Node, inputs: list[Value]) -> Value:
    value, kernel = inputs
    side, stride = kernel.shape[0], node.integers("strides")[1]
    windows = _same_windows(value, side, stride)
    _, rows, columns, channels, _, _ = windows.shape
    flat = windows.transpose(0, 1, 2, 4, 5, 3).reshape(rows * columns, side * side * channels)
    return (flat @ kernel.reshape(-1, kernel.shape[3])).reshape(1, rows, columns, -1)


def _depthwise(node: Node, inputs: list[Value]) -> Value:
    value, kernel = inputs
    side, stride = kernel.shape[0], node.integers("strides")[1]
    windows = _same_windows(value, side, stride)
    total: Value = np.zeros(windows.shape[:4], np.float32)
    for row in range(side):
        for column in range(side):
            total += windows[..., row, column] * kernel[row, column, :, 0]
    return total


def _normalised(node: Node, inputs: list[Value]) -> Value:
    value, gamma, beta, mean, variance = inputs
    epsilon = np.float32(node.attributes["epsilon"]["f"])
    return (value - mean) * (gamma / np.sqrt(variance + epsilon)) + beta


def _strided_slice(node: Node, inputs: list[Value]) -> Value:
    """Only the form that picks one element of a shape."""
    value, begin, _, _ = inputs
    return np.asarray(value[int(begin[0])])


def _slice(node: Node, inputs: list[Value]) -> Value:
    value, begin, size = inputs
    spans = zip(begin, size, value.shape, strict=True)
    return value[tuple(slice(b, full if s < 0 else b + s) for b, s, full in spans)]


OPERATIONS: Final[dict[str, Callable[[Node, list[Value]], Value | list[Value]]]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "FusedBatchNorm": _normalised,
    "Mul": lambda node, inputs: inputs[0] * inputs[1],
    "Add": lambda node, inputs: inputs[0] + inputs[1],
    "BiasAdd": lambda node, inputs: inputs[0] + inputs[1],
    "AddN": lambda node, inputs: inputs[0] + inputs[1],
    "Sub": lambda node, inputs: inputs[0] - inputs[1],
    "Exp": lambda node, inputs: np.exp(inputs[0]),
    "Relu6": lambda node, inputs: np.clip(inputs[0], 0, 6),
    "Sigmoid": lambda node, inputs: 1 / (1 + np.exp(-inputs[0])),
    "Shape": lambda node, inputs: np.array(inputs[0].shape, np.int32),
    "StridedSlice": _strided_slice,
    "Pack": lambda node, inputs: np.stack(inputs),
    "Unpack": lambda node, inputs: list(inputs[0]),
    "Reshape": lambda node, inputs: inputs[0].reshape(inputs[1]),
    "Transpose": lambda node, inputs: inputs[0].transpose(inputs[1]),
    "Tile": lambda node, inputs: np.tile(inputs[0], inputs[1]),
    "ConcatV2": lambda node, inputs: np.concatenate(inputs[:-1], axis=int(inputs[-1])),
    "Squeeze": lambda node, inputs: inputs[0].squeeze(2),
    "ExpandDims": lambda node, inputs: np.expand_dims(inputs[0], int(inputs[1])),
    "Slice": _slice,
}
