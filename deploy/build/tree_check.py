"""Refuses what must not be in git: registry hosts, paths of somebody's machine, unexplained large files.

`make check`. Everything git tracks or would add is read.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Written in pieces, so that this file does not hold what it looks for.
_HOSTS = (
    "py" + r"pi\.org",
    "python" + r"hosted\.org",
    "registry" + r"\.npm" + "js",
    "registry" + r"\.yarnpkg",
)
_MIRRORS = ("deb" + r"\.debian\.org", "archive" + r"\.ubuntu\.com", "security" + r"\.debian\.org")
REGISTRY = re.compile("|".join((*_HOSTS, *_MIRRORS)), re.IGNORECASE)
# a home or a scratch folder in quotes, prose or a shell word
MACHINE = re.compile(r"(?<![\w.])/(?:home/(?!user\b|\$)\w|root/|Users/\w|work/|tmp/\w)")
LARGE_BYTES = 2_000_000
LARGE: dict[str, str] = {
    "models/": "a shipped model, with its card and licence",
    "deploy/demo/market-evening.mp4": "the demo's clip, rendered by models/scenes (docs/demo-scene.md)",
}


def tracked() -> list[str]:
    """Every path that git tracks or would add, below ROOT."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(set(filter(None, listed.stdout.split("\0"))))


def faults(name: str, content: bytes) -> Iterator[str]:
    """What one file must not hold."""
    if len(content) > LARGE_BYTES and not any(name.startswith(place) for place in LARGE):
        yield f"{name}: {len(content):,} bytes; large files need a reason in deploy/build/tree_check.py"
    if b"\0" in content[:8192]:
        return
    for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), start=1):
        if found := REGISTRY.search(line):
            yield f"{name}:{number}: names the registry host {found[0]}; locks and docs hold no address"
        elif found := MACHINE.search(line):
            yield f"{name}:{number}: names a path of one machine ({found[0]}...)"


def main() -> int:
    found = [
        fault
        for name in tracked()
        if (path := ROOT / name).is_file()
        for fault in faults(name, path.read_bytes())
    ]
    for line in found:
        print(line, file=sys.stderr)
    print(f"tree: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
