"""The agent's one YAML file. Keys are explained in docs/edge-config.md; an error names the key and the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from contract import limits
from contract.instants import Instant
from contract.messages import Identifier
from contract.site_file import Camera, SharedSite, check_shared
from contract.yaml_file import FileError, YamlFile
from edge.address import redacted

FRAMES_PER_S_MAX: Final = 60.0
FRAMES_PER_S_DEFAULT: Final = 10.0
"""Frames analysed a second of a live camera: people and slow vehicles need no more. [E]"""
RTSP_SCHEMES: Final = ("rtsp://", "rtsps://")
HTTP_SCHEMES: Final = ("http://", "https://")


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file: a key that is not known is an error, since it is most often misspelt."""


class Tls(_Part, frozen=True):
    """`ca_file`: the authority that signed the broker's certificate; without it, those the system trusts."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


class Broker(_Part, frozen=True):
    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: Tls | None = None


class ModelChoice(_Part, frozen=True):
    """Which detector, and how it runs. What is not given is as the model's manifest says."""

    name: str | None = None
    width_px: Annotated[int, Meta(ge=32, le=2048)] | None = None
    height_px: Annotated[int, Meta(ge=32, le=2048)] | None = None
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    person_threshold: Annotated[float, Meta(gt=0, lt=1)] | None = None
    vehicle_threshold: Annotated[float, Meta(gt=0, lt=1)] | None = None


class Source(_Part, frozen=True):
    """Where pictures come from: exactly one of `rtsp`, `mjpeg`, `usb`, `file`."""

    rtsp: str | None = None
    transport: Literal["tcp", "udp"] | None = None
    mjpeg: str | None = None
    usb: str | None = None
    width_px: Annotated[int, Meta(ge=16, le=16_384)] | None = None
    height_px: Annotated[int, Meta(ge=16, le=16_384)] | None = None
    file: str | None = None
    loop: bool | None = None
    real_time: bool | None = None
    start: Instant | None = None

    @property
    def kind(self) -> str:
        return next((kind for kind in _KEYS_OF_KIND if getattr(self, kind) is not None), "")

    @property
    def said(self) -> str:
        """The address, fit for a log."""
        return redacted(str(getattr(self, self.kind)))


_KEYS_OF_KIND: Final[dict[str, frozenset[str]]] = {
    "rtsp": frozenset({"transport"}),
    "mjpeg": frozenset(),
    "usb": frozenset({"width_px", "height_px"}),
    "file": frozenset({"loop", "real_time", "start"}),
}


class DensityChoice(_Part, frozen=True):
    """A density model for one camera. `use`: what the file must be, so that nobody runs the experimental one unawares.

    `experimental` without a file is the general head that comes with the package.
    `external`: a file in the form of DM-Count's exports, which must be pinned by `sha256` and come with `errors`,
    measured on this camera.
    """

    use: Literal["calibrated", "experimental", "external"]
    file: str | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    errors: str | None = None
    width_px: Annotated[int, Meta(ge=32, le=2048)] | None = None
    height_px: Annotated[int, Meta(ge=32, le=2048)] | None = None


class CameraChoice(_Part, frozen=True):
    """One of the site file's cameras, and how this agent reaches it."""

    id: Identifier
    source: Source
    density: DensityChoice | None = None
    frames_per_s: Annotated[float, Meta(gt=0, le=FRAMES_PER_S_MAX)] = FRAMES_PER_S_DEFAULT


class AgentFile(_Part, frozen=True):
    """The file as it stands, before names are looked up."""

    agent: Identifier
    site: str
    outbox: str
    broker: Broker
    cameras: Annotated[tuple[CameraChoice, ...], Meta(min_length=1, max_length=64)]
    model: str | ModelChoice = ModelChoice()
    period_s: Annotated[float, Meta(ge=limits.PERIOD_MIN_S, le=limits.PERIOD_MAX_S)] = limits.PERIOD_DEFAULT_S
    outbox_readings_max: Annotated[int, Meta(ge=100)] = 500_000


@dataclass(frozen=True, slots=True)
class Config:
    """The file with its names looked up. `cameras` pairs each choice with the site file's camera."""

    agent: str
    site: SharedSite
    outbox: Path
    outbox_readings_max: int
    broker: Broker
    password: str | None
    cameras: tuple[tuple[CameraChoice, Camera], ...]
    model: ModelChoice
    period_s: float


def read_config(path: Path | str) -> Config:
    """Reads the agent's file and its site file. Raises FileError naming file, line and key."""
    file = YamlFile(path)
    asked = file.to(AgentFile)
    folder = Path(path).parent
    if asked.agent in limits.RESERVED:
        raise file.error(f"{asked.agent!r} is a reserved word; choose another name", "agent")
    site = _site(file, folder / asked.site)
    if abs(asked.period_s * 1000 - round(asked.period_s * 1000)) > 1e-6:
        raise file.error("must be whole milliseconds", "period_s")
    broker = asked.broker
    if broker.password_file is not None and broker.username is None:
        raise file.error("a password needs a username", "broker", "password_file")
    paths = {
        key: _existing(file, folder, getattr(broker.tls, key, None), "broker", "tls", key)
        for key in ("ca_file", "certificate_file", "key_file")
    }
    password_file = _existing(file, folder, broker.password_file, "broker", "password_file")
    model = asked.model if isinstance(asked.model, ModelChoice) else ModelChoice(name=asked.model)
    if (model.width_px is None) != (model.height_px is None):
        raise file.error("width_px and height_px come together", "model")
    return Config(
        agent=asked.agent,
        site=site,
        outbox=folder / asked.outbox,
        outbox_readings_max=asked.outbox_readings_max,
        broker=Broker(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            tls=None if broker.tls is None else Tls(**paths),
        ),
        password=None if password_file is None else Path(password_file).read_text(encoding="utf-8").strip(),
        cameras=tuple(_camera(file, folder, asked, site, i) for i in range(len(asked.cameras))),
        model=model,
        period_s=asked.period_s,
    )


def _site(file: YamlFile, path: Path) -> SharedSite:
    if not path.is_file():
        raise file.error(f"{path} is not there; give the path of the site file", "site")
    site_file = YamlFile(path)
    site = site_file.to(SharedSite)
    check_shared(site_file, site)
    return site


def _existing(file: YamlFile, folder: Path, name: str | None, *key: str | int) -> str | None:
    if name is None:
        return None
    path = folder / name
    if not path.is_file():
        raise file.error(f"{path} is not there", *key)
    return str(path)


def _camera(
    file: YamlFile, folder: Path, asked: AgentFile, site: SharedSite, index: int
) -> tuple[CameraChoice, Camera]:
    choice = asked.cameras[index]
    at = ("cameras", index)
    try:
        camera = site.camera(choice.id)
    except KeyError as unknown:
        raise file.error(str(unknown.args[0]), *at, "id") from None
    if camera.agent != asked.agent:
        raise file.error(
            f"the site file gives camera {camera.id} to agent {camera.agent}, this is {asked.agent}; "
            "correct one of the two files",
            *at,
            "id",
        )
    if any(other.id == choice.id for other in asked.cameras[:index]):
        raise file.error(f"camera {choice.id} stands twice; remove one", *at, "id")
    return _with_source(file, folder, choice, at), camera


def _with_source(
    file: YamlFile, folder: Path, choice: CameraChoice, at: tuple[str | int, ...]
) -> CameraChoice:
    source = choice.source
    given = [kind for kind in _KEYS_OF_KIND if getattr(source, kind) is not None]
    if len(given) != 1:
        raise file.error(
            f"give exactly one of {', '.join(_KEYS_OF_KIND)}; it has {' and '.join(given) or 'none'}",
            *at,
            "source",
        )
    kind = given[0]
    for other, keys in _KEYS_OF_KIND.items():
        for key in sorted(keys - _KEYS_OF_KIND[kind]):
            if getattr(source, key) is not None:
                raise file.error(f"belongs to a source of kind {other}, this is {kind}", *at, "source", key)
    for key, schemes in (("rtsp", RTSP_SCHEMES), ("mjpeg", HTTP_SCHEMES)):
        address = getattr(source, key)
        if address is not None and not address.startswith(schemes):
            raise file.error(f"must begin with {' or '.join(schemes)}", *at, "source", key)
    if (source.width_px is None) != (source.height_px is None):
        raise file.error("width_px and height_px come together", *at, "source")
    choice = msgspec.structs.replace(choice, density=_density(file, folder, choice.density, at))
    if source.file is None:
        return choice
    path = folder / source.file
    if not path.is_file():
        raise file.error(f"{path} is not there", *at, "source", "file")
    return msgspec.structs.replace(
        choice,
        source=Source(file=str(path), loop=source.loop, real_time=source.real_time, start=source.start),
    )


def _density(
    file: YamlFile, folder: Path, asked: DensityChoice | None, at: tuple[str | int, ...]
) -> DensityChoice | None:
    if asked is None:
        return None
    at = (*at, "density")
    if asked.file is None and asked.use != "experimental":
        raise file.error("needs a file", *at)
    if asked.file is None and asked.sha256 is not None:
        raise file.error("pins a file, and none is named; write file, or leave sha256 out", *at, "sha256")
    if asked.use == "external":
        if asked.sha256 is None:
            raise file.error(
                "an external density map must be pinned: write the sha256 of its file (sha256sum FILE)", *at
            )
        if asked.errors is None:
            raise file.error(
                "an external density map needs the errors measured on this camera; `esplanade-models calibrate "
                "measure` writes them",
                *at,
            )
    else:
        for key in ("errors", "width_px", "height_px"):
            if getattr(asked, key) is not None:
                raise file.error(f"belongs to an external density map, this is {asked.use}", *at, key)
    if (asked.width_px is None) != (asked.height_px is None):
        raise file.error("width_px and height_px come together", *at)
    return msgspec.structs.replace(
        asked,
        file=_existing(file, folder, asked.file, *at, "file"),
        errors=_existing(file, folder, asked.errors, *at, "errors"),
    )


__all__ = [
    "AgentFile",
    "Broker",
    "CameraChoice",
    "Config",
    "DensityChoice",
    "FileError",
    "ModelChoice",
    "Source",
    "Tls",
    "read_config",
]
