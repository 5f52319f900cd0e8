"""Where a detector's graph is tapped: two of its inner tensors, at strides 8 and 16, as features of the people map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.density.fragment import outputs
from models.manifest import Model

Floats = NDArray[np.float32]

NEAR_STRIDE: Final = 8
FAR_STRIDE: Final = 16


class NoTaps(ValueError):
    """Nobody has said where this detector's graph is to be tapped; the message names those that are known."""


@dataclass(frozen=True, slots=True)
class Taps:
    """Tensor names in the graph and their channels. Both tensors are float32 (1, channels, height, width)."""

    near: str
    near_channels: int
    far: str
    far_channels: int


TAPS: Final[dict[str, Taps]] = {
    # expanded_conv_5 and expanded_conv_12 of MobileNetV2, dequantised
    "ssdlite-mobilenet-v2": Taps("l17_value", 32, "l38_value", 96),
    # what the detection heads of the two finer levels are fed with
    "yolox-nano": Taps("956", 64, "990", 128),
}


def taps_of(model: Model) -> Taps:
    """The taps of a detector of the manifest. Raises `NoTaps`."""
    if model.name not in TAPS:
        raise NoTaps(f"model {model.name}: no taps for a people map; there are some for {', '.join(TAPS)}")
    return TAPS[model.name]


class Backbone:
    """A detector's network, run for its tapped features alone."""

    def __init__(self, content: bytes, taps: Taps, threads: int = 1) -> None:
        """`content`: the detector's file, its input of any size. onnxruntime raises for one without these tensors."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        tapped = content + outputs((taps.near, taps.far))
        self.taps = taps
        self.session = onnxruntime.InferenceSession(tapped, options, providers=["CPUExecutionProvider"])
        self._input_name: str = self.session.get_inputs()[0].name

    def features(self, tensor: NDArray[Any]) -> tuple[Floats, Floats]:
        """Near (channels, h / 8, w / 8) and far (channels, h / 16, w / 16) for an input as the detector takes it."""
        near, far = self.session.run([self.taps.near, self.taps.far], {self._input_name: tensor})
        return near[0], far[0]
