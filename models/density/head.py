"""The head: about 32,000 weights that turn tapped features into people per cell, and the file they are kept in.

    near (c8, h, w)        -> 1x1, 32 channels, ReLU  \\
    far (c16, h/2, w/2)    -> 1x1, 32 channels, ReLU, each value repeated 2x2 -> 3x3 over both, 48 channels, ReLU
    -> 1x1, 1 channel -> (value - threshold) * scale, no less than 0

The file is MessagePack, read strictly: what it holds is `HeadFile`. The same head is always the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.density.errors import Errors
from models.density.taps import Taps

Floats = NDArray[np.float32]

WIDTH: Final = 32
JOINED: Final = 48
SCHEMA: Final = 1
MOST_BYTES: Final = 2_000_000


class HeadWrong(ValueError):
    """The file is no head that can be used; the message says why."""


class Band(Struct, frozen=True, forbid_unknown_fields=True):
    """Measured error where truth lies in [from_per_m2, to_per_m2): shares of the true count.

    `bias`: sum of (found - true) over the sum of true. `relative_sigma`: root mean square of what the bias leaves,
    over the mean of true. `n`: patches of ground measured (`models.density.patches`).
    """

    from_per_m2: float
    to_per_m2: float
    bias: float
    relative_sigma: float
    n: int


class About(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a head says of itself.

    `backbone`, `backbone_sha256`: the detector it belongs to. `tall_px`: height of a standing adult in the network's
    input, least and most, for which it was made. `camera`: the one it was calibrated for, or none. `created_at`: UTC,
    given by whoever made it. `trained_on`: in words. `frames`: marked frames, by name. `held_out`: measured numbers.
    A calibrated head also says `calibration` (the camera's, as the site file had it), `input_px` (height and width that
    the picture is fitted into) and `errors` as measured on frames it was not fitted to.
    """

    backbone: str
    backbone_sha256: str
    tall_px: tuple[float, float]
    trained_on: str
    created_at: str = ""
    camera: str | None = None
    frames: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    held_out: dict[str, float] = {}
    calibration: str | None = None
    input_px: tuple[int, int] | None = None
    errors: Errors | None = None


class HeadFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content: little-endian float32 values of each array, row by row."""

    schema: int
    about: About
    scale: float
    threshold: float
    shapes: dict[str, tuple[int, ...]]
    values: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """`near` (32, c8), `far` (32, c16), `join` (48, 64, 3, 3), `last` (1, 48), and a bias (out,) for each."""

    about: About
    near: Floats
    near_bias: Floats
    far: Floats
    far_bias: Floats
    join: Floats
    join_bias: Floats
    last: Floats
    last_bias: Floats
    scale: float = 1.0
    threshold: float = 0.0

    def arrays(self) -> dict[str, Floats]:
        """The weights by name, always in this order."""
        return {name: getattr(self, name) for name in ARRAYS}

    def with_arrays(self, arrays: dict[str, Floats]) -> Head:
        """The same head with other weights."""
        return _headed(self.about, arrays, self.scale, self.threshold)

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(array.size for array in self.arrays().values())


ARRAYS: Final = ("near", "near_bias", "far", "far_bias", "join", "join_bias", "last", "last_bias")


def shapes(taps: Taps) -> dict[str, tuple[int, ...]]:
    """The shape of every array for features of these channels."""
    return {
        "near": (WIDTH, taps.near_channels),
        "near_bias": (WIDTH,),
        "far": (WIDTH, taps.far_channels),
        "far_bias": (WIDTH,),
        "join": (JOINED, 2 * WIDTH, 3, 3),
        "join_bias": (JOINED,),
        "last": (1, JOINED),
        "last_bias": (1,),
    }


def fresh(
    about: About, taps: Taps, seed: int, near_std: Floats | None = None, far_std: Floats | None = None
) -> Head:
    """A head before training: He et al. 2015, weights drawn from a seed.

    `near_std`, `far_std`: deviation of each feature channel, by which its weights are divided.
    """
    rng = np.random.default_rng(seed)
    arrays: dict[str, Floats] = {}
    for name, shape in shapes(taps).items():
        if name.endswith("_bias"):
            arrays[name] = np.zeros(shape, np.float32)
        else:
            spread = np.sqrt(2.0 / np.prod(shape[1:]))
            arrays[name] = rng.normal(0.0, spread, shape).astype(np.float32)
    for name, deviation in (("near", near_std), ("far", far_std)):
        if deviation is not None:
            arrays[name] = (arrays[name] / np.maximum(deviation, 1e-3)).astype(np.float32)
    arrays["last"] *= np.float32(0.1)
    arrays["last_bias"][:] = 0.02
    return _headed(about, arrays)


def _headed(about: About, arrays: dict[str, Floats], scale: float = 1.0, threshold: float = 0.0) -> Head:
    near, near_bias, far, far_bias, join, join_bias, last, last_bias = (
        np.asarray(arrays[name], np.float32) for name in ARRAYS
    )
    return Head(about, near, near_bias, far, far_bias, join, join_bias, last, last_bias, scale, threshold)


def encode(head: Head) -> bytes:
    """The file's bytes."""
    content = HeadFile(
        SCHEMA,
        head.about,
        float(head.scale),
        float(head.threshold),
        {name: array.shape for name, array in head.arrays().items()},
        {name: array.astype("<f4").tobytes() for name, array in head.arrays().items()},
    )
    return msgspec.msgpack.encode(content)


def decode(content: bytes, where: str, taps: Taps | None = None) -> Head:
    """A head from a file's bytes. Raises `HeadWrong` naming `where`, also when it does not fit the taps."""
    if len(content) > MOST_BYTES:
        raise HeadWrong(f"head {where}: {len(content)} bytes, at most {MOST_BYTES} are read")
    try:
        file = msgspec.msgpack.decode(content, type=HeadFile)
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise HeadWrong(f"head {where}: not a head file: {wrong}") from wrong
    if file.schema != SCHEMA:
        raise HeadWrong(f"head {where}: schema {file.schema}, this version reads {SCHEMA}")
    if set(file.shapes) != set(ARRAYS) or set(file.values) != set(ARRAYS):
        raise HeadWrong(f"head {where}: holds {', '.join(sorted(file.values))}, not {', '.join(ARRAYS)}")
    near, far = file.shapes["near"], file.shapes["far"]
    fits = taps or Taps("", near[-1] if near else 0, "", far[-1] if far else 0)
    arrays: dict[str, Floats] = {}
    for name, shape in shapes(fits).items():
        if tuple(file.shapes[name]) != shape or len(file.values[name]) != 4 * int(np.prod(shape)):
            raise HeadWrong(f"head {where}: {name} has shape {file.shapes[name]}, not {shape}")
        arrays[name] = np.frombuffer(file.values[name], "<f4").astype(np.float32).reshape(shape)
    if not all(np.isfinite(array).all() for array in arrays.values()) or not 0.0 < file.scale < 1e3:
        raise HeadWrong(f"head {where}: a weight or the scale is no usable number")
    return _headed(file.about, arrays, file.scale, file.threshold)


def read(path: Path, taps: Taps | None = None) -> Head:
    """Raises `HeadWrong`, OSError."""
    return decode(path.read_bytes(), str(path), taps)


def write(head: Head, path: Path) -> None:
    """Whole or not at all. Raises OSError."""
    half = path.with_name(f".{path.name}.half")
    half.write_bytes(encode(head))
    half.replace(path)


def sha256_of(head: Head) -> str:
    """Of the file's bytes."""
    return hashlib.sha256(encode(head)).hexdigest()
