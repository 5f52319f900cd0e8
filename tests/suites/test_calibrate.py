"""`esplanade-models calibrate` from footage to a file that the edge takes, on a small drawn square, in seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import DensityChoice, ModelChoice
from edge.ground import HEAD_HEIGHT_M, Ground
from edge.look import look
from models.__main__ import main
from models.calibrate import __main__ as command
from models.calibrate import marks
from models.calibrate.workplace import existing
from models.density.errors import from_text
from tests.kit import density_files
from tests.kit import edge_scene as scene

MASK = ((0.0, 400.0), (150.0, 400.0), (150.0, 576.0), (0.0, 576.0))
CAMERA = scene.camera(masks=(MASK,))
INPUT = "192x256"


def square(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture with 0 to 40 round-headed figures, and their heads in pixels."""
    rng = np.random.default_rng(seed)
    picture = np.full((scene.HEIGHT, scene.WIDTH, 3), (96, 110, 104), np.uint8)
    picture += rng.integers(0, 12, picture.shape, dtype=np.uint8)
    people = rng.uniform((-4.0, 14.0), (4.0, 30.0), (int(rng.integers(0, 41)), 2))
    people = people[np.argsort(-people[:, 1])]
    feet, heads = scene.pixels(people), scene.pixels(people, HEAD_HEIGHT_M)
    for foot, head in zip(feet, heads, strict=True):
        wide = max(3, int((foot[1] - head[1]) * 0.14))
        cv2.line(picture, tuple(foot.astype(int)), tuple(head.astype(int)), (60, 30, 30), 2 * wide)
        cv2.circle(picture, tuple(head.astype(int)), wide, (150, 180, 235), -1)
    return picture, heads


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A site file, a clip, and a folder of marked pictures."""
    folder = tmp_path_factory.mktemp("town")
    scene.site_yaml(folder, CAMERA, scene.camera(camera_id="quay"))
    scene.clip(folder / "clip.mp4", (square(seed)[0] for seed in range(60)))
    marked = folder / "marked"
    marked.mkdir()
    for seed in range(100, 120):
        picture, heads = square(seed)
        cv2.imwrite(str(marked / f"{seed}.png"), picture)
        marks.write_points(marks.points_path(marked / f"{seed}.png"), heads)
    return folder


def calibrate(*arguments: object) -> int:
    return main(["calibrate", *map(str, arguments)])


ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For processes of their own, as the command itself sets it: small matrices, and other tests on the second core."""
STOPPED_AT_110 = """
import sys
from models.calibrate import __main__ as command
told = command._told
def stop(what, done, of):
    told(what, done, of)
    if what.startswith("fitting") and done > 110:
        raise KeyboardInterrupt
command._told = stop
sys.exit(command.main(sys.argv[1:]))
"""


def fit(town: Path, name: str, steps: int, *, stopped: bool = False) -> subprocess.CompletedProcess[str]:
    """The command on the marked pictures, in a process of its own."""
    how = ["-c", STOPPED_AT_110] if stopped else ["-m", "models", "calibrate"]
    arguments = ["fit", "--points", town / "marked", *of_camera(town), "--out", town / name, "--steps", steps]
    return subprocess.run(
        [sys.executable, *how, *map(str, arguments)],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def of_camera(town: Path, camera: str = "gate") -> list[object]:
    return ["--site", town / "site.yaml", "--camera", camera, "--input-size", INPUT]


@pytest.fixture(scope="module")
def fitted(town):
    done = fit(town, "gate.onnx", 200)
    assert done.returncode == 0, done.stderr
    assert "held out, never fitted to" in done.stdout
    assert "use: calibrated, file: gate.onnx" in done.stdout
    return town / "gate.onnx"


def test_marked_pictures_become_a_file_for_one_camera(town, fitted):
    ground = Ground(CAMERA, 2.0)
    one = look(
        site="square",
        ground=ground,
        model=ModelChoice(),
        density=DensityChoice(use="calibrated", file=str(fitted)),
    )
    off, mean = [], []
    for seed in range(200, 208):
        picture, heads = square(seed)
        cv2.fillPoly(picture, [np.array(MASK, np.int32)], (0, 0, 0))
        people_map = one.detector.detect(picture).people_map
        assert people_map is not None
        off.append(abs(float(people_map.people.sum()) - len(heads)))
        mean.append(len(heads))
    assert np.mean(off) < 0.25 * np.mean(mean), f"off by {np.mean(off):.1f} of {np.mean(mean):.1f}"
    assert "16 frames marked" in one.said
    assert one.detector.sha256


def test_the_card_holds_numbers_of_frames_it_was_not_fitted_to(fitted):
    from edge.combined_file import opened

    about = opened(fitted).card.about
    assert about.camera == "square/gate"
    assert about.calibration == CAMERA.calibration
    assert about.input_px == (192, 256)
    assert about.held_out["frames"] == 4
    assert about.held_out["mae"] < about.held_out["detector_mae"]
    assert not {"102", "107", "112", "117"} & set(about.frames)
    assert about.errors is not None
    assert about.errors.fused is not None


def test_an_interrupted_fit_goes_on_to_the_same_weights(town):
    assert fit(town, "whole.onnx", 120).returncode == 0
    half = fit(town, "half.onnx", 120, stopped=True)
    assert half.returncode == 130
    assert "goes on where it was" in half.stderr
    assert not (town / "half.onnx").exists()
    assert list(town.glob("fit-*.npz"))
    again = fit(town, "half.onnx", 120)
    assert again.returncode == 0
    assert ": 12 of 120" not in again.stderr, "not from the beginning"
    assert ": 120 of 120" in again.stderr
    assert not list(town.glob("fit-*.npz"))
    weights = [(town / name).read_bytes()[-60_000:-20_000] for name in ("whole.onnx", "half.onnx")]
    assert weights[0] == weights[1]


def test_frames_are_masked_spread_and_resumed(town, capsys):
    out = town / "work"
    taking = ["frames", town / "clip.mp4", *of_camera(town), "--out", out, "--frames", 12]
    assert calibrate(*taking) == 0
    names = sorted(path.name for path in out.glob("*.png"))
    assert names == [f"{n:04d}.png" for n in range(1, 13)]
    assert out.stat().st_mode & 0o777 == 0o700
    for path in out.glob("*.png"):
        assert not cv2.imread(str(path))[410:, :140].any()
    before = {path.name: path.read_bytes() for path in out.glob("*.png")}
    (out / "0005.png").unlink()
    assert calibrate(*taking) == 0
    assert {path.name: path.read_bytes() for path in out.glob("*.png")} == before
    assert (
        calibrate("fit", out, "--site", town / "site.yaml", "--camera", "gate", "--out", town / "x.onnx") == 1
    )
    assert "0 marked frames; at least 10" in capsys.readouterr().err
    place = existing(out)
    for n in range(1, 13):
        marks.write_points(out / f"{n:04d}.points.json", np.zeros((0, 2)))
    place.finish(f"{n:04d}" for n in range(1, 13))
    assert (
        calibrate("fit", out, "--site", town / "site.yaml", "--camera", "gate", "--out", town / "x.onnx") == 1
    )
    assert "not one head is marked in 12 frames" in capsys.readouterr().err
    assert (
        calibrate("fit", out, "--site", town / "site.yaml", "--camera", "quay", "--out", town / "x.onnx") == 1
    )
    assert "holds pictures of camera square/gate, not of square/quay" in capsys.readouterr().err


def test_another_choice_of_frames_is_not_mixed_with_the_one_that_is_there(town, tmp_path, capsys):
    out = tmp_path / "work"
    taking = ["frames", town / "clip.mp4", *of_camera(town), "--out", out, "--frames"]
    assert calibrate(*taking, 10) == 0
    assert calibrate(*taking, 14) == 1
    assert "its pictures are 10 of" in capsys.readouterr().err
    (tmp_path / "other.mp4").write_bytes((town / "clip.mp4").read_bytes())
    assert calibrate("frames", tmp_path / "other.mp4", *taking[2:], 10) == 1
    assert "take another folder" in capsys.readouterr().err
    assert len(list(out.glob("*.png"))) == 10
    (out / "taken.json").unlink()
    assert calibrate(*taking, 10) == 1
    assert "holds pictures of another source" in capsys.readouterr().err


def test_no_frame_is_chosen_twice_from_a_film_of_few(town, tmp_path, capsys):
    scene.clip(tmp_path / "short.mp4", (square(seed)[0] for seed in range(13)))
    out = tmp_path / "work"
    assert calibrate("frames", tmp_path / "short.mp4", *of_camera(town), "--out", out, "--frames", 20) == 0
    taken = [path.read_bytes() for path in sorted(out.glob("*.png"))]
    assert len(set(taken)) == len(taken) == 13
    assert "holds no more that differ; 20 were asked for" in capsys.readouterr().out


def test_a_stream_that_goes_on_never_writes_over_a_picture(town, tmp_path, monkeypatch):
    out = tmp_path / "work"
    seeds = iter(range(100))
    monkeypatch.setattr(
        command, "stream_frames", lambda *_, wanted, **__: (square(next(seeds))[0] for _ in range(wanted))
    )
    taking = ["frames", "rtsp://127.0.0.1/x", *of_camera(town), "--out", out, "--frames", 10]
    assert calibrate(*taking) == 0
    (out / "0003.png").unlink()
    before = {path.name: path.read_bytes() for path in out.glob("*.png")}
    assert calibrate(*taking) == 0
    after = {path.name: path.read_bytes() for path in out.glob("*.png")}
    assert len(after) == 10
    assert before.items() <= after.items()


def test_an_external_network_is_measured_for_the_agents_file(town, tmp_path, capsys):
    network = density_files.external(tmp_path / "red.onnx", share=0.01)
    assert calibrate(
        "measure", "--points", town / "marked", *of_camera(town), "--external", network, "--out", tmp_path / "e.json"
    ) == 0  # fmt: skip
    assert "use: external, file: red.onnx, sha256: " in capsys.readouterr().out
    errors = from_text((tmp_path / "e.json").read_text(), "e.json")
    assert sum(band.cells for band in errors.map) == sum(band.cells for band in errors.boxes) > 1000


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda folder: cv2.imwrite(str(folder / "105.png"), np.zeros((100, 400, 3), np.uint8)),
            "another shape",
        ),
        (
            lambda folder: (folder / "105.points.json").write_text(json.dumps({"points_px": [[900, 5]]})),
            "point 1 (900, 5) lies outside the picture",
        ),
        (lambda folder: (folder / "105.png").write_bytes(b"no picture"), "cannot be read"),
        (lambda folder: [path.unlink() for path in folder.glob("11*.points.json")], "10 marked frames"),
        (
            lambda folder: [
                path.write_text('{"points_px": []}') for path in sorted(folder.glob("*.points.json"))
            ],
            "not one head is marked",
        ),
    ],
)
def test_bad_input_is_refused_with_its_name(town, tmp_path, capsys, spoil, said):
    folder = tmp_path / "marked"
    folder.mkdir()
    for path in (town / "marked").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    spoil(folder)
    status = calibrate(
        "fit", "--points", folder, *of_camera(town), "--out", tmp_path / "x.onnx", "--steps", 1
    )
    told = capsys.readouterr()
    if said == "10 marked frames":
        assert "only 10 frames are marked" in told.out
    else:
        assert status == 1
        assert said in told.err
    assert status == 0 or not (tmp_path / "x.onnx").exists()


def test_wrong_use(town, tmp_path, capsys):
    for arguments, said in (
        (["fit", "--out", tmp_path / "x.onnx"], "give the folder of `calibrate frames`, or --points"),
        (["fit", "--points", town / "marked", "--out", tmp_path / "x.bin"], "must end in .onnx"),
        (["fit", "--points", tmp_path / "gone", "--out", tmp_path / "x.onnx"], "is not there"),
        (["frames", town / "clip.mp4", "--out", tmp_path / "w", "--frames", "3"], "take 10 to 500"),
        (["frames", tmp_path / "gone.mp4", "--out", tmp_path / "w"], "no such file"),
        (
            ["fit", "--points", town / "marked", "--out", tmp_path / "gone" / "x.onnx"],
            "gone is not there; make it first",
        ),
    ):
        assert calibrate(*arguments, *of_camera(town)) == 1
        assert said in capsys.readouterr().err
    assert calibrate("mark", tmp_path) == 1
    assert "holds no calibration.json" in capsys.readouterr().err
    assert (
        calibrate("fit", "--points", town / "marked", *of_camera(town, "sea"), "--out", tmp_path / "x.onnx")
        == 1
    )
    assert "has no camera sea; it has gate, quay" in capsys.readouterr().err
