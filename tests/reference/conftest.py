"""What the tests that render need: OpenGL without a screen, and bodies built once for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.build.components import ROOT
from models.scenes import renderer
from models.scenes.bodies import CACHE_VARIABLE, load


@pytest.fixture(scope="session")
def graphics(require_part: Callable[[str, object, str], None]) -> Iterator[Path]:
    """The folder of the bodies (build/scenes-bodies, made in 5 s where it is not there). Needs Mesa with EGL."""
    try:
        renderer.context().release()
    except renderer.NoGraphics as error:
        require_part("OpenGL through EGL", False, str(error))
    kept = os.environ.get(CACHE_VARIABLE)
    folder = Path(kept) if kept else ROOT / "build" / "scenes-bodies"
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        load()
        yield folder
    finally:
        if kept is None:
            del os.environ[CACHE_VARIABLE]
