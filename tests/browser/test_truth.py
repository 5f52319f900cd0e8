"""The truth of rendered footage over the measured curve: only where the hub was started with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

OpenPage = Callable[..., tuple[Page, object]]

TRUTH = {
    "schema": 1,
    "site": "harbour",
    "camera": "west",
    "story": "invented",
    "recipe": "0" * 12,
    "film": "invented.mp4",
    "film_sha256": "0" * 64,
    "loop_s": 4.0,
    "t_s": [0.0, 2.0],
    "people": {"quay": [400, 90]},
}
DRAWN = "document.querySelector('esp-timeline').plot.data[5].filter((value) => value !== null)"
PIXELS = """() => {
  const canvas = document.querySelector("esp-timeline canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (Math.abs(data[i] - 0xd7) + Math.abs(data[i + 1] - 0x9c) + Math.abs(data[i + 2] - 0xff) < 24) found += 1;
  }
  return found;
}"""


def until(page: Page, told: str, wanted: Callable[[Any], bool], timeout_s: float = 20.0) -> None:
    """Asks the page until the answer is as wanted; wait_for_function would need eval, which the policy forbids."""
    deadline = time.monotonic() + timeout_s
    while not wanted(answer := page.evaluate(told)):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def test_without_a_truth_nothing_is_drawn_asked_or_served(harbour, open_page: OpenPage) -> None:
    page, watch = open_page(color_scheme="dark")
    until(
        page, "document.querySelector('esp-timeline')?.plot?.data[0].length ?? 0", lambda points: points > 3
    )
    expect(page.locator(".timeline .key.people")).to_be_visible()
    expect(page.locator(".timeline .key.truth")).to_have_count(0)
    assert page.evaluate(DRAWN) == []
    assert page.evaluate(PIXELS) == 0
    assert not [url for url in watch.requests if "/truth" in url and not url.endswith(".js")]
    assert page.request.get(f"{harbour.url}/api/v1/zones/quay/truth").status == 404
    assert harbour.get("/api/v1/site")["has_truth"] is False


def test_the_truth_is_a_dashed_line_over_the_measured_one(harbour, open_page: OpenPage) -> None:
    harbour.hub.stop()
    config = Path(harbour.hub.command[-1])
    (config.parent / "truth.json").write_text(json.dumps(TRUTH), encoding="utf-8")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"truth": "truth.json"}), encoding="utf-8")
    harbour.start_hub()
    assert harbour.get("/api/v1/site")["has_truth"] is True
    assert harbour.get("/api/v1/zones/quay/truth")["people"] == [400, 90]

    page, _ = open_page(color_scheme="dark")
    page.locator("li[data-zone='quay']").click()
    expect(page.locator(".timeline .key.truth")).to_have_text("truth (rendered)")
    # half of a pass has 400 people, the other half 90
    until(page, DRAWN, lambda drawn: set(drawn) == {400, 90})
    until(page, PIXELS, lambda found: found > 20)


def test_a_truth_of_another_site_is_refused(harbour) -> None:
    harbour.hub.stop()
    config = Path(harbour.hub.command[-1])
    (config.parent / "truth.json").write_text(json.dumps(TRUTH | {"site": "elsewhere"}), encoding="utf-8")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"truth": "truth.json"}), encoding="utf-8")
    harbour.hub.start()
    assert harbour.hub.process.wait(30) == 2
    assert "truth.json: site: 'elsewhere' is not this hub's site 'harbour'" in harbour.hub.tail()
