"""One ONNX file from a detector's and a head: the detector's bytes, then the head's nodes (`fragment`).

Extra output `density`: float32 (1, 1, h / 8, w / 8), people per cell of 8 x 8 input pixels, never below 0; its sum is
the count. Every other output stays what it was, bit for bit. What the file says of itself stands in its metadata
(`METADATA`), which onnxruntime hands out.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
import numpy as np

from models.density import fragment
from models.density.head import About, Head, HeadWrong, sha256_of
from models.density.taps import Taps

OUTPUT: Final = "density"
CELL_PX: Final = 8
METADATA: Final = "esplanade.density"
"""Key of the metadata entry; its value is JSON of `Card`."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a combined file says of itself. The first `backbone_bytes` of the file hash to `about.backbone_sha256`."""

    head_sha256: str
    backbone_bytes: int
    about: About


def assembled(backbone: bytes, head: Head, taps: Taps) -> bytes:
    """The combined file. The same two give the same bytes. Raises `HeadWrong` where they do not belong together."""
    sha256 = hashlib.sha256(backbone).hexdigest()
    if sha256 != head.about.backbone_sha256:
        raise HeadWrong(
            f"head for {head.about.backbone}: made for a file with sha256 {head.about.backbone_sha256[:12]}, "
            f"this one has {sha256[:12]}; train or calibrate it for this detector"
        )
    card = Card(head_sha256=sha256_of(head), backbone_bytes=len(backbone), about=head.about)
    notes = {METADATA: msgspec.json.encode(card).decode()}
    return backbone + _piece(head, taps, notes)


def _piece(head: Head, taps: Taps, notes: dict[str, str]) -> bytes:
    arrays = dict(head.arrays())
    for name in ("near", "far", "last"):
        arrays[name] = arrays[name][:, :, None, None]
    # scale and threshold go into the last layer: relu((w x + b - t) s)
    arrays["last_bias"] = (
        (arrays["last_bias"] - np.float32(head.threshold)) * np.float32(head.scale)
    ).astype(np.float32)
    arrays["last"] = (arrays["last"] * np.float32(head.scale)).astype(np.float32)
    tensors = [fragment.tensor(f"density/{name}", array) for name, array in arrays.items()]
    # operator sets before 13 want the second input of Resize even where it means nothing
    tensors.append(fragment.tensor("density/nothing", np.zeros(0, np.float32)))
    tensors.append(fragment.tensor("density/twice", np.array([1, 1, 2, 2], np.float32)))
    nodes = []

    def node(operation: str, inputs: list[str], output: str, **attributes: fragment.Attribute) -> str:
        nodes.append(fragment.node(operation, inputs, output, attributes))
        return output

    def layer(source: str, name: str, **attributes: fragment.Attribute) -> str:
        inputs = [source, f"density/{name}", f"density/{name}_bias"]
        return node("Conv", inputs, f"density/{name}_conv", **attributes)

    near = node("Relu", [layer(taps.near, "near")], "density/near_relu")
    far = node("Relu", [layer(taps.far, "far")], "density/far_relu")
    inputs = [far, "density/nothing", "density/twice"]
    wide = node(
        "Resize", inputs, "density/far_wide", mode="nearest", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip
    both = node("Concat", [near, wide], "density/both", axis=1)
    joined = node("Relu", [layer(both, "join", pads=[1, 1, 1, 1])], "density/join_relu")
    node("Relu", [layer(joined, "last")], OUTPUT)
    output = fragment.value_info(OUTPUT, (1, 1, "density_rows", "density_columns"))
    return fragment.graph(nodes, tensors, [output], notes)


def card_of(metadata: dict[str, str], content: bytes, where: str) -> Card | None:
    """The card of a combined file, its first bytes checked against the hash it names; None for a plain detector.

    `metadata`: onnxruntime's custom_metadata_map. Raises `HeadWrong`.
    """
    if METADATA not in metadata:
        return None
    try:
        card = msgspec.json.decode(metadata[METADATA], type=Card)
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise HeadWrong(f"model file {where}: its entry {METADATA} can not be read: {wrong}") from wrong
    sha256 = hashlib.sha256(content[: card.backbone_bytes]).hexdigest()
    if sha256 != card.about.backbone_sha256:
        raise HeadWrong(
            f"model file {where}: its detector part has sha256 {sha256[:12]}, its entry says "
            f"{card.about.backbone_sha256[:12]}; it was changed after it was assembled"
        )
    return card
