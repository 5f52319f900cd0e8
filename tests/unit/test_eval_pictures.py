"""A folder of pictures with points: what is read, what is refused, what counts as a hit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.detections import Detections
from models.eval.__main__ import main
from models.eval.pictures_command import PicturesUnusable, Points, hits, pictures


def picture(folder, name, points=None):
    assert cv2.imwrite(str(folder / f"{name}.jpg"), np.full((120, 160, 3), 90, np.uint8))
    if points is not None:
        (folder / f"{name}.points.json").write_text(points)


def test_pictures_and_points_are_read_by_name(tmp_path):
    picture(tmp_path, "b", '{"points_px": []}')
    picture(tmp_path, "a", '{"points_px": [[10, 20], [30.5, 40]]}')
    found = pictures(tmp_path)
    assert [path.name for path, _ in found] == ["a.jpg", "b.jpg"]
    assert found[0][1].points_px == [(10.0, 20.0), (30.5, 40.0)]


@pytest.mark.parametrize(
    ("points", "says"),
    (
        (None, "not there; each picture needs one"),
        ('{"points_px": [[1]]}', "it must read"),
        ('{"points": []}', "it must read"),
        ("[", "it must read"),
    ),
)
def test_bad_points_are_refused_with_their_file(tmp_path, points, says):
    picture(tmp_path, "a", points)
    with pytest.raises(PicturesUnusable, match=f"a.points.json.*{says}"):
        pictures(tmp_path)


def test_an_empty_folder_and_none_are_refused(tmp_path):
    with pytest.raises(PicturesUnusable, match="no picture"):
        pictures(tmp_path)
    with pytest.raises(PicturesUnusable, match="no such folder"):
        pictures(tmp_path / "away")


def test_each_box_takes_one_mark_and_each_mark_one_box():
    boxes = np.array([[0, 0, 20, 40], [0, 0, 22, 42], [50, 0, 70, 40]], np.float32)
    seen = Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.uint8))
    assert hits(seen, Points(points_px=[(10, 10)])) == 1
    assert hits(seen, Points(points_px=[(10, 10), (12, 12), (60, 5), (100, 100)])) == 3
    assert hits(seen, Points(points_px=[])) == 0


def test_the_command_counts_and_refuses_a_mark_outside(tmp_path, capsys):
    picture(tmp_path, "empty", '{"points_px": []}')
    assert main(["pictures", str(tmp_path), "--input-size", "128x160"]) == 0
    out = capsys.readouterr().out
    assert "none" in out and "on 1 pictures" in out
    picture(tmp_path, "z", '{"points_px": [[500, 10]]}')
    assert main(["pictures", str(tmp_path), "--input-size", "128x160"]) == 1
    assert "lies outside 160 x 120" in capsys.readouterr().err
