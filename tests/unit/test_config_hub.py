from __future__ import annotations

from pathlib import Path

import pytest

from contract.yaml_file import FileError
from hub.__main__ import main
from hub.config import (
    AuditPart,
    BrokerPart,
    Config,
    ConfigError,
    HttpPart,
    VaultPart,
    WebhookPart,
    read_config,
    settings,
)
from hub.retention import Retention
from tests.kit.square import Square


def write(folder: Path, text: str) -> Path:
    path = folder / "hub.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_closed(tmp_path: Path) -> None:
    found = settings(Config(site="site.yaml"), folder=tmp_path)
    assert found.listen.host == "127.0.0.1"
    assert not found.open
    assert (found.lifetimes.idle_ms, found.lifetimes.whole_ms) == (3_600_000, 43_200_000)
    assert found.site == tmp_path / "site.yaml"
    assert found.database == tmp_path / "esplanade.sqlite3"
    assert (found.retention.readings_hours, found.retention.minutes_days) == (72, 365)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("site: s.yaml\nbrokr: {}\n", 2, "brokr"),
        ("site: s.yaml\nbroker:\n  port: 70000\n", 3, "broker.port"),
        ("site: s.yaml\nclock: sun\n", 2, "clock"),
        ("site: s.yaml\nwebhooks:\n- url: http://x\n  min_severity: huge\n", 4, "webhooks[0].min_severity"),
        ("database: x\n", 1, "site"),
        ("site: s.yaml\nretention:\n  alerts_days: 0\n", 3, "retention.alerts_days"),
        ("site: s.yaml\nretention:\n  readings_hours: never\n", 3, "retention.readings_hours"),
    ],
)
def test_errors_name_the_line_and_the_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(FileError) as error:
        read_config(write(tmp_path, text))
    assert (error.value.line, error.value.key) == (line, key)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (Config(site="s", http=HttpPart(host="192.0.2.1")), "can be reached from other machines"),
        (
            Config(site="s", http=HttpPart(host="::")),
            r"http\.tls \(certificate, key\) must be set",
        ),
        (
            Config(site="s", http=HttpPart(token="auto")),
            r"http\.token and http\.token_file are gone: .*docs/people\.md",
        ),
        (
            Config(site="s", http=HttpPart(token_file="hub.token")),
            r"http\.token and http\.token_file are gone",
        ),
        (
            Config(site="s", http=HttpPart(login="none", names=("hub.example",))),
            r"http\.login: none is for this machine alone, without http\.names",
        ),
        (
            Config(site="s", http=HttpPart(login="none", trusted_proxies=("127.0.0.1",))),
            r"http\.login: none is for this machine alone",
        ),
        (
            Config(site="s", http=HttpPart(trusted_proxies=("10.0.0.1/8",))),
            r"http\.trusted_proxies: '10\.0\.0\.1/8' is no address or network",
        ),
        (
            Config(site="s", broker=BrokerPart(password_file="none")),
            r"broker\.password_file .*none: cannot be read",
        ),
        (Config(site="s", webhooks=(WebhookPart(url="nothing"),)), "no http or https address"),
        (Config(site="s", webhooks=(WebhookPart(url="http://a", name="x"),) * 2), "names are unique"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, config: Config, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        settings(config, folder=tmp_path)


def test_a_secret_that_others_can_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password\n")
    secret.chmod(0o640)
    config = Config(site="s", broker=BrokerPart(username="hub", password_file="secret"))
    with pytest.raises(ConfigError, match="chmod 600"):
        settings(config, folder=tmp_path)
    secret.chmod(0o600)
    assert settings(config, folder=tmp_path).broker.password == "password"


def test_an_old_configuration_is_told_what_to_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Square().write(tmp_path)
    assert main(["check", str(write(tmp_path, "site: site.yaml\nhttp: {token: auto}\n"))]) == 2
    assert "people log in by name" in capsys.readouterr().err


def test_how_people_reach_it(tmp_path: Path) -> None:
    part = HttpPart(url="https://hub.town.example/", trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    found = settings(Config(site="s", http=part), folder=tmp_path).listen
    assert found.url == "https://hub.town.example"
    assert [str(one) for one in found.proxies] == ["127.0.0.1/32", "10.0.0.0/8"]


def test_check_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Square().write(tmp_path)
    assert main(["check", str(write(tmp_path, "site: site.yaml\n"))]) == 0
    assert "site test-square: 2 zones, 2 cameras" in capsys.readouterr().out
    assert main(["check", "--site", str(site), "--http", "0.0.0.0:8080"]) == 2
    assert "http.tls (certificate, key) must be set" in capsys.readouterr().err
    assert main(["check"]) == 2
    assert "name a configuration file" in capsys.readouterr().err
    assert main(["check", "--site", str(site), "--broker", "host:port"]) == 2
    assert "--broker host:port: 'port' is no port" in capsys.readouterr().err
    assert main(["check", "--site", str(tmp_path / "gone.yaml")]) == 2
    assert "gone.yaml: cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0


def test_flags_overrule_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import __main__ as command

    seen = []
    monkeypatch.setattr(command, "_run", lambda found, quiet: seen.append(found) or 0)
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "site: site.yaml\nhttp: {port: 9000}\nbroker: {host: broker.example}\n")
    asked = [
        "run",
        str(path),
        "--http",
        ":9100",
        "--clock",
        "media",
        "--webhook",
        "http://a/b",
        "--webhook",
        "http://c/d",
    ]
    assert main([*asked, "--broker", "[::1]:1884", "--database", "other.sqlite3"]) == 0
    (found,) = seen
    assert (found.listen.host, found.listen.port, found.media) == ("127.0.0.1", 9100, True)
    assert (found.broker.host, found.broker.port) == ("::1", 1884)
    assert [one.url for one in found.webhooks] == ["http://a/b", "http://c/d"]
    assert found.database == tmp_path / "other.sqlite3"


def test_what_is_kept_for_ever_is_spelled_out_and_the_audit_log_is_kept_longest(tmp_path: Path) -> None:
    text = "site: s.yaml\nretention: {alerts_days: %s, audit_days: %s}\n"
    found = settings(read_config(write(tmp_path, text % ("never", "never"))), folder=tmp_path)
    assert (found.retention.alerts_days, found.retention.audit_days) == (None, None)
    assert settings(Config(site="s"), folder=tmp_path).retention == Retention()
    for alerts, audit in (("400", "399"), ("never", "3650")):
        with pytest.raises(ConfigError, match="at least as long as the alerts"):
            settings(read_config(write(tmp_path, text % (alerts, audit))), folder=tmp_path)


def test_records_lie_beside_the_database_unless_said_otherwise(tmp_path: Path) -> None:
    found = settings(
        Config(site="s", database="data/hub.sqlite3", assessment="vault:walk@2"), folder=tmp_path
    )
    assert found.anchor_file == tmp_path / "data" / "audit-anchors.txt"
    assert found.vault_key == tmp_path / "data" / "vault-keys.json"
    assert (found.assessment, found.assessment_in_vault) == (None, "walk@2")
    moved = Config(site="s", audit=AuditPart(anchor_file="/away/a"), vault=VaultPart(key_file="k"))
    found = settings(moved, folder=tmp_path)
    assert (found.anchor_file, found.vault_key) == (Path("/away/a"), tmp_path / "k")
    assert found.config_sha256 != settings(Config(site="s"), folder=tmp_path).config_sha256
