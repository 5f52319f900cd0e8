"""`make demo FOOTAGE=path`: with a site file, with a guessed ground, and what is said when it can not be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract.homography import plane
from contract.site_file import read_shared
from deploy.demo.broker import find_nats_server
from deploy.demo.guess import HEIGHT_M, guessed_site
from deploy.demo.parts import CLIP, SITE
from hub.site import read_site

RUN = Path(__file__).parents[2] / "deploy" / "demo" / "run.py"


def demo(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_a_guessed_ground_is_a_site_file_that_says_it_is_guessed(tmp_path: Path) -> None:
    path = guessed_site(CLIP, tmp_path / "guess.yaml")
    site, camera = read_site(path), read_shared(path).cameras[0]
    assert "GUESSED" in site.name
    assert (camera.picture.width, camera.picture.height, camera.height_m) == (1280, 720, HEIGHT_M)
    (x, y), *_ = plane(camera, camera.surfaces[0]).to_site([[640.0, 360.0]])
    assert x == pytest.approx(0.0, abs=0.05)
    assert y == pytest.approx(18.0, abs=0.1)
    assert [zone.id for zone in site.zones] == ["in-view"]
    assert not any(zone.pedestrian for zone in site.zones)
    assert not site.areas


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--footage", "gone.mp4"), "gone.mp4: there is no such file"),
        (("--footage", RUN), "run.py: is not a video that can be read"),
        (("--site", SITE), "name it with FOOTAGE=path"),
        (("--footage", CLIP, "--site", SITE, "--camera", "door"), "has no camera door; it has mast"),
        (("--footage", CLIP, "--site", "gone.yaml"), "gone.yaml: cannot be read"),
    ],
)
def test_what_can_not_be_shown_is_said_in_one_line(
    tmp_path: Path, arguments: tuple[object, ...], says: str
) -> None:
    done = demo("--once", "--folder", tmp_path / "run", *arguments)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_other_footage_runs_on_a_guess(tmp_path: Path, require_part, short_clip: Path) -> None:
    require_part("nats-server", find_nats_server(), "run `make setup`")
    done = demo("--once", "--folder", tmp_path / "run", "--footage", short_clip)
    assert done.returncode == 0, done.stderr
    assert "the ground is GUESSED" in done.stdout
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["footage"] == short_clip.name
    assert found["zones"]["in-view"]["people_mean"] > 5
    assert found["alerts"] == []


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    """The first seconds of the demo's clip, as anybody's video."""
    import av

    out = tmp_path / "mine.mp4"
    with av.open(str(CLIP)) as whole, av.open(str(out), "w") as part:
        stream = part.add_stream_from_template(whole.streams.video[0], opaque=True)
        for packet in whole.demux(whole.streams.video[0]):
            if packet.pts is None or packet.time_base is None or packet.pts * packet.time_base > 3:
                continue
            packet.stream = stream
            part.mux(packet)
    return out
