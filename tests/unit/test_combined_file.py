"""A density model is used where it belongs and refused elsewhere, with a message that says what to do."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from contract.site_file import PictureSize
from edge.agent import Eye
from edge.camera import CameraState
from edge.combined_file import DensityRefused, opened
from edge.config import CameraChoice, DensityChoice, ModelChoice, Source
from edge.detector import Detector
from edge.external_map import ExternalMap
from edge.frame import Frame
from edge.ground import Ground
from edge.look import look
from edge.map_ground import HeadsUnseen
from edge.readings import Readings
from edge.sighting import Sight
from models import count_errors
from models.density import fragment
from models.density.errors import to_text
from models.manifest import UnknownModel
from models.store import located
from tests.kit import density_files as files
from tests.kit import edge_scene as scene

CAMERA = scene.camera()
GROUND = Ground(CAMERA, 2.0)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    return files.combined(tmp_path_factory.mktemp("density") / "gate.onnx", files.head(CAMERA))


def looked(path, *, ground=GROUND, use="calibrated", site=files.SITE, model=None, **more):
    choice = DensityChoice(use=use, file=str(path), **more)
    return look(site=site, ground=ground, model=model or ModelChoice(), density=choice)


def test_boxes_are_those_of_the_detector_and_a_map_comes_with_them(calibrated):
    picture = np.random.default_rng(5).integers(0, 256, (144, 192, 3), np.uint8)
    look_ = looked(calibrated)
    alone = Detector.load(input_size=(192, 256), person_threshold=0.001, vehicle_threshold=0.001)
    found = looked(calibrated, model=ModelChoice(person_threshold=0.001, vehicle_threshold=0.001))
    seen, before = found.detector.detect(picture), alone.detect(picture)
    assert len(before) > 0
    assert seen.boxes_xyxy.tobytes() == before.boxes_xyxy.tobytes()
    assert seen.scores.tobytes() == before.scores.tobytes()
    assert before.people_map is None
    assert seen.people_map.people.shape == (24, 32)
    assert (seen.people_map.across_px, seen.people_map.down_px) == (6.0, 6.0)
    assert seen.people_map.people.min() >= 0
    assert look_.errors == files.errors()
    assert look_.model.name == "ssdlite-mobilenet-v2+calibrated"
    assert look_.model.sha256_12 == hashlib.sha256(calibrated.read_bytes()).hexdigest()[:12]
    assert "input 192x256" in look_.said
    assert "24 frames marked" in look_.said


def test_another_camera_or_site_is_refused(calibrated):
    other = Ground(scene.camera(camera_id="quay"), 2.0)
    with pytest.raises(DensityRefused, match=r"camera quay: .* was calibrated for camera square/gate"):
        looked(calibrated, ground=other)
    with pytest.raises(DensityRefused, match="this is harbour/gate; run `esplanade-models calibrate`"):
        looked(calibrated, site="harbour")


def test_a_calibration_that_changed_since_is_refused(calibrated):
    moved = Ground(scene.camera(masks=(((0.0, 0.0), (50.0, 0.0), (50.0, 50.0)),)), 2.0)
    with pytest.raises(DensityRefused, match=r"belongs to calibration .* fit it again"):
        looked(calibrated, ground=moved)


def test_the_general_model_is_never_taken_for_a_calibrated_one(calibrated, tmp_path):
    general = files.combined(tmp_path / "general.onnx", files.head())
    with pytest.raises(DensityRefused, match="is experimental, the configuration asks for calibrated"):
        looked(general)
    with pytest.raises(DensityRefused, match="is calibrated, the configuration asks for experimental"):
        looked(calibrated, use="experimental")
    assert looked(general, use="experimental").model.name == "ssdlite-mobilenet-v2+experimental"


def test_a_file_without_measured_errors_is_refused(tmp_path):
    with pytest.raises(DensityRefused, match="says nothing of its measured errors"):
        looked(files.combined(tmp_path / "g.onnx", files.head(CAMERA, errors=None)))


def test_another_detector_than_the_configured_one_is_refused(calibrated):
    with pytest.raises(
        DensityRefused, match="was made on ssdlite-mobilenet-v2, the configuration asks for yolox"
    ):
        looked(calibrated, model=ModelChoice(name="yolox-nano"))
    with pytest.raises(
        DensityRefused, match="fitted at an input of 192x256, the configuration asks for 576x768"
    ):
        looked(calibrated, model=ModelChoice(height_px=576, width_px=768))


def test_a_pin_is_held(calibrated):
    right = hashlib.sha256(calibrated.read_bytes()).hexdigest()
    assert looked(calibrated, sha256=right).model.sha256_12 == right[:12]
    with pytest.raises(DensityRefused, match="the configuration says 00000"):
        looked(calibrated, sha256="0" * 64)


def test_a_changed_backbone_is_refused(calibrated, tmp_path):
    content = bytearray(calibrated.read_bytes())
    content[200_000] ^= 1
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(UnknownModel, match="does not begin with a detector of the manifest"):
        opened(tmp_path / "x.onnx")


def test_other_files_are_refused(tmp_path):
    plain = located(files.shipped()).read_bytes()
    for name, content, said in (
        ("gone", None, "cannot be read: No such file"),
        (
            "cut",
            files.combined(tmp_path / "whole", files.head(CAMERA)).read_bytes()[:-40_000],
            "cannot load it",
        ),
        ("no-map", plain + fragment.graph(metadata={"a": "b"}), "has no people map"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DensityRefused, match=said):
            opened(path)


def test_an_addition_that_changes_the_boxes_is_refused(tmp_path):
    """A second value for a weight of the detector: onnxruntime may refuse it, or take it; we must not."""
    path = files.combined(tmp_path / "x.onnx", files.head(CAMERA))
    name = b"density/twice"
    graph = fragment.graph(nodes=[fragment.node("Identity", ["encodings"], "scores")])
    path.write_bytes(path.read_bytes() + graph)
    assert name in path.read_bytes()
    with pytest.raises(DensityRefused):
        opened(path)


def test_a_map_of_no_numbers_is_refused(tmp_path):
    head = files.head(CAMERA)
    broken = replace(head, last_bias=np.full_like(head.last_bias, np.nan))
    with pytest.raises(DensityRefused, match="no numbers; make it again"):
        opened(files.combined(tmp_path / "x.onnx", broken))


def test_a_camera_too_low_for_heads_is_told_at_once(calibrated):
    low = Ground(
        CAMERA.__class__(**{f: getattr(CAMERA, f) for f in CAMERA.__struct_fields__} | {"height_m": 2.0}), 2.0
    )
    with pytest.raises(HeadsUnseen, match="hangs at 2 m"):
        looked(calibrated, ground=low)


def test_a_detector_by_file_beside_a_density_model_is_refused_by_name(calibrated, tmp_path):
    with pytest.raises(DensityRefused, match=r"model.name is the file .*own\.onnx.*leave model.name out"):
        looked(calibrated, model=ModelChoice(name=str(tmp_path / "own.onnx")))


def test_the_general_head_of_the_package_needs_no_file():
    choice = DensityChoice(use="experimental")
    one = look(site=files.SITE, ground=GROUND, model=ModelChoice(height_px=192, width_px=256), density=choice)
    assert one.model.name == "ssdlite-mobilenet-v2+experimental"
    assert one.errors == count_errors.of_general("ssdlite-mobilenet-v2")
    assert one.detector.detect(np.zeros((144, 192, 3), np.uint8)).people_map is not None
    with pytest.raises(DensityRefused, match="calibrate this camera"):
        look(site=files.SITE, ground=GROUND, model=ModelChoice(name="yolox-nano"), density=choice)


def test_an_external_map_is_pinned_and_counts(tmp_path):
    path = files.external(tmp_path / "red.onnx", share=0.5)
    (tmp_path / "errors.json").write_text(to_text(files.errors()))
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DensityRefused, match="it is not the file that was chosen"):
        looked(path, use="external", sha256="0" * 64, errors=str(tmp_path / "errors.json"))
    one = looked(path, use="external", sha256=pin, errors=str(tmp_path / "errors.json"))
    picture = np.zeros((288, 384, 3), np.uint8)
    picture[64:128, 32:160, 2] = 255
    people_map = one.detector.detect(picture).people_map
    assert people_map.people.shape == (36, 48)
    assert (people_map.across_px, people_map.down_px) == (8.0, 8.0)
    assert people_map.people.sum() == pytest.approx(0.5 * 8 * 16, rel=1e-4)
    assert people_map.people[8:16, 4:20] == pytest.approx(np.full((8, 16), 0.5), abs=1e-4)
    assert one.model.name.endswith("+external")


@pytest.mark.parametrize(("out", "said"), [("flat", "is expected"), ("nan", "no count")])
def test_an_external_network_of_another_form_is_refused(tmp_path, out, said):
    path = files.external(tmp_path / "x.onnx", out=out)
    (tmp_path / "errors.json").write_text(to_text(files.errors()))
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DensityRefused, match=said):
        ExternalMap(path, pin).people_map(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DensityRefused, match=said):
        looked(path, use="external", sha256=pin, errors=str(tmp_path / "errors.json"))


def test_a_picture_that_the_density_model_cannot_count_silences_its_camera_alone_and_says_why():
    class Refuses:
        def detect(self, picture_bgr):
            raise DensityRefused("density model x.onnx: gives numbers that are no count")

    class OneFrame:
        choice = CameraChoice(id="gate", source=Source(rtsp="rtsp://127.0.0.1/x"))
        drained = False

        def take(self):
            return Frame(np.full((scene.HEIGHT, scene.WIDTH, 3), 90, np.uint8), 1_000, "arrival")

        def state(self):
            return CameraState(None, 5.0, 0, 1_000, "arrival", None, False)

    eye = Eye(
        camera=CAMERA,
        reader=OneFrame(),
        sight=Sight(camera=CAMERA, ground=GROUND, detector=Refuses(), boot="b"),
        readings=Readings(site="town", camera=CAMERA, boot="b", period_s=1.0, ground=GROUND, model=None),
        emit=lambda readings: None,
    )
    assert eye.look()
    eye.judge()
    assert eye.picture == "none"
    assert "gives numbers that are no count" in eye.problem


def test_the_input_follows_the_height_of_people_and_the_configuration_wins():
    plain = look(site=files.SITE, ground=GROUND, model=ModelChoice())
    assert "by calibration: people are" in plain.said
    told = look(site=files.SITE, ground=GROUND, model=ModelChoice(height_px=192, width_px=256))
    assert told.said.startswith("input 192x256 as told")
    assert told.detector.network_size(CAMERA.picture.height, CAMERA.picture.width) == (192, 256)
    assert PictureSize(width=768, height=576) == CAMERA.picture
