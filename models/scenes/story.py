"""What a story and its layout say: one small YAML file each, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from contract.instants import Instant
from contract.messages import Identifier
from contract.site_file import CountingLine, Origin
from contract.yaml_file import YamlFile
from models.scenes.light import LIGHTS
from models.scenes.vehicle_forms import MODELS

Point = tuple[float, float]
Polygon = Annotated[tuple[Point, ...], Meta(min_length=3)]
Curve = tuple[tuple[float, float], ...]
"""(second, value) pairs, linear between, constant outside."""

LAYOUTS: Final = Path(__file__).parent / "layouts"
STORIES: Final = Path(__file__).parent / "stories"
MOST_FRAMES: Final = 6000
"""What all stories of the folder may render together."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Patch(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of ground with a surface of its own; later ones lie over earlier ones."""

    surface: str
    polygon: Polygon
    tile_m: float = 4.0


class Block(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A solid thing: drawn, and walked around. Buildings have a polygon, walls and fences `points`, others `at`."""

    kind: Literal[
        "building",
        "wall",
        "fence",
        "stall",
        "tree",
        "lamp",
        "bench",
        "bollard",
        "planter",
        "kiosk",
        "shelter",
    ]
    polygon: Polygon | None = None
    points: tuple[Point, ...] = ()
    at: tuple[Point, ...] = ()
    turn_deg: float = 0.0
    height_m: float = 9.0
    front: Literal["brick", "plaster", "glass", "concrete"] = "plaster"
    shops: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


class Gate(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An opening in a wall, between two posts under a beam. Its posts are solid in the simulation."""

    id: Identifier
    start: Point
    end: Point
    height_m: float = 3.2


class CameraPlan(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    position_m: tuple[float, float, float]
    look_at_m: Point
    across_deg: Annotated[float, Meta(gt=5, lt=120)]
    reach_m: float
    width: int = 1280
    height: int = 720
    k1: float = 0.0
    lines: tuple[CountingLine, ...] = ()


class Layout(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place. `places` are named polygons where people appear, linger or leave; `lanes` are vehicles' paths.

    `zones`, `areas`, `assets` go into the site file as they stand. `cell_m`: side of the site's cells.
    """

    layout: Identifier
    title: str
    origin: Origin
    time_zone: str
    base: str
    walkable: Polygon
    ground: tuple[Patch, ...]
    blocks: tuple[Block, ...]
    cameras: dict[str, CameraPlan]
    places: dict[str, Polygon]
    lanes: dict[str, tuple[Point, ...]]
    cell_m: float = 2.0
    gates: tuple[Gate, ...] = ()
    zones: tuple[dict[str, Any], ...] = ()
    areas: tuple[dict[str, Any], ...] = ()
    assets: tuple[dict[str, Any], ...] = ()


class Flow(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who appear in `start`, linger in each of `via` for a time within `dwell_s`, and leave at `end`."""

    start: str
    end: str
    via: tuple[str, ...] = ()
    per_min: Curve
    dwell_s: tuple[float, float] = (0.0, 0.0)
    through: tuple[str, ...] = ()


class Standing(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are there from the start and stay; `faces` is a point that they look towards."""

    place: str
    number: int
    faces: Point | None = None


class Drive(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One vehicle. `km_h`: its speed over the seconds since `start_s`. It is gone after its lane's end, or `end_s`.

    `from_m`: where on the lane it begins. `backs_out`: it drives the lane from its end, tail first.
    """

    id: Identifier
    model: str
    lane: str
    start_s: float
    km_h: Curve
    paint: int = 0
    permitted: bool = True
    end_s: float | None = None
    from_m: float = 0.0
    backs_out: bool = False


class Fault(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that happens to a camera between two seconds of the story."""

    camera: str
    kind: Literal["moved", "covered", "frozen"]
    start_s: float
    end_s: float


class Expects(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a story promises, in people per square metre; rendering stops when the simulation does not keep it."""

    hot_spot_reaches: float | None = None
    hot_spot_stays_below: float | None = None
    zones_stay_below: float | None = None


class Story(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`passages`: stretches (from, to, frames per second) that are rendered; all times in seconds of the story."""

    story: Identifier
    title: str
    layout: str
    seed: int
    start: Instant
    light: str
    rain: bool = False
    length_s: Annotated[float, Meta(gt=0, le=7200)]
    warm_up_s: float = 0.0
    passages: Annotated[tuple[tuple[float, float, float], ...], Meta(min_length=1)]
    cameras: tuple[str, ...]
    flows: tuple[Flow, ...] = ()
    standing: tuple[Standing, ...] = ()
    drives: tuple[Drive, ...] = ()
    faults: tuple[Fault, ...] = ()
    jpeg_quality: Annotated[int, Meta(ge=20, le=100)] = 78
    shows: tuple[str, ...] = ()
    expects: Expects = Expects()

    def frame_times_s(self) -> list[float]:
        """The second of every frame, rising."""
        times: list[float] = []
        for start, end, rate in self.passages:
            times += [round(start + i / rate, 4) for i in range(max(1, round((end - start) * rate)))]
        return sorted(set(times))


def names() -> list[str]:
    """All stories, in alphabetical order."""
    return sorted(path.stem for path in STORIES.glob("*.yaml"))


def read_story(name: str) -> tuple[Story, Layout]:
    """A story by its name, or by the path of a file. Raises FileError naming file, line and key."""
    path = Path(name) if name.endswith(".yaml") else STORIES / f"{name}.yaml"
    file = YamlFile(path)
    story = file.to(Story)
    layout_path = LAYOUTS / f"{story.layout}.yaml"
    if not layout_path.is_file():
        raise file.error(f"there is no layout {story.layout!r}", "layout")
    layout = YamlFile(layout_path).to(Layout)
    _check(file, story, layout)
    return story, layout


def _check(file: YamlFile, story: Story, layout: Layout) -> None:
    if story.light not in LIGHTS:
        raise file.error(f"{story.light!r} is no light; there are {', '.join(LIGHTS)}", "light")
    for i, camera in enumerate(story.cameras):
        if camera not in layout.cameras:
            raise file.error(f"layout {layout.layout} has no camera {camera!r}", "cameras", i)
    gates = {gate.id for gate in layout.gates}
    for i, flow in enumerate(story.flows):
        for place in (flow.start, flow.end, *flow.via):
            if place not in layout.places:
                raise file.error(f"layout {layout.layout} has no place {place!r}", "flows", i)
        for gate in flow.through:
            if gate not in gates:
                raise file.error(f"layout {layout.layout} has no gate {gate!r}", "flows", i, "through")
    for i, standing in enumerate(story.standing):
        if standing.place not in layout.places:
            raise file.error(
                f"layout {layout.layout} has no place {standing.place!r}", "standing", i, "place"
            )
    for i, drive in enumerate(story.drives):
        if drive.model not in MODELS:
            raise file.error(
                f"{drive.model!r} is no vehicle; there are {', '.join(MODELS)}", "drives", i, "model"
            )
        if drive.lane not in layout.lanes:
            raise file.error(f"layout {layout.layout} has no lane {drive.lane!r}", "drives", i, "lane")
    for i, fault in enumerate(story.faults):
        if fault.camera not in story.cameras:
            raise file.error(f"camera {fault.camera!r} is not in this story", "faults", i, "camera")
