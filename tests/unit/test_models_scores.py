"""Count error and average precision on cases worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.eval import labels, scores, vtest

A, B, FAR = [0, 0, 10, 20], [50, 0, 60, 20], [200, 200, 210, 220]


def seen(people, found, unsure=()):
    def boxes(rows):
        return np.array(rows, np.float32).reshape(-1, 4)

    return scores.Seen(
        boxes(people),
        boxes(unsure),
        boxes([box for box, _ in found]),
        np.array([score for _, score in found], np.float32),
    )


def test_overlap_by_hand():
    got = scores.overlaps(np.array([A], np.float32), np.array([A, [0, 10, 10, 30], FAR], np.float32))
    assert got[0] == pytest.approx([1, 1 / 3, 0])


def test_count_error_counts_every_find():
    frames = [seen([A, B], [(A, 0.9)]), seen([A], [(A, 0.9), (FAR, 0.8), (B, 0.3)], unsure=[B])]
    error = scores.count_error(frames)
    assert (error.mean_absolute, error.bias, error.worst) == (1.5, 0.5, 2)
    assert scores.count_error([frame.above(0.5) for frame in frames]).mean_absolute == 1.0


def test_average_precision_by_hand():
    # right, wrong, right of three people: 1/3 * 1 + 1/3 * 2/3
    frames = [seen([A, B, FAR], [(A, 0.9), ([100, 0, 110, 20], 0.8), (B, 0.7)])]
    matched = scores.match(frames)
    assert scores.average_precision(matched) == pytest.approx(1 / 3 + 2 / 9)
    assert scores.precision_and_recall(matched) == pytest.approx((2 / 3, 2 / 3))


def test_a_second_find_of_one_person_is_wrong():
    matched = scores.match([seen([A], [(A, 0.9), ([0, 1, 10, 21], 0.8)])])
    assert matched.right.tolist() == [True, False]


def test_finds_on_undecided_people_are_left_out_of_precision():
    matched = scores.match([seen([A], [(A, 0.6), (B, 0.9)], unsure=[B])])
    assert matched.right.tolist() == [True]


def test_nothing_found_and_nobody_there():
    assert scores.average_precision(scores.match([seen([A], [])])) == 0.0
    assert scores.count_error([seen([], [])]).mean_absolute == 0.0
    assert scores.match([seen([], [(A, 0.5)])]).right.tolist() == [False]


def test_tuned_threshold_lies_inside_the_best_stretch():
    frames = [seen([A], [(A, 0.6), (FAR, 0.4)])] * 5
    of = vtest.Run(tuple(frames), (0.5,) * 5, (1.0,) * 5)
    assert 0.41 <= vtest.tuned_threshold(of) <= 0.6
    assert vtest.report(of, vtest.tuned_threshold(of)).count.mean_absolute == 0


def test_labels_are_split_by_frame(tmp_path):
    path = tmp_path / "labels.json"
    frames = {str(13 * i): {"people": [{"box": A, "occluded": False}]} for i in range(5)}
    content = {"footage": {"name": "x", "sha256": "y"}, "rule": "r", "frames": frames}
    path.write_text(json.dumps(content), encoding="utf-8")
    read = labels.read(path)
    assert sorted(read.tuning()) == [0, 26, 52]
    assert sorted(read.reporting()) == [13, 39]
    content["frames"]["7"] = {"people": []}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(labels.LabelsWrong, match="frame 7"):
        labels.read(path)
    path.write_text('{"footage": {}}', encoding="utf-8")
    with pytest.raises(labels.LabelsWrong, match="name"):
        labels.read(path)
