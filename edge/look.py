"""What each camera is looked at with: detector, density model, input size, and the errors measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.messages import ModelRef
from contract.site_file import Camera
from edge import combined_file
from edge.combined_file import CombinedFile, DensityRefused
from edge.config import DensityChoice, ModelChoice
from edge.detector import Detector
from edge.external_map import ExternalMap, WithExternalMap
from edge.ground import Ground
from edge.input_scale import fitted
from edge.map_ground import HeadsUnseen
from models import count_errors
from models.density import errors as measured
from models.density.assemble import assembled
from models.density.errors import Bands, Errors, ErrorsUnusable
from models.density.general import general
from models.density.head import sha256_of
from models.density.taps import taps_of
from models.manifest import manifest
from models.store import located


@dataclass(frozen=True, slots=True)
class Look:
    """`detector`: boxes, and a map where `errors` is `Errors`. `said`: input size and density model in words."""

    detector: Detector | WithExternalMap
    errors: Errors | Bands | None
    said: str

    @property
    def boxes(self) -> Detector:
        """The detector that finds the boxes."""
        return self.detector.detector if isinstance(self.detector, WithExternalMap) else self.detector

    @property
    def model(self) -> ModelRef:
        """As readings name it."""
        return ModelRef(name=self.detector.name, sha256_12=self.detector.sha256[:12])


def look(
    *,
    site: str,
    ground: Ground,
    model: ModelChoice,
    density: DensityChoice | None = None,
    shared: Detector | None = None,
) -> Look:
    """What one camera is looked at with.

    `shared`: a loaded detector of the same choice, whose session is used again. Raises what `Detector.load` raises,
    DensityRefused, and HeadsUnseen where a map is asked of a camera that hangs too low.
    """
    camera = ground.camera
    if density is not None and not ground.heads_usable:
        raise HeadsUnseen(
            f"camera {camera.id}: hangs at {camera.height_m:g} m, too low for a density model; "
            "leave density out, or hang it higher"
        )
    asked_px = (
        None if model.height_px is None or model.width_px is None else (model.height_px, model.width_px)
    )
    if density is not None and density.use != "external":
        return _combined(site, camera, ground, model, density, asked_px)
    detector = shared or loaded(model)
    size, said = _size(detector, ground, asked_px)
    detector = detector.at(size)
    if density is None:
        bands = count_errors.of(detector.name)
        if bands is None:
            said += f"; nobody measured the errors of {detector.name}, standard deviations are our guess"
        return Look(detector, bands, said)
    assert density.sha256 is not None
    assert density.errors is not None
    frame = (
        None
        if density.height_px is None or density.width_px is None
        else (density.height_px, density.width_px)
    )
    assert density.file is not None
    external = ExternalMap(Path(density.file), density.sha256, frame_px=frame, threads=model.threads)
    # What cannot count a black picture must be refused now, not when the camera's first frame comes.
    external.people_map(np.zeros((camera.picture.height, camera.picture.width, 3), np.uint8))
    return Look(
        WithExternalMap(detector, external),
        _read_errors(Path(density.errors)),
        f"{said}; external density map {density.file}",
    )


def loaded(model: ModelChoice) -> Detector:
    """The detector of the configuration, at the manifest's input size. Raises what `Detector.load` raises."""
    return Detector.load(
        model.name,
        threads=model.threads,
        person_threshold=model.person_threshold,
        vehicle_threshold=model.vehicle_threshold,
    )


def _combined(
    site: str,
    camera: Camera,
    ground: Ground,
    model: ModelChoice,
    density: DensityChoice,
    asked_px: tuple[int, int] | None,
) -> Look:
    assert density.use != "external"
    if model.name is not None and Path(model.name).suffix == ".onnx":
        raise DensityRefused(
            f"camera {camera.id}: model.name is the file {model.name}, and a {density.use} density model brings its "
            "detector with it; leave model.name out, or name a model of the manifest"
        )
    if density.file is None:
        file = _general(camera, model)
    else:
        file = combined_file.opened(Path(density.file), density.sha256)
    file.bound_to(site, camera, density.use)
    if model.name is not None and model.name != file.model.name:
        raise DensityRefused(
            f"camera {camera.id}: density model {density.file} was made on {file.model.name}, the configuration "
            f"asks for {model.name}; leave model.name out, or calibrate again with --model {model.name}"
        )
    about = file.card.about
    fit_px = about.input_px
    if fit_px is not None and asked_px is not None and asked_px != fit_px:
        raise DensityRefused(
            f"camera {camera.id}: density model {density.file} was fitted at an input of {fit_px[0]}x{fit_px[1]}, the "
            f"configuration asks for {asked_px[0]}x{asked_px[1]}; leave width_px and height_px out"
        )
    detector = Detector(
        file.model,
        file.content,
        name=f"{file.model.name}+{file.use}",
        sha256=file.sha256,
        threads=model.threads,
        person_threshold=model.person_threshold,
        vehicle_threshold=model.vehicle_threshold,
    )
    size, said = _size(
        detector, ground, fit_px or asked_px, "as told" if fit_px is None else "as it was fitted at"
    )
    frames = f", {len(about.frames)} frames marked" if about.frames else ""
    return Look(
        detector.at(size),
        _errors_of(file),
        f"{said}; {file.use} density model of {about.created_at or 'unknown date'}{frames}",
    )


def _general(camera: Camera, choice: ModelChoice) -> CombinedFile:
    """The general head laid behind the chosen detector."""
    known = manifest()
    model = known.named(choice.name or known.default)
    head = general(model)
    if head is None:
        raise DensityRefused(
            f"camera {camera.id}: no general density model comes with the package for {model.name}; "
            "calibrate this camera with `esplanade-models calibrate`"
        )
    content = assembled(located(model).read_bytes(), head, taps_of(model))
    return combined_file.proved(content, f"general density model on {model.name}")


def _errors_of(file: CombinedFile) -> Errors:
    """Those of the file itself; a general head that comes with the package was measured on the stories."""
    head = general(file.model)
    if file.card.about.errors is None and head is not None and sha256_of(head) == file.card.head_sha256:
        told = count_errors.of_general(file.model.name)
        if told is not None:
            return told
    return file.errors()


def _size(
    detector: Detector, ground: Ground, asked_px: tuple[int, int] | None, why: str = "as told"
) -> tuple[tuple[int, int], str]:
    """Input frame, and words on it."""
    picture = (ground.camera.picture.height, ground.camera.picture.width)
    feed = detector.model.input
    if asked_px is None:
        scale = fitted(ground.person_heights_px(), picture, feed)
        if scale is not None:
            height, width = detector.at(scale.frame_px).network_size(*picture)
            return scale.frame_px, f"input {height}x{width} by calibration: {scale.report()}"
        asked_px, why = (feed.height_px, feed.width_px), "as the manifest says"
    height, width = detector.at(asked_px).network_size(*picture)
    return asked_px, f"input {height}x{width} {why}"


def _read_errors(path: Path) -> Errors:
    try:
        return measured.from_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ErrorsUnusable) as wrong:
        raise DensityRefused(str(wrong)) from None
