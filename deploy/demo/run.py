"""`make demo`: footage becomes explained alerts on a page, with everything on this machine and on loopback.

Without arguments it loops the clip in real time until Ctrl-C and prints the page's address. With `--once` it runs the
footage through broker, hub and database one time at full speed, and prints one JSON object on the last line. Other
footage goes with the site file that describes what its camera sees; without one the ground is guessed, and said so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from contract.yaml_file import FileError  # noqa: E402
from deploy.demo.broker import HOST, BrokerError, free_port  # noqa: E402
from deploy.demo.guess import NotFootage, guessed_site  # noqa: E402
from deploy.demo.parts import CLIP, PartError, Town  # noqa: E402
from models.manifest import manifest  # noqa: E402

FIRST_HTTP_PORT = 8080
ONCE_TIMEOUT_S = 280.0  # the whole of `make demo ARGS=--once` is to end within five minutes


def page_port() -> int:
    """8080, or the next free port above it."""
    import socket

    for port in range(FIRST_HTTP_PORT, FIRST_HTTP_PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    return free_port()


def whole_hash(seen: dict[str, str], folder: Path) -> dict[str, str]:
    """The model that the readings name, with all of its hash: the calibrated file, or one of the manifest."""
    file = folder / "calibrated.onnx"
    if file.is_file():
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    else:
        sha256 = manifest().named(seen["name"]).sha256
    if not sha256.startswith(seen["sha256_12"]):
        raise PartError(
            f"the readings come from another {seen['name']} ({seen['sha256_12']}) than the demo's ({sha256[:12]})"
        )
    return {"name": seen["name"], "sha256": sha256}


def summary(town: Town, footage: Path, wall_s: float) -> dict[str, Any]:
    """What the run found, from the hub's own answers."""
    figures = town.get("/api/v1/figures")
    alerts = town.get("/api/v1/alerts?limit=1000")["alerts"]
    return {
        "footage": footage.name,
        "model": whole_hash(figures["model"], town.folder),
        "frames": figures["frames"],
        "readings": figures["readings"],
        "media_s": figures["media_s"],
        "wall_s": round(wall_s, 1),
        "zones": figures["zones"],
        "alerts": [
            {
                "rule": alert["rule"],
                "zone": alert["zone"],
                "severity": alert["severity"],
                "opened_at": alert["opened_at"],
                "cleared_at": alert["cleared_at"],
                "reasons": [reason["text"] for reason in alert["reasons"]],
            }
            for alert in sorted(alerts, key=lambda a: (a["opened_at"], a["alert"]))
        ],
    }


def run_once(town: Town, footage: Path) -> int:
    began = time.monotonic()
    town.start()
    print("the footage goes through: agent -> broker -> hub -> database ...", flush=True)
    assert town.agent.process is not None
    deadline = time.monotonic() + ONCE_TIMEOUT_S
    while town.agent.running:
        if not town.hub.running:
            raise town.hub.failed("ended while the footage was running")
        if time.monotonic() > deadline:
            raise town.agent.failed(f"was not done within {ONCE_TIMEOUT_S:g} s")
        time.sleep(0.1)
    if town.agent.process.returncode != 0:
        raise town.agent.failed(f"ended with status {town.agent.process.returncode}")
    found = summary(town, footage, time.monotonic() - began)
    town.stop()
    for alert in found["alerts"]:
        print(f"{alert['opened_at']}  {alert['severity']:6}  {alert['rule']}  {alert['zone'] or ''}")
        for reason in alert["reasons"]:
            print(f"    {reason}")
    print(json.dumps(found), flush=True)
    return 0


def run_live(town: Town, stop: threading.Event) -> int:
    town.start()
    print(f"\n  The page: {town.url}\n  Ctrl-C ends everything.\n", flush=True)
    while not stop.wait(0.5):
        for part in (town.hub, town.agent):
            if not part.running:
                raise part.failed("ended by itself")
        if not town.broker.running:
            raise PartError(f"broker: ended by itself; see {town.broker.log}")
    print("\nstopping ...", flush=True)
    return 0


def other_footage(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What a Town needs to know of footage that is not the demo's. Raises NotFootage."""
    site: Path | None = asked.site
    if site is None:
        folder.mkdir(parents=True, exist_ok=True)
        site = guessed_site(asked.footage, folder / "guessed-site.yaml")
        print(
            "No site file was named (SITE=path), so the ground is GUESSED: a camera on a mast of 6 m, looking down a\n"
            "level ground. People are counted as they are seen; metres, densities, speeds and what follows from them\n"
            f"mean nothing yet. The guess is in {site}: copy it, correct the point pairs (docs/site-file.md), and\n"
            "run again with SITE=your-copy.yaml.",
            flush=True,
        )
    return {
        "footage": asked.footage,
        "site": site,
        "camera": asked.camera,
        "assessment": None,
        "truth": None,
        "people_map": None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="one pass at full speed, no browser, JSON at the end"
    )
    parser.add_argument("--footage", type=Path, help="another video file (make demo FOOTAGE=path)")
    parser.add_argument(
        "--site",
        type=Path,
        help="the site file of that footage (SITE=path); without it the ground is guessed",
    )
    parser.add_argument(
        "--camera", help="the camera of that site file which sees it; its first when left out"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep database and logs here instead of a temporary folder"
    )
    asked = parser.parse_args()
    if asked.footage is not None and not asked.footage.is_file():
        print(f"{asked.footage}: there is no such file; name a video with FOOTAGE=path", file=sys.stderr)
        return 2
    if asked.footage is None and (asked.site is not None or asked.camera is not None):
        print("--site and --camera describe other footage; name it with FOOTAGE=path", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set() if not asked.once else sys.exit(130))
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="esplanade-demo-"))
    status = 1
    town = None
    try:
        town = Town(
            folder,
            once=asked.once,
            http_port=None if asked.once else page_port(),
            **({} if asked.footage is None else other_footage(asked, folder)),
        )
        status = run_once(town, asked.footage or CLIP) if asked.once else run_live(town, stop)
    except (PartError, BrokerError, FileError, NotFootage) as error:
        print(error, file=sys.stderr)
    finally:
        if town is not None:
            town.stop()
        if asked.folder is None and status == 0:
            shutil.rmtree(folder, ignore_errors=True)
        elif asked.folder is None:
            print(f"logs and database are kept in {folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
