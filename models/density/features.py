"""Features of crops, computed once and kept: one file an example, so that a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.density import crops, sample
from models.density.fit import Example
from models.density.inputs import tensor
from models.density.taps import Backbone
from models.manifest import Model

Picture = NDArray[np.uint8]
Progress = Callable[[int, int], None]
"""(done, of)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Examples in files, read when asked for."""

    paths: tuple[Path, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Example:
        path = self.paths[i]
        try:
            with np.load(path) as arrays:
                return Example(arrays["near"], arrays["far"], arrays["target"], None, self.weight)
        except (OSError, KeyError, ValueError, EOFError) as wrong:
            raise OSError(f"features {path}: damaged ({wrong}); delete it and train again") from wrong


@dataclass(frozen=True, slots=True)
class Both:
    """Two sets of examples end to end."""

    first: Kept
    second: Kept

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, i: int) -> Example:
        return self.first[i] if i < len(self.first) else self.second[i - len(self.first)]


def of_samples(
    folder: Path,
    samples: Path,
    wanted: list[int],
    variants: int,
    grounds: list[Picture],
    model: Model,
    backbone: Backbone,
    seed: int,
    progress: Progress | None = None,
) -> Kept:
    """Examples of the samples with these numbers, `variants` crops of each. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for done, i in enumerate(wanted):
        names = [folder / f"{i:05d}-{variant}.npz" for variant in range(variants)]
        if not all(path.is_file() for path in names):
            whole = sample.read(samples, i)
            for variant, path in enumerate(names):
                crop = crops.of_sample(whole, np.random.default_rng([seed, i, variant]), grounds)
                _keep(path, crop, model, backbone)
        paths += names
        if progress is not None:
            progress(done + 1, len(wanted))
    return Kept(tuple(paths))


def of_empties(
    folder: Path,
    pictures: list[Picture],
    variants: int,
    model: Model,
    backbone: Backbone,
    seed: int,
    weight: float,
    progress: Progress | None = None,
) -> Kept:
    """Examples of people-free pictures, `variants` crops of each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i, picture in enumerate(pictures):
        for variant in range(variants):
            path = folder / f"empty-{i:05d}-{variant}.npz"
            paths.append(path)
            if not path.is_file():
                crop = crops.of_empty(picture, np.random.default_rng([seed, 1_000_000 + i, variant]))
                _keep(path, crop, model, backbone)
        if progress is not None:
            progress(i + 1, len(pictures))
    return Kept(tuple(paths), weight)


def deviations(examples: Kept, most: int = 200) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Deviation of each near and each far channel over some of the examples."""
    step = max(1, len(examples) // most)
    near, far = [], []
    for i in range(0, len(examples), step):
        example = examples[i]
        near.append(example.near.astype(np.float64).reshape(example.near.shape[0], -1))
        far.append(example.far.astype(np.float64).reshape(example.far.shape[0], -1))
    found = [np.concatenate(parts, axis=1).std(axis=1).astype(np.float32) for parts in (near, far)]
    return found[0], found[1]


def _keep(path: Path, crop: crops.Crop, model: Model, backbone: Backbone) -> None:
    size_px = (crop.picture.shape[0], crop.picture.shape[1])
    near, far = backbone.features(tensor(model, crop.picture, size_px))
    half = path.with_name(f".{path.stem}.half.npz")
    np.savez(half, near=near.astype(np.float16), far=far.astype(np.float16), target=crop.target)
    half.replace(path)
