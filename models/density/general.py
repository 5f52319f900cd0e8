"""The general head that comes with the package: experimental, for no camera in particular."""

from __future__ import annotations

from importlib import resources

from models.density.head import Head, HeadWrong, decode
from models.density.taps import taps_of
from models.manifest import Model


def general(model: Model) -> Head | None:
    """The head for a detector, or None where none comes with the package. Raises `HeadWrong` for a damaged one."""
    file = resources.files("models.density") / f"{model.name}.head"
    if not file.is_file():
        return None
    head = decode(file.read_bytes(), file.name, taps_of(model))
    if head.about.backbone_sha256 != model.sha256:
        raise HeadWrong(
            f"head {file.name}: made for a file with sha256 {head.about.backbone_sha256[:12]}, the manifest's has "
            f"{model.sha256[:12]}; train it anew"
        )
    return head
