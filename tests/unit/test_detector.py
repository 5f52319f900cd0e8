"""The detector: sizes, thresholds, suppression, both kinds of network, and errors that say what to do."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge import detector as detector_module
from edge.detections import KINDS, Detections, best_without_overlap
from edge.detector import Detector, ModelUnreadable, free_fixed_sides
from models.manifest import UnknownModel, manifest
from models.store import ModelMissing, place

SSD = manifest().named("ssdlite-mobilenet-v2")
YOLOX = manifest().named("yolox-nano")


@pytest.fixture(scope="module")
def shipped():
    return Detector.load(input_size=(192, 256))


@pytest.fixture
def noise():
    return np.random.default_rng(3).integers(0, 256, (150, 200, 3), np.uint8)


def test_the_shipped_model_is_the_default(shipped):
    assert shipped.name == manifest().default
    assert shipped.short_sha256 == SSD.sha256[:12]
    assert shipped.thresholds.tolist() == pytest.approx(
        [SSD.decode.person_threshold] + [SSD.decode.vehicle_threshold] * 5
    )


def test_shapes_types_and_repetition(noise):
    eager = Detector.load(input_size=(192, 256), person_threshold=0.001, vehicle_threshold=0.001)
    found = eager.detect(noise)
    assert len(found) > 0
    assert (found.boxes_xyxy.dtype, found.scores.dtype, found.kinds.dtype) == (
        np.float32,
        np.float32,
        np.uint8,
    )
    assert found.boxes_xyxy.shape == (len(found), 4)
    assert (found.scores[:-1] >= found.scores[1:]).all()
    assert found.kinds.max() < len(KINDS)
    assert (found.boxes_xyxy[:, :2] >= 0).all()
    assert (found.boxes_xyxy[:, 2:] <= [200, 150]).all()
    assert len(found.people()) + len(found.vehicles()) == len(found)
    again = eager.detect(noise)
    assert found.boxes_xyxy.tobytes() == again.boxes_xyxy.tobytes()
    assert found.scores.tobytes() == again.scores.tobytes()


def test_an_even_picture_holds_nothing(shipped):
    found = shipped.detect(np.full((120, 160, 3), 127, np.uint8))
    assert len(found) == len(Detections.none()) == 0
    assert found.boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    ("frame", "picture", "network"),
    [
        ((768, 1024), (576, 768), (768, 1024)),
        ((768, 1024), (1080, 1920), (576, 1024)),
        ((768, 1024), (1920, 1080), (768, 448)),
        ((576, 768), (576, 768), (576, 768)),
        ((64, 64), (10, 1000), (32, 64)),
    ],
)
def test_the_input_follows_the_picture(frame, picture, network):
    assert Detector.load(input_size=frame).network_size(*picture) == network


def test_a_picture_that_fits_is_not_copied(shipped):
    picture = np.zeros((192, 256, 3), np.uint8)
    tensor, across, down = shipped.tensor(picture)
    assert np.shares_memory(tensor, picture)
    assert (across, down) == (1, 1)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3), np.float32)],
)
def test_other_pictures_are_refused(shipped, picture):
    with pytest.raises(ValueError, match="must be uint8"):
        shipped.detect(picture)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"input_size": (16, 640)}, "input_size"),
        ({"input_size": (640, 4096)}, "input_size"),
        ({"person_threshold": 1.5}, "person_threshold"),
        ({"vehicle_threshold": 0.0}, "vehicle_threshold"),
    ],
)
def test_options_out_of_range_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        Detector.load(**options)


def test_a_path_is_known_by_its_content(tmp_path):
    copy = tmp_path / "renamed.onnx"
    copy.write_bytes(place(SSD).read_bytes())
    assert Detector.load(copy).name == SSD.name
    copy.write_bytes(b"else")
    with pytest.raises(UnknownModel, match=hashlib.sha256(b"else").hexdigest()):
        Detector.load(copy)
    with pytest.raises(UnknownModel, match="not there"):
        Detector.load(tmp_path / "gone.onnx")
    with pytest.raises(UnknownModel, match="nosuch"):
        Detector.load("nosuch")


def test_a_model_not_fetched_says_how(monkeypatch, tmp_path):
    monkeypatch.setenv("ESPLANADE_MODEL_HOME", str(tmp_path))
    monkeypatch.delenv("ESPLANADE_MODEL_MIRROR", raising=False)
    with pytest.raises(ModelMissing, match="esplanade-models fetch yolox-nano"):
        Detector.load("yolox-nano")


def test_a_file_onnxruntime_can_not_read():
    with pytest.raises(ModelUnreadable, match="onnxruntime"):
        Detector(SSD, b"no network")


def boxes(*rows):
    return np.array(rows, np.float32)


def test_suppression_by_hand():
    kept = best_without_overlap(
        boxes([0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 10], [0, 0, 10, 10]),
        np.array([0.5, 0.9, 0.8, 0.3, 0.7], np.float32),
        np.array([0, 0, 1, 0, 3], np.uint8),
        overlap=0.5,
        most=10,
    )
    # the second beats the first; the bicycle stays and beats the motorcycle; the far one stays
    assert kept.tolist() == [1, 2, 3]


def test_one_van_is_one_vehicle():
    kept = best_without_overlap(
        boxes([0, 0, 40, 20], [1, 0, 40, 20], [0, 1, 40, 20]),
        np.array([0.5, 0.6, 0.4], np.float32),
        np.array([KINDS.index(kind) for kind in ("car", "truck", "bus")], np.uint8),
        overlap=0.5,
        most=10,
    )
    assert kept.tolist() == [1]


def test_suppression_is_bounded_and_breaks_ties_by_order():
    rows = boxes(*([i * 20, 0, i * 20 + 10, 10] for i in range(6)))
    kept = best_without_overlap(rows, np.full(6, 0.5, np.float32), np.zeros(6, np.uint8), overlap=0.5, most=4)
    assert kept.tolist() == [0, 1, 2, 3]


def test_ssd_columns_pick_the_kinds():
    count = len(KINDS)
    encodings = np.zeros((1, 1917, 4), np.float32)
    scores = np.zeros((1, 1917, 10), np.float32)
    scores[0, 700, 9], scores[0, 5, 0] = 0.9, 0.9
    columns = np.array([9, 1, 2, 3, 4, 5])
    found, strong, kinds = detector_module._ssd(
        [encodings, scores], (1, 300, 300, 3), columns, np.full(count, 0.5, np.float32)
    )
    assert kinds.tolist() == [0]
    assert strong == pytest.approx([0.9])
    centre = found[0].reshape(2, 2).mean(axis=0)
    # anchor 700 of the first level: three a cell, 19 cells a row
    assert centre == pytest.approx(
        [(700 // 3 % 19 + 0.5) * 300 / 19, (700 // 3 // 19 + 0.5) * 300 / 19], abs=1e-3
    )


def test_candidates_are_bounded_to_the_strongest():
    rows = np.arange(5000)
    scores = np.linspace(0, 1, 5000, dtype=np.float32)
    kept, _, strong = detector_module._strongest(rows, rows % 6, scores)
    assert len(kept) == detector_module.MOST_CANDIDATES
    assert strong.min() == scores[-detector_module.MOST_CANDIDATES]


@pytest.fixture
def tiny_yolox():
    """A network of YOLOX's shape and declared size, that finds a bus in cell (2, 3) of stride 32 and nothing else."""
    constant = np.zeros((1, 85, 1, 1), np.float32)
    constant[0, :5, 0, 0] = [0.5, 0.5, np.log(2), np.log(1.5), 0.8]
    constant[0, 5 + YOLOX.decode.columns[KINDS.index("bus")], 0, 0] = 0.9
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["grey", "unit"], ["one"]),
    ]
    for index, stride in enumerate((8, 16, 32)):
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes += [
            helper.make_node("MaxPool", ["one"], [f"pool{index}"], **pool),
            helper.make_node(
                "Mul", [f"pool{index}", "constant" if stride == 32 else "off"], [f"rows{index}"]
            ),
            helper.make_node("Reshape", [f"rows{index}", "shape"], [f"flat{index}"]),
        ]
    nodes += [
        helper.make_node("Concat", ["flat0", "flat1", "flat2"], ["all"], axis=2),
        helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]),
    ]
    values = {
        "unit": np.array(1 / 255, np.float32),
        "constant": constant,
        "off": np.zeros((1, 85, 1, 1), np.float32),
        "shape": np.array([1, 85, -1], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 416, 416])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3549, 85])],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    return model.SerializeToString()


def test_yolox_at_a_size_its_file_does_not_declare(tiny_yolox):
    finder = Detector(YOLOX, tiny_yolox, input_size=(192, 256))
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[34:46, 50:62] = 255  # inside cell (2, 3) of stride 32 of the doubled picture
    found = finder.detect(picture)
    assert [KINDS[kind] for kind in found.kinds] == ["bus"]
    assert found.scores == pytest.approx([0.72], abs=0.01)
    # centre (3.5, 2.5) cells of 32, size 2 by 1.5 cells, halved
    assert found.boxes_xyxy[0] == pytest.approx([56 - 16, 40 - 12, 56 + 16, 40 + 12], abs=0.1)


def test_freeing_the_declared_size_changes_nothing_else(tiny_yolox):
    freed = onnx.load_model_from_string(free_fixed_sides(tiny_yolox, (416, 416)))
    before = onnx.load_model_from_string(tiny_yolox)
    sides = [dim.dim_param or dim.dim_value for dim in freed.graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, 3, "h", "w"]
    assert freed.graph.node == before.graph.node
    assert freed.graph.initializer == before.graph.initializer
    with pytest.raises(ModelUnreadable, match="0 times"):
        free_fixed_sides(tiny_yolox, (640, 640))
    with pytest.raises(ModelUnreadable, match="in place"):
        free_fixed_sides(tiny_yolox, (100, 100))


def test_another_yolox_size_in_the_file_is_refused(tiny_yolox):
    other = msgspec.structs.replace(YOLOX, input=msgspec.structs.replace(YOLOX.input, fixed_px=(640, 640)))
    with pytest.raises(ModelUnreadable, match="640"):
        Detector(other, tiny_yolox)
