"""Takes the screenshots of the pages about people: `.venv/bin/python docs/screenshots/take_people.py`.

A hub with people and a second one that knows OpenID Connect (only its sign-in page is drawn), over the invented harbour
of the browser tests. Each page at 1440 x 900 in the dark and at 390 x 844 in the light.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from deploy.build.page_vendor import wheel_node  # noqa: E402
from deploy.demo.broker import free_port  # noqa: E402
from tests.browser.conftest import running_town  # noqa: E402
from tests.conftest import CHROMIUM_FLAGS, find_chromium  # noqa: E402
from tests.kit.signed_in import PASSWORD, SignedIn, printed_link, take_up  # noqa: E402

OIDC = {
    "issuer": "http://127.0.0.1:1",
    "client_id": "esplanade",
    "roles": {"duty-room": {"roles": ["operator"]}},
}
SIZES: dict[str, dict[str, Any]] = {
    "": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "-phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
PEOPLE = {
    "anna": ("Anna Pop", ["administrator"]),
    "maria": ("Maria Ionescu", ["operator"]),
    "paul": ("Paul Weber", ["supervisor"]),
    "tina": ("Tina Vaitkus", ["technician"]),
    "fire": ("Fire brigade", ["partner"]),
}


def main() -> int:
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(wheel_node()))
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        sync_playwright() as playwright,
        running_town(Path(one), {}, free_port()) as harbour,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_FLAGS))
        link = printed_link(harbour.hub.log)

        def shoot(name: str, address: str, prepare: Any = None, login: str | None = None) -> None:
            for suffix, options in SIZES.items():
                context = browser.new_context(**options)
                page = context.new_page()
                if login is not None:
                    page.goto(harbour.url + "/login")
                    page.get_by_label("Login name").fill(login)
                    page.get_by_label("Password").fill(PASSWORD)
                    page.get_by_role("button", name="Sign in", exact=True).click()
                    page.locator("li[data-zone='quay']:not([data-level='unknown'])").wait_for(timeout=30_000)
                else:
                    page.goto(address)
                page.wait_for_timeout(800)
                if prepare is not None:
                    prepare(page)
                    page.wait_for_timeout(500)
                page.screenshot(path=HERE / f"{name}{suffix}.png")
                context.close()

        def at_tab(tab: str, then: str | None = None) -> Any:
            def prepare(page: Any) -> None:
                page.get_by_role("button", name=re.compile("^Account: ")).click()
                page.get_by_role("tab", name=tab).click()
                if then is not None:
                    page.get_by_role("dialog").get_by_text(then).first.click()

            return prepare

        shoot("first-administrator", link)
        take_up(harbour.url, link, login="anna", display=PEOPLE["anna"][0])
        with SignedIn(harbour.url, "anna") as anna:
            for login, (display, roles) in list(PEOPLE.items())[1:]:
                sites = ["harbour"] if roles == ["partner"] else None
                body = {"login": login, "display": display, "roles": roles, "sites": sites}
                made = anna.send("POST", "/users", body).json()["link"]
                if login != "fire":
                    take_up(harbour.url, made)
        harbour.scene.vehicle_at_m = (12.0, 20.0)
        with SignedIn(harbour.url, "tina") as tina:
            tina.send(
                "POST",
                "/out-of-service",
                {
                    "rule": "vehicle.unauthorised",
                    "subject": "quay",
                    "minutes": 120,
                    "reason": "The stage is being built",
                },
            )
        shoot("people", "", at_tab("People"), "anna")
        shoot("account", "", at_tab("You", "What you may do"), "maria")
        shoot("tokens", "", at_tab("API tokens", "Make a token"), "maria")
        shoot("approvals", "", at_tab("Approvals"), "paul")
        shoot("page-not-allowed", "", None, "tina")
        with running_town(Path(other), {"oidc": OIDC}, free_port()) as second:
            shoot("sign-in", second.url + "/login#over")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
