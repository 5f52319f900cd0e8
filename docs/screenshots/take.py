"""Takes the screenshots in this folder from the running demo: `.venv/bin/python docs/screenshots/take.py`.

Desktop 1440 x 900 and phone 390 x 844, dark and light; then the agent is stopped (zones turn unknown), then the hub
(the page is no longer live).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from deploy.build.page_vendor import wheel_node  # noqa: E402
from deploy.demo.parts import Town  # noqa: E402

WARM_UP_S = 205.0  # the square fills for four minutes; then the clip begins again
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium found: apt-get install chromium", file=sys.stderr)
        return 1
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(wheel_node()))
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        town = Town(Path(folder), once=False)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        try:
            town.start()
            desktop = browser.new_page(viewport=DESKTOP, color_scheme="dark")
            light = browser.new_page(viewport=DESKTOP, color_scheme="light")
            phone = browser.new_page(viewport=PHONE, color_scheme="dark", device_scale_factor=2)
            for page in (desktop, light, phone):
                page.goto(town.url)
            desktop.locator("article[data-severity]").first.wait_for(timeout=60_000)
            time.sleep(WARM_UP_S)
            for page in (desktop, light, phone):
                page.locator("li[data-zone='gate-front']").first.click()
            time.sleep(2)
            light.screenshot(path=HERE / "page-light.png")
            phone.evaluate("scrollTo(0, 0)")
            phone.screenshot(path=HERE / "page-phone.png")
            desktop.keyboard.press("j")
            desktop.keyboard.press("Enter")
            desktop.locator("esp-alert-course ol").wait_for()
            desktop.locator("li[data-zone='gate-front']").first.click()
            time.sleep(2)
            desktop.screenshot(path=HERE / "page.png")
            desktop.locator("esp-timeline").screenshot(path=HERE / "timeline-truth.png")
            town.agent.kill9()
            desktop.locator("li[data-level='unknown']").first.wait_for(timeout=20_000)
            time.sleep(3)
            desktop.screenshot(path=HERE / "page-unknown.png")
            town.hub.kill9()
            desktop.locator(".banner.dead").wait_for(timeout=20_000)
            desktop.screenshot(path=HERE / "page-stale.png")
        finally:
            browser.close()
            town.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
