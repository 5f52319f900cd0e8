"""The dependency audit: real pip-audit and npm against services on loopback that know, do not know, or are away."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.build import vulnerable
from deploy.build.components import ROOT, Pin
from deploy.build.vulnerable import BadList, Borne, Finding, ask_npm, ask_python, faults, pins, read_borne

TODAY = date(2026, 11, 22)
FOUND = Finding("jinja2", "3.1.2", frozenset({"GHSA-h5c8-rqwp-cp95", "CVE-2024-22195"}), "mended in 3.1.3")
BORNE = Borne("CVE-2024-22195", "jinja2", "xmlattr is not used", date(2026, 1, 1), date(2026, 12, 31))
PINS = [Pin("jinja2", "3.1.2", "", ()), Pin("msgspec", "0.19.0", "", ())]


class Advisories(BaseHTTPRequestHandler):
    """What OSV and an npm registry answer, for one vulnerable version of one package each."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(gzip.decompress(sent) if sent.startswith(b"\x1f\x8b") else sent)
        if self.path.startswith("/-/npm"):
            answer: Any = {
                "leaflet": [
                    {
                        "id": 1,
                        "url": "https://advisories.example/GHSA-leaf",
                        "title": "a hole",
                        "severity": "high",
                        "vulnerable_versions": "<=1.9.4",
                    }
                ]
            }
        elif asked["package"]["name"] == "jinja2" and asked["version"] == "3.1.2":
            affected = {
                "package": {"name": "jinja2", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}],
            }
            answer = {
                "vulns": [
                    {
                        "id": "GHSA-h5c8-rqwp-cp95",
                        "aliases": ["CVE-2024-22195"],
                        "summary": "xmlattr",
                        "affected": [affected],
                    }
                ]
            }
        else:
            answer = {}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """npm then asks for the package's versions; this registry has none."""
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def only(service: str) -> vulnerable.Run:
    """Runs the real tools, with this service in place of the one on the network; the first one of pip-audit is away."""

    def run(command: Sequence[str], seconds: float) -> str:
        if "audit" in command:
            return vulnerable._run([*command, f"--registry={service}"], 60)
        if "pypi" in command:
            return ""
        return vulnerable._run([*command, "--osv-url", f"{service}/v1/query"], 60)

    return run


def test_pip_audit_finds_what_the_service_knows(service: str) -> None:
    answer = ask_python(PINS, only(service))
    assert answer.found == (FOUND,)
    assert (answer.asked, answer.silent) == (2, ())


def test_npm_audit_finds_what_the_registry_knows(service: str) -> None:
    answer = ask_npm(only(service))
    assert [(one.package, one.version, one.names) for one in answer.found] == [
        ("leaflet", "1.9.4", frozenset({"GHSA-leaf"}))
    ]
    assert answer.silent == ()


def test_a_service_that_is_away_is_said_and_is_no_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vulnerable, "pins", lambda: PINS)
    # nobody listens there
    assert vulnerable.main(only("http://127.0.0.1:9")) == 0
    said = capsys.readouterr()
    assert "*** NOT AUDITED: 2 of 2 Python packages" in said.err
    assert "of 8 npm packages. npm audit" in said.err
    assert "This is no pass" in said.err
    assert "0 of 10 packages audited, 0 found" in said.out


def test_what_a_service_does_not_know_is_not_audited() -> None:
    report = {
        "dependencies": [
            {"name": "jinja2", "version": "3.1.2", "vulns": []},
            {
                "name": "msgspec",
                "skip_reason": "Dependency not found and could not be audited: msgspec (0.19.0)",
            },
        ]
    }
    answer = ask_python(PINS, lambda command, _s: json.dumps(report) if "pypi" in command else "")
    assert answer.silent == ("msgspec 0.19.0",)
    assert answer.why.startswith("pypi: Dependency not found")


@pytest.mark.parametrize(
    ("borne", "today", "failing"),
    [
        ([], TODAY, "VULNERABLE jinja2 3.1.2: CVE-2024-22195, GHSA-h5c8-rqwp-cp95; mended in 3.1.3"),
        ([BORNE], TODAY, None),
        ([BORNE], date(2027, 1, 1), "which is over"),
        ([Borne("CVE-1", "jinja2", "x", TODAY, TODAY)], TODAY, "VULNERABLE"),
        ([Borne("CVE-2024-22195", "other", "x", TODAY, TODAY)], TODAY, "VULNERABLE"),
    ],
    ids=["found", "borne", "borne too long", "another id", "another package"],
)
def test_what_fails(borne: list[Borne], today: date, failing: str | None) -> None:
    lines, said = faults([FOUND], borne, today)
    if failing is None:
        assert lines == []
        assert "xmlattr is not used" in said[0]
    else:
        assert failing in lines[0]


def test_what_is_borne_and_not_found_is_said() -> None:
    assert faults([], [BORNE], TODAY)[1] == [
        "CVE-2024-22195 in jinja2 was not found; if all was asked, take it out of vulnerable.toml"
    ]


def test_a_find_fails_the_check(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vulnerable, "pins", lambda: PINS)
    assert vulnerable.main(only(service)) == 1
    said = capsys.readouterr()
    assert "VULNERABLE jinja2 3.1.2" in said.err
    assert "VULNERABLE leaflet 1.9.4" in said.err
    assert "10 of 10 packages audited, 2 found" in said.out


@pytest.mark.parametrize(
    "entry",
    [
        'id = "X"\npackage = "y"\nsince = 2026-01-01\nuntil = 2026-02-01',
        'id = "X"\npackage = "y"\nreason = " "\nsince = 2026-01-01\nuntil = 2026-02-01',
        'id = "X"\npackage = "y"\nreason = "r"\nsince = 2026-01-01\nuntil = "for ever"',
        'id = "X"\npackage = "y"\nreason = "r"\nsince = 2026-01-01\nuntil = 2026-02-01\nnote = 1',
    ],
)
def test_a_borne_one_has_a_reason_and_an_end(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "vulnerable.toml"
    path.write_text(f"[[borne]]\n{entry}\n")
    with pytest.raises(BadList, match="entry 1"):
        read_borne(path)


def test_ours_can_be_read_and_all_locks_are_asked_about() -> None:
    read_borne()
    named = {pin.name for pin in pins()}
    assert {"fastapi", "uv", "pyarrow", "weasyprint", "onnx", "anny"} <= named
    assert len({(pin.name, pin.version) for pin in pins()}) == len(pins())
    assert (ROOT / "package-lock.json").is_file()
