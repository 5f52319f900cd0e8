"""People in real Chromium: the first start, everybody's role, what each sees and can not do, and who must stay out."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect

from deploy.demo import broker
from hub import rights
from hub.config import TlsPart
from hub.rights import Right, Role
from tests.browser.conftest import Harbour, running_town
from tests.kit.hub_inside import HubInside
from tests.kit.signed_in import ADMINISTRATOR, PASSWORD, SignedIn, printed_link, take_up

pytestmark = pytest.mark.usefixtures("patient")

CARD = "article[data-rule^='vehicle.']"
SLOW = 30_000


@dataclass
class Town:
    """The harbour with people, one hub for the whole file. `seen`: what the first start showed in the browser."""

    harbour: Harbour
    folder: Path
    browser: Browser
    link: str
    opened: list[BrowserContext] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.harbour.url

    def visitor(self, path: str = "/", **options: Any) -> Page:
        """A browser of its own, at `path`."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        self.opened.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", lambda one: "policy:" in one.text and self.errors.append(one.text))
        page.goto(self.url + path if path.startswith("/") else path)
        return page

    def enter(self, login: str, password: str = PASSWORD, **options: Any) -> Page:
        """Signed in on the sign-in page, until the live page is live."""
        page = self.visitor("/login", **options)
        sign_in(page, login, password)
        live(page)
        return page

    def person(self, login: str, roles: list[str], sites: list[str] | None = None) -> str:
        """A user with PASSWORD; made once."""
        with SignedIn(self.url, ADMINISTRATOR) as administrator:
            if login not in {one["login"] for one in administrator.get("/users")["users"]}:
                take_up(self.url, administrator.invite(login, roles, sites))
        return login

    def sql(self, statement: str, *values: object) -> None:
        """Straight into the hub's database: what only time would do."""
        with sqlite3.connect(self.folder / "hub.sqlite", timeout=20) as db:
            db.execute(statement, values)
        db.close()

    def drive_in(self) -> None:
        self.harbour.scene.vehicle_at_m = (12.0, 20.0)


def sign_in(page: Page, login: str, password: str) -> None:
    page.get_by_label("Login name").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def live(page: Page) -> None:
    expect(page.locator("li[data-zone='quay']")).to_have_attribute(
        "data-level", re.compile(r"[0-4]"), timeout=SLOW
    )


def details(card: Any) -> None:
    """Opens an alert. The queue takes no press in the second in which it moved, so it is pressed until it has heard."""
    for _ in range(20):
        card.get_by_role("button", name=re.compile("Details|Less")).click()
        try:
            card.locator(".certainty").wait_for(timeout=1000)
        except TimeoutError:
            continue
        return
    raise AssertionError("the card did not open")


def desk(page: Page, tab: str | None = None) -> Any:
    """The dialog about people, at a tab."""
    page.get_by_role("button", name=re.compile("^Account: ")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if tab is not None:
        dialog.get_by_role("tab", name=tab).click()
    return dialog


@pytest.fixture(scope="module")
def town(
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    require_part: Callable[[str, object, str], None],
) -> Iterator[Town]:
    """The first start in the browser: by the printed link, the first administrator makes himself."""
    require_part("nats-server", broker.find_nats_server(), "run `make setup`")
    folder = tmp_path_factory.mktemp("people")
    with running_town(folder, {}, broker.free_port()) as harbour:
        made = Town(harbour, folder, chromium, printed_link(harbour.hub.log))
        page = made.visitor(made.link)
        expect(page.get_by_role("heading", name="Make the first administrator")).to_be_visible()
        expect(page.get_by_label("Login name")).to_be_focused()
        page.get_by_label("Login name").fill(ADMINISTRATOR)
        page.get_by_label("Your name, as others see it").fill("Anna Pop")
        page.get_by_label("New password").fill("short")
        page.get_by_role("button", name="Make the administrator and sign in").click()
        expect(page.locator("#problem .problem")).to_contain_text("The password has 5 characters")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Make the administrator and sign in").click()
        live(page)
        expect(page.get_by_role("button", name="Account: Anna Pop")).to_be_visible()
        page.context.close()
        try:
            yield made
        finally:
            for context in made.opened:
                context.close()
    assert made.errors == []


@pytest.fixture(autouse=True)
def closed_after(town: Town) -> Iterator[None]:
    yield
    for context in town.opened:
        context.close()
    town.opened.clear()
    town.harbour.scene.vehicle_at_m = None
    assert town.errors == []


def test_the_first_link_works_once_and_the_page_asks_who_is_there(town: Town) -> None:
    again = town.visitor(town.link)
    expect(again.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(again.get_by_role("button", name="Make the administrator and sign in")).to_be_hidden()
    stranger = town.visitor("/")
    expect(stranger).to_have_url(f"{town.url}/login")
    sign_in(stranger, ADMINISTRATOR, "a wrong password, quite long")
    expect(stranger.locator("#problem .problem")).to_contain_text("do not belong together")
    expect(stranger.get_by_label("Password")).to_be_focused()
    sign_in(stranger, ADMINISTRATOR, PASSWORD)
    live(stranger)
    assert town.link.partition("#")[2] not in stranger.content()


def test_sign_in_and_one_time_link_work_without_scripts(town: Town) -> None:
    with SignedIn(town.url, ADMINISTRATOR) as administrator:
        link = administrator.invite("scriptless", ["viewer"])
    page = town.visitor("/link", java_script_enabled=False)
    page.get_by_label("Code").fill(link.partition("#")[2])
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page.locator(".problem")).to_contain_text("the password has 5 characters")
    page.get_by_label("Code").fill(link.partition("#")[2])
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page).to_have_url(f"{town.url}/")
    other = town.visitor("/login", java_script_enabled=False)
    sign_in(other, "scriptless", PASSWORD)
    expect(other).to_have_url(f"{town.url}/")


# What a person's page holds, and one request for it, right by right. The test walks the RIGHTS table over these.
TABS = {
    Right.SELF: "You",
    Right.OWN: "Sessions",
    Right.TOKENS: "API tokens",
    Right.APPROVALS: "Approvals",
    Right.USERS: "People",
}
BUTTONS = {
    Right.HANDLE: "Close",
    Right.PERMIT: "Grant a timed permit",
    Right.OUT_OF_SERVICE: "Out of service",
}
REQUESTS: dict[Right, tuple[str, str, Any]] = {
    Right.LOOK: ("GET", "/state", None),
    Right.DEVICES: ("GET", "/devices", None),
    Right.HANDLE: ("POST", "/alerts/none/acknowledge", {}),
    Right.PERMIT: ("POST", "/permits", {"place": "none", "kinds": ["car"], "minutes": 5, "reason": "x"}),
    Right.OUT_OF_SERVICE: (
        "POST",
        "/out-of-service",
        {"rule": "none", "subject": "none", "minutes": 5, "reason": "x"},
    ),
    Right.APPROVALS: ("GET", "/approvals", None),
    Right.USERS: ("GET", "/users", None),
    Right.TOKENS: ("GET", "/me/tokens", None),
    Right.OWN: ("GET", "/me/sessions", None),
    Right.SELF: ("GET", "/me", None),
}
ASK = """async ([method, path, body, token]) => (await fetch('/api/v1' + path, {method,
    headers: {'Content-Type': 'application/json', 'X-CSRF-Token': token},
    body: body === null ? undefined : JSON.stringify(body)})).status"""


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_invited_and_sees_and_does_what_the_table_says(town: Town, role: Role) -> None:
    may = rights.of(frozenset({role}))
    sites = ["harbour"] if role is Role.PARTNER else None
    with SignedIn(town.url, ADMINISTRATOR) as administrator:
        link = administrator.invite(f"a-{role}", [role], sites)
    town.drive_in()
    page = town.visitor(link)
    expect(page.get_by_role("heading", name=f"Welcome, A-{role}")).to_be_visible()
    expect(page.get_by_label("Login name")).to_be_hidden()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    live(page)

    card = page.locator(CARD)
    expect(card).to_be_visible(timeout=SLOW)
    acknowledge = card.get_by_role("button", name="Acknowledge")
    if Right.HANDLE in may:
        expect(acknowledge).to_be_enabled()
        expect(card.locator(".may-not")).to_have_count(0)
    else:
        expect(acknowledge).to_be_disabled()
        expect(card.locator(".may-not")).to_contain_text("Operator, Supervisor")
        page.keyboard.press("j")
        page.keyboard.press("a")
    details(card)
    for right, name in BUTTONS.items():
        expect(card.locator(".more").get_by_role("button", name=name)).to_have_count(1 if right in may else 0)

    dialog = desk(page)
    shown = {tab.inner_text() for tab in dialog.get_by_role("tab").all()}
    assert shown == {name for right, name in TABS.items() if right in may}
    expect(dialog).to_contain_text(role.value.capitalize())
    dialog.get_by_text("What you may do").click()
    listed = {one.get_attribute("data-right") for one in dialog.locator("[data-right]").all()}
    assert listed == {right.value for right in may}
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    me = page.evaluate("async () => (await fetch('/api/v1/me')).json()")
    assert me["roles"] == [role.value]
    assert set(me["rights"]) == {right.value for right in may}
    for right, (method, path, body) in REQUESTS.items():
        status = page.evaluate(ASK, [method, path, body, me["form_token"]])
        assert (status == 403) is (right not in may), f"{role} {right}: {method} {path} answered {status}"
        assert status < 500
    assert town.harbour.hub.running
    with SignedIn(town.url, ADMINISTRATOR) as administrator:
        handling = [
            one["handling"]
            for one in administrator.get("/state")["alerts"]
            if one["rule"].startswith("vehicle.")
        ]
    assert handling == ["unacknowledged"], "nobody has pressed it, the keys of those who may not do nothing"


def test_what_somebody_does_carries_the_login_name_and_no_name_is_asked(town: Town) -> None:
    town.person("olga", ["operator"])
    page = town.enter("olga")
    town.drive_in()
    card = page.locator(CARD)
    expect(card).to_be_visible(timeout=SLOW)
    card.focus()
    page.keyboard.press("a")
    expect(card).to_contain_text("Acknowledged by olga")
    expect(page.get_by_role("dialog")).to_have_count(0)
    # left in order for the others
    with SignedIn(town.url, "olga") as olga:
        town.harbour.scene.vehicle_at_m = None
        for alert in olga.get("/state")["alerts"]:
            olga.send("POST", f"/alerts/{alert['alert']}/acknowledge", {})


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(town: Town) -> None:
    page = town.enter(ADMINISTRATOR)
    (cookie,) = [one for one in page.context.cookies() if one["name"].endswith("esplanade")]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
    # from a page of another site the same browser is nobody
    with elsewhere(f"<a id=go href='{town.url}/'>go</a>", "localhost") as address:
        page.goto(address)
        with page.expect_request(f"{town.url}/login") as asked:
            page.get_by_text("go").click()
        assert "cookie" not in asked.value.all_headers()
        # ...until the hub's own page looks for itself
        expect(page).to_have_url(f"{town.url}/")
        live(page)


FORGED = """<form id=f method=post enctype=text/plain action='{url}{path}'>
<input name='{{"x":"' value='"}}'></form><script>document.getElementById('f').submit()</script>"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_forged_form_of_another_page_changes_nothing(town: Town, host: str) -> None:
    """`localhost` is another site to the browser, which keeps the cookie back; 127.0.0.1 at another port is the same
    site: there the cookie comes along, and the hub itself must refuse."""
    town.person("victor", ["administrator"])
    page = town.enter("victor")
    with SignedIn(town.url, ADMINISTRATOR) as administrator:
        link = f"/api/v1/users/{ADMINISTRATOR}/disable"
        with elsewhere(FORGED.format(url=town.url, path=link), host) as address:
            with page.expect_response(f"{town.url}{link}") as answered:
                page.goto(address)
            assert answered.value.status in (401, 403)
            sent = answered.value.request.all_headers()
            assert ("cookie" in sent) is (host == "127.0.0.1")
        states = {one["login"]: one["state"] for one in administrator.get("/users")["users"]}
        assert states[ADMINISTRATOR] == "active"
        # even a page of ours that does not know the form token
        without = administrator.http.post(
            f"/api/v1/users/{ADMINISTRATOR}/disable", headers={"X-CSRF-Token": "guess"}
        )
        assert without.status_code == 403


def test_a_brute_force_is_made_to_wait_and_the_page_counts_it_down(town: Town) -> None:
    page = town.visitor("/login")
    button = page.get_by_role("button", name="Sign in", exact=True)
    wrong = {"login": "nobody-at-all", "password": "a wrong password, quite long"}
    for _ in range(9):
        assert httpx.post(f"{town.url}/api/v1/session", json=wrong, timeout=20).status_code == 401
    sign_in(page, "nobody-at-all", "a wrong password, quite long")
    expect(page.locator("#problem")).to_contain_text("do not belong together")
    expect(button).to_be_enabled()
    sign_in(page, "nobody-at-all", "a wrong password, quite long")
    expect(page.locator("#problem")).to_contain_text(
        re.compile(r"Too many wrong tries\. Try again in \d+ seconds")
    )
    expect(button).to_be_disabled()
    town.person("olga", ["operator"])
    town.enter("olga")  # others get in meanwhile


@pytest.mark.parametrize("how", ["expired", "disabled"])
def test_a_session_that_ends_says_not_live_and_leads_to_the_way_in(town: Town, how: str) -> None:
    login = town.person(f"short-{how}", ["operator"])
    page = town.enter(login)
    page.get_by_role("button", name="Sound is off: press to arm").click()
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    with SignedIn(town.url, ADMINISTRATOR) as administrator:
        if how == "expired":
            town.sql(
                "UPDATE sessions SET until_ms = 1 WHERE user = (SELECT id FROM users WHERE login = ?)", login
            )
        else:
            assert administrator.send("POST", f"/users/{login}/disable").is_success
    # all of it at one moment, on the live page, before it goes to the way in
    said = page.wait_for_function(
        """() => location.pathname === "/" && document.title.startsWith("NOT LIVE")
          && getComputedStyle(document.querySelector("main")).filter === "grayscale(1)"
          && document.querySelector("esp-banner .banner.dead")?.textContent""",
        timeout=SLOW,
    ).json_value()
    assert "NOT LIVE. You are signed out." in said
    assert "Sound was on" in said
    if how == "disabled":
        page.goto(f"{town.url}/login")
        sign_in(page, login, PASSWORD)
        expect(page.locator("#problem")).to_contain_text("do not belong together")
        return
    expect(page).to_have_url(f"{town.url}/login#over", timeout=SLOW)
    expect(page.locator("#over")).to_contain_text("Alarms are neither shown nor sounded here")
    expect(page.locator("#over")).to_contain_text("Sound was on")
    expect(page).to_have_title(re.compile("^NOT LIVE"))
    sign_in(page, login, PASSWORD)
    live(page)
    expect(page.get_by_role("button", name="Sound waits for a key or click")).to_be_visible()
    page.keyboard.press("Shift")
    expect(page.get_by_role("button", name="Sound on")).to_be_visible()


def test_a_token_is_shown_once_works_and_ends(town: Town) -> None:
    login = town.person("tom", ["technician"])
    page = town.enter(login)
    dialog = desk(page, "API tokens")
    dialog.get_by_text("Make a token").first.click()
    dialog.get_by_label("What it is for").fill("the display in the hall")
    dialog.get_by_label("see the site, its state, histories and alerts, live").check()
    dialog.get_by_role("button", name="Make a token").click()
    secret = dialog.locator("input.secret").input_value()
    assert secret.startswith("esplanade_")

    def ask(path: str) -> int:
        return httpx.get(
            town.url + path, headers={"Authorization": f"Bearer {secret}"}, timeout=20
        ).status_code

    assert (ask("/api/v1/state"), ask("/api/v1/devices"), ask("/api/v1/users")) == (200, 403, 403)
    dialog.get_by_role("button", name="I have it").click()
    expect(dialog.locator("input.secret")).to_have_count(0)
    assert secret not in page.content()
    town.sql("UPDATE tokens SET until_ms = 1 WHERE name = 'the display in the hall'")
    assert ask("/api/v1/state") == 401, "a token that is over"
    town.sql(
        "UPDATE tokens SET until_ms = ? WHERE name = 'the display in the hall'",
        int(time.time() * 1000) + 10**7,
    )
    assert ask("/api/v1/state") == 200
    row = dialog.locator("li[data-token]", has_text="the display in the hall")
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert ask("/api/v1/state") == 401


def test_sessions_password_and_signing_out(town: Town) -> None:
    login = town.person("sam", ["viewer"])
    page, other = town.enter(login), town.enter(login)
    dialog = desk(page, "Sessions")
    rows = dialog.locator("li[data-session]")
    expect(rows.nth(1)).to_be_visible()
    expect(dialog.get_by_text("this one")).to_have_count(1)
    dialog.get_by_role("button", name="End all others").click()
    expect(rows).to_have_count(1)
    expect(other.locator(".banner.dead")).to_contain_text("signed out", timeout=SLOW)

    dialog.get_by_role("tab", name="You").click()
    dialog.get_by_text("Change password").first.click()
    dialog.get_by_label("Password of now").fill("not the password of now")
    dialog.get_by_label("New password").fill(PASSWORD + " again")
    dialog.get_by_role("button", name="Change password").click()
    expect(dialog.locator(".problem")).to_contain_text("not right")
    dialog.get_by_label("Password of now").fill(PASSWORD)
    dialog.get_by_role("button", name="Change password").click()
    expect(dialog.locator(".good")).to_contain_text("The password is changed")
    # the new session's form token counts at once
    dialog.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{town.url}/login#out")
    expect(page.locator("#over")).to_contain_text("You are signed out")
    sign_in(page, login, PASSWORD + " again")
    live(page)


def test_an_administrator_invites_changes_and_shuts_out(town: Town) -> None:
    page = town.enter(ADMINISTRATOR)
    dialog = desk(page, "People")
    dialog.get_by_text("Invite somebody").click()
    invite = dialog.locator("details", has_text="Invite somebody")
    invite.get_by_label("Login name").fill("peter")
    invite.get_by_label("Your name, as others see it").fill("Peter Berg")
    invite.get_by_label("Operator").uncheck()
    invite.get_by_role("button", name="Make the invitation").click()
    expect(dialog.locator(".problem")).to_contain_text("at least one role")
    invite.get_by_label("Partner").check()
    invite.get_by_role("button", name="Make the invitation").click()
    expect(dialog.locator(".problem")).to_contain_text("chosen sites")
    invite.get_by_label("Sites").fill("harbour")
    invite.get_by_role("button", name="Make the invitation").click()
    link = dialog.locator("input.secret").input_value()
    row = dialog.locator("li[data-user='peter']")
    expect(row).to_contain_text("invited, has not come yet")
    take_up(town.url, link)
    peter = town.enter("peter")

    row.get_by_role("button", name="Change").click()
    row.get_by_label("Viewer").check()
    row.get_by_label("Partner").uncheck()
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Viewer")
    expect(row).not_to_contain_text("Partner")
    row.get_by_role("button", name="Link for a new password").click()
    expect(dialog.locator("input.secret")).to_have_value(re.compile(r"/link#.{20,}"))
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("tokens stop at once")
    row.get_by_role("button", name="Yes").click()
    expect(row).to_have_attribute("data-state", "disabled")
    expect(peter.locator(".banner.dead")).to_contain_text("signed out", timeout=SLOW)
    row.get_by_role("button", name="Enable").click()
    expect(row).to_have_attribute("data-state", "active")
    # nobody shuts out the last who can let others in
    mine = dialog.locator(f"li[data-user='{ADMINISTRATOR}']")
    expect(mine.get_by_role("button", name="Disable")).to_have_count(0)
    mine.get_by_role("button", name="Change").click()
    mine.get_by_label("Administrator").uncheck()
    mine.get_by_label("Viewer").check()


def test_a_second_person_decides_and_nobody_for_himself(town: Town) -> None:
    town.person("tina", ["technician", "supervisor"])
    town.person("paul", ["supervisor"])
    town.drive_in()
    tina, paul = town.enter("tina"), town.enter("paul")
    card = tina.locator(CARD)
    expect(card).to_be_visible(timeout=SLOW)
    details(card)
    card.get_by_role("button", name="Out of service").click()
    asks = tina.get_by_role("dialog")
    asks.get_by_label("Reason").fill("The stage is being built")
    asks.get_by_role("button", name="Out of service").click()
    expect(asks).to_contain_text("A second person must approve this")
    asks.get_by_role("button", name="OK").click()
    own = desk(tina, "Approvals")
    expect(own).to_contain_text("You asked for this yourself")
    expect(own.get_by_role("button", name="Approve")).to_have_count(0)

    chip = paul.get_by_role("button", name="1 approval waits")
    expect(chip).to_be_visible(timeout=SLOW)
    chip.click()
    waits = paul.get_by_role("dialog").locator("li[data-approval]").first
    for words in ("asked by tina", "The stage is being built", "left"):
        expect(waits).to_contain_text(words)
    waits.get_by_role("button", name="Refuse").click()
    expect(paul.get_by_role("dialog").locator(".problem")).not_to_be_empty()
    waits.get_by_label("Your reason").fill("Looked at it: right")
    waits.get_by_role("button", name="Approve").click()
    expect(paul.get_by_role("dialog").locator("li[data-state='done']").first).to_contain_text("paul")
    expect(card).to_have_attribute("data-handling", "out_of_service", timeout=SLOW)
    expect(own.locator("li[data-state='done']").first).to_contain_text("Looked at it: right", timeout=SLOW)


def test_the_dialog_by_keyboard_on_a_phone_and_to_a_screen_reader(town: Town) -> None:
    page = town.enter(ADMINISTRATOR, has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("You", "Sessions", "API tokens", "Approvals", "People"):
        dialog = desk(page, tab)
        expect(dialog.get_by_role("tabpanel", name=tab)).to_be_visible()
        assert page.evaluate("document.querySelector('dialog[open]').scrollWidth") <= 390
        nameless = page.evaluate(
            """() => [...document.querySelector("dialog[open]").querySelectorAll("button, input, select, a")]
              .filter((one) => one.checkVisibility() && one.type !== "hidden")
              .filter((one) => !(one.innerText.trim() || one.ariaLabel || one.title || one.labels?.length))
              .map((one) => one.outerHTML)"""
        )
        assert nameless == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    page.get_by_role("button", name=re.compile("^Account: ")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="You")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="People")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


class _Page(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:
        return


class elsewhere:  # noqa: N801 (a context, read as a word)
    """A page that somebody else serves under `host`; its address."""

    def __init__(self, body: str, host: str) -> None:
        handler = type("Other", (_Page,), {"body": body.encode()})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://{host}:{self.server.server_port}/"

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.address

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_under_tls_the_cookie_never_leaves_it(town: Town, tmp_path: Path) -> None:
    certificate, key = tmp_path / "hub.pem", tmp_path / "hub.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    tls = TlsPart(certificate=str(certificate), key=str(key))
    with HubInside(tmp_path, http={"tls": tls, "login": "people"}) as inside:
        inside.user("vera", Role.VIEWER, password=PASSWORD)
        page = town.visitor(inside.url + "/login", ignore_https_errors=True)
        sign_in(page, "vera", PASSWORD)
        expect(page.get_by_role("button", name="Account: Vera")).to_be_visible()
        (cookie,) = page.context.cookies()
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (
            "__Host-esplanade",
            True,
            True,
            "Strict",
        )
        page.context.close()
