"""Pieces of ONNX that are laid behind a detector's file as they stand.

Protocol buffers merge: a message read from two encodings laid end to end has the repeated fields of both
(protobuf's encoding guide, "Last One Wins" and embedded messages). So a file that is a detector's bytes followed by a
piece with more nodes, weights and outputs is the detector's graph with these added, and its first bytes can still be
held against the detector's hash. Nothing here needs the onnx package, so the edge can do it too.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64, FLOAT16 = 1, 7, 10
"""TensorProto.DataType."""
_TYPE_OF = {"float32": FLOAT, "int64": INT64, "float16": FLOAT16}
Attribute = int | float | str | list[int]


def varint(value: int) -> bytes:
    """Base 128, least group first; a negative number as its two's complement in 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _whole(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, array: NDArray[Any]) -> bytes:
    """A TensorProto with its values as raw bytes. Types: float32, float16, int64."""
    dimensions = b"".join(_whole(1, side) for side in array.shape)
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return dimensions + _whole(2, _TYPE_OF[str(array.dtype)]) + _bytes(8, name) + _bytes(9, little.tobytes())


def node(
    operation: str, inputs: Iterable[str], output: str, attributes: Mapping[str, Attribute] | None = None
) -> bytes:
    """A NodeProto with one output, whose name is the node's too."""
    content = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(3, output)
    content += _bytes(4, operation)
    for name, value in (attributes or {}).items():
        content += _bytes(5, _attribute(name, value))
    return content


def _attribute(name: str, value: Attribute) -> bytes:
    head = _bytes(1, name)
    if isinstance(value, str):
        return head + _bytes(4, value) + _whole(20, 3)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + _whole(20, 1)
    if isinstance(value, list):
        return head + b"".join(_whole(8, one) for one in value) + _whole(20, 7)
    return head + _whole(3, value) + _whole(20, 2)


def value_info(name: str, dimensions: Iterable[int | str]) -> bytes:
    """A float32 tensor's name and shape; a word is a free dimension."""
    shape = b""
    for side in dimensions:
        shape += _bytes(1, _bytes(2, side) if isinstance(side, str) else _whole(1, side))
    return _bytes(1, name) + _bytes(2, _bytes(1, _whole(1, FLOAT) + _bytes(2, shape)))


def graph(
    nodes: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    outputs: Iterable[bytes] = (),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A ModelProto with nothing but more of these, to be laid behind a whole one."""
    inner = b"".join(_bytes(1, one) for one in nodes)
    inner += b"".join(_bytes(5, one) for one in tensors)
    inner += b"".join(_bytes(12, one) for one in outputs)
    notes = b"".join(_bytes(14, _bytes(1, key) + _bytes(2, text)) for key, text in (metadata or {}).items())
    return _bytes(7, inner) + notes


def outputs(names: Iterable[str]) -> bytes:
    """The piece that makes inner tensors of a graph its outputs too."""
    return graph(outputs=[_bytes(1, name) for name in names])
