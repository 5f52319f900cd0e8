"""Fetches the OpenID Connect provider that the tests sign in at (tests/provider) from npm, as its lock pins it."""

from __future__ import annotations

import hashlib
import sys

from deploy.build.page_vendor import ROOT, npm

FOLDER = ROOT / "tests" / "provider"
STAMP = FOLDER / "node_modules" / ".from"


def main(arguments: list[str]) -> int:
    if arguments == ["--lock"]:
        npm("install", "--package-lock-only", folder=FOLDER)
    mark = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == mark:
        return 0
    print("esplanade: fetching the tests' OpenID Connect provider from npm")
    npm("ci", folder=FOLDER)
    STAMP.write_text(mark)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
