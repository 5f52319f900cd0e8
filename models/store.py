"""Where model files lie, and the check that a file is the one the manifest means."""

from __future__ import annotations

import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Final

from models.manifest import Model

HOME_VARIABLE: Final = "ESPLANADE_MODEL_HOME"
MIRROR_VARIABLE: Final = "ESPLANADE_MODEL_MIRROR"


class ModelMissing(FileNotFoundError):
    """The model's file is not on this machine; the message says how to get it."""


class WrongContent(ValueError):
    """A file's hash is not the one in the manifest; the message names both."""


def home() -> Path:
    """The folder fetched models go to: ESPLANADE_MODEL_HOME, else the user's data folder (XDG)."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "esplanade" / "models"


def place(model: Model) -> Path:
    """Where the file of `model` belongs, present or not."""
    if model.shipped:
        return Path(str(resources.files("models"))) / model.file
    return home() / model.file


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(model: Model, path: Path) -> None:
    """Check that `path` holds `model`. Raises `ModelMissing` or `WrongContent`."""
    if not path.is_file():
        remedy = "reinstall the package" if model.shipped else f"run: esplanade-models fetch {model.name}"
        raise ModelMissing(f"model {model.name}: {path} is not there; {remedy}")
    got = sha256_of(path)
    if got != model.sha256:
        remedy = "reinstall the package" if model.shipped else f"run: esplanade-models fetch {model.name}"
        raise WrongContent(
            f"model {model.name}: {path} has sha256 {got}, the manifest says {model.sha256}; {remedy}"
        )


def located(model: Model) -> Path:
    """The verified file of `model`: shipped, fetched, or in a mirror folder. Raises `ModelMissing`, `WrongContent`."""
    path = place(model)
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not path.is_file() and mirror and (Path(mirror) / model.file).is_file():
        path = Path(mirror) / model.file
    verify(model, path)
    return path
