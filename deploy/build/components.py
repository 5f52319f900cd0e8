"""What a running Esplanade is made of: Python packages from the locks, npm packages in the page, shipped models.

Everything is read from this checkout and the environment that `make setup` made; nothing is asked of the network.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.markers import Marker

from models.manifest import manifest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_LOCKS = ("edge", "hub", "hub-all", "models", "demo", "scenes")

# Licence fields older than SPDX expressions, as packages write them.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
}
_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "MIT License": "MIT",
}

_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?: *; *(?P<marker>[^\\]+?))? *\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]

    def applies(self) -> bool:
        """Whether it belongs on this platform and Python."""
        return not self.marker or Marker(self.marker).evaluate()


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that we depend on or ship. `licence` is an SPDX expression, or what its maker wrote, or empty."""

    kind: str  # pypi | npm | model
    name: str
    version: str
    licence: str
    sha256: str = ""
    used_by: tuple[str, ...] = ()
    libraries: tuple[str, ...] = field(default=())  # shared libraries bundled in its wheel, by stem

    @property
    def purl(self) -> str:
        name = self.name.replace("@", "%40") if self.kind == "npm" else self.name
        kind = "generic" if self.kind == "model" else self.kind
        return f"pkg:{kind}/{name}@{self.version}"


def read_lock(path: Path) -> list[Pin]:
    """The pins of a lock that uv wrote. Raises ValueError on a line that is neither a pin nor a hash."""
    pins: list[Pin] = []
    hashes: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if found := _PIN.match(line):
            hashes = []
            pins.append(Pin(found["name"], found["version"], found["marker"] or "", ()))
        elif pins and (digest := _HASH.search(line)):
            hashes.append(digest[1])
            last = pins[-1]
            pins[-1] = Pin(last.name, last.version, last.marker, tuple(hashes))
        elif line.strip():
            raise ValueError(f"{path.name}:{number}: neither a pin nor a hash: {line.strip()}")
    return pins


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """The licence a Python package states, as SPDX where its words allow that; empty when it states none."""
    (expression,) = metadata.get_all("License-Expression") or [""]
    if expression:
        return str(expression)
    written = str((metadata.get_all("License") or [""])[0]).strip()
    classifiers = [
        text.rsplit("::", 1)[-1].strip()
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::") and text != "License :: OSI Approved"
    ]
    known = [_CLASSIFIERS.get(text, text) for text in classifiers]
    # the field is the finer one (BSD License says nothing of 2 or 3 clauses), unless it holds the whole text
    if written and "\n" not in written and len(written) < 60:
        return _WORDS.get(written, written)
    return " AND ".join(sorted(set(known)))


def _libraries(distribution: importlib.metadata.Distribution) -> tuple[str, ...]:
    """Stems of the shared libraries that a wheel bundles in its *.libs folder: libx264-d65.so.165 -> libx264."""
    stems = {
        re.split(r"-[0-9a-f]{8}|\.so", path.name)[0]
        for path in distribution.files or []
        if path.parts[0].endswith(".libs") and ".so" in path.name
    }
    return tuple(sorted(stems))


def python_components() -> Iterator[Component]:
    """Everything the runtime locks install on this platform."""
    used_by: dict[str, list[str]] = {}
    pins: dict[str, Pin] = {}
    for lock in RUNTIME_LOCKS:
        for pin in read_lock(ROOT / "requirements" / f"{lock}.txt"):
            if pin.applies():
                pins[pin.name] = pin
                used_by.setdefault(pin.name, []).append(lock)
    for name, pin in sorted(pins.items()):
        distribution = importlib.metadata.distribution(name)
        yield Component(
            kind="pypi",
            name=name,
            version=pin.version,
            licence=licence_of(distribution.metadata),
            used_by=tuple(used_by[name]),
            libraries=_libraries(distribution),
        )


def npm_components() -> Iterator[Component]:
    """Everything package-lock.json pins."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for path, entry in sorted(lock["packages"].items()):
        if path:
            yield Component(
                kind="npm",
                name=path.removeprefix("node_modules/"),
                version=entry["version"],
                licence=entry.get("license", ""),
                used_by=("page",),
            )


def model_components() -> Iterator[Component]:
    """The models that the manifest knows; the shipped ones are in our wheel, the others are fetched by choice."""
    for model in manifest().model:
        yield Component(
            kind="model",
            name=model.name,
            version=model.short_sha256,
            licence=model.licence,
            sha256=model.sha256,
            used_by=("shipped",) if model.shipped else ("fetched by choice",),
        )


def components() -> list[Component]:
    return [*python_components(), *npm_components(), *model_components()]
