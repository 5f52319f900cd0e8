"""Site files: what the shared part accepts, and errors that name file, line and key. Geometry of the site frame."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest

from contract import asyncapi
from contract.geometry import GridFrame, GroundGrid, SiteFrame
from contract.messages import AgentStatus, ModelRef, Reading
from contract.site_file import read_shared
from contract.topics import TOPICS
from contract.yaml_file import FileError

SITE = """\
site: town
name: Town square
origin: {latitude: 45.65, longitude: 25.6}
time_zone: Europe/Bucharest
zones: []
cameras:
  - id: north
    agent: box-1
    name: North mast
    position_m: [0, -10]
    height_m: 6
    picture: {width: 640, height: 480}
    surfaces:
      - id: square
        polygon: [[0, 100], [640, 100], [640, 480], [0, 480]]
        points:
          - {pixel: [100, 400], site: [-5, 0]}
          - {pixel: [540, 400], site: [5, 0]}
          - {pixel: [400, 150], site: [5, 30]}
          - {pixel: [240, 150], site: [-5, 30]}
    lines:
      - {id: gate, start: [-5, 10], end: [5, 10]}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shared_part_is_read_and_the_hubs_part_left_alone(tmp_path: Path) -> None:
    site = read_shared(written(tmp_path, SITE))
    assert site.camera("north").lines[0].id == "gate"
    assert site.cell_m == 2.0
    assert len(site.camera("north").calibration) == 12
    with pytest.raises(KeyError, match="it has north"):
        site.camera("south")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("Europe/Bucharest", "Europe/Bukarest", 4, "time_zone: 'Europe/Bukarest' is no IANA time zone"),
        ("height_m: 6", "height_m: tall", 11, "cameras[0].height_m"),
        ("height_m: 6", "hight_m: 6", 11, "cameras[0].hight_m: is not a key known here"),
        ("id: gate", "id: Gate", 22, "cameras[0].lines[0].id"),
        ("agent: box-1", "agent: hub", 8, "cameras[0].agent: 'hub' is a reserved word"),
        ("    position_m: [0, -10]\n", "", 7, "cameras[0].position_m: is missing"),
        ("end: [5, 10]", "end: [-5, 10]", 22, "same point"),
        ("name: Town square", "name: Town square\nname: again", 3, "stands twice"),
        ("name: Town square", "name: [", 4, "is not YAML"),
        ("          - {pixel: [240, 150], site: [-5, 30]}\n", "", 16, "points"),
    ],
)
def test_errors_name_the_line_and_the_key(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in SITE
    with pytest.raises(FileError) as error:
        read_shared(written(tmp_path, SITE.replace(old, new)))
    assert says in str(error.value)
    assert error.value.line == line


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_shared(tmp_path / "none.yaml")


def test_the_calibration_changes_with_what_places_pixels_and_nothing_else(tmp_path: Path) -> None:
    before = read_shared(written(tmp_path, SITE)).camera("north").calibration
    renamed = SITE.replace("North mast", "South mast")
    assert read_shared(written(tmp_path, renamed)).camera("north").calibration == before
    moved = SITE.replace("[-5, 30]", "[-5, 31]")
    assert read_shared(written(tmp_path, moved)).camera("north").calibration != before


def test_the_written_documents_are_those_of_the_code() -> None:
    folder = Path(__file__).parents[2] / "docs" / "contract"
    assert {path.name for path in folder.glob("*.json")} == set(asyncapi.files())
    for name, text in asyncapi.files().items():
        assert (folder / name).read_text(encoding="utf-8") == text, (
            "run: python -m contract.asyncapi docs/contract"
        )


def test_the_asyncapi_document_holds_together() -> None:
    document = asyncapi.document()

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [r for child in value.values() for r in references(child)]
        return [r for child in value for r in references(child)] if isinstance(value, list) else []

    for reference in references(document):
        found: object = document
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(found, dict)
            found = found[part]
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {f"esplanade/v1/{topic.pattern}" for topic in TOPICS}
    for operation in document["operations"].values():
        topic = next(t for t in TOPICS if operation["channel"]["$ref"].endswith(f"/{t.said}"))
        assert operation["bindings"]["mqtt"]["qos"] == topic.qos
        assert operation["bindings"]["mqtt"]["retain"] == topic.retain


def test_the_json_schema_and_the_decoder_agree() -> None:
    schema = json.loads(asyncapi.files()["Reading.schema.json"])
    good = {
        "schema": 1, "site": "t", "agent": "a", "camera": "c", "boot": "b", "seq": 0, "oldest_seq": 0, "period_s": 1.0,
        "captured_from": "2026-06-20T18:00:00.000Z", "captured_to": "2026-06-20T18:00:01.000Z",
        "sent_at": "2026-06-20T18:00:01.000Z", "clock": "media", "frames_used": 1, "frames_dropped": 0,
        "model": None, "calibration": None, "grid": None, "people_outside_grid": 0.0, "vehicles": [], "crossings": [],
    }  # fmt: skip
    changes: list[dict[str, object]] = [
        {}, {"seq": -1}, {"site": "A"}, {"site": "x" * 41}, {"period_s": 0.1}, {"clock": "sun"}, {"schema": 2},
        {"vehicles": [{}]}, {"sent_at": "now"}, {"boot": "b\n"}, {"people_outside_grid": -1}, {"extra": 1},
    ]  # fmt: skip
    validator = jsonschema.Draft202012Validator(schema)
    for change in changes:
        body = good | change
        try:
            msgspec.json.decode(json.dumps(body).encode(), type=Reading)
            decoded = True
        except msgspec.ValidationError:
            decoded = False
        assert validator.is_valid(body) == decoded, change


def test_the_site_frame_agrees_with_known_lengths_of_a_degree() -> None:
    # WGS 84 at 45 degrees: a degree of latitude is 111.132 km, of longitude 78.847 km (tables of NGA TR 8350.2).
    frame = SiteFrame(45.0, 25.0)
    lon, lat = frame.to_lonlat(78_847.0, 111_132.0)
    assert lon == pytest.approx(26.0, abs=2e-5)
    assert lat == pytest.approx(46.0, abs=2e-5)
    assert frame.to_site(*frame.to_lonlat(123.4, -56.7)) == pytest.approx((123.4, -56.7))


def test_grid_frames_find_cells_and_windows() -> None:
    outer = GridFrame.around((-3.0, -1.0, 9.0, 7.0), 2.0)
    assert (outer.column0, outer.row0, outer.columns, outer.rows) == (-2, -1, 7, 5)
    assert outer.cell_of(-3.0, -1.0) == (0, 0)
    assert outer.cell_of(100, 0) is None
    inner = GridFrame(2.0, 0, 0, 2, 2)
    assert inner.window_in(outer) == (slice(1, 3), slice(2, 4))
    with pytest.raises(ValueError, match="does not lie inside"):
        outer.window_in(inner)


def test_an_agent_may_run_a_model_for_each_of_its_cameras() -> None:
    status = AgentStatus(
        schema=1,
        site="town",
        agent="box-1",
        boot="b",
        state="online",
        sent_at="2026-06-20T18:00:00.000Z",
        version="1",
        cameras=tuple(f"camera-{i}" for i in range(64)),
        models=tuple(ModelRef(name="calibrated", sha256_12=f"{i:012x}") for i in range(64)),
    )
    assert msgspec.json.decode(msgspec.json.encode(status), type=AgentStatus) == status


@pytest.mark.parametrize("where", ["people", "sigma_people"])
def test_a_count_that_is_no_number_goes_out_as_not_observed(where: str) -> None:
    frame = GridFrame(2.0, 0, 0, 2, 2)
    values = {"people": np.full((2, 2), 3.0), "sigma_people": np.ones((2, 2))}
    values[where][0, 1] = np.nan
    values[where][1, 0] = np.inf
    seen = np.ones((2, 2), np.bool_)
    back = GroundGrid.from_wire(GroundGrid(frame, covered=seen, observed=seen, **values).to_wire())
    assert back.observed.tolist() == [[True, False], [False, True]]
    assert back.people[back.observed].tolist() == [3.0, 3.0]
    assert back.covered.all()
