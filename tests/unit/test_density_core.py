"""The people map's parts: targets, layers against finite differences, the fit, head files, one file from two."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from edge.detector import free_fixed_sides
from models.density import assemble, fit, head, layers, taps, target
from models.manifest import manifest
from models.store import located
from tests.kit.fetched import is_here

# The shipped model always; a download where somebody fetched it (`esplanade-models fetch yolox-nano`).
NAMES = ("ssdlite-mobilenet-v2", *(name for name in ("yolox-nano",) if is_here(name)))
SMALL = taps.Taps("near", 6, "far", 10)


def about_of(name: str = "small", sha256: str = "00") -> head.About:
    return head.About(backbone=name, backbone_sha256=sha256, tall_px=(20.0, 200.0), trained_on="nothing")


def content_of(name: str) -> bytes:
    return located(manifest().named(name)).read_bytes()


def freed(name: str, content: bytes) -> bytes:
    fixed_px = manifest().named(name).input.fixed_px
    return free_fixed_sides(content, fixed_px) if fixed_px else content


def session_of(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def noise(name: str, height: int, width: int) -> np.ndarray:
    pixels = np.random.default_rng(3).integers(0, 256, (1, height, width, 3), np.uint8)
    if manifest().named(name).input.tensor == "uint8_nhwc":
        return pixels
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32)


# --- targets ------------------------------------------------------------------------------------------------------


def test_a_target_sums_to_the_heads_inside_however_near_the_edge():
    rng = np.random.default_rng(1)
    heads = np.concatenate(
        [rng.uniform(0, 95, (40, 2)), [[0.0, 0.0], [95.9, 63.9], [-1.0, 5.0], [96.0, 5.0]]]
    )
    inside = ((heads >= 0) & (heads < (96, 64))).all(axis=1)
    found = target.target(heads, rng.uniform(0.5, 3.5, len(heads)), 8, 12)
    assert found.shape == (8, 12)
    assert found.sum() == pytest.approx(inside.sum(), abs=1e-4)
    assert found.min() >= 0.0


def test_a_target_lies_where_the_head_is():
    found = target.target(np.array([[44.0, 20.0]]), 0.9, 8, 12)
    assert np.unravel_index(found.argmax(), found.shape) == (2, 5)


def test_taller_people_are_spread_wider():
    spread = target.spread_cells(np.array([10.0, 150.0, 5000.0]))
    assert spread[0] == target.LEAST_CELLS
    assert spread[0] < spread[1] < spread[2] == target.MOST_CELLS


# --- layers -------------------------------------------------------------------------------------------------------


def doubles(seed: int) -> tuple[dict, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = {
        name: array.astype(np.float64) for name, array in head.fresh(about_of(), SMALL, seed).arrays().items()
    }
    arrays = {name: array + rng.normal(0, 0.05, array.shape) for name, array in arrays.items()}
    return arrays, rng.normal(0, 1, (6, 4, 6)), rng.normal(0, 1, (10, 2, 3))


@pytest.mark.parametrize("name", head.ARRAYS)
def test_slopes_are_those_of_finite_differences(name):
    arrays, near, far = doubles(5)
    weight = np.random.default_rng(9).normal(0, 1, (4, 6))
    slopes = layers.backward(arrays, layers.forward(arrays, near, far), weight)
    rng = np.random.default_rng(4)
    for _ in range(6):
        at = tuple(int(rng.integers(side)) for side in arrays[name].shape)
        ends = []
        for step in (1e-3, -1e-3):
            moved = {key: array.copy() for key, array in arrays.items()}
            moved[name][at] += step
            ends.append(float((layers.forward(moved, near, far).raw * weight).sum()))
        assert slopes[name][at] == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=2e-2, abs=2e-3)


def test_the_loss_pulls_towards_the_target_and_is_still_there():
    true = target.target(np.array([[30.0, 30.0], [50.0, 20.0]]), 1.0, 8, 12)
    _, slope = fit.loss_and_slope(true, true)
    assert np.abs(slope).max() < 1e-6
    _, slope = fit.loss_and_slope(true * 2.0, true)
    assert slope.sum() > 0.0
    _, slope = fit.loss_and_slope(np.full_like(true, -0.1), true)
    assert slope.sum() < 0.0


def test_cells_of_which_nothing_is_known_pull_at_nothing():
    true = target.target(np.array([[30.0, 30.0]]), 1.0, 8, 12)
    known = np.ones_like(true)
    known[:, 6:] = 0.0
    _, slope = fit.loss_and_slope(np.full_like(true, 0.3), true, known)
    assert np.abs(slope[:, 6:]).max() == 0.0
    assert np.abs(slope[:, :6]).max() > 0.0


# --- the fit ------------------------------------------------------------------------------------------------------


def taught(n: int = 6) -> list[fit.Example]:
    """Features whose first channel shows where people are."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(n):
        heads = rng.uniform(0, 64, (int(rng.integers(0, 9)), 2))
        true = target.target(heads, 0.9, 8, 8)
        near, far = rng.normal(0, 0.1, (6, 8, 8)), rng.normal(0, 0.1, (10, 4, 4))
        near[0] += 5.0 * true
        found.append(fit.Example(near.astype(np.float16), far.astype(np.float16), true))
    return found


def test_a_fit_learns_to_count():
    examples = taught()
    begun = head.fresh(about_of(), SMALL, 1)
    plan = fit.Plan(steps=200, batch=4, rate=4e-3, warm_up=10)
    done = fit.fit(begun, examples, plan)

    def error(one: head.Head) -> float:
        return float(
            np.mean([abs(layers.density(one, e.near, e.far).sum() - e.target.sum()) for e in examples])
        )

    assert error(done) < 0.35 * error(begun)
    assert error(done) < 1.0


def test_a_fit_that_was_stopped_ends_where_an_unbroken_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 7)
    examples, begun = taught(), head.fresh(about_of(), SMALL, 1)
    plan = fit.Plan(steps=30, batch=3, seed=5)
    whole = fit.fit(begun, examples, plan)

    class Stopped(Exception):
        pass

    def stop(done: int, of: int, loss: float) -> None:
        if done == 18:
            raise Stopped

    path = tmp_path / "fit.npz"
    with pytest.raises(Stopped):
        fit.fit(begun, examples, plan, checkpoint=path, progress=stop)
    asked = []
    again = fit.fit(
        begun, examples, plan, checkpoint=path, progress=lambda done, of, loss: asked.append(done)
    )
    assert asked[0] == 15  # 14 steps were kept
    for name, array in whole.arrays().items():
        assert np.array_equal(array, again.arrays()[name]), name


def test_a_fit_refuses_what_it_can_not_use(tmp_path):
    begun = head.fresh(about_of(), SMALL, 1)
    with pytest.raises(fit.FitWrong, match="no examples"):
        fit.fit(begun, [], fit.Plan(steps=3))
    path = tmp_path / "fit.npz"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(fit.FitWrong, match="damaged"):
        fit.fit(begun, taught(), fit.Plan(steps=3), checkpoint=path)
    path.unlink()
    fit.fit(begun, taught(), fit.Plan(steps=3), checkpoint=path)
    with pytest.raises(fit.FitWrong, match="another plan"):
        fit.fit(begun, taught(), fit.Plan(steps=4), checkpoint=path)


# --- head files ---------------------------------------------------------------------------------------------------


def test_a_head_file_holds_the_head_and_is_always_the_same(tmp_path):
    one = replace(head.fresh(about_of(), SMALL, 1), scale=1.25, threshold=0.01)
    head.write(one, tmp_path / "a.head")
    head.write(one, tmp_path / "b.head")
    assert (tmp_path / "a.head").read_bytes() == (tmp_path / "b.head").read_bytes()
    again = head.read(tmp_path / "a.head", SMALL)
    assert (again.about, again.scale, again.threshold) == (one.about, 1.25, 0.01)
    for name, array in one.arrays().items():
        assert np.array_equal(array, again.arrays()[name])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[:-5], "not a head file"),
        (lambda content: b"not this", "not a head file"),
        (lambda content: content + b"\0" * head.MOST_BYTES, "at most"),
    ],
)
def test_a_damaged_head_file_is_refused(change, says):
    with pytest.raises(head.HeadWrong, match=says):
        head.decode(change(head.encode(head.fresh(about_of(), SMALL, 1))), "x.head")


def test_a_head_for_other_features_is_refused():
    content = head.encode(head.fresh(about_of(), SMALL, 1))
    with pytest.raises(head.HeadWrong, match="shape"):
        head.decode(content, "x.head", taps.Taps("near", 7, "far", 10))


def test_a_head_with_a_weight_that_is_no_number_is_refused():
    one = head.fresh(about_of(), SMALL, 1)
    one.near[0, 0] = np.nan
    with pytest.raises(head.HeadWrong, match="no usable number"):
        head.decode(head.encode(one), "x.head")


# --- one file from two --------------------------------------------------------------------------------------------


def combined(name: str) -> tuple[bytes, head.Head, bytes]:
    content = content_of(name)
    about = about_of(name, hashlib.sha256(content).hexdigest())
    one = replace(head.fresh(about, taps.TAPS[name], 7), scale=0.8, threshold=0.005)
    return content, one, assemble.assembled(content, one, taps.TAPS[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_head_counts_in_the_file_as_in_training_and_changes_nothing_else(name):
    content, one, both = combined(name)
    plain, extended = session_of(freed(name, content)), session_of(freed(name, both))
    assert [o.name for o in extended.get_outputs()] == [*[o.name for o in plain.get_outputs()], "density"]
    backbone = taps.Backbone(freed(name, content), taps.TAPS[name])
    for height, width in ((192, 256), (320, 224)):
        feed = {plain.get_inputs()[0].name: noise(name, height, width)}
        *after, found = extended.run(None, feed)
        for a, b in zip(plain.run(None, feed), after, strict=True):
            assert a.tobytes() == b.tobytes()
        near, far = backbone.features(noise(name, height, width))
        expected = layers.density(one, near, far)
        assert found.shape == (1, 1, height // 8, width // 8)
        assert expected.max() > 0.0
        assert np.abs(found[0, 0] - expected).max() <= 1e-5 * max(1.0, float(expected.max()))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_sound_and_always_the_same(name):
    content, one, both = combined(name)
    assert both == assemble.assembled(content, one, taps.TAPS[name])
    assert both.startswith(content)
    onnx.checker.check_model(onnx.load_from_string(both), full_check=True)


def test_the_file_says_what_it_is():
    _, one, both = combined("ssdlite-mobilenet-v2")
    metadata = session_of(both).get_modelmeta().custom_metadata_map
    card = assemble.card_of(metadata, both, "x.onnx")
    assert card is not None
    assert card.about == one.about
    assert card.head_sha256 == head.sha256_of(one)
    assert assemble.card_of({}, both, "x.onnx") is None


def test_a_file_whose_detector_was_changed_is_refused():
    content, _, both = combined("ssdlite-mobilenet-v2")
    metadata = session_of(both).get_modelmeta().custom_metadata_map
    changed = bytearray(both)
    changed[len(content) // 2] ^= 1
    with pytest.raises(head.HeadWrong, match="was changed"):
        assemble.card_of(metadata, bytes(changed), "x.onnx")
    with pytest.raises(head.HeadWrong, match="can not be read"):
        assemble.card_of({assemble.METADATA: "{}"}, both, "x.onnx")


def test_a_head_of_another_detector_is_refused():
    one = head.fresh(about_of("yolox-nano", "ff" * 32), taps.TAPS["ssdlite-mobilenet-v2"], 1)
    with pytest.raises(head.HeadWrong, match="train or calibrate"):
        assemble.assembled(content_of("ssdlite-mobilenet-v2"), one, taps.TAPS["ssdlite-mobilenet-v2"])


def test_taps_are_known_for_each_detector_of_the_manifest():
    for model in manifest().model:
        assert taps.taps_of(model) == taps.TAPS[model.name]
    with pytest.raises(taps.NoTaps, match="no taps"):
        taps.taps_of(replace_name(manifest().model[0], "other"))


def replace_name(model, name):
    import msgspec

    return msgspec.structs.replace(model, name=name)


def test_the_general_head_belongs_to_the_shipped_detector_and_says_what_it_is():
    from models.density.general import general

    model = manifest().named("ssdlite-mobilenet-v2")
    one = general(model)
    assert one is not None
    assert one.about.backbone_sha256 == model.sha256
    assert one.about.camera is None
    assert one.parameters == 31_905
    assert len(head.encode(one)) < 200_000
    assert len(one.about.bands) == 6
    assert {"rendered_mae", "rendered_bias", "rendered_empty"} <= set(one.about.held_out)
    assert general(manifest().named("yolox-nano")) is None
    with pytest.raises(head.HeadWrong, match="train it anew"):
        import msgspec

        general(msgspec.structs.replace(model, sha256="0" * 64))


def test_the_general_head_finds_nobody_on_a_plain_grey_picture():
    from models.density.general import general

    one = general(manifest().named("ssdlite-mobilenet-v2"))
    assert one is not None
    content = content_of("ssdlite-mobilenet-v2")
    session = session_of(assemble.assembled(content, one, taps.TAPS["ssdlite-mobilenet-v2"]))
    grey = np.full((1, 384, 640, 3), 128, np.uint8)
    found = session.run(["density"], {"picture": grey})[0]
    assert found.sum() < 1.0
