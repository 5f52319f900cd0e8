"""Fits a head to features and marked people: Adam (Kingma and Ba 2015) on a count-preserving loss.

The same examples, settings and seed give the same head on one machine; a fit that was stopped goes on from its last
checkpoint and ends at the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.density.head import ARRAYS, Head
from models.density.layers import LEAK, Arrays, backward, forward

Floats = NDArray[np.float32]

BLOCKS: Final = ((1, 1.0, 0.1), (2, 0.5, 0.2), (4, 0.5, 0.4), (8, 0.5, 0.8))
"""Sides of the square blocks of cells that are compared, each with its weight and its softness in people. [E]"""
MOST_NORM: Final = 5.0
"""Bound on the length of a step's slope. Not that of each block: that would teach to count too few. [E]"""
CHECKPOINT_EVERY: Final = 100


class FitWrong(ValueError):
    """The fit can not begin or go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Example:
    """`near` (c8, h, w), `far` (c16, h / 2, w / 2): features, float16 or float32. `target`: (h, w) people per cell.

    `known`: (h, w), 1 where the target holds, 0 where nothing is said (masked); None is 1 everywhere.
    """

    near: NDArray[np.floating]
    far: NDArray[np.floating]
    target: Floats
    known: Floats | None = None
    weight: float = 1.0


class Examples(Protocol):
    """What `fit` draws from; a list will do."""

    def __len__(self) -> int: ...
    def __getitem__(self, i: int) -> Example: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` of `batch` examples each; the rate rises over the first steps and falls as a cosine. `hold`: how strongly
    weights are pulled back to where they began (for a refit on few frames)."""

    steps: int
    batch: int = 8
    rate: float = 1e-3
    warm_up: int = 50
    hold: float = 0.0
    seed: int = 0


Progress = Callable[[int, int, float], None]
"""(steps done, of, mean loss of the last ones)."""


def fit(
    head: Head,
    examples: Examples | Sequence[Example],
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Head:
    """The head after `plan`. Scale and threshold are left as they are (`models.density.trim` sets them).

    `checkpoint`: a file that is written every `CHECKPOINT_EVERY` steps and gone on from where it is there.
    Raises `FitWrong`.
    """
    if len(examples) == 0:
        raise FitWrong("fit: there are no examples; mark frames or make samples first")
    state = _State.begun(head.arrays(), plan, checkpoint)
    start = {name: array.copy() for name, array in head.arrays().items()}
    recent: list[float] = []
    for step in range(state.step, plan.steps):
        slopes, loss = _batch(state.arrays, examples, plan, step)
        if plan.hold > 0.0:
            for name in ARRAYS:
                slopes[name] += np.float32(plan.hold) * (state.arrays[name] - start[name])
        state.move(slopes, _rate(plan, step))
        if not math.isfinite(loss):
            raise FitWrong(f"fit: the loss is {loss} at step {step}; lower the rate (now {plan.rate:g})")
        recent = [*recent[-49:], loss]
        if progress is not None:
            progress(step + 1, plan.steps, float(np.mean(recent)))
        if checkpoint is not None and (state.step % CHECKPOINT_EVERY == 0 or state.step == plan.steps):
            state.save(checkpoint, plan)
    return head.with_arrays(state.arrays)


def loss_and_slope(raw: Floats, target: Floats, known: Floats | None = None) -> tuple[float, Floats]:
    """Loss of `raw` (h, w) against the target, and its slope.

    Over blocks of several sizes with found D and true T: the slope in D is (D - T) / (D + e), that of a Poisson
    likelihood with both shifted by e, so that it vanishes where D is the mean of T.
    """
    found = np.maximum(raw, 0.0)
    if known is not None:
        found, target = found * known, target * known
    slope = np.zeros_like(raw)
    loss = 0.0
    for side, weight, soft in BLOCKS:
        d, t = _blocks(found, side), _blocks(target, side)
        pull = (d - t) / (d + soft)
        loss += weight * float(np.mean((d - t) - (t + soft) * np.log((d + soft) / (t + soft))))
        spread = np.repeat(np.repeat(pull, side, axis=0), side, axis=1)
        slope += np.float32(weight) * spread[: raw.shape[0], : raw.shape[1]]
    asleep = raw <= 0.0
    slope = np.where(asleep, np.minimum(slope, 0.0) * np.float32(LEAK), slope)
    if known is not None:
        slope = slope * known
    return loss, (slope / np.float32(raw.size)).astype(np.float32)


def _blocks(cells: Floats, side: int) -> Floats:
    """Sums over blocks; what hangs over the edge counts as empty."""
    if side == 1:
        return cells
    rows, columns = -cells.shape[0] % side, -cells.shape[1] % side
    padded = np.pad(cells, ((0, rows), (0, columns)))
    shape = (padded.shape[0] // side, side, padded.shape[1] // side, side)
    return np.asarray(padded.reshape(shape).sum(axis=(1, 3)), np.float32)


def _batch(
    arrays: Arrays, examples: Examples | Sequence[Example], plan: Plan, step: int
) -> tuple[Arrays, float]:
    """Mean slopes and loss of a step's examples. Every pass through all of them has an order of its own."""
    total = {name: np.zeros_like(arrays[name]) for name in ARRAYS}
    loss = 0.0
    for place in range(step * plan.batch, (step + 1) * plan.batch):
        turn, at = divmod(place, len(examples))
        order = np.random.default_rng([plan.seed, turn]).permutation(len(examples))
        example = examples[int(order[at])]
        passed = forward(arrays, example.near.astype(np.float32), example.far.astype(np.float32))
        one, slope = loss_and_slope(passed.raw, example.target, example.known)
        loss += one * example.weight
        for name, found in backward(arrays, passed, slope * np.float32(example.weight)).items():
            total[name] += found.reshape(total[name].shape)
    norm = (
        math.sqrt(sum(float(np.sum(slopes.astype(np.float64) ** 2)) for slopes in total.values()))
        / plan.batch
    )
    shrink = np.float32(min(1.0, MOST_NORM / max(norm, 1e-12)) / plan.batch)
    return {name: slopes * shrink for name, slopes in total.items()}, loss / plan.batch


def _rate(plan: Plan, step: int) -> float:
    rise = min(1.0, (step + 1) / max(plan.warm_up, 1))
    return plan.rate * rise * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / plan.steps)))


class _State:
    """Weights, Adam's two moments, and the steps done."""

    def __init__(self, arrays: Arrays, first: Arrays, second: Arrays, step: int) -> None:
        self.arrays, self.first, self.second, self.step = arrays, first, second, step

    @classmethod
    def begun(cls, arrays: Arrays, plan: Plan, checkpoint: Path | None) -> _State:
        if checkpoint is not None and checkpoint.is_file():
            return cls._read(checkpoint, plan)
        zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
        more = {name: np.zeros_like(array) for name, array in arrays.items()}
        return cls({name: array.copy() for name, array in arrays.items()}, zeros, more, 0)

    @classmethod
    def _read(cls, path: Path, plan: Plan) -> _State:
        try:
            with np.load(path) as kept:
                if str(kept["plan"]) != repr(plan):
                    raise FitWrong(
                        f"fit: {path} belongs to another plan ({kept['plan']}); delete it to begin anew"
                    )
                arrays, first, second = (
                    {name: kept[f"{part}/{name}"] for name in ARRAYS} for part in ("w", "m", "v")
                )
                return cls(arrays, first, second, int(kept["step"]))
        except (OSError, KeyError, ValueError, EOFError) as wrong:
            if isinstance(wrong, FitWrong):
                raise
            raise FitWrong(f"fit: checkpoint {path} is damaged ({wrong}); delete it to begin anew") from wrong

    def save(self, path: Path, plan: Plan) -> None:
        content: dict[str, Any] = {
            f"{part}/{name}": array
            for part, arrays in (("w", self.arrays), ("m", self.first), ("v", self.second))
            for name, array in arrays.items()
        }
        half = path.with_name(f".{path.name}.half.npz")
        np.savez(half, plan=np.array(repr(plan)), step=np.array(self.step), **content)
        half.replace(path)

    def move(self, slopes: Arrays, rate: float) -> None:
        """One step of Adam."""
        self.step += 1
        for name in ARRAYS:
            self.first[name] = np.float32(0.9) * self.first[name] + np.float32(0.1) * slopes[name]
            self.second[name] = np.float32(0.999) * self.second[name] + np.float32(0.001) * slopes[name] ** 2
            mean = self.first[name] / np.float32(1.0 - 0.9**self.step)
            spread = self.second[name] / np.float32(1.0 - 0.999**self.step)
            self.arrays[name] = self.arrays[name] - np.float32(rate) * mean / (
                np.sqrt(spread) + np.float32(1e-8)
            )
