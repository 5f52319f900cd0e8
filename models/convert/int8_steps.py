"""Weights in whole steps of 8 bits, chosen so that the network's answers move as little as possible.

Two choices beyond plain rounding, both measured (docs/models.md):

- The steps of an output channel are rounded so that their sum is kept (largest remainders go up). Inputs are smooth
  and mostly positive, so an error of the sum shifts the whole channel, while errors that cancel do little. In the
  3x3 depthwise layers, with nine weights a channel, this takes most of the error away.
- In dense layers two neighbouring weights of one sign sum to at most 128 steps. Processors without VNNI add two
  products of uint8 and int8 into 16 bits, and 255 * 128 still fits. Halving all weights would be the plain way.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MOST_STEPS: Final = 127
MOST_PAIR_STEPS: Final = 126
"""128 less one for each weight that rounding may lift."""
LARGEST_BIAS_STEPS: Final = 2.0**30
SMALLEST_SCALE: Final = 1e-30


class Steps(NamedTuple):
    """`kernel`: int8, shaped as the layer's. `bias`: int32 (out,). Scales: float32 (out,), value of one step."""

    kernel: NDArray[np.int8]
    bias: NDArray[np.int32]
    kernel_scales: NDArray[np.float32]
    bias_scales: NDArray[np.float32]


def steps(kernel: Doubles, bias: Doubles, *, source_scale: float, dense: bool) -> Steps:
    """Steps of a kernel (out, in / groups, height, width) whose input has steps of `source_scale`."""
    rows = kernel.reshape(kernel.shape[0], -1)
    scales = np.abs(rows).max(axis=1) / MOST_STEPS
    if dense:
        for part in (np.maximum(rows, 0), np.maximum(-rows, 0)):
            scales = np.maximum(scales, (part[:, 1:] + part[:, :-1]).max(axis=1) / MOST_PAIR_STEPS)
    # A channel whose weights have all but vanished still needs a step in which its bias fits 32 bits.
    scales = np.maximum(scales, np.abs(bias) / (source_scale * LARGEST_BIAS_STEPS))
    kernel_scales = np.maximum(scales, SMALLEST_SCALE).astype(np.float32)
    bias_scales = kernel_scales * np.float32(source_scale)
    whole = sum_kept(rows / kernel_scales[:, None].astype(np.float64))
    return Steps(
        np.clip(whole, -MOST_STEPS, MOST_STEPS).astype(np.int8).reshape(kernel.shape),
        np.rint(bias / bias_scales.astype(np.float64)).astype(np.int32),
        kernel_scales,
        bias_scales,
    )


def sum_kept(rows: Doubles) -> Doubles:
    """Round each value up or down to a whole so that each row's sum is its own sum rounded."""
    low = np.floor(rows)
    remainders = rows - low
    ups = np.rint(remainders.sum(axis=1)).astype(np.int64)
    order = np.argsort(-remainders, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return np.asarray(low + (rank < ups[:, None]), dtype=np.float64)
