"""A truth file that is not of this site, or not whole, is refused with the key that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.yaml_file import FileError
from deploy.demo.parts import SITE, TRUTH
from hub.site import read_site
from hub.truth import read_truth

DEMO_SITE = read_site(SITE)


def changed(tmp_path: Path, **fields: object) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(json.loads(TRUTH.read_text(encoding="utf-8")) | fields), encoding="utf-8")
    return path


def test_the_demos_own_truth_is_read() -> None:
    assert read_truth(TRUTH, DEMO_SITE).camera == "mast"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"schema": 2}, "schema"),
        ({"site": "elsewhere"}, "site"),
        ({"camera": "door"}, "camera"),
        ({"people": {"moon": []}}, "people"),
        ({"people": {"square": [1, 2]}}, "people"),
        ({"t_s": [], "people": {}}, "t_s"),
        ({"t_s": [0.0, 0.0], "people": {}}, "t_s"),
        ({"loop_s": 3.0}, "loop_s"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict[str, object], key: str) -> None:
    with pytest.raises(FileError) as wrong:
        read_truth(changed(tmp_path, **fields), DEMO_SITE)
    assert wrong.value.key == key


@pytest.mark.parametrize("fields", [{"more": 1}, {"people": {"square": [-1]}}, {"loop_s": "long"}])
def test_what_is_no_truth_file_says_how_to_make_one(tmp_path: Path, fields: dict[str, object]) -> None:
    with pytest.raises(FileError, match=r"models\.scenes curve"):
        read_truth(changed(tmp_path, **fields), DEMO_SITE)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.json: cannot be read"):
        read_truth(tmp_path / "gone.json", DEMO_SITE)
