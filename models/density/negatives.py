"""Real pictures without people: the table of them, fetching them by package and hash, and reading them as views."""

from __future__ import annotations

import math
import shutil
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import av
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from models.debian_package import PackageMissing, unpacked
from models.store import sha256_of

Picture = NDArray[np.uint8]
Use = Literal["train", "gate"]

VIEWS: Final = 12
"""Views cut out of a panorama."""
VIEW_PX: Final = (480, 800)
MOST_SIDE_PX: Final = 1600


class NegativesWrong(ValueError):
    """The table or a file can not be used; the message says which and why."""


class Negative(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture. `file`: its path inside the Debian package. `kind`: a plain picture, or a panorama all round."""

    use: Use
    package: str
    file: str
    kind: Literal["picture", "panorama"]
    author: str
    licence: str
    shows: str
    sha256: str

    @property
    def kept_as(self) -> str:
        """File name in the folder of negatives."""
        return f"{self.package}-{self.sha256[:12]}{Path(self.file).suffix}"


def table() -> tuple[Negative, ...]:
    """All pictures. Raises `NegativesWrong`."""
    text = (resources.files("models.density") / "negatives.toml").read_text(encoding="utf-8")
    try:
        found = msgspec.convert(tomllib.loads(text)["picture"], tuple[Negative, ...])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, KeyError) as wrong:
        raise NegativesWrong(f"models/density/negatives.toml: {wrong}") from wrong
    return found


def missing(folder: Path, use: Use | None = None) -> list[Negative]:
    """Those of the table that are not in the folder with the right content."""
    return [
        one
        for one in table()
        if use in (None, one.use)
        and not ((folder / one.kept_as).is_file() and sha256_of(folder / one.kept_as) == one.sha256)
    ]


def fetch(folder: Path, said: Callable[[str], None]) -> None:
    """Put what is missing into the folder, by `apt-get download` and `dpkg-deb` (no root needed).

    Raises `NegativesWrong` when these are not here, a package is not to be had, or holds another picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = missing(folder)
    for package in sorted({one.package for one in wanted}):
        said(f"negatives: fetching {package}")
        try:
            with unpacked(package) as place:
                for one in (one for one in wanted if one.package == package):
                    _keep(place / one.file, folder, one)
        except PackageMissing as wrong:
            raise NegativesWrong(
                f"negatives: {len(wanted)} pictures are not in {folder}, and {wrong}; put them there as "
                f"{wanted[0].kept_as} ... (models/density/negatives.toml), or use --no-negatives"
            ) from wrong


def _keep(found: Path, folder: Path, one: Negative) -> None:
    if not found.is_file() or sha256_of(found) != one.sha256:
        raise NegativesWrong(
            f"negatives: this system's {one.package} holds no {one.file} with sha256 {one.sha256[:12]}; the table was "
            f"made from Debian 12's; fetch that package, or use --no-negatives"
        )
    half = folder / f".{one.kept_as}.half"
    shutil.copyfile(found, half)
    half.replace(folder / one.kept_as)


def pictures(folder: Path, use: Use) -> Iterator[tuple[Negative, Picture]]:
    """All pictures of a use that are there, panoramas as `VIEWS` views each; at most `MOST_SIDE_PX` a side."""
    absent = {one.kept_as for one in missing(folder, use)}
    for one in table():
        if one.use != use or one.kept_as in absent:
            continue
        path = folder / one.kept_as
        if one.kind == "panorama":
            for view in _views(_panorama(path)):
                yield one, view
            continue
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise NegativesWrong(f"negatives: {path} can not be read as a picture")
        scale = MOST_SIDE_PX / max(picture.shape[:2])
        if scale < 1.0:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield one, np.asarray(picture, np.uint8)


def _panorama(path: Path) -> Picture:
    """An OpenEXR panorama with its light brought into 8 bits, blue first."""
    with av.open(str(path)) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format="gbrpf32le")
    light = np.maximum(np.asarray(rgb, np.float32)[:, :, ::-1], 0.0)
    light = light / max(3.0 * float(np.median(light.max(axis=2))), 1e-6)
    # Reinhard's curve, then the eye's
    return np.asarray(np.clip(light / (1.0 + 0.3 * light), 0.0, 1.0) ** (1.0 / 2.2) * 255.0, np.uint8)


def _views(panorama: Picture) -> Iterator[Picture]:
    """Pinhole views all round, looking slightly to steeply down, as cameras do."""
    height, width = VIEW_PX
    for k in range(VIEWS):
        pan, tilt = 2.0 * math.pi * k / VIEWS, math.radians((8.0, 20.0, 34.0)[k % 3])
        focal = width / 2.0 / math.tan(math.radians(80.0) / 2.0)
        x, y = np.meshgrid(np.arange(width) - width / 2.0, np.arange(height) - height / 2.0)
        ahead = math.cos(tilt) * focal - np.sin(tilt) * y
        down = math.sin(tilt) * focal + np.cos(tilt) * y
        turn = (np.arctan2(x, ahead) + pan) % (2.0 * math.pi)
        dip = np.arctan2(down, np.hypot(x, ahead))
        column = (turn / (2.0 * math.pi) * panorama.shape[1]).astype(np.float32)
        row = ((dip / math.pi + 0.5) * panorama.shape[0]).astype(np.float32)
        yield np.asarray(
            cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.uint8
        )
