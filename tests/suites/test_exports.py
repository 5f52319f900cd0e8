"""Files over a time range, from a made database: what stands in them, what does not, and with how much memory."""

from __future__ import annotations

import csv
import io
import json
import random
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from contract.geometry import SiteFrame
from hub.__main__ import main
from hub.batch import Batch
from hub.exports import parquet_file
from hub.exports.csv_file import harmless
from hub.exports.export import Format
from hub.exports.parquet_file import NoPyArrow
from hub.exports.stored import NothingStored, Span, Stored
from hub.exports.tables import Kind, NotOnEarth
from hub.exports.times import NoTime, moment_ms
from hub.rights import Role
from hub.site import read_site
from tests.kit.hub_inside import HubInside
from tests.kit.stored_town import MINUTE_MS, START_MS, StoredTown, alert

ALL = Span(START_MS - 1, START_MS + 400 * 24 * 60 * MINUTE_MS)
PIECES = ("bar", "stage", "door", "square", "lane", "crossing")


def read(town: StoredTown, kind: Kind, form: Format = Format.CSV, *, span: Span = ALL, **how: Any) -> bytes:
    return b"".join(town.exports().chunks(kind, form, span, **how))


def rows(town: StoredTown, kind: Kind, **how: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(town, kind, **how).decode(), newline="")))


def lively(folder: Path, small: Callable[[], int], *, moving: bool, crossed: bool) -> StoredTown:
    """A town whose large counts are always the same and whose counts under five are what `small` says."""
    town = StoredTown(folder)
    fixed = random.Random(4)
    for _ in range(90):
        town.counts.append(
            {one: fixed.choice([None, None, 5, 9, 12, 40]) or small() for one in PIECES}  # type: ignore[misc]
        )
    cells = {(fixed.randrange(20), fixed.randrange(20)): fixed.choice([None, 5.5, 12.3]) for _ in range(60)}
    readings = []
    seq = 0
    for _ in range(30):
        filled = {at: float(small() if count is None else count) for at, count in cells.items()}
        readings.append(
            town.reading(
                seq, filled, vehicles=min(4, small()), crossed=small(), people_outside_grid=float(small())
            )
        )
        seq += 1
    if moving:  # the short readings that come only while a vehicle moves
        readings += [town.reading(seq + n, {}, vehicles=1, grid=None, period_s=0.2) for n in range(5)]
    lines = [(2, "person", 12, small()), (3, "person", 4, 4)] if crossed else [(2, "person", 12, small())]
    extra = 5 if moving else 0
    text = f"{small()} people"
    town.write(
        town.minutes(),
        town.readings(*readings),
        town.lines(*lines),
        town.camera(
            1,
            readings=60 + extra,
            vehicles_max=min(4, small()),
            people_sum=60.0 * small(),
            people_max=small(),
        ),
        town.alerts(
            alert("a1", "area.entered", text=text, subject="back", position_m=(30.0 + small(), 31.0)),
            alert("a2", "density.critical", minute=3, text=text),
        ),
    )
    return town


def test_towns_that_differ_in_small_counts_give_the_same_files(tmp_path: Path) -> None:
    """Whatever is under five, and however it moves: not a byte of any file depends on it."""
    draws = random.Random(7)
    towns = [
        lively(tmp_path / "empty", lambda: 0, moving=False, crossed=False),
        lively(tmp_path / "few", lambda: draws.randrange(5), moving=True, crossed=True),
        lively(tmp_path / "four", lambda: 4, moving=True, crossed=True),
    ]
    for kind in Kind:
        for form in Format:
            found = [read(town, kind, form) for town in towns]
            assert found[0] == found[1] == found[2], (kind, form)
            assert len(found[0]) > 120
    # the towns do differ, and large counts do show
    assert len({town.database.read_bytes() for town in towns}) == 3
    towns[0].counts[0]["lane"] += 50
    towns[0].write(towns[0].minutes())
    assert read(towns[0], Kind.ZONES) != read(towns[1], Kind.ZONES)


@pytest.fixture
def town(tmp_path: Path) -> StoredTown:
    town = StoredTown(tmp_path)
    town.counts = [
        {"bar": 3, "stage": 9, "door": 0, "square": 21, "lane": 12, "crossing": 50},
        {"bar": 30, "stage": 9, "door": 2, "square": 21, "lane": 1, "crossing": 50},
    ]
    town.write(town.minutes())
    return town


def test_zones_as_csv(town: StoredTown) -> None:
    raw = read(town, Kind.ZONES)
    assert raw.endswith(b"\r\n")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 1 + 2 * 6
    found = {(row["at"], row["zone"]): row for row in rows(town, Kind.ZONES)}
    first, second = "2026-06-20T21:00:00+03:00", "2026-06-20T21:01:00+03:00"
    told = {key: (row["told"], row["people_at_least"], row["people_below"]) for key, row in found.items()}
    assert told == {
        (first, "bar"): ("fewer_than_step", "", "5"),
        (first, "stage"): ("sum_of_parts", "5", "15"),
        (first, "door"): ("fewer_than_step", "", "5"),
        (first, "square"): ("sum_of_parts", "25", "45"),
        (first, "lane"): ("in_steps", "10", "15"),
        (first, "crossing"): ("overlaps_another", "", ""),
        (second, "bar"): ("in_steps", "30", "35"),
        (second, "stage"): ("sum_of_parts", "35", "45"),
        (second, "door"): ("fewer_than_step", "", "5"),
        (second, "square"): ("sum_of_parts", "55", "75"),
        (second, "lane"): ("fewer_than_step", "", "5"),
        (second, "crossing"): ("overlaps_another", "", ""),
    }
    lane = found[first, "lane"]
    assert (lane["people_max_at_least"], lane["people_low_at_least"], lane["people_high_below"]) == (
        "10",
        "5",
        "20",
    )
    assert (lane["density_at_least_per_m2"], lane["density_below_per_m2"]) == ("0.025", "0.038")  # 400 m2
    assert (lane["level_max"], lane["quality"], lane["known_s"], lane["has_late"]) == (
        "1",
        "observed",
        "60",
        "false",
    )
    assert found[first, "bar"]["density_below_per_m2"] == "0.079"  # 64 m2
    assert found[first, "square"]["name"] == "'=Piața Mare"


@pytest.mark.parametrize("text", ["=1+1", "+4", "-2", "@sum", "\tx", "\rx", "＝1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_quotes_and_line_ends_in_a_name_come_back(tmp_path: Path) -> None:
    town = StoredTown(tmp_path)
    text = town.site_file.read_text()
    town.site_file.write_text(
        text.replace('"name": "lane"', json.dumps("name")[:-1] + '": "a, \\"b\\"\\r\\nc"')
    )
    town.site = read_site(town.site_file)
    town.counts = [dict.fromkeys(PIECES, 20)]
    town.write(town.minutes())
    assert [row["name"] for row in rows(town, Kind.ZONES) if row["zone"] == "lane"] == ['a, "b"\r\nc']


def test_zones_as_geojson(town: StoredTown) -> None:
    found = json.loads(read(town, Kind.ZONES, Format.GEOJSON))
    assert (found["type"], len(found["features"])) == ("FeatureCollection", 12)
    assert "steps of 5" in found["esplanade"]["small_counts"]
    assert "crossing overlaps another zone" in found["esplanade"]["zones"]
    stage = next(one for one in found["features"] if one["properties"]["zone"] == "stage")
    (ring,) = stage["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    turned = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
    assert turned > 0  # RFC 7946 3.1.6: counter-clockwise, though the site file has it clockwise
    frame = SiteFrame(44.43, 26.1)
    metres = sorted(frame.to_site(*corner) for corner in ring[:-1])
    assert [(round(x, 1), round(y, 1)) for x, y in metres] == [(10, 10), (10, 30), (30, 10), (30, 30)]
    assert stage["properties"]["people_at_least"] == 5


def test_zones_as_parquet(town: StoredTown) -> None:
    table = pq.read_table(io.BytesIO(read(town, Kind.ZONES, Format.PARQUET)))
    assert table.num_rows == 12
    assert str(table.schema.field("at").type) == "timestamp[ms, tz=Europe/Bucharest]"
    first = table.slice(0, 1).to_pylist()[0]
    assert first["at"] == datetime.fromisoformat("2026-06-20T18:00:00+00:00")
    assert "steps of 5" in table.schema.metadata[b"esplanade.small_counts"].decode()
    assert b"mean number" in table.schema.field("people_at_least").metadata[b"meaning"]
    asked = [
        {name: row[name] or "" for name in ("zone", "told", "people_below")} for row in table.to_pylist()
    ]
    assert [{**one, "people_below": str(one["people_below"])} for one in asked] == [
        {name: row[name] for name in ("zone", "told", "people_below")} for row in rows(town, Kind.ZONES)
    ]


def test_nothing_stored_is_an_empty_file_not_an_error(tmp_path: Path) -> None:
    town = StoredTown(tmp_path)
    town.write(Batch())
    for kind in Kind:
        assert rows(town, kind) == []
        assert json.loads(read(town, kind, Format.GEOJSON))["features"] == []
        assert pq.read_table(io.BytesIO(read(town, kind, Format.PARQUET))).num_rows == 0


def test_lines_and_cameras(town: StoredTown) -> None:
    town.write(
        town.lines((0, "person", 12, 4), (0, "car", 1, 0), (1, "person", 4, 4), (1, "car", 0, 6)),
        town.camera(0, vehicles_max=7, people_sum=900.0, late=2, readings=75),
    )
    found = [
        (
            row["at"][11:16],
            row["kind"],
            row["forward_at_least"],
            row["forward_below"],
            row["backward_at_least"],
        )
        for row in rows(town, Kind.LINES)
    ]
    assert found == [("21:00", "person", "10", "15", ""), ("21:01", "car", "", "5", "5")]
    (camera,) = rows(town, Kind.CAMERAS)
    assert (camera["grids"], camera["has_late"], camera["vehicles_max_at_least"]) == ("60", "true", "5")
    assert not any("people" in name or name == "readings" for name in camera)
    assert (
        json.loads(read(town, Kind.LINES, Format.GEOJSON))["features"][0]["geometry"]["type"] == "LineString"
    )


def test_readings_tell_full_cells_only(town: StoredTown) -> None:
    town.write(
        town.readings(
            town.reading(0, {(0, 1): 6.2, (3, 3): 4.99, (4, 4): 11.0}, vehicles=3),
            town.reading(1, {(0, 0): 2.0}),
            town.reading(2, {}, grid=None, vehicles=1),
        )
    )
    found = rows(town, Kind.READINGS)
    cells = [(row["captured_to"][17:19], row["x_m"], row["y_m"], row["people_at_least"]) for row in found]
    assert cells == [("00", "2.0", "0.0", "5"), ("00", "8.0", "8.0", "10"), ("01", "", "", "")]
    assert (found[0]["observed_cells"], found[0]["told_cells"], found[0]["vehicles_at_least"]) == (
        "400",
        "2",
        "",
    )
    features = json.loads(read(town, Kind.READINGS, Format.GEOJSON))["features"]
    assert [one["geometry"] and one["geometry"]["type"] for one in features] == ["Polygon", "Polygon", None]


def test_no_track_id_leaves_and_no_name_unasked(town: StoredTown) -> None:
    town.write(
        town.readings(town.reading(0, {(0, 1): 40.0}, vehicles=20)),
        town.alerts(
            alert("a1", "vehicle.unauthorised", text="secret-track-1 at 12.5, 7.25"),
            alert("a2", "density.critical", minute=1, text="4.9 per m2"),
            alert("a3", "area.entered", minute=2, text="1 person", subject="back", zone="square"),
            alert("a4", "sensor.silent", minute=3, subject="cam-0", zone=None, position_m=None),
        ),
    )
    for form in Format:
        for kind in Kind:
            raw = read(town, kind, form)
            assert b"secret-track" not in raw
            assert b"ana.popescu" not in raw
            assert b"4.9 per" not in raw
        assert b"ana.popescu" in read(town, Kind.ALERTS, form, names=True)
    assert {row["acknowledged_by"] for row in rows(town, Kind.ALERTS)} == {"a signed-in person"}
    with sqlite3.connect(town.database) as db:
        db.execute(
            "INSERT INTO users (login, display, roles, created_ms) "
            "VALUES ('ana.popescu', 'Ana', '[\"operator\", \"supervisor\"]', 0)"
        )
    assert {row["acknowledged_by"] for row in rows(town, Kind.ALERTS)} == {"operator, supervisor"}
    features = json.loads(read(town, Kind.ALERTS, Format.GEOJSON))["features"]
    # a vehicle and a person: only the ground; a crowd: its spot; a camera: where it hangs
    assert [one["geometry"]["type"] for one in features] == ["Polygon", "Point", "Polygon", "Point"]
    assert [row["x_m"] for row in rows(town, Kind.ALERTS)] == ["", "12.5", "", ""]


def test_a_span_has_its_begin_and_not_its_end(town: StoredTown) -> None:
    def at(since: int, until: int) -> list[str]:
        found = rows(town, Kind.ZONES, span=Span(START_MS + since, START_MS + until))
        return sorted({row["at"][11:16] for row in found})

    assert at(0, MINUTE_MS) == ["21:00"]
    assert at(1, MINUTE_MS + 1) == ["21:01"]
    assert at(0, 2 * MINUTE_MS) == ["21:00", "21:01"]
    assert at(2 * MINUTE_MS, 9 * MINUTE_MS) == []


def test_readings_and_alerts_page_through_without_a_gap(town: StoredTown) -> None:
    town.write(town.readings(*(town.reading(seq, {}) for seq in range(450))))
    town.write(*(town.alerts(*(alert(f"{n:03}", "occupancy.full", minute=n // 50) for n in range(450))),))
    assert len({row["captured_to"] for row in rows(town, Kind.READINGS)}) == 450
    assert len({row["alert"] for row in rows(town, Kind.ALERTS)}) == 450


def test_a_guessed_ground_is_on_no_map(town: StoredTown) -> None:
    text = town.site_file.read_text()
    town.site_file.write_text(text.replace("44.43", "0").replace("26.1", "0"))
    town.site = read_site(town.site_file)
    with pytest.raises(NotOnEarth, match="write where it lies under origin"):
        read(town, Kind.ZONES, Format.GEOJSON)
    assert len(rows(town, Kind.ZONES)) == 12


def test_without_pyarrow_the_extra_is_named(town: StoredTown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(NoPyArrow, match=r"esplanade\[parquet\]"):
        read(town, Kind.ZONES, Format.PARQUET)


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    town = StoredTown(tmp_path)
    with pytest.raises(NothingStored, match="there is none"):
        read(town, Kind.ZONES)
    sqlite3.connect(town.database).execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(NothingStored, match="has schema 0"):
        read(town, Kind.ZONES)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-06-20", START_MS - 21 * 60 * MINUTE_MS),
        ("2026-06-20T21:00", START_MS),
        ("2026-06-20T21:00:00+03:00", START_MS),
        ("2026-06-20T21:00:00 03:00", START_MS),
        ("2026-06-20T18:00:00Z", START_MS),
    ],
)
def test_times_as_people_type_them(tmp_path: Path, text: str, ms: int) -> None:
    assert moment_ms(text, StoredTown(tmp_path).site.time_zone_info) == ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "٢٠٢٦"]
)
def test_what_is_no_time(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoTime, match="is no time; write 2026-06-20"):
        moment_ms(text, StoredTown(tmp_path).site.time_zone_info)


# --- the command ---------------------------------------------------------------------------------------------


def test_the_command_writes_whole_files_and_the_audit_log(
    town: StoredTown, capsys: pytest.CaptureFixture[str]
) -> None:
    town.write(town.alerts(alert("a1", "density.critical")))
    where = ["--site", str(town.site_file), "--database", str(town.database)]
    out = town.folder / "zones.parquet"
    day = ["--from", "2026-06-20", "--until", "2026-06-21"]
    assert main(["export", "zones", *where, *day, "--format", "parquet", "--out", str(out)]) == 0
    assert pq.read_table(out).num_rows == 12
    assert out.stat().st_mode & 0o777 == 0o600
    assert main(["export", "alerts", *where, *day, "--names"]) == 0
    assert "ana.popescu" in capsys.readouterr().out
    with sqlite3.connect(town.database) as db:
        logged = db.execute("SELECT via, action, subject, detail FROM audit ORDER BY seq").fetchall()
    assert [one[:3] for one in logged] == [
        ("command", "data.export", "zones"),
        ("command", "data.export", "alerts"),
    ]
    assert json.loads(logged[1][3]) == {
        "format": "csv",
        "from": "2026-06-19T21:00:00.000Z",
        "until": "2026-06-20T21:00:00.000Z",
        "names": True,
    }
    assert main(["export", "zones", *where, "--from", "2026-06-21", "--until", "2026-06-21"]) == 2
    assert main(["export", "zones", *where, "--from", "soon"]) == 2
    assert main(["export", "zones", *where, *day, "--out", str(town.folder / "no" / "x.csv")]) == 2
    said = capsys.readouterr().err
    assert "is not before" in said
    assert "is no time" in said
    assert "cannot be written" in said
    assert not list(town.folder.glob(".*part"))


def test_no_more_is_held_than_a_bite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the range: rows read in one query, and rows taken before bytes are given on, are bounded.

    The whole process was measured on a year (docs/exports.md).
    """
    town = StoredTown(tmp_path)
    town.write(Batch())
    with sqlite3.connect(town.database) as db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999) "
            "INSERT INTO zone_minutes (zone, minute_ms, samples, known, partly, people_sum, density_sum) "
            "SELECT z, ? + i * 60000, 60, 60, 0, 60.0 * (i % 50), 0 FROM n, (SELECT 'lane' AS z UNION SELECT 'bar')",
            (START_MS,),
        )
    town.write(town.readings(*(town.reading(seq, {}) for seq in range(650))))
    read_at_once: list[int] = []
    ask = Stored._all

    def counted(self: Stored, sql: str, *values: object) -> list[tuple[int, ...]]:
        found = ask(self, sql, *values)
        read_at_once.append(len(found))
        return found

    monkeypatch.setattr(Stored, "_all", counted)
    monkeypatch.setattr(parquet_file, "ROWS_IN_GROUP", 500)
    for kind, total in ((Kind.ZONES, 6000), (Kind.READINGS, 650)):
        for form in Format:
            read_at_once.clear()
            sizes = [len(piece) for piece in town.exports().chunks(kind, form, ALL)]
            assert sum(read_at_once) >= total
            assert max(read_at_once) <= 360
            assert len(sizes) > total / 600
            assert max(sizes) < 150_000
    whole = pq.ParquetFile(io.BytesIO(read(town, Kind.ZONES, Format.PARQUET)))
    assert (whole.metadata.num_rows, whole.num_row_groups) == (6000, 12)


# --- the routes ----------------------------------------------------------------------------------------------


def test_the_route_streams_what_the_hub_measured(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(70)
        inside.until(lambda: inside.hub.store.newest_ms() == inside.now_ms)
        asked = {"from": "2026-06-20T18:00:00Z", "until": "2026-06-20T19:00:00Z"}
        answer = client.get("/api/v1/exports/zones", params=asked)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        disposition = answer.headers["content-disposition"]
        assert disposition == 'attachment; filename="test-square-zones-20260620T180000-20260620T190000.csv"'
        found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert {(row["zone"], row["told"]) for row in found} == {
            ("zone-0", "in_steps"),
            ("zone-1", "in_steps"),
        }
        assert found[0]["people_at_least"] == "160"  # 0.1 on 1600 m2
        for kind in Kind:
            for form in Format:
                one = client.get(f"/api/v1/exports/{kind}", params={**asked, "format": form})
                assert one.status_code == 200, (kind, form, one.text)
                assert one.headers["content-security-policy"]
        for asked in (
            {"from": "soon"},
            {"until": "1970-01-01"},
            {"from": "2030-01-01", "until": "2029-01-01"},
        ):
            refused = client.get("/api/v1/exports/zones", params=asked)
            assert (refused.status_code, set(refused.json())) == (422, {"error", "do"}), asked
        assert client.get("/api/v1/exports/people").status_code == 422
        assert client.get("/api/v1/exports/zones", params={"format": "xls"}).status_code == 422
        entries = sqlite3.connect(inside.folder / "hub.sqlite3").execute(
            "SELECT action, subject FROM audit WHERE action NOT LIKE 'hub.%' ORDER BY seq"
        )
        assert entries.fetchall()[0] == ("data.export", "zones")


def test_a_reader_that_goes_gives_its_place_back(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(1)
        for _ in range(6):
            with client.stream("GET", "/api/v1/exports/readings"):
                pass  # gone before the end
        inside.until(lambda: client.get("/api/v1/exports/readings").status_code == 200)


def test_who_may_export_and_who_may_have_names(tmp_path: Path) -> None:
    with HubInside(tmp_path, http={"login": "people"}) as inside:
        inside.user("op", Role.OPERATOR)
        inside.user("assessor", Role.ASSESSOR)
        inside.user("head", Role.SUPERVISOR)
        inside.pass_time(1)
        asked = {"op": (403, 403), "assessor": (200, 403), "head": (200, 200)}
        for login, statuses in asked.items():
            with inside.client_of(login) as client:
                found = [
                    client.get("/api/v1/exports/alerts", params={"names": names}).status_code
                    for names in ("false", "true")
                ]
                assert tuple(found) == statuses, login
        with inside.client() as client:
            assert client.get("/api/v1/exports/alerts").status_code == 401
        with sqlite3.connect(tmp_path / "hub.sqlite3") as db:
            logged = db.execute("SELECT actor, detail FROM audit WHERE action = 'data.export' ORDER BY seq")
            assert [(actor, json.loads(detail)["names"]) for actor, detail in logged] == [
                ("assessor", False),
                ("head", False),
                ("head", True),
            ]
