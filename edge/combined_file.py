"""A model file that gives boxes and a people map: proved to be one of the manifest's detectors with a head added.

Such a file begins with the detector's own file, byte for byte (models/density/fragment.py). So its first bytes are held
against the manifest before any graph is read. That what was added leaves the boxes alone is then tried, on noise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from contract.site_file import Camera
from models.density.assemble import OUTPUT, Card, card_of
from models.density.errors import Errors
from models.density.head import HeadWrong
from models.manifest import Model, UnknownModel, manifest

MOST_BYTES = 200_000_000
Use = Literal["calibrated", "experimental"]


class DensityRefused(ValueError):
    """A density model that this camera must not use; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class CombinedFile:
    """`content`: the whole file. `model`: its backbone's manifest entry. `sha256`: of the whole file."""

    what: str
    content: bytes
    sha256: str
    model: Model
    card: Card

    @property
    def use(self) -> Use:
        """What the file is for: one camera's calibrated head, or the general one."""
        return "experimental" if self.card.about.camera is None else "calibrated"

    def bound_to(self, site: str, camera: Camera, use: Use) -> None:
        """Raises DensityRefused where the file was made for another camera, calibration or use than this one."""
        about = self.card.about
        if self.use != use:
            raise DensityRefused(
                f"camera {camera.id}: {self.what} is {self.use}, the configuration asks for {use}; "
                f"write `use: {self.use}` if that is meant"
            )
        if use == "experimental":
            return
        here = bound_name(site, camera)
        if about.camera != here:
            raise DensityRefused(
                f"camera {camera.id}: {self.what} was calibrated for camera {about.camera}, this is {here}; "
                "run `esplanade-models calibrate` for this camera"
            )
        if about.calibration != camera.calibration:
            raise DensityRefused(
                f"camera {camera.id}: {self.what} belongs to calibration {about.calibration}, the site file now has "
                f"{camera.calibration}; fit it again with `esplanade-models calibrate fit` (the marks still serve "
                "if the camera was not moved)"
            )

    def errors(self) -> Errors:
        """As measured when it was calibrated. Raises DensityRefused where there are none."""
        if self.card.about.errors is None:
            raise DensityRefused(
                f"{self.what}: says nothing of its measured errors, so it cannot be weighed against the boxes; "
                "make it again with `esplanade-models calibrate fit`"
            )
        return self.card.about.errors


def bound_name(site: str, camera: Camera) -> str:
    """How a calibrated head names its camera: camera ids are unique within a site only."""
    return f"{site}/{camera.id}"


def backbone_of(content: bytes) -> Model | None:
    """The manifest's model that the content begins with and goes beyond; None where there is none."""
    view = memoryview(content)
    for model in manifest().model:
        if len(content) > model.size_bytes:
            first = hashlib.sha256(view[: model.size_bytes]).hexdigest()
            if first == model.sha256:
                return model
    return None


def opened(path: Path, sha256: str | None = None) -> CombinedFile:
    """Reads and checks a combined file; `sha256` pins it. Raises DensityRefused, UnknownModel."""
    what = f"density model {path}"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DensityRefused(f"{what}: larger than {MOST_BYTES} bytes; that is no file of ours")
        content = path.read_bytes()
    except OSError as wrong:
        raise DensityRefused(
            f"{what}: cannot be read: {wrong.strerror}; make it with `esplanade-models calibrate`"
        ) from None
    got = hashlib.sha256(content).hexdigest()
    if sha256 is not None and got != sha256:
        raise DensityRefused(f"{what}: has sha256 {got}, the configuration says {sha256}; one of them is old")
    return proved(content, what)


def proved(content: bytes, what: str) -> CombinedFile:
    """The checked file; `what` names it in errors. Raises DensityRefused, UnknownModel."""
    model = backbone_of(content)
    if model is None:
        names = ", ".join(one.name for one in manifest().model)
        raise UnknownModel(
            f"{what}: does not begin with a detector of the manifest ({names}); a head made on another version of "
            "the detector must be made again: `esplanade-models calibrate fit`"
        )
    session = _session(content, what)
    outputs = [output.name for output in session.get_outputs()]
    try:
        card = card_of(session.get_modelmeta().custom_metadata_map, content, what)
    except HeadWrong as wrong:
        raise DensityRefused(str(wrong)) from None
    if card is None or outputs[-1] != OUTPUT:
        raise DensityRefused(f"{what}: has no people map (outputs {', '.join(outputs)}); make it again")
    if card.about.backbone_sha256 != model.sha256:
        raise DensityRefused(
            f"{what}: its head belongs to detector {card.about.backbone_sha256[:12]}, but it carries {model.name} "
            f"({model.short_sha256}); make it again"
        )
    alone = _session(content[: model.size_bytes], what)
    noise = {session.get_inputs()[0].name: _noise(model)}
    before, after = alone.run(None, noise), session.run(None, noise)
    same = (np.array_equal(one, other) for one, other in zip(before, after, strict=False))
    if len(after) != len(before) + 1 or not all(same):
        raise DensityRefused(f"{what}: does not give the boxes that {model.name} gives; make it again")
    if not np.isfinite(after[-1]).all():
        raise DensityRefused(f"{what}: its people map holds values that are no numbers; make it again")
    return CombinedFile(what, content, hashlib.sha256(content).hexdigest(), model, card)


def _session(content: bytes, what: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    # Loaded to be looked at and tried once: optimising would take longer than that.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as wrong:
        raise DensityRefused(f"{what}: onnxruntime cannot load it: {wrong}") from wrong


def _noise(model: Model) -> NDArray[np.uint8] | NDArray[np.float32]:
    side = 4 * model.input.multiple_px
    height, width = model.input.fixed_px or (side, side)
    noise = np.random.default_rng(11).integers(0, 256, (1, height, width, 3), np.uint8)
    if model.input.tensor == "uint8_nhwc":
        return noise
    return np.ascontiguousarray(noise.transpose(0, 3, 1, 2).astype(np.float32))
