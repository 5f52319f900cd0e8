"""The one camera of a site file that is calibrated, and its detector at the size that its calibration asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contract.site_file import Camera, SharedSite, read_shared
from edge.detector import Detector
from edge.ground import Ground
from edge.input_scale import fitted
from models.calibrate.marks import MarksUnusable
from models.calibrate.refit import Looked
from models.calibrate.workplace import Purpose
from models.density.errors import REFERENCE_CELL_M
from models.manifest import Model, manifest
from models.store import located


@dataclass(frozen=True, slots=True)
class OneCamera:
    """`ground`: cells of `REFERENCE_CELL_M`. `input_px`: (height, width) that the picture is fitted into."""

    site: str
    camera: Camera
    ground: Ground
    model: Model
    input_px: tuple[int, int]

    @property
    def purpose(self) -> Purpose:
        return Purpose(
            site=self.site,
            camera=self.camera.id,
            calibration=self.camera.calibration,
            model=self.model.name,
            input_px=self.input_px,
        )

    def detector(self) -> Detector:
        """Raises what `Detector.load` raises."""
        return Detector.load(self.model.name, input_size=self.input_px)

    def looked(self) -> Looked:
        """The detector opened for its features. Raises what `Detector.load` raises, `NoTaps`."""
        return Looked(self.detector(), located(self.model).read_bytes(), self.camera, self.ground)


def one_camera(
    site: SharedSite, camera: str, model: str | None, input_px: tuple[int, int] | None = None
) -> OneCamera:
    """Raises MarksUnusable (no such camera, or it hangs too low), GroundUnusable, UnknownModel."""
    try:
        chosen = site.camera(camera)
    except KeyError as unknown:
        raise MarksUnusable(str(unknown.args[0])) from None
    ground = Ground(chosen, REFERENCE_CELL_M)
    if not ground.heads_usable:
        raise MarksUnusable(
            f"camera {chosen.id}: hangs at {chosen.height_m:g} m, where heads hide each other; a density model "
            "does not help there"
        )
    known = manifest()
    of = known.named(model or known.default)
    if input_px is None:
        # A frame full of small heads is worth all the pixels of the manifest's frame, whatever the picture's shape.
        most = of.input.height_px * of.input.width_px
        picture_px = (chosen.picture.height, chosen.picture.width)
        scale = fitted(ground.person_heights_px(), picture_px, of.input, most)
        input_px = (of.input.height_px, of.input.width_px) if scale is None else scale.frame_px
    return OneCamera(site.site, chosen, ground, of, input_px)


def read_camera(
    site_file: Path, camera: str, model: str | None, input_px: tuple[int, int] | None = None
) -> OneCamera:
    """As `one_camera`, from a file; raises FileError too."""
    return one_camera(read_shared(site_file), camera, model, input_px)
