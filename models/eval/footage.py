"""vtest.avi, the footage that the hand labels belong to: found on this machine, or taken from Debian's opencv-doc."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from models.debian_package import PackageMissing, unpacked
from models.store import sha256_of

VARIABLE: Final = "ESPLANADE_VTEST"
NAME: Final = "vtest.avi"
SHA256: Final = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
DEBIAN_PACKAGE: Final = "opencv-doc"
_IN_PACKAGE: Final = f"usr/share/doc/opencv-doc/examples/data/{NAME}"


class FootageMissing(FileNotFoundError):
    """The footage is not to be had here; the message says what was tried and what to do."""


def cached() -> Path:
    """Where a downloaded copy is kept: the user's cache folder (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "esplanade" / NAME


def vtest(*, download: bool = True) -> Path:
    """A verified copy of vtest.avi.

    Looks at ESPLANADE_VTEST, at an installed opencv-doc and in the cache folder; then, if `download`, fetches the
    Debian package with apt-get (no root needed). Raises `FootageMissing`.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return checked(Path(chosen))
    for path in (Path("/") / _IN_PACKAGE, cached()):
        if path.is_file() and sha256_of(path) == SHA256:
            return path
    if not download:
        raise FootageMissing(f"{NAME} is not on this machine; set {VARIABLE} to a copy")
    return _downloaded()


def checked(path: Path) -> Path:
    """The path, if it holds the footage the labels belong to. Raises `FootageMissing`."""
    if not path.is_file():
        raise FootageMissing(f"footage {path}: not there; set {VARIABLE} or --footage to a copy of {NAME}")
    got = sha256_of(path)
    if got != SHA256:
        raise FootageMissing(f"footage {path}: sha256 {got} is not {NAME} of {DEBIAN_PACKAGE} ({SHA256})")
    return path


def _downloaded() -> Path:
    remedy = f"set {VARIABLE} to a copy of {NAME} from Debian's {DEBIAN_PACKAGE}"
    try:
        with unpacked(DEBIAN_PACKAGE) as folder:
            found = checked(folder / _IN_PACKAGE)
            target = cached()
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{NAME}.{os.getpid()}")
            shutil.copyfile(found, partial)
            partial.replace(target)
            return target
    except PackageMissing as wrong:
        raise FootageMissing(f"{NAME} is not on this machine, and {wrong}; {remedy}") from wrong


def pictures(path: Path, wanted: Iterable[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(frame number, uint8 (height, width, 3) blue first) for the wanted frames, in the footage's order."""
    remaining = set(wanted)
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in remaining:
                remaining.discard(number)
                yield number, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
            if not remaining:
                return
    raise ValueError(f"footage {path}: ends before frame {min(remaining)}")
