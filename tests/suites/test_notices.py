"""The public notice and the impact assessment follow the configuration, and never say what only the town can know."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.messages import AgentStatus, ModelRef, Reading
from hub.__main__ import main
from hub.batch import Batch, Said
from hub.config import NoticePart, read_config, settings
from hub.notice_start import facts_of, notices_of
from hub.notices.dpia import attention
from hub.notices.pages import Kind, Notices
from hub.notices.town import Town
from hub.notices.write import NoPdf, pdf
from hub.rights import RIGHTS, Right, Role
from hub.site import read_site
from hub.store import Store
from tests.kit.hub_inside import HubInside
from tests.kit.square import SITE, Square

OWN = {key: f"The town's own words on {key}." for key in Town.__struct_fields__}


class Configured:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Square().as_dict()
        self.config: dict[str, Any] = {"site": "site.yaml", "database": "hub.sqlite3"}

    def notices(self) -> Notices:
        found = settings(read_config(self.write()), folder=self.folder)
        return notices_of(found, read_site(found.site), version="1.2.3")

    def write(self) -> Path:
        (self.folder / "site.yaml").write_text(json.dumps(self.site))
        path = self.folder / "hub.yaml"
        path.write_text(json.dumps(self.config))
        return path

    def texts(self) -> tuple[str, str]:
        """Notice and impact assessment as plain text."""
        return plain(self.notices().page(Kind.NOTICE)), plain(self.notices().page(Kind.DPIA))

    def attention(self) -> list[str]:
        found = settings(read_config(self.write()), folder=self.folder)
        return [str(one) for one in attention(facts_of(found, read_site(found.site)))]


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.split("</head>")[1])))


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


def _masked(c: Configured) -> None:
    c.site["cameras"][0]["masks"] = [[[0, 0], [9, 0], [9, 9]]]


def _webhook(c: Configured) -> None:
    c.config["webhooks"] = [{"url": "https://duty.example/x", "name": "duty"}]


def _mail(c: Configured) -> None:
    c.config["notifications"] = {
        "channels": [{"kind": "email", "name": "post", "host": "mail.example", "from": "hub@town.example"}]
    }


def _unlinked(c: Configured) -> None:
    for camera in c.site["cameras"]:
        del camera["vms_url"]


def _set(*keys: str, to: Any) -> Callable[[Configured], None]:
    def change(c: Configured) -> None:
        at = c.config
        for key in keys[:-1]:
            at = at.setdefault(key, {})
        at[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda c: c.site["zones"][0].update(name="The Quay"), "Zone 0", "The Quay"),
        (lambda c: c.site.update(name="Harbour"), "Test square (invented)", "Harbour"),
        (lambda c: c.site.update(cell_m=1), "2 by 2 metres", "1 by 1 metres"),
        (lambda c: c.site["cameras"].pop(), "2 cameras count", "1 camera counts"),
        (_masked, "", "1 part of the picture is masked"),
        (_unlinked, "a link into the town's own video system", ""),
        (_webhook, "Alerts do not leave the hub", "sent out of the hub, by webhook"),
        (_mail, "Alerts do not leave the hub", "sent out of the hub, by e-mail"),
        (_set("retention", "readings_hours", to=24), "72 hours", "24 hours"),
        (_set("retention", "minutes_days", to=31), "365 days", "31 days"),
        (_set("retention", "minutes_days", to="never"), "", "Without end: it is never removed"),
        (_set("exports", "small_count", to=10), "in steps of 5", "in steps of 10"),
        (_set("clock", to="media"), "", "recorded footage"),
    ],
    ids=["zone", "site", "cell", "cameras", "masks", "video", "webhook", "mail", "readings", "minutes", "never",
         "small counts", "exercise"],
)  # fmt: skip
def test_when_the_configuration_changes_the_text_changes(
    configured: Configured, change: Callable[[Configured], None], before: str, after: str
) -> None:
    first = configured.texts()
    change(configured)
    second = configured.texts()
    assert before in first[0]
    assert after in second[0]
    assert not before or before not in second[0]
    assert not after or after not in first[0]
    assert first[1] != second[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("retention", "readings_hours", to=100), "100 h; the default is 72 h"),
        (_set("retention", to={"minutes_days": "never"}), "Kept without end: minutes_days"),
        (_set("exports", "small_count", to=3), "Counts from 3 on are told in exports; the default is 5"),
        (_set("broker", to={"host": "broker.example"}), "without encryption"),
        (_mail, "Alerts leave the hub by: post (e-mail, mail.example)"),
        (_set("clock", to="media"), "recorded footage"),
    ],
)
def test_what_departs_from_the_default_is_asked_about(
    configured: Configured, change: Callable[[Configured], None], said: str
) -> None:
    assert not any(said in one for one in configured.attention())
    change(configured)
    assert any(said in one for one in configured.attention())


def test_rights_are_those_of_the_one_table(configured: Configured) -> None:
    text = configured.texts()[1]
    for right in Right:
        roles = ", ".join(sorted(RIGHTS[right].roles))
        assert f"{RIGHTS[right].words} {roles}" in text, right


def test_what_the_town_has_not_said_is_missing_and_never_made_up(configured: Configured) -> None:
    notices = configured.notices()
    named = set(notices.document(Kind.NOTICE).missing) | set(notices.document(Kind.DPIA).missing)
    assert named == set(OWN)
    page = notices.page(Kind.DPIA)
    assert page.count("Missing: the town has not said this yet.") == len(notices.document(Kind.DPIA).missing)
    (configured.folder / "town.yaml").write_text(
        json.dumps({**OWN, "controller": "<script>alert(1)</script> & Co"})
    )
    configured.config["notice"] = {"town_file": "town.yaml"}
    filled = configured.notices()
    assert filled.document(Kind.NOTICE).missing == filled.document(Kind.DPIA).missing == ()
    for page in (filled.page(Kind.NOTICE), filled.page(Kind.DPIA)):
        assert "Missing:" not in page
        assert "<script>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in page
        assert OWN["legal_basis"] in page.replace("&#39;", "'")


def test_a_misspelt_key_of_the_town_is_an_error(
    configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    (configured.folder / "town.yaml").write_text("controler: me\n")
    configured.config["notice"] = {"town_file": "town.yaml"}
    assert main(["notice", str(configured.write())]) == 2
    assert "town.yaml:1: controler: is not a key known here" in capsys.readouterr().err


def test_models_are_those_that_devices_reported(configured: Configured) -> None:
    assert "no device has reported" in configured.texts()[0]
    status = AgentStatus(
        schema=1, site=SITE, agent="box-0", boot="b", state="online", sent_at="2026-06-20T18:00:00.000Z",
        version="1", cameras=(), models=(ModelRef(name="ssdlite-int8", sha256_12="0123456789ab"),),
    )  # fmt: skip
    with Store(configured.folder / "hub.sqlite3") as store:
        batch = Batch(at_ms=1)
        batch.said["box-0", ""] = Said("box-0", "", "t", 1, msgspec.json.encode(status))
        store.write(batch)
    for text in configured.texts():
        assert "ssdlite-int8 (0123456789ab)" in text


def test_what_is_said_to_stay_at_the_edge_has_no_field_on_the_wire() -> None:
    """The page says that no picture, face, plate or name is sent: no field of a reading could hold one."""
    (schema,), parts = msgspec.json.schema_components([Reading])
    fields = {name for part in parts.values() for name in part.get("properties", {})}
    assert schema
    assert not [
        name
        for name in fields
        if re.search(r"image|picture|jpeg|face|plate|embed|name_of|gender|age_y|sound", name)
    ]


def test_the_pages_are_self_contained_and_structured(configured: Configured) -> None:
    for kind in Kind:
        page = configured.notices().page(kind)
        assert page.startswith('<!doctype html>\n<html lang="en">')
        assert not re.search(r"(src|href)=|@import|url\(", page)
        assert page.count("<h1>") == page.count("<main>") == 1
        assert page.count("<table>") == page.count("<caption>")
        assert '<th scope="row">' in page
        assert "@media print" in page


def test_pdf(configured: Configured, require_part: Callable[[str, object, str], None]) -> None:
    require_part("pdftotext", shutil.which("pdftotext"), "apt-get install poppler-utils")
    path, out = configured.write(), configured.folder / "out.pdf"
    assert main(["dpia", str(path), "--format", "pdf", "--out", str(out)]) == 0
    text = subprocess.run(["pdftotext", str(out), "-"], capture_output=True, text=True, check=True).stdout
    said = re.sub(r"\s+", " ", text)
    for words in ("GDPR article 35(7)(d)", "Zone 0", "72 hours", "Missing: the town has not said this yet."):
        assert words in said
    told = subprocess.run(["pdfinfo", str(out)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Tagged: +yes", told)  # a screen reader finds headings and tables


def test_without_the_parts_of_pdf_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(NoPdf, match=r"esplanade\[pdf\]"):
        pdf("<p>x")


@pytest.mark.parametrize("public", [False, True])
def test_who_is_served(tmp_path: Path, public: bool) -> None:
    with HubInside(tmp_path, http={"login": "people"}, notice=NoticePart(public=public)) as inside:
        inside.user("visitor", Role.VIEWER)
        inside.user("head", Role.SUPERVISOR)
        with inside.client() as client:
            statuses = [client.get(path).status_code for path in ("/notice", "/notice.css", "/dpia")]
            assert statuses == ([200, 200, 401] if public else [401, 401, 401])
        with inside.client_of("visitor") as client:
            page = client.get("/notice")
            assert page.status_code == 200
            assert '<link rel="stylesheet" href="/notice.css">' in page.text
            assert "<style" not in page.text
            assert "style-src 'self'" in page.headers["content-security-policy"]
            assert "Everybody who looks" not in page.text
            assert client.get("/dpia").status_code == 403
            assert client.get("/notice?language=xx").status_code == 422
            assert '<html lang="ro">' in client.get("/notice?language=ro").text
        with inside.client_of("head") as client:
            assert "Everybody who looks has logged in" in client.get("/dpia").text
