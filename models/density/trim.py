"""Scale and threshold of a fitted head, from rendered examples that it was not fitted on, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.density.fit import Example, Examples
from models.density.head import Head
from models.density.layers import forward

THRESHOLDS: Final = (0.0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.014, 0.018, 0.024, 0.03, 0.04, 0.05)
"""People per cell that are tried."""
SOFT_PEOPLE: Final = 10.0
"""An error counts as a share of the true count and this. [E]"""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The head with both set, and how it counts: `mae` in people, `bias` as a share, `empty`: found where nobody is."""

    head: Head
    mae: float
    bias: float
    empty: float


def trimmed(head: Head, examples: Examples) -> Trimmed:
    """Choose the threshold with the least mean relative error, and for each the scale at which counts balance."""
    raw = [
        forward(head.arrays(), e.near.astype(np.float32), e.far.astype(np.float32)).raw
        for e in _all(examples)
    ]
    true = np.array([float(e.target.sum()) for e in _all(examples)])
    best: tuple[float, Head, NDArray[np.float64]] | None = None
    for threshold in THRESHOLDS:
        found = np.array([float(np.maximum(one - threshold, 0.0).sum()) for one in raw])
        weight = 1.0 / (true + SOFT_PEOPLE)
        scale = float((weight * true).sum() / max((weight * found).sum(), 1e-9))
        scale = float(np.clip(scale, 0.2, 5.0))
        loss = float(np.mean(np.abs(found * scale - true) * weight))
        if best is None or loss < best[0]:
            best = (loss, replace(head, scale=scale, threshold=threshold), found * scale)
    if best is None:
        raise ValueError("trim: there are no thresholds to try")
    _, chosen, counted = best
    empty = counted[true == 0.0]
    return Trimmed(
        chosen,
        float(np.mean(np.abs(counted - true))),
        float(counted.sum() / max(true.sum(), 1e-9) - 1.0),
        float(empty.mean()) if empty.size else 0.0,
    )


def _all(examples: Examples) -> Iterator[Example]:
    return (examples[i] for i in range(len(examples)))
