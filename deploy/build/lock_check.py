"""Holds the locks against pyproject.toml and package.json, without a network (`make check`).

Every requirement is pinned, satisfied and hashed; nothing is pinned that nothing needs; the small locks pin what
dev.txt pins, so no set runs a version that the tests never saw; no file holds an address.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.build.components import ROOT, Pin, read_lock

# lock -> (extras, dependency groups) of pyproject.toml; the same as deploy/build/lock.sh compiles
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "edge": (("edge",), ()),
    "hub": (("hub",), ()),
    "models": (("models",), ()),
    "hub-all": (("hub", "oidc", "messengers", "parquet", "pdf"), ()),
    "scenes": (("scenes",), ()),
    "demo": (("edge", "hub"), ("demo",)),
    "dev": (("edge", "hub", "models", "scenes", "oidc", "messengers", "parquet", "pdf"), ("dev",)),
}
NPM_FOLDERS = (ROOT, ROOT / "tests" / "provider")
AGAIN = "run `make lock`"

Stated = Mapping[str, Sequence[str]]
"""Package -> what it needs for our use of it, where pyproject.toml states that in place of the wheel's own words."""


def stated(pyproject: dict[str, Any]) -> Stated:
    """The same entries that uv obeys when it makes the locks ([[tool.uv.dependency-metadata]])."""
    return {
        canonicalize_name(entry["name"]): entry["requires-dist"]
        for entry in pyproject["tool"]["uv"]["dependency-metadata"]
    }


def wanted(pyproject: dict[str, Any], extras: Iterable[str], groups: Iterable[str]) -> list[Requirement]:
    """What a set asks for directly."""
    project, table = pyproject["project"], pyproject["dependency-groups"]

    def group(name: str) -> Iterator[str]:
        for entry in table[name]:
            if isinstance(entry, str):
                yield entry
            else:
                yield from group(entry["include-group"])

    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    for name in groups:
        texts += group(name)
    return [Requirement(text) for text in texts]


def closure(direct: Iterable[Requirement], said: Stated) -> Iterator[tuple[str, Requirement]]:
    """Every requirement that `direct` brings on this platform, with what asks for it: as stated, else as installed."""
    waiting = [("pyproject.toml", requirement, "") for requirement in direct]
    done: set[tuple[str, str]] = set()
    while waiting:
        asker, requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        yield asker, requirement
        name = canonicalize_name(requirement.name)
        for wished in ("", *sorted(requirement.extras)):
            if (name, wished) in done:
                continue
            done.add((name, wished))
            try:
                asks = said[name] if name in said else importlib.metadata.distribution(name).requires or []
            except importlib.metadata.PackageNotFoundError:
                continue  # reported as not pinned, or as not installed, by the caller
            waiting += [(name, Requirement(text), wished) for text in asks]


def faults(
    lock: str, pins: list[Pin], direct: list[Requirement], dev: dict[str, str], said: Stated
) -> Iterator[str]:
    """What is wrong with one lock."""
    where = f"requirements/{lock}.txt"
    here = {pin.name: pin for pin in pins if pin.applies()}
    for pin in pins:
        if not pin.sha256:
            yield f"{where}: {pin.name} has no hash; {AGAIN}"
        if dev.get(pin.name) != pin.version:
            yield f"{where}: {pin.name} {pin.version}, but dev.txt has {dev.get(pin.name)}; {AGAIN}"
    needed: set[str] = set()
    for asker, requirement in closure(direct, said):
        name = canonicalize_name(requirement.name)
        needed.add(name)
        held = here.get(name)
        if held is None:
            yield f"{where}: {name}, which {asker} asks for, is not pinned; {AGAIN}"
        elif not requirement.specifier.contains(held.version, prereleases=True):
            yield f"{where}: {name} {held.version} is not {requirement.specifier}, as {asker} asks; {AGAIN}"
    for idle in sorted(here.keys() - needed):
        yield f"{where}: {idle} is pinned, but nothing asks for it; {AGAIN}"


def npm_faults(
    package: dict[str, Any], lock: dict[str, Any], where: str = "package-lock.json"
) -> Iterator[str]:
    """What is wrong with a lock of npm."""
    if lock["packages"][""].get("dependencies") != package["dependencies"]:
        yield f"{where}: not of this package.json; {AGAIN}"
    for path, entry in lock["packages"].items():
        if path and not entry.get("integrity", "").startswith("sha512-"):
            yield f"{where}: {path} has no sha512 integrity; {AGAIN}"
    for name, version in package["dependencies"].items():
        if not version[:1].isdigit():
            yield f"{where}: {name} {version} is no exact version"


def main() -> int:
    folder = ROOT / "requirements"
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locks = {name: read_lock(folder / f"{name}.txt") for name in (*SETS, "uv")}
    dev = {pin.name: pin.version for pin in locks["dev"]}
    said = stated(pyproject)
    found = [
        fault
        for name, (extras, groups) in SETS.items()
        for fault in faults(name, locks[name], wanted(pyproject, extras, groups), dev, said)
    ]
    found += faults("uv", locks["uv"], [Requirement("uv")], dev, said)
    for npm_folder in NPM_FOLDERS:
        found += npm_faults(
            json.loads((npm_folder / "package.json").read_text(encoding="utf-8")),
            json.loads((npm_folder / "package-lock.json").read_text(encoding="utf-8")),
            (npm_folder / "package-lock.json").relative_to(ROOT).as_posix(),
        )
    for path in (*sorted(folder.glob("*.txt")), *(one / "package-lock.json" for one in NPM_FOLDERS)):
        if "://" in path.read_text(encoding="utf-8"):
            found.append(f"{path.relative_to(ROOT)}: holds an address; {AGAIN}")
    for line in found:
        print(line, file=sys.stderr)
    print(f"locks: {len(dev)} pins, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
