"""`esplanade-hub cap`: hold a file against CAP 1.2, and write examples for partners who build a reader."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hub.cap.check import check
from hub.cap.example import example

NAMES = ("1-alert.xml", "2-update.xml", "3-cancel.xml")
INVALID = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cap = commands.add_parser("cap", help="CAP 1.2: validate a message, write examples")
    parts = cap.add_subparsers(dest="cap", required=True)
    validate = parts.add_parser("validate", help="hold files against the rules of CAP 1.2; - reads the input")
    validate.add_argument("file", nargs="+", metavar="FILE")
    shown = parts.add_parser(
        "example", help="an invented alert, its update and its end, as partners get them"
    )
    shown.add_argument(
        "--out", type=Path, metavar="FOLDER", help="as three files; without it the alert is printed"
    )


def run(asked: argparse.Namespace) -> int:
    return _example(asked.out) if asked.cap == "example" else max(_validate(name) for name in asked.file)


def _validate(name: str) -> int:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        print(f"esplanade-hub: {name}: {error.strerror}", file=sys.stderr)
        return INVALID
    problems = check(data)
    for problem in problems:
        print(f"{name}: {problem}")
    broken = [one for one in problems if one.must]
    if broken:
        print(f"{name}: is no valid CAP 1.2 message ({len(broken)} problems)")
    elif problems:
        print(f"{name}: is valid CAP 1.2; we would not send it so")
    else:
        print(f"{name}: is valid CAP 1.2")
    return INVALID if broken else 0


def _example(folder: Path | None) -> int:
    documents = example()
    if folder is None:
        sys.stdout.buffer.write(documents[0])
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in zip(NAMES, documents, strict=True):
            (folder / name).write_bytes(document)
            print(folder / name)
    except OSError as error:
        print(f"esplanade-hub: {folder}: {error.strerror}", file=sys.stderr)
        return INVALID
    return 0
