"""A Debian package unpacked for a while, to take single files out of it: by its name, without root."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DOWNLOAD_TIMEOUT_S: Final = 900.0


class PackageMissing(OSError):
    """The package is not to be had here; the message says what was tried."""


@contextmanager
def unpacked(package: str) -> Iterator[Path]:
    """A folder with the package's files as they lie under `/`, gone afterwards. Raises `PackageMissing`."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PackageMissing(f"package {package}: no apt-get and dpkg-deb here to fetch it")
    with tempfile.TemporaryDirectory() as folder:
        # apt's sandbox user can not write here; as this user it can.
        _run(["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", package], folder)
        found = sorted(Path(folder).glob("*.deb"))
        if not found:
            raise PackageMissing(f"apt-get download {package} left no package")
        _run(["dpkg-deb", "-x", str(found[0]), "out"], folder)
        yield Path(folder) / "out"


def _run(command: list[str], folder: str) -> None:
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S
        )
    except subprocess.CalledProcessError as wrong:
        raise PackageMissing(f"{' '.join(command)}: {wrong.stderr.strip()[-300:]}") from wrong
    except subprocess.TimeoutExpired as wrong:
        raise PackageMissing(f"{' '.join(command)}: no end after {DOWNLOAD_TIMEOUT_S:.0f} s") from wrong
