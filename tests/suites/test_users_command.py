"""`esplanade-hub users`: for who is locked out, while the hub runs, and under the name of who typed it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from hub.__main__ import main
from hub.rights import Right
from tests.kit.hub_inside import MAKER, HubInside
from tests.kit.people_inside import PASSWORD


def users(inside: HubInside, *arguments: str) -> int:
    return main(["users", *arguments, "--database", str(inside.hub.settings.database)])


def secret_in(text: str) -> str:
    return text.rpartition("/link#")[2].split()[0]


def test_locked_out_while_the_hub_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with HubInside(tmp_path, http={"login": "people"}) as inside, inside.client() as client:
        assert users(inside, "list") == 0
        assert "no users yet" in capsys.readouterr().out
        assert users(inside, "link") == 0
        body = {"secret": secret_in(capsys.readouterr().out), "login": "root", "password": PASSWORD}
        assert client.post("/api/v1/links/use", json=body).status_code == 200
        assert users(inside, "link") == 2
        assert "there is an administrator already" in capsys.readouterr().err

        assert (
            users(inside, "add", "ana", "--role", "operator", "--role", "technician", "--display", "Ana Pop")
            == 0
        )
        body = {"secret": secret_in(capsys.readouterr().out), "password": PASSWORD}
        assert client.post("/api/v1/links/use", json=body).json()["roles"] == ["operator", "technician"]
        assert users(inside, "add", "ana", "--role", "viewer") == 2
        assert "there is a user ana already" in capsys.readouterr().err

        with inside.client_of("ana") as ana:
            assert users(inside, "roles", "ana", "--role", "viewer") == 0
            assert ana.get("/api/v1/me").json()["roles"] == ["viewer"]
            assert users(inside, "reset", "ana") == 0
            assert ana.get("/api/v1/me").status_code == 401
        secret = secret_in(capsys.readouterr().out)
        assert client.post("/api/v1/links/look", json={"secret": secret}).json()["kind"] == "reset"

        user = inside.hub.people.users.get("ana")
        made, row = inside.hub.people.tokens.make(user, name="Grafana", scopes=[Right.LOOK], days=9, by=MAKER)
        assert users(inside, "tokens", "ana") == 0
        shown = capsys.readouterr().out
        assert made not in shown
        assert f"{row.id}  {made[:14]}…  Grafana  site.look" in shown
        assert users(inside, "revoke", "ana", str(row.id)) == 0
        assert inside.hub.people.tokens.who(made) is None

        with inside.client_of("ana") as ana:
            assert users(inside, "disable", "ana") == 0
            assert ana.get("/api/v1/me").status_code == 401
        capsys.readouterr()
        assert users(inside, "list") == 0
        assert "ana  viewer  all sites  disabled  Ana Pop" in capsys.readouterr().out
        assert users(inside, "enable", "ana") == 0
        assert users(inside, "disable", "root") == 2
        assert "make another administrator first" in capsys.readouterr().err
        assert users(inside, "disable", "nobody-here") == 2

        who = pwd.getpwuid(os.getuid()).pw_name
        noted = inside.hub.people.db.all(
            "SELECT DISTINCT actor FROM audit WHERE via = 'command' AND actor != 'test'"
        )
        assert noted == [(who,)]
        actions = {
            one for (one,) in inside.hub.people.db.all("SELECT action FROM audit WHERE via = 'command'")
        }
        assert actions >= {
            "link.first",
            "user.add",
            "user.change",
            "link.reset",
            "token.revoke",
            "user.disable",
        }


def test_the_link_carries_the_address_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with HubInside(tmp_path):
        pass  # makes the database
    config = tmp_path / "hub.yaml"
    config.write_text("site: s.yaml\ndatabase: hub.sqlite3\nhttp: {url: 'https://hub.town.example/'}\n")
    assert main(["users", "link", "--config", str(config)]) == 0
    assert "https://hub.town.example/link#" in capsys.readouterr().out
    config.write_text("site: s.yaml\ndatabase: hub.sqlite3\nhttp: {port: 9000}\n")
    assert main(["users", "link", "--config", str(config)]) == 0
    assert "http://127.0.0.1:9000/link#" in capsys.readouterr().out
    assert main(["users", "list"]) == 2
    assert "name the hub's configuration" in capsys.readouterr().err
    assert main(["users", "list", "--database", str(tmp_path / "none.sqlite3")]) == 2
    assert "there is no such database" in capsys.readouterr().err


def test_an_older_database_is_brought_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3

    from hub import migrate

    path = tmp_path / "old.sqlite3"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    migrate.migrate(db, up_to=3)
    db.close()
    assert (
        main(["users", "add", "ana", "--role", "partner", "--site", "harbour", "--database", str(path)]) == 0
    )
    assert "link for ana" in capsys.readouterr().out
    assert main(["users", "list", "--database", str(path)]) == 0
    assert "ana  partner  sites harbour  invited  ana" in capsys.readouterr().out
    assert main(["users", "roles", "ana", "--role", "partner", "--all-sites", "--database", str(path)]) == 2
    assert main(["users", "roles", "ana", "--role", "viewer", "--all-sites", "--database", str(path)]) == 0
