"""Latency of the whole path, from the end of a capture window to the change in Chromium's page, and memory."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from deploy.build.page_vendor import wheel_node
from deploy.demo.parts import Town

WATCHED_S = 45.0
WARM_UP_S = 8.0

# Notes, for each zone's row, the moment its capture time changed in the DOM. All clocks are this machine's.
WATCH = """
() => {
  window.seen = [];
  const roots = [document];
  const note = (row) => {
    const at = row.dataset.capturedTo;
    if (at && row.lastNoted !== at) { row.lastNoted = at; window.seen.push(Date.now() - Date.parse(at)); }
  };
  const observe = (root) => new MutationObserver((changes) => {
    for (const change of changes) note(change.target);
  }).observe(root, {subtree: true, attributes: true, attributeFilter: ["data-captured-to"]});
  const walk = (root) => {
    observe(root);
    for (const element of root.querySelectorAll("*")) if (element.shadowRoot) walk(element.shadowRoot);
  };
  walk(document);
}
"""


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def measure(chromium: str) -> dict[str, Any]:
    """Runs the demo in real time for a while with the page open. `latency_*` in ms; memory in MB."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(wheel_node()))
    from playwright.sync_api import sync_playwright

    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
    ]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        town = Town(Path(folder), once=False)
        try:
            town.start()
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(town.url)
            page.locator("[data-captured-to]:not([data-captured-to=''])").first.wait_for(timeout=60_000)
            time.sleep(WARM_UP_S)
            page.evaluate(WATCH)
            time.sleep(WATCHED_S)
            seen = [float(value) for value in page.evaluate("window.seen")]
            memory = {"agent_mb": memory_mb(town.agent.pid), "hub_mb": memory_mb(town.hub.pid)}
            browser.close()
        finally:
            town.stop()
    if len(seen) < WATCHED_S / 2:
        raise RuntimeError(f"the page changed only {len(seen)} times in {WATCHED_S:g} s")
    return {
        "changes": len(seen),
        "latency_p50_ms": round(statistics.median(seen)),
        "latency_p95_ms": round(percentile(seen, 0.95)),
        **{name: round(value, 1) for name, value in memory.items()},
    }
