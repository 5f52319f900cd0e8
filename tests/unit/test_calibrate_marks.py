"""Marks and the folder they are made in: what is refused, and with which words."""

from __future__ import annotations

import http.client
import json
import threading

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibrate import choice, frames, marks
from models.calibrate.marking import COOKIE, Marking, MarkingServer
from models.calibrate.marks import Marked, MarksUnusable
from models.calibrate.workplace import Purpose, begun, existing
from tests.kit import edge_scene as scene

PURPOSE = Purpose(site="square", camera="gate", calibration="0" * 12, model="m", input_px=(288, 512))


def picture(path, size=(20, 30)):
    cv2.imwrite(str(path), np.zeros((*size, 3), np.uint8))
    return path


@given(st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 4000)), max_size=30))
def test_points_there_and_back(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("points") / "a.points.json"
    marks.write_points(path, np.asarray(points, float).reshape(-1, 2))
    assert np.allclose(marks.read_points(path), np.asarray(points, float).reshape(-1, 2), atol=0.051)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"points_px": [[1]]}', '{"points_px": [[1, "x"]]}', "no json", '{"points_px": [[1, NaN]]}'],
)
def test_points_that_are_none(tmp_path, text):
    (tmp_path / "a.points.json").write_text(text)
    with pytest.raises(MarksUnusable, match=r"a\.points\.json: cannot be read"):
        marks.read_points(tmp_path / "a.points.json")


def test_other_keys_are_left_be(tmp_path):
    (tmp_path / "a.points.json").write_text(json.dumps({"points_px": [[1, 2]], "by": "somebody"}))
    assert marks.read_points(tmp_path / "a.points.json").tolist() == [[1.0, 2.0]]


def test_too_many_points():
    with pytest.raises(MarksUnusable, match="at most 10000"):
        marks.checked([(0.0, 0.0)] * 10_001, "x")


def test_only_pictures_with_points_are_marked(tmp_path):
    for name in ("a", "b", "c"):
        picture(tmp_path / f"{name}.png")
    marks.write_points(tmp_path / "a.points.json", np.zeros((0, 2)))
    marks.write_points(tmp_path / "c.points.json", np.ones((2, 2)))
    assert [(one.name, len(one.points_px)) for one in marks.marked_in(tmp_path)] == [("a", 0), ("c", 2)]
    assert [one.name for one in marks.marked_in(tmp_path, {"c", "b"})] == ["c"]
    picture(tmp_path / "a.jpg")
    with pytest.raises(MarksUnusable, match="would share their points"):
        marks.marked_in(tmp_path)


def test_too_little_to_fit_to(tmp_path):
    def some(count, heads):
        return [Marked(tmp_path / f"{i}.png", np.zeros((heads, 2))) for i in range(count)]

    marks.enough(some(10, 3), tmp_path)
    with pytest.raises(MarksUnusable, match="9 marked frames; at least 10"):
        marks.enough(some(9, 100), tmp_path)
    with pytest.raises(MarksUnusable, match="not one head is marked"):
        marks.enough(some(20, 0), tmp_path)
    with pytest.raises(MarksUnusable, match="20 heads in 20 frames; at least 30"):
        marks.enough(some(20, 1), tmp_path)


def test_a_point_outside_its_picture_is_named(tmp_path):
    one = Marked(tmp_path / "a.png", np.array([[5.0, 5.0], [31.0, 5.0]]))
    with pytest.raises(MarksUnusable, match=r"a\.points\.json: point 2 \(31, 5\) lies outside .* 30 x 20"):
        marks.within(one, 30, 20)


def test_no_folder_no_pictures(tmp_path):
    with pytest.raises(MarksUnusable, match="is not there"):
        marks.pictures_in(tmp_path / "gone")
    with pytest.raises(MarksUnusable, match=r"holds no \.png"):
        marks.pictures_in(tmp_path)


def test_a_folder_is_for_one_camera_and_for_its_owner_alone(tmp_path):
    place = begun(tmp_path / "work", PURPOSE)
    assert place.folder.stat().st_mode & 0o777 == 0o700
    place.finish({"0002", "0001"})
    assert begun(tmp_path / "work", PURPOSE).done() == {"0001", "0002"}
    other = Purpose(site="square", camera="quay", calibration="0" * 12, model="m", input_px=(288, 512))
    with pytest.raises(
        MarksUnusable, match=r"was begun for camera square/gate .* this is camera square/quay"
    ):
        begun(tmp_path / "work", other)
    place.folder.chmod(0o755)
    with pytest.raises(MarksUnusable, match="others can read it; chmod 700"):
        existing(place.folder)
    with pytest.raises(MarksUnusable, match="begin with `esplanade-models calibrate frames`"):
        existing(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    with pytest.raises(MarksUnusable, match="holds other things"):
        begun(tmp_path / "full", PURPOSE)


def test_the_fullest_and_the_emptiest_and_both_ends_of_time_are_chosen():
    at_s = np.arange(100.0)
    people = np.concatenate([np.zeros(60), np.arange(40)])
    chosen = choice.spread_choice(at_s, people, 12)
    assert len(chosen) == len(set(chosen)) == 12
    assert chosen == sorted(chosen)
    assert 99 in chosen
    assert 0 in chosen
    assert sum(people[i] > 0 for i in chosen) >= 4
    assert max(np.diff(chosen)) <= 25
    assert choice.spread_choice([0.0, 1.0], [3, 4], 12) == [0, 1]
    assert choice.spread_choice(np.arange(9.0), np.zeros(9), 3) == [0, 4, 8]


def test_every_fifth_frame_is_held_out():
    assert np.flatnonzero(choice.held_out(12, 5)).tolist() == [2, 7]


def test_masks_are_burned_into_what_is_written(tmp_path):
    mask = ((100.0, 100.0), (300.0, 100.0), (300.0, 300.0), (100.0, 300.0))
    camera = scene.camera(masks=(mask,))
    bright = np.full((scene.HEIGHT // 2, scene.WIDTH // 2, 3), 200, np.uint8)
    frames.write_picture(tmp_path / "a.png", frames.masked(bright, camera, "x"))
    kept = frames.read_picture(tmp_path / "a.png")
    assert not kept[51:149, 51:149].any()
    assert kept[160:, 160:].min() == 200
    assert (tmp_path / "a.png").stat().st_mode & 0o077 == 0
    with pytest.raises(MarksUnusable, match="is 640 x 200, camera gate was calibrated at 768 x 576"):
        frames.masked(np.zeros((200, 640, 3), np.uint8), camera, "x")


def test_places_in_a_film_and_in_a_folder(tmp_path):
    film = scene.clip(tmp_path / "clip.mp4", (scene.numbered(i) for i in range(50)))
    source = frames.recording(film, 3)
    assert len(source.at_s) == 12
    numbers = [scene.number_of(one) for one in source.frames([0, 5, 11])]
    assert numbers[0] == 0
    assert 19 <= numbers[1] <= 25
    assert 47 <= numbers[2] <= 49
    assert [scene.number_of(one) for one in source.frames([5])] == [numbers[1]], (
        "any frame can be asked for again"
    )
    (tmp_path / "folder").mkdir()
    for i in range(5):
        picture(tmp_path / "folder" / f"{i}.png")
    assert len(list(frames.recording(tmp_path / "folder", 10).frames(range(5)))) == 5
    for name, said in (("gone.mp4", "no such file"), ("folder/1.png", "is one picture")):
        with pytest.raises(MarksUnusable, match=said):
            frames.recording(tmp_path / name, 3)
    (tmp_path / "x.mp4").write_bytes(b"no film")
    with pytest.raises(MarksUnusable, match="cannot be read"):
        frames.recording(tmp_path / "x.mp4", 3)


def test_the_marking_server_finds_names_with_spaces_and_names_a_damaged_file(tmp_path):
    place = begun(tmp_path / "work", PURPOSE)
    picture(place.folder / "my frame.png")
    with MarkingServer(Marking(place)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cookie = {"Cookie": f"{COOKIE}={server.redeemed(server.token)}"}

        def get(path):
            line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            line.request("GET", path, headers=cookie)
            answer = line.getresponse()
            return answer.status, answer.read()

        try:
            assert get("/pictures/my%20frame") == (200, (place.folder / "my frame.png").read_bytes())
            assert get("/pictures/..%2Fcalibration.json")[0] == 404
            (place.folder / "done.json").write_text("{")
            status, said = get("/frames")
            assert status == 500
            assert b"done.json: cannot be read" in said
        finally:
            server.shutdown()
            thread.join(5)
