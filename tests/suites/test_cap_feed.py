"""What partners read, over HTTP from a running hub: the Atom feed, its pages and its documents."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
import xmlschema

from hub.__main__ import main
from hub.cap.check import check
from hub.cap.desk import ReleaseDesk
from hub.cap.message import NAMESPACE as CAP
from hub.cap.settings import CapPart
from tests.conftest import require_part
from tests.kit.cap_schema import SchemaMissing, cap_schema
from tests.kit.hub_inside import HubInside

ATOM = "{http://www.w3.org/2005/Atom}"
PART = CapPart(sender="hub.town.example", sender_name="Town", addresses=("police",), status="Actual")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubInside]:
    with HubInside(tmp_path, cap=PART) as found:
        yield found


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    try:
        return xmlschema.XMLSchema(str(cap_schema()))
    except SchemaMissing as wrong:
        require_part("the OASIS schema of CAP 1.2", None, str(wrong))
        raise


def desk_of(hub: HubInside) -> ReleaseDesk:
    assert hub.hub.cap is not None
    return hub.hub.cap


def release(hub: HubInside, alert: str) -> str:
    desk = desk_of(hub)
    terms = desk.preview(alert).terms
    return desk.release(alert, terms=terms, asked_by="ana", approved_by="bogdan", via="session")


def entries(feed: bytes) -> list[ElementTree.Element]:
    return ElementTree.fromstring(feed).findall(f"{ATOM}entry")


def link(element: ElementTree.Element, relation: str) -> str | None:
    return next(
        (one.get("href") for one in element.findall(f"{ATOM}link") if one.get("rel") == relation), None
    )


def test_an_alert_of_the_hub_leaves_and_a_partner_reads_it(hub: HubInside) -> None:
    alert = hub.car_alert()
    with hub.client() as client:
        empty = client.get("/api/v1/cap/feed")
        assert (empty.status_code, entries(empty.content)) == (200, [])

        state = client.get(f"/api/v1/alerts/{alert}/cap").json()
        assert (state["terms"]["status"], state["refusal"], state["messages"]) == ("Exercise", None, [])
        assert check(state["preview"]["document"].encode()) == ()
        assert "EXERCISE" in state["preview"]["words"][0]["headline"]
        assert client.get("/api/v1/cap/feed").headers["etag"] == empty.headers["etag"]

        identifier = release(hub, alert)
        feed = client.get("/api/v1/cap/feed")
        assert feed.headers["content-type"] == "application/atom+xml; charset=utf-8"
        (entry,) = entries(feed.content)
        assert (entry.findtext(f"{ATOM}title") or "").startswith("Exercise Alert: EXERCISE. ")
        address = link(entry, "alternate")
        assert address is not None
        document = httpx.get(address)
        assert document.headers["content-type"] == "application/cap+xml"
        assert check(document.content) == ()
        assert ElementTree.fromstring(document.content).findtext(f"{{{CAP}}}identifier") == identifier

        for found in (feed, document):
            again = httpx.get(
                str(found.request.url), headers={"If-None-Match": f'"x", W/{found.headers["etag"]}'}
            )
            assert (again.status_code, again.content, again.headers["etag"]) == (
                304,
                b"",
                found.headers["etag"],
            )
            other = httpx.get(str(found.request.url), headers={"If-None-Match": '"x"'})
            assert other.status_code == 200
            assert found.headers["cache-control"] == "private, no-cache"

        state = client.get(f"/api/v1/alerts/{alert}/cap").json()
        assert "released already" in state["refusal"]
        assert [one["change"] for one in state["messages"]] == ["released"]


def test_the_hub_follows_by_itself_and_a_person_withdraws(hub: HubInside) -> None:
    alert = hub.car_alert()
    release(hub, alert)
    hub.pass_time(70, car=True)
    with hub.client() as client:
        assert client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"}).status_code == 200
        hub.pass_time(2, car=True)
        found = hub.until(lambda: desk_of(hub).entries_of(alert)[1:])
        assert [one.change for one in found] == ["handled"]

        path = f"/api/v1/alerts/{alert}/cap/withdraw"
        assert client.post(path, json={"by": "Ana", "reason": " "}).status_code == 422
        answer = client.post(path, json={"by": "Ana", "reason": "the mayor's car"})
        assert answer.status_code == 200
        kinds = [
            one.findtext(f"{ATOM}title", "").split(":")[0]
            for one in entries(client.get("/api/v1/cap/feed").content)
        ]
        assert kinds == ["Exercise Cancel", "Exercise Update", "Exercise Alert"]
        assert client.post(path, json={"by": "Ana", "reason": "again"}).status_code == 409


def test_the_whole_life_of_a_crowd_as_the_hub_judged_it(hub: HubInside, schema: xmlschema.XMLSchema) -> None:
    """Readings in, CAP out: crowded, critical, danger of a crush, over, closed."""

    def now_open(rule: str) -> str | None:
        state = hub.hub.live.state()
        assert state is not None
        return next((one.alert for one in state.alerts if (one.rule, one.zone) == (rule, "zone-0")), None)

    def left(change: str, n: int = 1) -> None:
        hub.until(lambda: [one.change for one in desk.entries_of(alert)].count(change) == n)

    desk = desk_of(hub)
    hub.pass_time(35, people_per_m2=3.6)
    alert = now_open("density.warning") or ""
    release(hub, alert)
    hub.pass_time(15, people_per_m2=5.0)
    left("worse")
    hub.pass_time(12, people_per_m2=6.5)
    left("worse", 2)
    hub.pass_time(190, people_per_m2=0.1)
    left("returned")
    with hub.client() as client:
        assert client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"}).status_code == 200
    left("ended")
    said = desk.entries_of(alert)
    assert [one.change for one in said] == ["released", "worse", "worse", "returned", "ended"]
    documents = [desk.document(one.identifier) or b"" for one in said]
    heads = []
    severities = []
    for document in documents:
        assert check(document) == ()
        assert list(schema.iter_errors(BytesIO(document))) == []
        root = ElementTree.fromstring(document)
        assert root.findtext(f"{{{CAP}}}references", "").split() == heads
        heads.append(
            ",".join(root.findtext(f"{{{CAP}}}{one}", "") for one in ("sender", "identifier", "sent"))
        )
        severities.append(root.findtext(f"{{{CAP}}}info/{{{CAP}}}severity"))
    assert severities == ["Moderate", "Severe", "Extreme", "Extreme", "Extreme"]
    assert b"hold 6.5 people per square metre" in documents[2]


def test_pages_lead_through_all_that_has_left(hub: HubInside) -> None:
    alert = hub.car_alert()
    left = []
    for _ in range(60):
        left.append(release(hub, alert))
        left.append(desk_of(hub).withdraw(alert, by="ana", via="session", reason="next"))
    with hub.client() as client:
        seen, address, pages = [], "/api/v1/cap/feed", 0
        while address:
            feed = ElementTree.fromstring(client.get(address).content)
            seen += [link(one, "alternate") or "" for one in feed.findall(f"{ATOM}entry")]
            address, pages = link(feed, "next") or "", pages + 1
            ids = {one.findtext(f"{ATOM}id") for one in feed.findall(f"{ATOM}entry")}
            assert len(ids) == len(feed.findall(f"{ATOM}entry"))
        assert pages == 3
        assert [one.rpartition("/")[2] for one in seen] == left[::-1]
        assert desk_of(hub).entries_after(0, limit=3)[0].identifier == left[0]


def test_what_is_not_there_says_so(hub: HubInside, tmp_path: Path) -> None:
    with hub.client() as client:
        for path in ("/api/v1/cap/messages/none", "/api/v1/alerts/none/cap"):
            answer = client.get(path)
            assert (answer.status_code, bool(answer.json()["do"])) == (404, True)
        assert client.get("/api/v1/cap/feed?before=x").status_code == 422


def test_without_settings_nothing_leaves(tmp_path: Path) -> None:
    with HubInside(tmp_path) as hub, hub.client() as client:
        for path in ("/api/v1/cap/feed", "/api/v1/cap/messages/x", "/api/v1/alerts/x/cap"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]) == (404, "this hub sends no CAP messages")


def test_the_command_writes_examples_and_holds_files_against_the_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["cap", "example", "--out", str(tmp_path)]) == 0
    files = capsys.readouterr().out.split()
    assert [Path(one).name for one in files] == ["1-alert.xml", "2-update.xml", "3-cancel.xml"]
    assert main(["cap", "validate", *files]) == 0
    assert capsys.readouterr().out.count("is valid CAP 1.2") == 3
    broken = Path(files[0]).read_bytes().replace(b"<status>Test", b"<status>Tset")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(broken)))
    assert main(["cap", "validate", "-"]) == 1
    assert "line 6, alert/status: 'Tset' is none of Actual" in capsys.readouterr().out
    assert main(["cap", "validate", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
