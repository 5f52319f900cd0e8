"""What `make page` lays out loads in a real browser, by the import map, under a strict Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.build.page_vendor import IMPORT_MAP, LIT_DIRECTIVES, VENDOR

IMPORTS = json.dumps({"imports": {name: f"/{place}" for name, place in IMPORT_MAP.items()}})
PAGE = f"""<!doctype html><title>parts</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/leaflet/leaflet.css"><link rel="stylesheet" href="/uplot/uplot.css">
<script type="importmap">{IMPORTS}</script><script type="module" src="/main.js"></script>
<div id="map" class="tall"></div><div id="chart"></div><own-word></own-word>"""
MAIN = """
import {LitElement, html} from "lit";
import "leaflet";
import uPlot from "uplot";
const L = globalThis.leaflet;
const directives = DIRECTIVES;
for (const name of directives) await import(`lit/directives/${name}.js`);
customElements.define("own-word", class extends LitElement {
  render() { return html`<b>${"said"}</b>`; }
});
const map = L.map("map", {crs: L.CRS.Simple, zoomControl: true}).setView([0, 0], 0);
L.circleMarker([0, 0]).addTo(map);
new uPlot({width: 300, height: 100, series: [{}, {}]}, [[0, 1], [1, 2]], document.getElementById("chart"));
await customElements.whenDefined("own-word");
await document.querySelector("own-word").updateComplete;
document.title = "all parts";
""".replace("DIRECTIVES", json.dumps(LIT_DIRECTIVES))


class Handler(SimpleHTTPRequestHandler):
    """The vendor folder, one page and one script, with the policy that a control room's page would have."""

    def do_GET(self) -> None:
        made = {"/": ("text/html", PAGE), "/main.js": ("text/javascript", MAIN)}.get(self.path)
        if made is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", made[0])
        self.end_headers()
        self.wfile.write(made[1].encode())

    def end_headers(self) -> None:
        known = base64.b64encode(hashlib.sha256(IMPORTS.encode()).digest()).decode()
        self.send_header(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self' 'sha256-{known}'; style-src 'self'; img-src 'self' data:",
        )
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    assert VENDOR.is_dir(), "no page parts: run `make page`"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(VENDOR))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_every_part_loads(page: Any, address: str) -> None:
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(page).to_have_title("all parts", timeout=15_000)  # wait_for_function would need unsafe-eval
    assert said == []
    assert page.locator("own-word b").inner_text() == "said"
    assert page.locator("#map .leaflet-control-zoom-in").is_visible()
    assert page.locator("#chart canvas").count() == 1
    assert all(url.startswith((address, "data:")) for url in asked)
