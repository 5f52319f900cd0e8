"""`make bench`: what this machine does, with medians. Prints a table and, last, one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import edge_bench  # noqa: E402
import ingest_bench  # noqa: E402
import page_bench  # noqa: E402
import people_bench  # noqa: E402
import volume_bench  # noqa: E402

PARTS = ("edge", "ingest", "page", "people", "volume")


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "machine": platform.machine(),
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these (default: all)")
    asked = parser.parse_args().parts or list(PARTS)
    found: dict[str, Any] = {"machine": machine()}
    if "edge" in asked:
        found["edge"] = edge_bench.measure()
    if "ingest" in asked:
        found["ingest"] = ingest_bench.measure()
    if "page" in asked:
        chromium = shutil.which("chromium")
        if chromium is None:
            print("page: chromium is missing: apt-get install chromium", file=sys.stderr)
        else:
            found["page"] = page_bench.measure(chromium)
    if "people" in asked:
        found["people"] = people_bench.measure()
    if "volume" in asked:
        found["volume"] = volume_bench.measure()
    for part, figures in found.items():
        print(part)
        for name, value in figures.items():
            print(f"  {name:<44} {value}")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
