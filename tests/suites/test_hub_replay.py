"""Two replays of the same readings give the same bytes, whatever the order of the lines."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

from hub.__main__ import main
from tests.kit.square import Square

SQUARE = Square(cameras=3, across=3, spacing_m=30.0)
START_MS = 1_781_978_400_000


def readings(seconds: int = 40) -> list[bytes]:
    """Three cameras, a car without a permit seen five times a second, one camera silent at the end."""
    lines = []
    for camera in range(3):
        seq = 0
        for tick in range(seconds * 5):
            at = START_MS + 200 * (tick + 1)
            full = (tick + 1) % 5 == 0
            car = (
                (SQUARE.vehicle(0, captured_at_ms=at, speed_m_s=2.0),)
                if camera == 0 and tick < seconds * 3
                else ()
            )
            if camera == 2 and tick > seconds * 2:
                continue
            if full or car:
                density = 0.1 + 0.05 * camera + 0.001 * tick if full else None
                lines.append(
                    msgspec.json.encode(
                        SQUARE.reading(
                            camera,
                            seq=seq,
                            captured_to_ms=at,
                            period_ms=1000 if full else 200,
                            people_per_m2=density,
                            vehicles=car,
                        )
                    )
                )
                seq += 1
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SQUARE.write(tmp_path)
    return tmp_path


def replayed(folder: Path, name: str, lines: list[bytes]) -> tuple[bytes, bytes]:
    (folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    alerts, zones = folder / f"{name}-alerts.jsonl", folder / f"{name}-zones.jsonl"
    asked = ["replay", str(folder / f"{name}.jsonl"), "--site", str(folder / "site.yaml")]
    assert main([*asked, "--out", str(alerts), "--zones", str(zones)]) == 0
    return alerts.read_bytes(), zones.read_bytes()


def test_the_same_bytes_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = readings(60)
    first = replayed(folder, "first", lines)
    found = json.loads(capsys.readouterr().out)
    assert first == replayed(folder, "second", lines)
    assert json.loads(capsys.readouterr().out) == found
    mixed = list(lines)
    random.Random(1).shuffle(mixed)
    assert first == replayed(folder, "mixed", mixed)
    assert first == replayed(folder, "doubled", lines + lines[::7])
    opened = [json.loads(line) for line in first[0].splitlines()]
    assert {one["alert"]["rule"] for one in opened} >= {"vehicle.unauthorised", "sensor.silent"}
    assert found["readings"] == len(lines)
    assert found["zones"]["zone-0"]["people_mean"] > 0
    assert {alert["rule"] for alert in found["alerts"]} >= {"vehicle.unauthorised"}
    assert len(first[1].splitlines()) == 3 * 61


def test_other_footage_gives_other_ids(folder: Path) -> None:
    lines = readings()
    other = [line.replace(b'"boot":"boot-1"', b'"boot":"boot-2"') for line in lines]
    ids = []
    for name, variant in (("one", lines), ("other", other)):
        alerts, _ = replayed(folder, name, variant)
        ids.append({json.loads(line)["alert"]["alert"] for line in alerts.splitlines()})
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"{", ":2: "), (b'{"site": "x"}', ":2: "), (b"\xff", ":2: "), (b"[]", ":2: ")],
)
def test_a_broken_line_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], line: bytes, problem: str
) -> None:
    file = folder / "broken.jsonl"
    file.write_bytes(readings(1)[0] + b"\n" + line + b"\n")
    assert main(["replay", str(file), "--site", str(folder / "site.yaml"), "--out", str(folder / "out")]) == 2
    assert f"broken.jsonl{problem}" in capsys.readouterr().err


def test_nothing_to_replay(folder: Path) -> None:
    assert replayed(folder, "empty", []) == (b"", b"")
    missing = [
        "replay",
        str(folder / "gone"),
        "--site",
        str(folder / "site.yaml"),
        "--out",
        str(folder / "out"),
    ]
    assert main(missing) == 2
