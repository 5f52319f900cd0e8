"""Tracks: identity through gaps and crowds, and ids that are never used again."""

from __future__ import annotations

import re

import numpy as np

from edge.tracker import DAY_MS, Tracker, TrackIds
from tests.kit import edge_scene as scene

START_MS = 20_000 * DAY_MS + 43_200_000


def tracker(boot="boot", camera="gate"):
    return Tracker(TrackIds(boot, camera))


def walk(followed, boxes_at, frames, *, step_ms=100, start_ms=START_MS):
    """Feeds `frames` pictures; returns the list of {id: left edge} per picture."""
    seen = []
    for i in range(frames):
        tracks = followed.update(scene.detections(boxes_at(i)), start_ms + i * step_ms)
        seen.append({track.id: float(track.box_xyxy[0]) for track in tracks})
    return seen


def test_one_walker_has_one_id_after_three_sightings():
    seen = walk(tracker(), lambda i: [[100 + 5 * i, 100, 130 + 5 * i, 190]], 20)
    assert seen[0] == seen[1] == {}
    ids = {key for frame in seen for key in frame}
    assert len(ids) == 1
    assert len(seen[-1]) == 1


def test_a_gap_shorter_than_a_second_keeps_the_id_and_a_longer_one_does_not():
    def boxes(i):
        gap = 10 <= i < 16
        return [] if gap else [[100 + 4 * i, 100, 130 + 4 * i, 190]]

    ids = {key for frame in walk(tracker(), boxes, 25) for key in frame}
    assert len(ids) == 1

    def long_gap(i):
        return [] if 10 <= i < 30 else [[100, 100, 130, 190]]

    ids = {key for frame in walk(tracker(), long_gap, 40) for key in frame}
    assert len(ids) == 2


def test_two_who_pass_each_other_keep_their_ids():
    def boxes(i):
        return [[100 + 6 * i, 100, 130 + 6 * i, 190], [340 - 6 * i, 104, 370 - 6 * i, 194]]

    seen = walk(tracker(), boxes, 40)
    first = sorted(seen[5], key=seen[5].get)
    last = sorted(seen[-1], key=seen[-1].get)
    assert first == last[::-1]
    assert len({key for frame in seen for key in frame}) == 2


def test_a_flicker_of_the_detector_gets_no_id():
    followed = tracker()
    ids = set()
    for i in range(40):
        boxes = [[50 + 97 * (i % 5), 100, 80 + 97 * (i % 5), 190]]
        ids |= {track.id for track in followed.update(scene.detections(boxes), START_MS + 100 * i)}
    assert ids == set()


def test_a_person_and_a_vehicle_in_one_place_stay_two_tracks():
    followed = tracker()
    for i in range(10):
        tracks = followed.update(
            scene.detections([[100, 100, 160, 160]], [[100, 100, 160, 160]]), START_MS + 100 * i
        )
    assert sorted(track.kind for track in tracks) == ["car", "person"]


def test_a_slow_camera_still_links_a_walker():
    seen = walk(tracker(), lambda i: [[100 + 14 * i, 100, 130 + 14 * i, 190]], 12, step_ms=333)
    assert len({key for frame in seen for key in frame}) == 1


def test_kind_is_what_was_seen_most():
    followed = tracker()
    for i, kind in enumerate([2, 5, 2, 2, 5, 2, 2]):
        tracks = followed.update(scene.detections([], [[100, 100, 200, 160]], kind=kind), START_MS + 100 * i)
    assert tracks[0].kind == "car"


def test_ids_are_unlinkable_between_boots_cameras_and_days():
    names = set()
    for boot in ("a", "b"):
        for camera in ("gate", "wall"):
            ids = TrackIds(boot, camera)
            for day in (1, 2, 3):
                assert ids.is_new_day(day * DAY_MS)
                assert not ids.is_new_day(day * DAY_MS + 5)
                names |= {ids.next() for _ in range(50)}
    assert len(names) == 2 * 2 * 3 * 50
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", name) for name in names)


def test_at_midnight_everything_gets_a_new_name():
    followed = tracker()
    midnight = 20_001 * DAY_MS
    before = walk(followed, lambda i: [[100, 100, 130, 190]], 10, start_ms=midnight - 1_000)
    tracks = followed.update(scene.detections([[100, 100, 130, 190]]), midnight)
    assert tracks[0].id not in before[-1]
    assert tracks[0].named_ms == midnight


def test_same_input_same_tracks():
    rng = np.random.default_rng(3)
    frames = [rng.uniform(0, 400, (8, 2)) for _ in range(30)]

    def boxes(i):
        return [[x, y, x + 30, y + 80] for x, y in frames[i]]

    assert walk(tracker(), boxes, 30) == walk(tracker(), boxes, 30)


def test_a_clock_that_steps_back_over_midnight_gives_no_id_twice():
    ids = TrackIds("boot", "gate")
    midnight = 20_001 * DAY_MS
    names = []
    for at_ms in (midnight - 20, midnight + 5, midnight - 10, midnight + 30):
        assert ids.is_new_day(at_ms)
        names += [ids.next() for _ in range(5)]
    assert len(set(names)) == len(names)


def test_a_clock_set_back_leaves_no_ghosts():
    followed = tracker()
    walk(followed, lambda i: [[100, 100, 130, 190]], 10)
    back_ms = START_MS - 3_600_000
    followed.update(scene.detections([]), back_ms)
    assert followed.tracks == []


def test_at_two_pictures_a_second_walkers_are_followed_though_their_boxes_never_overlap():
    """30 pixels wide and 60 on at each picture: no overlap even of widened boxes, until the speed is known."""

    def boxes(i):
        return [[100 + 60 * i, 100, 130 + 60 * i, 190], [700 - 60 * i, 300, 730 - 60 * i, 390]]

    seen = walk(tracker(), boxes, 10, step_ms=500)
    assert len({key for frame in seen for key in frame}) == 2
    assert all(len(frame) == 2 for frame in seen[2:])


def test_what_a_track_could_not_have_reached_is_somebody_else():
    def boxes(i):
        return [[100, 100, 130, 190]] if i < 10 else [[260, 100, 290, 190]]

    seen = walk(tracker(), boxes, 20)
    assert len({key for frame in seen for key in frame}) == 2


def test_a_child_is_not_the_next_picture_of_an_adult():
    def boxes(i):
        return [[100, 100, 130, 190]] if i < 10 else [[140, 140, 155, 185]]

    seen = walk(tracker(), boxes, 20, step_ms=300)
    assert len({key for frame in seen for key in frame}) == 2
