"""The manifest: which detectors exist, what they are fed, how their outputs are read, where they come from.

`manifest.toml` is read once, checked, and turned into frozen values. A wrong key or type names the key.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import msgspec

KINDS: Final = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""The only kinds of object this product looks for. A detection's kind is an index into this tuple."""

SCHEMA: Final = 1


class ManifestWrong(ValueError):
    """The manifest can not be used; the message names the file and the key."""


class UnknownModel(LookupError):
    """No model of that name or content; the message lists those there are."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the network is fed.

    `tensor`: "uint8_nhwc" takes picture bytes as they are (normalised inside the graph); "float32_nchw" takes
    0 to 255 as float. `colour`: channel order. `height_px`, `width_px`: the size used unless told otherwise.
    `multiple_px`: each side is a multiple of this. `fixed_px`: the [height, width] the file declares although the
    network would take any; the detector frees it on loading. `person_px`: heights of people in the input: the
    least that is found at all, the least that is found well, the most.
    """

    tensor: Literal["uint8_nhwc", "float32_nchw"]
    colour: Literal["bgr", "rgb"]
    height_px: int
    width_px: int
    multiple_px: int
    fixed_px: tuple[int, int] | None = None
    person_px: tuple[int, int, int] | None = None


class Decode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How outputs become boxes. `columns`: for each of `KINDS`, the column of its score in the output."""

    kind: Literal["ssd", "yolox"]
    columns: tuple[int, int, int, int, int, int]
    overlap: float
    person_threshold: float
    vehicle_threshold: float


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the manifest. `addresses` is empty where the file comes with the package (`shipped`)."""

    name: str
    task: Literal["detection"]
    summary: str
    file: str
    shipped: bool
    size_bytes: int
    sha256: str
    licence: str
    card: str
    origin: str
    addresses: tuple[str, ...]
    input: Input
    decode: Decode

    @property
    def short_sha256(self) -> str:
        """The first 12 hexadecimal digits: what a Reading carries."""
        return self.sha256[:12]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All models, and the one used when none is named."""

    schema: int
    default: str
    model: tuple[Model, ...]

    def named(self, name: str) -> Model:
        """The model called `name`. Raises `UnknownModel`."""
        for model in self.model:
            if model.name == name:
                return model
        raise UnknownModel(
            f"model {name}: not in the manifest; it has {', '.join(m.name for m in self.model)}"
        )

    def with_sha256(self, sha256: str) -> Model | None:
        """The model whose file has this hash, or None."""
        return next((model for model in self.model if model.sha256 == sha256), None)


def parse(text: str, where: str) -> Manifest:
    """Parse and check a manifest. `where` names the file in errors. Raises `ManifestWrong`."""
    try:
        manifest = msgspec.convert(tomllib.loads(text), Manifest)
    except tomllib.TOMLDecodeError as wrong:
        raise ManifestWrong(f"{where}: not TOML: {wrong}") from wrong
    except msgspec.ValidationError as wrong:
        raise ManifestWrong(f"{where}: {wrong}") from wrong
    for complaint in _complaints(manifest):
        raise ManifestWrong(f"{where}: {complaint}")
    return manifest


def _complaints(manifest: Manifest) -> list[str]:
    found = []
    if manifest.schema != SCHEMA:
        found.append(f"schema is {manifest.schema}, this version reads {SCHEMA}")
    names = [model.name for model in manifest.model]
    if len(set(names)) != len(names):
        found.append("two models have the same name")
    if manifest.default not in names:
        found.append(f"default is {manifest.default!r}, which is no model here")
    for model in manifest.model:
        found += [f"model {model.name}: {what}" for what in _model_complaints(model)]
    return found


def _model_complaints(model: Model) -> list[str]:
    found = []
    if len(model.sha256) != 64 or set(model.sha256) - set("0123456789abcdef"):
        found.append("sha256 must be 64 lower-case hexadecimal digits")
    if model.size_bytes <= 0:
        found.append("size_bytes must be above 0")
    if Path(model.file).name != model.file or not model.file.endswith(".onnx"):
        found.append("file must be a bare name ending in .onnx")
    if not model.shipped and not model.addresses:
        found.append("addresses must not be empty for a model that is not shipped")
    if any(not address.startswith("https://") for address in model.addresses):
        found.append("addresses must begin with https://")
    feed, decode = model.input, model.decode
    for key, side_px in (("height_px", feed.height_px), ("width_px", feed.width_px)):
        if side_px <= 0 or feed.multiple_px <= 0 or side_px % feed.multiple_px:
            found.append(f"input.{key} must be a positive multiple of input.multiple_px")
    if feed.person_px is not None and not 0 < feed.person_px[0] < feed.person_px[1] < feed.person_px[2]:
        found.append("input.person_px must be three rising numbers of pixels")
    for key in ("overlap", "person_threshold", "vehicle_threshold"):
        if not 0.0 < getattr(decode, key) < 1.0:
            found.append(f"decode.{key} must lie between 0 and 1")
    if len(set(decode.columns)) != len(KINDS) or min(decode.columns) < 0:
        found.append(
            f"decode.columns must be {len(KINDS)} different columns, one for each of {', '.join(KINDS)}"
        )
    return found


@cache
def manifest() -> Manifest:
    """The manifest that came with this package. Raises `ManifestWrong`."""
    path = resources.files("models") / "manifest.toml"
    return parse(path.read_text(encoding="utf-8"), "models/manifest.toml")
