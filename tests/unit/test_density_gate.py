"""The gate's report: what passes, what fails, where it is written."""

from __future__ import annotations

import numpy as np
import pytest

from models import __main__ as command
from models.density import gate, head
from models.density.patches import Errors


def errors(found_share: float) -> Errors:
    true = np.array([0.0, 4.0, 12.0, 24.0, 48.0, 72.0, 96.0])
    return Errors(true * found_share, true, np.full(7, 16.0))


def halves(mae: float) -> dict[str, gate.OnVtest]:
    return {half: gate.OnVtest(31, mae, -0.1, 0.387, -0.32) for half in ("tuning", "reported")}


@pytest.mark.parametrize(
    ("worst", "mae", "says"),
    [
        (4.9, 0.387, ["kept apart (2): passed", "vtest.avi: passed", "is a candidate for default"]),
        (5.0, 0.387, ["kept apart (2): failed", "vtest.avi: passed", "stays experimental and off"]),
        (4.9, 0.388, ["kept apart (2): passed", "vtest.avi: failed", "stays experimental and off"]),
    ],
)
def test_both_gates_must_be_passed_on_every_picture(worst, mae, says):
    empties = [gate.OnEmpty("a street", 0.2, 0), gate.OnEmpty("a wall", worst, 1)]
    section = gate.report("x", empties, halves(mae), errors(0.9), errors(0.5))
    for words in says:
        assert words in section
    assert "| 0.5 to 1 | 1 | 0.075 | -0.10 | 0.00 | 0.375 | -0.50 | 0.00 |" in section
    assert "| 5 and more | 1 |" in section


def test_without_pictures_nothing_is_passed():
    assert "kept apart (0): failed" in gate.report("x", [], halves(0.1), errors(1.0), errors(1.0))


def test_the_section_is_put_between_its_marks_and_nowhere_else(tmp_path):
    path = tmp_path / "accuracy.md"
    path.write_text(f"before\n{gate.BEGIN}\nold\n{gate.END}\nafter\n")
    gate.put("new\n", path)
    gate.put("newer\n", path)
    assert path.read_text() == f"before\n{gate.BEGIN}\nnewer\n{gate.END}\nafter\n"
    path.write_text("no marks")
    with pytest.raises(ValueError, match="no place for the section"):
        gate.put("new\n", path)


def test_bands_go_into_the_head():
    about = head.About(backbone="x", backbone_sha256="00", tall_px=(1.0, 2.0), trained_on="nothing")
    made = gate.with_bands(head.fresh(about, gate.taps_of(gate.manifest().model[0]), 1), errors(0.9))
    assert [band.from_per_m2 for band in made.about.bands] == [0.0, 0.5, 1.0, 2.0, 3.5, 5.0]
    assert all(band.bias == pytest.approx(-0.1) for band in made.about.bands)
    assert head.decode(head.encode(made), "x").about.bands == made.about.bands


def test_a_gate_without_a_head_or_with_a_wrong_one_says_so(tmp_path, capsys):
    words = ["--scenes", str(tmp_path), "--negatives", str(tmp_path)]
    assert command.main(["gate", str(tmp_path / "none.head"), *words]) == 1
    assert "none.head" in capsys.readouterr().err
    (tmp_path / "bad.head").write_bytes(b"nonsense")
    assert command.main(["gate", str(tmp_path / "bad.head"), *words]) == 1
    assert "not a head file" in capsys.readouterr().err
    assert command.main(["gate", str(tmp_path / "bad.head"), *words, "--every", "1"]) == 1
    assert "--every" in capsys.readouterr().err
