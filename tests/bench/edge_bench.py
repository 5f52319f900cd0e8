"""What the edge costs: its whole pipeline a frame over bare onnxruntime a frame, and the agent's memory.

`pipeline`: decode (in its own thread, as in production), colours, masks, health, detector, tracker, ground, readings
and their JSON. `bare`: `InferenceSession.run` alone, on a tensor of the same size. Both alternate in blocks in one
run, so that a busy machine slows both; the figure is the ratio of the medians over the blocks.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from contract.messages import ModelRef
from contract.site_file import read_shared
from deploy.demo.broker import HOST, free_port
from deploy.demo.parts import CLIP, SITE
from edge.detector import Detector
from edge.footage import Footage, read_ahead
from edge.ground import Ground
from edge.readings import Readings
from edge.sighting import Sight

ROOT = Path(__file__).parents[2]
BLOCK_FRAMES = 25
BLOCKS = 8
WARM_UP_FRAMES = 10
AGENT_S = 15.0


def pipeline_and_bare(footage: Path = CLIP, model: str | None = None) -> dict[str, Any]:
    """Milliseconds a frame of both, and their ratio."""
    site = read_shared(SITE)
    camera = site.camera("mast")
    detector = Detector.load(model, threads=1)
    ground = Ground(camera, site.cell_m)
    sight = Sight(camera=camera, ground=ground, detector=detector, boot="bench")
    reference = ModelRef(name=detector.name, sha256_12=detector.short_sha256)
    readings = Readings(
        site=site.site, camera=camera, boot="bench", period_s=1.0, ground=ground, model=reference
    )
    out = io.BytesIO()
    frames = read_ahead(Footage(footage, start_ms=0, loop=True))

    def pipeline(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            frame = next(frames)
            for reading in readings.advance(frame.captured_ms):
                out.write(msgspec.json.encode(reading))
            readings.add(sight.see(frame))
        return (time.perf_counter() - began) / count

    tensor, _, _ = detector.tensor(next(frames).picture_bgr)
    feed = {detector.session.get_inputs()[0].name: tensor}

    def bare(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            detector.session.run(None, feed)
        return (time.perf_counter() - began) / count

    pipeline(WARM_UP_FRAMES)
    bare(WARM_UP_FRAMES)
    both = [(pipeline(BLOCK_FRAMES), bare(BLOCK_FRAMES)) for _ in range(BLOCKS)]
    frames.close()  # type: ignore[attr-defined]
    pipeline_s = statistics.median(one for one, _ in both)
    bare_s = statistics.median(one for _, one in both)
    return {
        "model": detector.name,
        "input": list(detector.network_size(camera.picture.height, camera.picture.width)),
        "pipeline_ms_a_frame": round(pipeline_s * 1000, 2),
        "onnxruntime_ms_a_frame": round(bare_s * 1000, 2),
        "pipeline_over_onnxruntime": round(pipeline_s / bare_s, 3),
        "frames": BLOCKS * BLOCK_FRAMES,
    }


def agent_memory(seconds: float = AGENT_S) -> dict[str, Any]:
    """Resident memory of a real agent on the demo's footage in real time, without a broker."""
    with tempfile.TemporaryDirectory(prefix="esplanade-bench-") as folder:
        config = Path(folder) / "edge.yaml"
        config.write_text(
            json.dumps(
                {
                    "agent": read_shared(SITE).camera("mast").agent,
                    "site": str(SITE),
                    "outbox": "outbox.sqlite",
                    "broker": {"host": HOST, "port": free_port()},
                    "cameras": [
                        {"id": "mast", "source": {"file": str(CLIP), "real_time": True, "loop": True}}
                    ],
                }
            ),
            encoding="utf-8",
        )
        with (Path(folder) / "agent.log").open("wb") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", str(config)], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            time.sleep(seconds)
            status = Path(f"/proc/{agent.pid}/status").read_text()
        finally:
            agent.terminate()
            agent.wait(timeout=20)
    sizes = {
        line.split(":")[0]: int(line.split()[1])
        for line in status.splitlines()
        if line.startswith(("VmRSS", "VmHWM"))
    }
    return {
        "agent_rss_mb": round(sizes["VmRSS"] / 1024, 1),
        "agent_rss_peak_mb": round(sizes["VmHWM"] / 1024, 1),
        "agent_ran_s": seconds,
    }


def measure() -> dict[str, Any]:
    """All figures of the edge. Needs Linux for the memory."""
    return pipeline_and_bare() | agent_memory()
