"""The marking page in a real browser: mark, remove, undo, finish, come back later; and who gets in."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route

from models.calibrate.marking import COOKIE, Marking, MarkingServer
from models.calibrate.marks import read_points
from models.calibrate.workplace import Purpose, Workplace, begun

SIZE = (360, 640)
PURPOSE = Purpose(
    site="square", camera="gate", calibration="0" * 12, model="ssdlite-mobilenet-v2", input_px=(288, 512)
)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = begun(tmp_path / "work", PURPOSE)
    rng = np.random.default_rng(4)
    for n in range(1, 4):
        cv2.imwrite(str(made.folder / f"{n:04d}.png"), rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
    return made


class Served:
    """A running server; `stop` ends it as Ctrl-C would."""

    def __init__(self, place: Workplace) -> None:
        self.server = MarkingServer(Marking(place))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def served(place: Workplace) -> Iterator[Served]:
    one = Served(place)
    yield one
    one.stop()


def ready(page: Page, name: str) -> None:
    page.wait_for_function("name => document.body.dataset.ready === name", arg=name)


def click_at(page: Page, x: float, y: float) -> None:
    """Clicks a point of the picture (not zoomed)."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    scale = min(box["width"] / SIZE[1], box["height"] / SIZE[0])
    left, top = (box["width"] - SIZE[1] * scale) / 2, (box["height"] - SIZE[0] * scale) / 2
    page.mouse.click(box["x"] + left + x * scale, box["y"] + top + y * scale)


def saved(page: Page) -> None:
    """Waits until the page says that everything is saved."""
    page.wait_for_function("() => document.querySelector('#saved').textContent.startsWith('Saved')")


def points(place: Workplace, name: str, count: int, page: Page) -> np.ndarray:
    """What is on disk once the page says that it is saved."""
    page.wait_for_function(
        "n => document.querySelector('#count').textContent.startsWith(`${n} heads here`)", arg=count
    )
    saved(page)
    found = read_points(place.folder / f"{name}.points.json")
    assert len(found) == count
    return found


def test_mark_remove_undo_finish_and_come_back(
    page: Page, served: Served, place: Workplace, chromium: Browser
):
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(served.server.address)
    ready(page, "0001")
    click_at(page, 100, 80)
    click_at(page, 300, 200)
    found = points(place, "0001", 2, page)
    assert np.allclose(found, [(100, 80), (300, 200)], atol=1.0)
    click_at(page, 302, 201)  # on the mark: it goes
    assert np.allclose(points(place, "0001", 1, page), [(100, 80)], atol=1.0)
    page.keyboard.press("Control+z")
    assert len(points(place, "0001", 2, page)) == 2
    page.keyboard.press("u")  # and the second mark itself
    points(place, "0001", 1, page)
    page.keyboard.press("Enter")
    ready(page, "0002")
    saved(page)
    assert place.done() == {"0001"}
    page.keyboard.press("Enter")  # nobody there
    ready(page, "0003")
    saved(page)
    assert read_points(place.folder / "0002.points.json").shape == (0, 2)
    page.keyboard.press("ArrowLeft")
    ready(page, "0002")
    page.keyboard.press("ArrowRight")
    ready(page, "0003")
    click_at(page, 40, 40)
    points(place, "0003", 1, page)
    assert (place.folder / "0003.points.json").stat().st_mode & 0o077 == 0

    served.stop()
    click_at(page, 400, 300)
    page.wait_for_function("() => document.querySelector('#saved').classList.contains('wrong')")
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{served.server.port}"}, (
        "nothing else was asked"
    )

    again = Served(place)
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    try:
        later = context.new_page()
        later.goto(again.server.address)
        ready(later, "0003")
        assert later.locator("#where").inner_text() == "Picture 3 of 3; 2 finished"
        assert later.locator("#count").inner_text() == "1 heads here, 2 in all"
    finally:
        context.close()
        again.stop()
    assert not [text for text in complaints if "Content Security Policy" in text]


def test_zoom_marks_the_same_place(page: Page, served: Served, place: Workplace):
    page.goto(served.server.address)
    ready(page, "0001")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.mouse.click(*middle)
    assert np.allclose(points(place, "0001", 1, page), [(SIZE[1] / 2, SIZE[0] / 2)], atol=0.6)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 90, middle[1] + 30, steps=4)
    page.mouse.up()
    page.mouse.click(middle[0] + 90, middle[1] + 30)  # the mark moved with the picture: this removes it
    points(place, "0001", 0, page)


def answer(
    served: Served, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=5)
    connection.request(method, path, body=body or None, headers=headers)
    got = connection.getresponse()
    text = got.read().decode()
    connection.close()
    return got.status, text


def test_a_picture_that_comes_late_is_neither_marked_nor_shown_for_another(
    page: Page, served: Served, place: Workplace
) -> None:
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    page.route("**/pictures/0002", keep)
    page.goto(served.server.address)
    ready(page, "0001")
    canvas = page.locator("canvas")
    first = canvas.screenshot()
    page.keyboard.press("n")
    page.wait_for_timeout(200)
    click_at(page, 100, 100)
    page.keyboard.press("Enter")
    page.keyboard.press("p")
    page.wait_for_timeout(200)
    for route in late:
        route.continue_()
    page.wait_for_timeout(300)
    assert canvas.screenshot() == first
    assert not (place.folder / "0002.points.json").exists()
    assert place.done() == set()


def test_saved_is_said_of_all_pictures_or_not_at_all(page: Page, served: Served, place: Workplace) -> None:
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=507, body="no room left on the disk")

    page.route("**/points/0001", refuse_once)
    page.goto(served.server.address)
    ready(page, "0001")
    click_at(page, 100, 80)
    page.wait_for_function(
        "() => document.querySelector('#saved').textContent === 'Not saved (picture 0001): no room left on the disk'"
    )
    page.keyboard.press("n")
    ready(page, "0002")
    click_at(page, 200, 100)
    saved(page)
    assert len(read_points(place.folder / "0001.points.json")) == 1
    assert len(read_points(place.folder / "0002.points.json")) == 1
    for name in ("0002", "0003", "0001"):
        ready(page, name)
        page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#saved').textContent.includes('All pictures are')")
    assert place.done() == {"0001", "0002", "0003"}


def test_a_picture_that_cannot_be_had_is_named(page: Page, served: Served) -> None:
    page.route("**/pictures/0002", lambda route: route.abort())
    page.goto(served.server.address)
    ready(page, "0001")
    page.keyboard.press("n")
    page.wait_for_function(
        "() => document.querySelector('#saved').textContent.includes('0002 cannot be shown')"
    )


def test_who_gets_in(served: Served, place: Workplace):
    port = served.server.port
    host = f"127.0.0.1:{port}"
    token = served.server.token
    assert answer(served, "GET", "/", {})[0] == 403
    assert answer(served, "GET", "/pictures/0001", {})[0] == 403
    assert answer(served, "GET", "/?token=wrong", {})[0] == 403
    assert answer(served, "GET", f"/?token={token}", {"Host": "evil.example"})[0] == 421
    assert answer(served, "GET", f"/?token={token}", {})[0] == 303
    assert answer(served, "GET", f"/?token={token}", {})[0] == 403, "once"
    known = {"Cookie": f"{COOKIE}={served.server.cookie}"}
    assert answer(served, "GET", "/frames", known)[0] == 200
    assert answer(served, "GET", "/frames", {"Cookie": f"{COOKIE}=other"})[0] == 403
    assert answer(served, "GET", "/pictures/..%2Fcalibration.json", known)[0] == 404
    assert answer(served, "GET", "/calibration.json", known)[0] == 404
    body = json.dumps({"points_px": [[1, 2]], "done": False}).encode()
    for origin in ({}, {"Origin": "https://evil.example"}):
        assert answer(served, "PUT", "/points/0001", known | origin, body)[0] == 403
    mine = known | {"Origin": f"http://{host}"}
    assert answer(served, "PUT", "/points/0009", mine, body)[0] == 404
    assert answer(served, "PUT", "/points/0001", mine, b'{"points_px": [[1, null]], "done": false}')[0] == 400
    assert answer(served, "PUT", "/points/0001", mine, body)[0] == 200
    assert read_points(place.folder / "0001.points.json").tolist() == [[1.0, 2.0]]
