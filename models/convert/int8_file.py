"""Layers written as ONNX that onnxruntime computes in 8 bits: quantise and dequantise pairs around each layer."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from models.convert.int8_steps import steps
from models.convert.layers import PICTURE, Layer, Network
from models.convert.onnx_file import PIXEL_SCALE, OnnxFile

Range = tuple[float, float]

RELU6_RANGE: Final[Range] = (0.0, 6.0)
PIXEL_ZERO: Final = 128
LEVELS: Final = 255


def before_sum(layer: Layer) -> str:
    """The name under which the range of a layer's convolution stands, where something is added to it."""
    return f"{layer.name}/before"


class Int8File(OnnxFile):
    """int8 weights per output channel, uint8 activations per tensor; the last layer of each head in float.

    `ranges`: (lowest, highest) output of each layer without Relu6 that is not a head, and under `before_sum` that of
    its convolution alone where it has a `plus`. Layers with Relu6 lie in 0 to 6 by definition, and saturation does
    its work. The heads stay in float (weights stored in 16 bits): they are small, and 8 bits there cost the most.
    """

    def __init__(self, network: Network, classes: int, ranges: dict[str, Range]) -> None:
        super().__init__(network, classes)
        self._ranges = ranges
        self._heads = {*network.encodings, *network.scores}
        self._scale_of: dict[str, float] = {}

    def picture(self) -> str:
        planes = self.node("Transpose", ["picture"], "planes", perm=[0, 3, 1, 2])
        self._scale_of["pixels"] = float(np.float32(PIXEL_SCALE))
        inputs = [planes, *self._scale_and_zero("pixels", PIXEL_SCALE, PIXEL_ZERO)]
        return self.node("DequantizeLinear", inputs, "pixels")

    def layer(self, name: str, layer: Layer, source: str, plus: str | None) -> str:
        if layer.name in self._heads:
            return self._head_layer(name, layer, source)
        kernel, bias = layer.kernel, layer.bias
        if layer.source == PICTURE:
            # Blue first; and the zero of 8-bit pixels is 128, half a step above the true centre.
            kernel = kernel[:, ::-1]
            half_step = PIXEL_SCALE / 2
            bias = np.array([b + half_step * math.fsum(k.ravel()) for b, k in zip(bias, kernel, strict=True)])
        whole = steps(kernel, bias, source_scale=self._scale_of[source], dense=layer.groups == 1)
        inputs = [
            source,
            self._per_channel(f"{name}_kernel", whole.kernel, whole.kernel_scales),
            self._per_channel(f"{name}_bias", whole.bias, whole.bias_scales),
        ]
        output = self.convolution(name, layer, inputs, f"{name}_conv")
        if plus is not None:
            output = self._pair(f"{name}_before", output, self._ranges[before_sum(layer)])
            output = self.node("Add", [output, plus], f"{name}_sum")
        return self._pair(name, output, RELU6_RANGE if layer.relu6 else self._ranges[layer.name])

    def _head_layer(self, name: str, layer: Layer, source: str) -> str:
        half = self.value(f"{name}_half", layer.kernel.astype(np.float32).astype(np.float16))
        kernel = self.node("Cast", [half], f"{name}_kernel", to=TensorProto.FLOAT)
        bias = self.value(f"{name}_bias", layer.bias.astype(np.float32))
        return self.convolution(name, layer, [source, kernel, bias], f"{name}_conv")

    def _per_channel(self, name: str, whole: NDArray[Any], scales: NDArray[np.float32]) -> str:
        inputs = [
            self.value(f"{name}_steps", whole),
            self.value(f"{name}_scales", scales),
            self.value(f"{name}_zero", np.zeros(scales.shape, whole.dtype)),
        ]
        return self.node("DequantizeLinear", inputs, name, axis=0)

    def _pair(self, name: str, source: str, within: Range) -> str:
        """Quantise to uint8 over a range and back."""
        low, high = min(within[0], 0.0), max(within[1], 0.0)
        scale = float(np.float32((high - low) / LEVELS))
        zero = min(max(round(-low / scale), 0), LEVELS)
        grid = self._scale_and_zero(name, scale, zero)
        whole = self.node("QuantizeLinear", [source, *grid], f"{name}_steps")
        self._scale_of[f"{name}_value"] = scale
        return self.node("DequantizeLinear", [whole, *grid], f"{name}_value")

    def _scale_and_zero(self, name: str, scale: float, zero: int) -> list[str]:
        return [
            self.value(f"{name}_scale", np.array(scale, np.float32)),
            self.value(f"{name}_zero", np.array(zero, np.uint8)),
        ]
