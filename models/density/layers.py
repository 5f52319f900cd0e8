"""The head computed in NumPy, forwards and backwards. One picture at a time; the forward pass equals the ONNX one.

Reverse-mode differentiation by hand of the few layers there are; a test holds it against finite differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.density.head import JOINED, WIDTH, Head

Floats = NDArray[np.float32]
Arrays = dict[str, Floats]

LEAK: Final = 0.05
"""Share of a wish for more people that passes a cell which stands at zero: otherwise it could never wake."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What the way back needs of the way there."""

    near_in: Floats
    far_in: Floats
    near: Floats
    far: Floats
    columns: Floats
    joined: Floats
    raw: Floats


def density(head: Head, near: Floats, far: Floats) -> Floats:
    """People per cell (h, w) from near (c8, h, w) and far (c16, h / 2, w / 2), as the assembled file gives them."""
    raw = forward(head.arrays(), near, far).raw
    return np.asarray(
        np.maximum((raw - np.float32(head.threshold)) * np.float32(head.scale), 0.0), np.float32
    )


def forward(arrays: Arrays, near: Floats, far: Floats) -> Passed:
    """All layers up to the last one's plain value, `raw` (h, w)."""
    rows, columns = near.shape[1:]
    near_in = np.ascontiguousarray(near, np.float32).reshape(near.shape[0], -1)
    far_in = np.ascontiguousarray(far, np.float32).reshape(far.shape[0], -1)
    close = np.maximum(arrays["near"] @ near_in + arrays["near_bias"][:, None], 0.0)
    wide = np.maximum(arrays["far"] @ far_in + arrays["far_bias"][:, None], 0.0)
    padded = np.zeros((2 * WIDTH, rows + 2, columns + 2), np.float32)
    padded[:WIDTH, 1:-1, 1:-1] = close.reshape(WIDTH, rows, columns)
    grid = wide.reshape(WIDTH, rows // 2, columns // 2)
    for i in (0, 1):
        for j in (0, 1):
            padded[WIDTH:, 1 + i : rows + 1 : 2, 1 + j : columns + 1 : 2] = grid
    patches = np.empty((2 * WIDTH, 9, rows, columns), np.float32)
    for k in range(9):
        patches[:, k] = padded[:, k // 3 : k // 3 + rows, k % 3 : k % 3 + columns]
    flat = patches.reshape(18 * WIDTH, -1)
    joined = np.maximum(arrays["join"].reshape(JOINED, -1) @ flat + arrays["join_bias"][:, None], 0.0)
    raw = (arrays["last"] @ joined + arrays["last_bias"][:, None]).reshape(rows, columns)
    return Passed(near_in, far_in, close, wide, flat, joined, raw)


def backward(arrays: Arrays, passed: Passed, slope: Floats) -> dict[str, Any]:
    """Slopes of all weights from that of `raw` (h, w)."""
    rows, columns = slope.shape
    flat = slope.reshape(1, -1)
    found: dict[str, Any] = {"last": flat @ passed.joined.T, "last_bias": np.sum(flat, axis=1)}
    joined = (arrays["last"].T @ flat) * (passed.joined > 0.0)
    found["join"] = (joined @ passed.columns.T).reshape(arrays["join"].shape)
    found["join_bias"] = np.sum(joined, axis=1)
    patches = (arrays["join"].reshape(JOINED, -1).T @ joined).reshape(2 * WIDTH, 9, rows, columns)
    padded = np.zeros((2 * WIDTH, rows + 2, columns + 2), np.float32)
    for k in range(9):
        padded[:, k // 3 : k // 3 + rows, k % 3 : k % 3 + columns] += patches[:, k]
    inner = padded[:, 1:-1, 1:-1]
    close = inner[:WIDTH].reshape(WIDTH, -1) * (passed.near > 0.0)
    halves = inner[WIDTH:].reshape(WIDTH, rows // 2, 2, columns // 2, 2).sum(axis=(2, 4))
    wide = halves.reshape(WIDTH, -1) * (passed.far > 0.0)
    found["near"], found["near_bias"] = close @ passed.near_in.T, np.sum(close, axis=1)
    found["far"], found["far_bias"] = wide @ passed.far_in.T, np.sum(wide, axis=1)
    return found
