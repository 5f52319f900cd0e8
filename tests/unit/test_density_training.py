"""Training the people map: crops, people-free pictures, patches of ground, the command from samples to a head file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models import __main__ as command
from models import debian_package
from models.density import crops, crowds, head, negatives, patches, places, sample, taps, train, trim
from models.density.fit import Example
from models.scenes.camera import View

SSD = "ssdlite-mobilenet-v2"


def spotted(seed: int, people: int) -> sample.Sample:
    """Grey noise with a dark spot at each head."""
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.integers(60, 190, (432, 720, 3), np.uint8), (0, 0), 3.0)
    mask = np.zeros((432, 720), np.uint8)
    heads = rng.uniform((0, 0), (720, 432), (people, 2)).astype(np.float32)
    for x, y in heads:
        cv2.circle(picture, (int(x), int(y)), 6, (20, 20, 20), -1)
        cv2.circle(mask, (int(x), int(y)), 8, 255, -1)
    return sample.Sample(picture, mask, heads, np.full(people, 60.0, np.float32))


def written(folder, count: int) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        sample.write_one(sample.path_of(folder, i), spotted(i, i % 5 * 3))


# --- samples and crops ----------------------------------------------------------------------------------------------


def test_a_sample_comes_back_from_its_files(tmp_path):
    one = spotted(4, 7)
    sample.write_one(sample.path_of(tmp_path, 3), one)
    again = sample.read(tmp_path, 3)
    assert np.array_equal(again.heads_px, one.heads_px)
    assert np.array_equal(again.people, one.people)
    assert np.abs(again.picture.astype(int) - one.picture).mean() < 6
    sample.path_of(tmp_path, 3).write_bytes(b"damaged")
    with pytest.raises(OSError, match="delete it"):
        sample.read(tmp_path, 3)


def test_a_crop_counts_those_whose_heads_it_shows_and_is_the_same_for_the_same_seed():
    one = spotted(1, 60)
    ground = np.full((500, 800, 3), 200, np.uint8)
    counts = set()
    for seed in range(6):
        crop = crops.of_sample(one, np.random.default_rng(seed), [ground])
        again = crops.of_sample(one, np.random.default_rng(seed), [ground])
        assert crop.picture.shape == (*crops.CROP_PX, 3)
        assert np.array_equal(crop.picture, again.picture)
        assert np.array_equal(crop.target, again.target)
        assert crop.target.sum() == pytest.approx(round(float(crop.target.sum())), abs=1e-3)
        counts.add(round(float(crop.target.sum())))
    assert max(counts) <= 60
    assert len(counts) > 1


def test_a_crop_of_an_empty_picture_has_nobody():
    assert crops.of_empty(np.zeros((300, 500, 3), np.uint8), np.random.default_rng(1)).target.sum() == 0.0


# --- places and crowds ----------------------------------------------------------------------------------------------


def test_nobody_stands_in_a_wall():
    square = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    points = np.array([[1.0, 1.0], [3.0, 1.0], [-0.1, 0.5]])
    assert places.free(points, (square,)).tolist() == [False, True, True]
    assert places.free(points, ()).all()


def test_people_keep_apart():
    points = np.random.default_rng(2).uniform(0, 4, (400, 2))
    kept = crowds.apart(points, 0.3)
    away = np.linalg.norm(kept[:, None] - kept[None], axis=2) + np.eye(len(kept)) * 9
    assert away.min() >= 0.3
    assert 60 < len(kept) < 400
    assert crowds.apart(np.zeros((0, 2)), 0.3).shape == (0, 2)


# --- people-free pictures -------------------------------------------------------------------------------------------


def test_every_people_free_picture_names_its_author_and_a_licence_it_may_be_learned_from_under():
    table = negatives.table()
    assert len({one.sha256 for one in table}) == len({one.kept_as for one in table}) == len(table)
    assert all(one.author and one.licence and one.shows and len(one.sha256) == 64 for one in table)
    learned = {one.licence for one in table if one.use == "train"}
    assert learned <= {"CC0-1.0", "CC-BY-4.0", "BSD-3-Clause"}
    assert not {one.sha256 for one in table if one.use == "train"} & {
        one.sha256 for one in table if one.use == "gate"
    }


def test_pictures_with_other_content_are_missing_and_refused(tmp_path, monkeypatch):
    one = negatives.table()[0]
    (tmp_path / one.kept_as).write_bytes(b"something else")
    assert one in negatives.missing(tmp_path)
    monkeypatch.setattr(debian_package.shutil, "which", lambda _: None)
    with pytest.raises(negatives.NegativesWrong, match="no apt-get"):
        negatives.fetch(tmp_path, print)
    assert list(negatives.pictures(tmp_path, "train")) == []


def test_a_package_that_holds_another_picture_is_refused(tmp_path, monkeypatch):
    one = negatives.table()[0]

    def unpack(call, place):
        if call[0] == "dpkg-deb":
            found = Path(place) / "out" / one.file
            found.parent.mkdir(parents=True)
            found.write_bytes(b"another picture")
        else:
            (Path(place) / "some.deb").write_bytes(b"")

    monkeypatch.setattr(negatives, "table", lambda: (one,))
    monkeypatch.setattr(debian_package, "_run", unpack)
    monkeypatch.setattr(debian_package.shutil, "which", lambda name: name)
    with pytest.raises(negatives.NegativesWrong, match="with sha256"):
        negatives.fetch(tmp_path, print)
    assert list(tmp_path.iterdir()) == []


# --- scale and threshold --------------------------------------------------------------------------------------------


def test_trimming_balances_the_count_and_empties_the_floor():
    rng = np.random.default_rng(3)
    small = taps.Taps("near", 6, "far", 10)
    about = head.About(backbone="small", backbone_sha256="00", tall_px=(1.0, 2.0), trained_on="nothing")
    one = head.fresh(about, small, 1)
    # what is found is the first channel, twice what is true, on a floor
    for array in one.arrays().values():
        array[...] = 0.0
    one.near[0, 0] = one.join[0, 0, 1, 1] = one.last[0, 0] = 1.0
    one.last_bias[0] = 0.012
    examples = []
    for people in (0, 0, 3, 8, 20, 40):
        true = np.zeros((8, 12), np.float32)
        for _ in range(people):
            true[rng.integers(8), rng.integers(12)] += 1.0
        near = np.zeros((6, 8, 12), np.float32)
        near[0] = 2.0 * true
        examples.append(Example(near, np.zeros((10, 4, 6), np.float32), true))
    done = trim.trimmed(one, examples)
    assert done.head.threshold >= 0.012
    assert done.head.scale == pytest.approx(0.5, abs=0.02)
    assert done.empty == 0.0
    assert done.mae < 0.5


# --- patches of ground ----------------------------------------------------------------------------------------------


def test_patches_count_heads_and_cells_alike():
    view = View.towards((0.0, 0.0, 9.0), (0.0, 20.0), 60.0, (1280, 720))
    ground = patches.Patches.seen_by(view, (576, 1024))
    assert len(ground.area_m2) > 10
    assert (ground.area_m2 > patches.FILLED * 16).all()
    assert (ground.area_m2 < 1.5 * 16).all()  # whole cells only, so their edges stick out
    x, y = np.meshgrid(np.arange(-8, 8, 0.5), np.arange(10, 30, 0.5))
    heads = np.stack([x.ravel(), y.ravel(), np.full(x.size, patches.HEAD_M)], axis=1)
    pixels = view.project(heads)
    true, patch = ground.of_points(pixels)
    density = np.zeros(ground.of_cell.shape)
    cells = np.floor(pixels * ground.scale / 8).astype(int)
    inside = ((cells >= 0) & (cells < (128, 72))).all(axis=1)
    np.add.at(density, (cells[inside, 1], cells[inside, 0]), 1.0)
    assert np.array_equal(ground.of_map(density), true)
    assert true.sum() == (patch >= 0).sum() > 100
    # four people to the square metre stand there
    within = true / ground.area_m2
    assert np.median(within[within > 0.5]) == pytest.approx(4.0, rel=0.15)


def test_a_band_tells_bias_from_scatter():
    true = np.array([10.0, 20.0, 30.0])
    errors = patches.Errors(true * 0.8, true, np.full(3, 10.0))
    band, mae = errors.band(0.5, 99.0)
    assert band.bias == pytest.approx(-0.2)
    assert band.relative_sigma == pytest.approx(0.0, abs=1e-9)
    assert band.n == 3
    assert mae == pytest.approx(0.4)
    assert errors.band(50.0, 99.0)[0].n == 0


# --- the command ----------------------------------------------------------------------------------------------------


def test_a_small_training_run_goes_on_where_it_was_stopped_and_ends_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sample, "CROWDS_A_VIEW", 1)
    monkeypatch.setattr(train, "LEAST_SAMPLES", 16)
    monkeypatch.setattr(crops, "CROP_PX", (128, 192))
    words = ["--samples", "16", "--variants", "1", "--steps", "12", "--no-negatives"]
    heads = []
    for name in ("whole", "stopped"):
        out = tmp_path / name
        written(out / "samples", 16)
        if name == "stopped":
            broken = out / f"features-{SSD}-1-0-{crops.RECIPE}"
            with monkeypatch.context() as patched:
                kept = train.features._keep
                calls = []

                def stop(*given, kept=kept, calls=calls):
                    calls.append(1)
                    if len(calls) == 5:
                        raise KeyboardInterrupt
                    kept(*given)

                patched.setattr(train.features, "_keep", stop)
                assert command.main(["train", "--out", str(out), *words]) == 130
            assert "goes on from here" in capsys.readouterr().err
            assert len(list(broken.glob("0*.npz"))) == 4
        assert command.main(["train", "--out", str(out), *words]) == 0
        heads.append((out / f"{SSD}.head").read_bytes())
    assert heads[0] == heads[1]
    made = head.decode(heads[0], "x", taps.TAPS[SSD])
    assert made.about.backbone == SSD
    assert set(made.about.held_out) == {"rendered_mae", "rendered_bias", "rendered_empty"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--samples", "3"], "at least 49"),
        (["--steps", "0"], "at least 1"),
        (["--rate", "2"], "between 0 and 1"),
        (["--model", "nosuch"], "not in the manifest"),
    ],
)
def test_training_refuses_what_can_not_work(tmp_path, words, says, capsys):
    assert command.main(["train", "--out", str(tmp_path / "out"), *words]) == 1
    assert says in capsys.readouterr().err


def test_training_into_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert command.main(["train", "--out", str(tmp_path / "file")]) == 1
    assert "is no folder" in capsys.readouterr().err


def test_whole_views_are_kept_back_of_every_place_in_turn():
    a_view = sample.CROWDS_A_VIEW + 1
    learned, back = train.split(21 * a_view)
    assert {i // a_view for i in back} == {6, 13, 20}
    assert sorted([*learned, *back]) == list(range(21 * a_view))
    assert {i // a_view % sample.VIEWS_A_PLACE for i in back} == {0, 1, 2}
