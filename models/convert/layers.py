"""The network as a list of convolution layers: batch normalisation folded in, box decoding cut off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.convert.tfjs_graph import Graph, Node

Doubles = NDArray[np.float64]

PICTURE: Final = "Preprocessor/sub"
"""The graph's picture, scaled to -1 to 1: the input of the first layer."""

LEVELS: Final = 6
CLASSES: Final = 91
KIND_CLASSES: Final = (1, 2, 3, 4, 6, 8)
"""COCO categories of person, bicycle, car, motorcycle, bus, truck; class 0 is the background."""


class GraphUnexpected(ValueError):
    """The graph holds something that this reading of it does not cover; the message names the node."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with SAME padding, then bias, then perhaps a sum with an earlier layer, then perhaps Relu6.

    `kernel`: float64 (out, in / groups, height, width). `bias`: float64 (out,). `source` and `plus`: names of
    layers, or `PICTURE`.
    """

    name: str
    kernel: Doubles
    bias: Doubles
    stride: int
    groups: int
    relu6: bool
    source: str
    plus: str | None

    def with_channels(self, channels: NDArray[np.intp]) -> Layer:
        """The layer with only these output channels: exact, since each is computed alone."""
        return replace(self, kernel=self.kernel[channels], bias=self.bias[channels])


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in order of computation; for each level the layer of the encodings and that of the class scores."""

    layers: tuple[Layer, ...]
    encodings: tuple[str, ...]
    scores: tuple[str, ...]


def network(graph: Graph, classes: tuple[int, ...] = KIND_CLASSES) -> Network:
    """Read the network from the graph, its class heads cut down to `classes`. Raises `GraphUnexpected`."""
    reading = _Reading(graph)
    heads = [
        tuple(reading.layer_of(f"BoxPredictor_{level}/{head}/BiasAdd") for level in range(LEVELS))
        for head in ("BoxEncodingPredictor", "ClassPredictor")
    ]
    encodings, scores = heads
    layers = []
    for layer in reading.layers.values():
        if layer.name in scores:
            per_anchor = np.arange(layer.bias.shape[0]).reshape(-1, CLASSES)
            layer = layer.with_channels(per_anchor[:, list(classes)].ravel())
        layers.append(layer)
    return Network(tuple(layers), encodings, scores)


class _Reading:
    """Walks back from a node to the picture and folds what it meets into layers."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.layers: dict[str, Layer] = {}
        self._layer_of: dict[str, str] = {PICTURE: PICTURE}

    def layer_of(self, name: str) -> str:
        """The layer whose output the node computes (or adds to), made if it is not there yet."""
        if name not in self._layer_of:
            self._layer_of[name] = self._read(self._graph.nodes[name])
        return self._layer_of[name]

    def _read(self, node: Node) -> str:
        match node.operation:
            case "Conv2D" | "DepthwiseConv2dNative":
                return self._convolution(node)
            case "AddN":
                return self._sum(node)
            case "Relu6":
                return self._changed(node.inputs[0], relu6=True)
            case "Mul" | "Add" | "BiasAdd" | "FusedBatchNorm":
                return self._folded(node)
        raise GraphUnexpected(f"node {node.name}: operation {node.operation} has no place in a layer")

    def _convolution(self, node: Node) -> str:
        source = self.layer_of(node.inputs[0])
        kernel = self._graph.constants[node.inputs[1]].astype(np.float64)
        _, stride, across, _ = node.integers("strides")
        if node.text("padding") != "SAME" or stride != across or set(node.integers("dilations")) - {1}:
            raise GraphUnexpected(
                f"node {node.name}: only SAME padding, square strides and no dilation are read"
            )
        inputs, outputs = kernel.shape[2:]
        if node.operation == "DepthwiseConv2dNative":
            if outputs != 1:
                raise GraphUnexpected(f"node {node.name}: a depthwise multiplier of {outputs}")
            groups, out = inputs, kernel.transpose(2, 3, 0, 1)
        else:
            groups, out = 1, kernel.transpose(3, 2, 0, 1)
        self.layers[node.name] = Layer(
            node.name, out, np.zeros(out.shape[0]), stride, groups, relu6=False, source=source, plus=None
        )
        return node.name

    def _folded(self, node: Node) -> str:
        """A per-channel product, sum or batch normalisation of a layer by constants."""
        source, constants = node.inputs[0], node.inputs[1:]
        if source in self._graph.constants:
            (source,), constants = node.inputs[1:], (node.inputs[0],)
        layer = self._open(source)
        values = [self._graph.constants[name].astype(np.float64) for name in constants]
        if node.operation == "Mul":
            if layer.plus is not None:
                raise GraphUnexpected(f"node {node.name}: a product after a sum of layers")
            return self._changed(source, **_scaled(layer, values[0]))
        if node.operation == "FusedBatchNorm":
            gamma, beta, mean, variance = values
            epsilon = float(node.attributes["epsilon"]["f"])
            scale = gamma / np.sqrt(variance + epsilon)
            scaled = _scaled(layer, scale)
            return self._changed(source, kernel=scaled["kernel"], bias=scaled["bias"] + beta - mean * scale)
        return self._changed(source, bias=layer.bias + values[0])

    def _sum(self, node: Node) -> str:
        fresh, earlier = node.inputs
        return self._changed(fresh, plus=self.layer_of(earlier))

    def _open(self, name: str) -> Layer:
        """The layer behind a node, which must not be used by anything else before it is finished."""
        layer = self.layers[self.layer_of(name)]
        users = [
            node.name
            for node in self._graph.nodes.values()
            if name in node.inputs and node.operation != "Shape"
        ]
        if len(users) != 1 or layer.relu6:
            raise GraphUnexpected(
                f"node {name}: used by {', '.join(users)}, so nothing can be folded into it"
            )
        return layer

    def _changed(self, name: str, **changes: Any) -> str:
        layer = replace(self._open(name), **changes)
        # A layer that waits for the other term of its sum must come after that term.
        del self.layers[layer.name]
        self.layers[layer.name] = layer
        return layer.name


def _scaled(layer: Layer, scale: Doubles) -> dict[str, Doubles]:
    return {"kernel": layer.kernel * scale[:, None, None, None], "bias": layer.bias * scale}
