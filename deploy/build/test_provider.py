"""Fetches the OpenID Connect provider that the tests sign in at (tests/provider) from npm, as its lock pins it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from deploy.build.page_vendor import ROOT, npm

FOLDER = ROOT / "tests" / "provider"
STAMP = FOLDER / "node_modules" / ".from"


def forget_addresses(lock: Path) -> None:
    """Takes out where packages ask for money: a lock holds no address."""
    found = json.loads(lock.read_text(encoding="utf-8"))
    for entry in found["packages"].values():
        entry.pop("funding", None)
    lock.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    if arguments == ["--lock"]:
        npm("install", "--package-lock-only", folder=FOLDER)
        forget_addresses(FOLDER / "package-lock.json")
    mark = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == mark:
        return 0
    print("esplanade: fetching the tests' OpenID Connect provider from npm")
    npm("ci", folder=FOLDER)
    STAMP.write_text(mark)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
