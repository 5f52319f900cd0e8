"""The part `notifications` of the hub's file: the documented example loads, and each mistake names its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from contract.yaml_file import FileError
from hub.__main__ import main
from hub.config import ConfigError, read_config, read_notifications, settings
from hub.notify import settings as notify_settings
from hub.notify.routing import Tell
from hub.notify.settings import Notifications
from hub.site import read_site
from hub.words import LANGUAGES
from tests.kit.square import Square

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "notifications.md"


def example() -> str:
    found = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].replace("zones: [gate]", "zones: [zone-0]")


def written(folder: Path, text: str) -> Path:
    Square().write(folder)
    for name, secret in (
        ("webhook-secret", "s"),
        ("mail-password", "p"),
        ("supervisor-phone.url", "json://127.0.0.1:1/token"),
    ):
        path = folder / name
        path.write_text(secret)
        path.chmod(0o600)
    config = folder / "hub.yaml"
    config.write_text(text, encoding="utf-8")
    return config


def read(folder: Path, text: str) -> Notifications:
    config = written(folder, text)
    found = settings(read_config(config), folder=folder, file=config)
    return read_notifications(found, read_site(found.site))


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    found = read(tmp_path, example())
    kinds = {channel.name: channel.kind for channel in found.channels()}
    assert kinds == {
        "control-system": "webhook",
        "bus": "mqtt",
        "mail": "email",
        "supervisor-phone": "messenger",
    }
    assert found.mode == "live"
    assert [route.tell for route in found.policy.routes] == [Tell.EVERYTHING, *3 * [Tell.LIFE]]
    high = found.policy.escalation.ladder("high")
    assert [step.after_ms for step in high.steps] == [120_000, 300_000]
    assert high.repeat_ms == 300_000
    assert high.steps[1].to == ("role:supervisor", "role:administrator", "channel:control-system")
    # a severity without steps of its own keeps the default
    assert found.policy.escalation.ladder("low").due_after_ms(0) is None


def test_the_languages_are_those_of_the_catalogues() -> None:
    assert set(get_args(notify_settings.Language)) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("before", "after", "key", "says"),
    [
        ("to: [role:operator]", "to: [role:operater]", "routes[1].to[0]", "there is no role:operater"),
        ("to: [role:operator]", "to: [operator]", "routes[1].to[0]", "write role:NAME"),
        ("to: [role:operator]", "to: [channel:mail]", "routes[1].to[0]", "use it in `via`"),
        ("to: [group:leaders]", "to: [group:leader]", "routes[3].to[0]", "there is leaders"),
        ("zones: [zone-0]", "zones: [zone-9]", "routes[3].zones[0]", "there is zone-0, zone-1"),
        ("rules: [sensor.silent]", "rules: [sensor]", "routes[2].rules[0]", "there is no rule sensor"),
        ("hours: [day]", "hours: [dusk]", "routes[3].hours[0]", "there is no shift dusk"),
        ("shifts: [office]", "shifts: [offices]", "people[3].shifts[0]", "there is no shift offices"),
        ("via: [mail]", "via: [fax]", "escalation.medium.steps[0].via[0]", "there is no channel fax"),
        ("repeat_s: 300 ", "repeat_s: 5 ", "escalation.high", "60 s at the most often"),
        ("after_s: 300", "after_s: 60", "escalation.high", "grow from step to step"),
        ("holds: medium", "holds: high", "quiet_hours[0].holds", "high_held_by"),
        ('"12-25"', '"25.12."', "holidays[1]", "write 2026-12-25"),
        ("time_zone: Europe/Bucharest", "time_zone: Europe/Brasov", "time_zone", "IANA"),
        ("email: ana@town.example", "email: ana", "people[0].email", "no e-mail address"),
        ("from: esplanade@town.example", "from: esplanade", "channels[2].from", "no e-mail address"),
        ("security: starttls", "security: none", "channels[2].security", "in the clear"),
        (
            "channels: [supervisor-phone]",
            "channels: [mail]",
            "people[2].channels[0]",
            "no channel of one person",
        ),
        ("members: [role:supervisor, ", "members: [group:leaders, ", "groups[0].members", "member of itself"),
        ("name: bus", "name: mail", "channels[2].name", "stands twice"),
        ("kind: mqtt", "kind: mqtt, username: x", "channels[1].username", "belongs to `host`"),
        ("kind: mqtt", "kind: pigeon", "channels[1].kind", "pigeon"),
        ("language: ro   ", "language: fr   ", "language", "fr"),
        ("page: https", "page: ftp", "page", "no http or https address"),
        ("min_severity: medium", "min_severty: medium", "routes[1].min_severty", "check its spelling"),
    ],
)
def test_a_mistake_names_its_line(before: str, after: str, key: str, says: str, tmp_path: Path) -> None:
    text = example()
    assert text.count(before) >= 1
    wrong = text.replace(before, after, 1)
    with pytest.raises(FileError) as raised:
        read(tmp_path, wrong)
    error = raised.value
    assert error.key == f"notifications.{key}"
    assert says in error.problem
    assert error.line is not None
    assert error.path.name == "hub.yaml"


def test_a_secret_that_others_can_read_is_refused_and_not_shown(tmp_path: Path) -> None:
    config = written(tmp_path, example())
    (tmp_path / "supervisor-phone.url").chmod(0o644)
    found = settings(read_config(config), folder=tmp_path, file=config)
    with pytest.raises(ConfigError, match=r"notifications\.channels\[3\]\.url_file .*chmod 600"):
        read_notifications(found, read_site(found.site))
    (tmp_path / "supervisor-phone.url").chmod(0o600)
    (tmp_path / "supervisor-phone.url").write_text("nonsense://very-secret-token")
    with pytest.raises(FileError, match="knows no such address") as raised:
        read_notifications(found, read_site(found.site))
    assert "very-secret-token" not in str(raised.value)


def test_on_media_time_everything_is_marked_as_a_replay(tmp_path: Path) -> None:
    assert read(tmp_path, "clock: media\n" + example()).mode == "replay"
    changed = yaml.safe_load(example())
    changed["notifications"]["mode"] = "exercise"
    assert read(tmp_path, yaml.safe_dump(changed)).mode == "exercise"


def test_explain_says_who_when_and_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, example())
    asked = ["notify", "explain", "--config", str(config), "--severity", "medium", "--zone", "zone-0"]
    assert main([*asked, "--at", "2026-06-20T23:30"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-06-20 23:30:00+03:00 (Europe/Bucharest), medium, zone zone-0, density.warning",
        "told at once:",
        "  bus by bus (ro): route machines",
        "  control-system by control-system (ro): route machines",
        "  ion by mail (ro): route control-room, role:operator",
        "not told:",
        "  group:leaders: route gate: medium is below high",
        "  Ana Pop (ana): route control-room, role:operator: off shift until 2026-06-21T03:00:00.000Z (day)",
        "  role:technician: route cameras: rule density.warning is not among sensor.silent",
        "if nobody acknowledges it:",
        "  step 1, after 600 s, 2026-06-20 23:40:00+03:00:",
        "    told at once:",
        "      bus by bus (ro): route machines",
        "      control-system by control-system (ro): route machines",
        "      eva by mail (ro): escalation step 1, role:supervisor",
        "  then the last step again every 600 s",
    ]
    assert main([*asked, "--at", "yesterday"]) == 2
    assert "write 2026-06-20T23:30" in capsys.readouterr().err
