"""Combined model files and small external density networks, made on the spot."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contract.site_file import Camera
from models.density import assemble
from models.density.errors import ErrorBand, Errors
from models.density.head import About, Head, fresh
from models.density.taps import taps_of
from models.manifest import Model, manifest
from models.store import located

SITE = "square"


def errors() -> Errors:
    """Boxes surer below 1 per m2, the map above."""

    def band(low, high, rmse):
        return ErrorBand(
            from_per_m2=low, to_per_m2=high, cells=500, bias_per_m2=0.0, rmse_per_m2=rmse, sigma_per_m2=rmse
        )

    return Errors(
        map=(band(0.0, 1.0, 0.3), band(1.0, None, 0.4)), boxes=(band(0.0, 1.0, 0.1), band(1.0, None, 2.0))
    )


@functools.cache
def shipped() -> Model:
    return manifest().named(manifest().default)


def head(camera: Camera | None = None, *, seed: int = 3, **about: object) -> Head:
    """An untrained head, bound to a camera when one is given. `about` replaces what it says of itself."""
    model = shipped()
    said = About(
        backbone=model.name,
        backbone_sha256=model.sha256,
        tall_px=(20.0, 200.0),
        trained_on="nothing",
        errors=errors(),
    )
    if camera is not None:
        said = msgspec.structs.replace(
            said,
            camera=f"{SITE}/{camera.id}",
            calibration=camera.calibration,
            input_px=(192, 256),
            frames=tuple(f"{n:04d}" for n in range(1, 25)),
            created_at="2026-11-22T16:00:00Z",
        )
    made = fresh(msgspec.structs.replace(said, **about), taps_of(model), seed)
    return replace(made, last_bias=made.last_bias + np.float32(0.01))


def combined(path: Path, made: Head) -> Path:
    """The combined file of a head on the shipped detector."""
    path.write_bytes(assemble.assembled(located(shipped()).read_bytes(), made, taps_of(shipped())))
    return path


def external(path: Path, *, cell_px: int = 8, share: float = 1.0, out: str = "map") -> Path:
    """A network that counts how red each cell is: `share` people a cell of pure red, none in black.

    It undoes ImageNet's normalisation, so a wrong channel order or scale shows. `out`: "flat" gives a wrong shape,
    "nan" no numbers.
    """
    pick = np.zeros((1, 3, 1, 1), np.float32)
    pick[0, 0] = 0.229
    nodes = [
        helper.make_node("Conv", ["picture", "pick", "mean"], ["red"]),
        helper.make_node(
            "AveragePool", ["red"], ["pooled"], kernel_shape=[cell_px] * 2, strides=[cell_px] * 2
        ),
        helper.make_node("Mul", ["pooled", "share"], ["found"]),
    ]
    last = "found"
    if out == "flat":
        nodes.append(helper.make_node("Flatten", ["found"], ["flat"]))
        last = "flat"
    elif out == "nan":
        nodes.append(helper.make_node("Log", ["minus"], ["nothing"]))
        nodes.append(helper.make_node("Mul", ["found", "nothing"], ["nan"]))
        last = "nan"
    tensors = {
        "pick": pick,
        "mean": np.array([0.485], np.float32),
        "share": np.array(share, np.float32),
        "minus": np.array(-1.0, np.float32),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
