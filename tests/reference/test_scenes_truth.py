"""The truth of a scene held against its own pixels: boxes, numbers, grids, gates, and the same bytes again.

Renders a few frames. What a test compares with itself is drawn at half the width: a new view costs seconds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from contract.geometry import GroundGrid
from contract.homography import inside
from contract.true_people import TruePeople
from models.scenes import batch, clip, curve, true_site
from models.scenes import cast as people
from models.scenes.story import read_story
from models.scenes.truth import encode, read_frames, read_world

STORY = """
story: short
title: A few people, a van, a bicycle
layout: gate-square
seed: 11
start: "2026-06-20T12:00:00.000Z"
light: sun
length_s: 12
warm_up_s: 20
passages: [[9, 12, 2]]
cameras: [mast]
flows:
  - {start: south, end: beyond, through: [east-gate], per_min: [[0, 60]]}
standing:
  - {place: stage, number: 60}
drives:
  - {id: van-1, model: van, lane: breach, start_s: 1, km_h: [[0, 40]], paint: 0, permitted: false}
  - {id: bike-1, model: bicycle, lane: breach, start_s: -4, km_h: [[0, 25]], paint: 0}
"""


def half_size(layout):
    """The same place, its cameras with a quarter of the pixels."""
    cameras = {
        name: msgspec.structs.replace(plan, width=plan.width // 2, height=plan.height // 2)
        for name, plan in layout.cameras.items()
    }
    return msgspec.structs.replace(layout, cameras=cameras)


@pytest.fixture(scope="module")
def parts(tmp_path_factory, graphics):
    folder = tmp_path_factory.mktemp("scenes")
    path = folder / "short.yaml"
    path.write_text(STORY)
    story, layout = read_story(str(path))
    return folder, story, layout, clip.built(story, layout)


@pytest.fixture(scope="module")
def shooting(parts):
    folder, story, layout, made = parts
    return clip.Shooting(made, true_site.write(folder / "site.yaml", story, layout), "mast")


@pytest.fixture(scope="module")
def seen(shooting):
    return shooting._seen(shooting.view, 10.0), shooting.frame(2, 10.0)[1]


def mask_box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_every_persons_pixels_lie_in_their_box(seen):
    picture, truth = seen
    boxes = {person.id: person.box_xyxy for person in truth.people}
    found = 0
    for number in np.unique(picture.number[(picture.number > 0) & (picture.number < people.FIRST_VEHICLE)]):
        left, top, right, bottom = mask_box(picture.number == number)
        box = boxes[int(number)]
        assert left >= box[0] - 1 and top >= box[1] - 1 and right <= box[2] + 1 and bottom <= box[3] + 1
        found += 1
    assert found > 40


def test_boxes_are_tight_around_those_who_are_seen_whole(seen):
    picture, truth = seen
    whole = [p for p in truth.people if p.visible == 1.0 and p.box_xyxy[3] - p.box_xyxy[1] > 40]
    assert len(whole) >= 5
    for person in whole:
        drawn = mask_box(picture.number == person.id)
        assert np.allclose(drawn, person.box_xyxy, atol=2.0)


def test_visibility_says_what_share_is_seen(seen):
    picture, truth = seen
    for person in truth.people:
        pixels = int((picture.number == person.id).sum())
        if person.visible == 0.0:
            assert pixels < 30
        if person.visible > 0.5:
            assert pixels > 8


def test_feet_and_heads_are_where_the_picture_has_them(seen, shooting):
    _, truth = seen
    for person in truth.people:
        ground = shooting.view.ground(np.array([person.foot_px]))[0]
        assert np.allclose(ground, (person.x_m, person.y_m), atol=0.05)
        left, top, right, bottom = person.box_xyxy
        if person.visible == 1.0 and person.rides is None:
            assert left <= person.head_px[0] <= right
            assert top < person.head_px[1] < top + 0.25 * (bottom - top)


def test_vehicles_are_logged_where_they_are_drawn(seen):
    picture, truth = seen
    kinds = {vehicle.id: vehicle for vehicle in truth.vehicles}
    assert {"van-1", "bike-1"} <= set(kinds)
    assert kinds["van-1"].kind == "truck" and kinds["van-1"].speed_m_s == pytest.approx(40 / 3.6, abs=0.01)
    assert not kinds["van-1"].permitted and kinds["bike-1"].permitted
    drawn = mask_box(picture.number == people.FIRST_VEHICLE)
    box = kinds["van-1"].box_xyxy
    assert (
        drawn[0] >= box[0] - 1
        and drawn[1] >= box[1] - 1
        and drawn[2] <= box[2] + 1
        and drawn[3] <= box[3] + 1
    )
    rider = next(p for p in truth.people if p.rides == "bike-1")
    assert np.hypot(rider.x_m - kinds["bike-1"].x_m, rider.y_m - kinds["bike-1"].y_m) < 0.5


def test_the_grid_holds_everybody_on_the_cameras_ground(seen, shooting):
    _, truth = seen
    grid = GroundGrid.from_wire(truth.grid)
    feet = np.array([p.foot_px for p in truth.people])
    on_ground = int(((feet[:, 0] >= 0) & (feet[:, 0] < 1280) & (feet[:, 1] >= 0) & (feet[:, 1] < 720)).sum())
    assert grid.people.sum() + truth.people_outside_grid == pytest.approx(on_ground, abs=0.6)
    assert (grid.people[~grid.observed] == 0).all()
    assert grid.people.sum() > 40


def test_gate_and_walls_are_drawn_where_they_are_simulated(parts, shooting):
    _, _, layout, made = parts
    gate = layout.gates[0]
    posts = [np.array(p).mean(axis=0) for kind, p in made.place.solid if kind == "gate"]
    assert len(posts) == 2
    middle = ((gate.start[0] + gate.end[0]) / 2, (gate.start[1] + gate.end[1]) / 2)

    def nearer_by(at):
        point = np.array([[at[0], at[1], 1.5]])
        column, row = (int(v) for v in shooting.view.project(point)[0])
        return float(shooting.view.depth_m(point)[0]) - float(shooting.empty.depth_m[row, column])

    assert all(0.0 < nearer_by(post) < 0.5 for post in posts), (
        "something solid stands where the posts are simulated"
    )
    assert nearer_by(middle) < -0.5, "between the posts one looks through"
    wall = nearer_by((22.0, 20.0))
    assert 0.0 < wall < 0.5


def test_nobody_walks_through_what_is_drawn_solid(parts):
    _, _, _, made = parts
    for life in made.world.lives:
        for kind, outline in made.place.solid:
            inset = np.array(outline)
            if kind in ("wall", "gate", "stall"):
                assert not inside(tuple(map(tuple, inset.tolist())), life.walk.points).any()


def test_people_keep_out_of_the_vans_way(parts):
    _, _, _, made = parts
    for t in np.arange(6.0, 12.0, 0.5):
        for ride, here in made.world.vehicles(float(t)):
            if ride.drive.id != "van-1":
                continue
            angle = np.radians(90.0 - here.nose_deg)
            for one in made.world.people(float(t)):
                if one.rides is None:
                    dx, dy = one.x_m - here.x_m, one.y_m - here.y_m
                    ahead, beside = (
                        dx * np.cos(angle) + dy * np.sin(angle),
                        dy * np.cos(angle) - dx * np.sin(angle),
                    )
                    assert abs(ahead) > ride.size_m[0] / 2 - 0.4 or abs(beside) > ride.size_m[1] / 2 - 0.2


def test_the_gait_covers_the_ground_that_was_walked(parts):
    _, _, _, made = parts
    walked = [
        life
        for life in made.world.lives
        if len(life.phase) > 20 and life.clip[10] == 0 and (life.clip == 0).all()
    ]
    assert walked
    for life in walked:
        way = np.linalg.norm(np.diff(life.points, axis=0), axis=1).sum()
        stride = made.bodies.stride_m[life.look.shape][0] * life.look.scale
        assert (life.phase[-1] - life.phase[0]) * stride == pytest.approx(way, rel=0.08)


def test_the_same_seed_gives_the_same_truth_and_the_same_picture(parts):
    folder, story, layout, made = parts
    small = half_size(layout)
    site = true_site.write(folder / "small.yaml", story, small)
    first = clip.Shooting(replace(made, layout=small), site, "mast")
    again = clip.Shooting(clip.built(story, small), site, "mast")
    picture, truth = first.frame(0, 9.5)
    second_picture, second_truth = again.frame(0, 9.5)
    assert encode(truth) == encode(second_truth)
    assert np.array_equal(picture, second_picture)


def test_a_rendering_that_was_stopped_goes_on_and_ends_the_same(parts):
    folder, story, layout, _ = parts
    layout = half_size(layout)
    done = clip.render(story, layout, folder / "out", most=3)
    truth = (done / "mast/truth.jsonl").read_bytes()
    (done / "mast/pictures/000001.json").unlink()
    (done / "mast/clip.mp4").unlink()
    kept = (done / "mast/pictures/000002.jpg").stat().st_mtime_ns
    assert clip.render(story, layout, folder / "out", most=3) == done
    assert (done / "mast/truth.jsonl").read_bytes() == truth
    assert (done / "mast/pictures/000002.jpg").stat().st_mtime_ns == kept
    frames, world = list(read_frames(done / "mast/truth.jsonl")), list(read_world(done / "world.jsonl"))
    assert [f.t_s for f in frames] == [w.t_s for w in world] == [9.0, 9.5, 10.0]
    with av.open(str(done / "mast/clip.mp4")) as film:
        assert [round(float(picture.time), 3) for picture in film.decode(video=0)] == [0.0, 0.5, 1.0]
    found = curve.curves(done / "mast", done / "site.yaml", done / "mast/clip.mp4", 0.0, 99.0)
    assert found.t_s == (0.0, 0.5, 1.0) and 1.0 < found.loop_s < 1.6
    assert found.people == {zone: tuple(moment.zones[zone] for moment in world) for zone in world[0].zones}
    assert msgspec.json.decode(curve.written(found), type=TruePeople) == found
    with pytest.raises(ValueError, match=r"holds 3 pictures up to 1 s, .* 2 up to 0\.5 s"):
        curve.curves(done / "mast", done / "site.yaml", done / "mast/clip.mp4", 9.5, 99.0)


def test_a_story_that_does_not_keep_its_promise_is_refused(parts):
    folder, _, _, made = parts
    path = Path(folder) / "promise.yaml"
    path.write_text(STORY + "expects: {hot_spot_reaches: 4.7}\n")
    story, _ = read_story(str(path))
    truths = [clip.world_truth(made, t) for t in (9.0, 11.0)]
    with pytest.raises(
        clip.PromiseBroken, match=r"short: the hot spot reaches 0\.\d+ per m2, .* at least 4\.7"
    ):
        clip.check_promises(story, truths)
    path.write_text(STORY + "expects: {hot_spot_stays_below: 4.7, zones_stay_below: 2}\n")
    clip.check_promises(read_story(str(path))[0], truths)


def test_stories_at_once_go_on_beside_one_that_fails(parts):
    folder, _, _, _ = parts
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text(STORY.replace("story: short", "story: good"))
    bad.write_text(STORY.replace("story: short", "story: bad").replace("layout: gate-square", "layout: moon"))
    stories = {str(good): read_story(str(good))[0]}
    stories[str(bad)] = msgspec.structs.replace(stories[str(good)], story="bad")
    told = []
    failed = batch.render_all(stories, folder / "batch", 2, 1, told.append)
    assert failed.keys() == {str(bad)} and "no layout 'moon'" in failed[str(bad)]
    assert told[-1] == 1 and (folder / "batch/good/mast/clip.mp4").is_file()
    standing = msgspec.structs.replace(stories[str(good)], standing=())
    assert batch.longest_first({"few": standing, "many": stories[str(good)]}) == ["many", "few"]


def test_faults_blind_the_truth_and_change_the_picture(parts):
    folder, _, _, _ = parts
    path = Path(folder) / "faults.yaml"
    path.write_text(
        STORY.replace("story: short", "story: faults")
        + "faults:\n  - {camera: mast, kind: covered, start_s: 9.4, end_s: 9.9}\n"
        + "  - {camera: mast, kind: frozen, start_s: 9.9, end_s: 10.9}\n"
        + "  - {camera: mast, kind: moved, start_s: 10.9, end_s: 12}\n"
    )
    story, layout = read_story(str(path))
    layout = half_size(layout)
    shot = clip.Shooting(clip.built(story, layout), true_site.write(folder / "f.yaml", story, layout), "mast")
    good, truth = shot.frame(0, 9.0)
    assert truth.picture == "good" and len(truth.people) > 40
    dark, truth = shot.frame(1, 9.5)
    assert truth.picture == "covered" and not truth.people and dark.mean() < 30
    assert not GroundGrid.from_wire(truth.grid).observed.any()
    frozen = [shot.frame(2, 10.0)[0], shot.frame(3, 10.5)[0]]
    assert np.array_equal(frozen[0], frozen[1])
    moved, truth = shot.frame(4, 11.0)
    assert truth.picture == "moved" and truth.people
    assert np.abs(moved.astype(int) - good.astype(int)).mean() > 12


def test_a_bent_lens_bends_pictures_and_truth_alike(parts):
    folder, _, _, _ = parts
    path = Path(folder) / "bent.yaml"
    path.write_text(
        STORY.replace("story: short", "story: bent")
        .replace("[mast]", "[road]")
        .replace("breach", "road-east")
    )
    told, layout = read_story(str(path))
    shot = clip.Shooting(clip.built(told, layout), true_site.write(folder / "b.yaml", told, layout), "road")
    assert shot.view.k1 != 0.0
    seen, truth = shot._seen(shot.view, 10.0), shot.frame(0, 10.0)[1]
    checked = 0
    for person in truth.people:
        mask = seen.number == person.id
        if person.visible == 1.0 and mask.sum() > 60:
            assert np.allclose(mask_box(mask), person.box_xyxy, atol=3.0)
            checked += 1
    assert checked >= 3


def test_an_empty_cast_draws_the_empty_place(parts, shooting):
    _, _, _, made = parts
    empty = people.cast([], [], made.vehicles, made.numbers)
    drawn = shooting.renderer.draw(empty.people, empty.shapes, empty.objects, empty.blobs)
    assert (drawn.number == 0).all()
