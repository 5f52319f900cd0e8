"""The wheel, built and installed outside the checkout: each side runs with its own extra and without the other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.build import page_vendor
from deploy.build.components import ROOT

# imports every module of the packages named, and says which of the names after "--" can be imported at all
PROBE = """
import importlib, importlib.util, json, pkgutil, sys
packages, names = sys.argv[1].split(","), sys.argv[2].split(",")
modules = []
for package in packages:
    root = importlib.import_module(package)
    modules.append(root.__file__)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        if not module.name.endswith("__main__"):
            modules.append(importlib.import_module(module.name).__file__)
print(json.dumps({"modules": modules, "there": [n for n in names if importlib.util.find_spec(n) is not None]}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Runs it as somebody who knows nothing of this checkout. Raises AssertionError with what it said."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert page_vendor.VENDOR.is_dir(), "no page parts: run `make page`"
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


class Installed:
    """A fresh environment outside the checkout that holds the wheel and what one extra's lock pins."""

    def __init__(self, wheel: Path, folder: Path, extra: str) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        uv = Path(sys.executable).parent / "uv"
        run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
        python = self.bin / "python"
        lock = ROOT / "requirements" / f"{extra}.txt"
        install = (uv, "pip", "install", "--quiet", "--python", python)
        run(*install, "--require-hashes", "--only-binary", ":all:", "--requirement", lock, cwd=folder)
        run(*install, "--no-deps", wheel, cwd=folder)
        run(uv, "pip", "check", "--quiet", "--python", python, cwd=folder)

    def run(self, command: str, *arguments: str) -> str:
        return run(self.bin / command, *arguments, cwd=self.folder)

    def probe(self, packages: str, names: str) -> tuple[list[str], list[str]]:
        said = json.loads(self.run("python", "-c", PROBE, packages, names))
        return said["modules"], said["there"]


@pytest.fixture(scope="module")
def edge(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("edge"), "edge")


@pytest.fixture(scope="module")
def hub(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("hub"), "hub")


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "contract",
        "edge",
        "hub",
        "models",
        "esplanade-0.1.0.dist-info",
    }
    assert "models/manifest.toml" in names
    assert any(name.startswith("models/") and name.endswith(".onnx") for name in names)
    for package, files in page_vendor.FILES.items():
        for place in files.values():
            assert f"hub/dashboard/vendor/{package}/{place}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.startswith("hub/dashboard/") and name.endswith(".html") for name in names)
    assert not [name for name in names if "__pycache__" in name or "/vendor-" in name]


def test_the_edge_runs_without_a_web_framework(edge: Installed) -> None:
    assert edge.run("esplanade-edge", "--version").split()[-1] == "0.1.0"
    modules, there = edge.probe("contract,edge", "av,cv2,onnxruntime,fastapi,starlette,uvicorn")
    assert there == ["av", "cv2", "onnxruntime"]
    assert modules
    assert all(path.startswith(str(edge.folder)) for path in modules)


def test_the_edge_carries_its_model(edge: Installed) -> None:
    listed = edge.run("esplanade-models", "list")
    assert "ssdlite" in listed
    assert "yolox-nano" in listed.replace("_", "-")


def test_the_hub_runs_without_picture_libraries(hub: Installed) -> None:
    assert hub.run("esplanade-hub", "--version").split()[-1] == "0.1.0"
    modules, there = hub.probe("contract,hub", "fastapi,uvicorn,httpx,cv2,onnxruntime,onnx,av")
    assert there == ["fastapi", "uvicorn", "httpx"]
    assert modules
    assert all(path.startswith(str(hub.folder)) for path in modules)


def test_the_hub_carries_its_page(hub: Installed) -> None:
    find = "from importlib.resources import files as f; p = f('hub') / 'dashboard'; print(p)"
    dashboard = Path(hub.run("python", "-c", find).strip())
    assert dashboard.is_relative_to(hub.folder)
    assert page_vendor.unresolved(dashboard / "vendor") == []
