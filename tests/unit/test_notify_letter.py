"""What a message says: everything an operator needs, in their language, and never a replay that looks real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contract.instants import to_ms
from contract.phrase import say, say_as
from hub.alerts import Event
from hub.escalation import DEFAULT_LADDERS, Ladder, Step
from hub.notify import wording
from hub.notify.channel import Mode
from hub.notify.letter import AskedBody, DigestBody, Draft, Writer
from hub.notify.routing import Purpose
from hub.site import read_site
from hub.words import Language
from tests.kit.alerting import ALERT, happened
from tests.kit.square import Square

AT = to_ms(ALERT.opened_at)


def writer(folder: Path, mode: Mode = "live", page: str | None = "https://hub.town.example/") -> Writer:
    return Writer(site=read_site(Square().write(folder)), run="run1", mode=mode, page=page)


def draft(event: str = "open", **more: object) -> Draft:
    changes = {"zone": "zone-0", "subject": "zone-0", **{k: v for k, v in more.items() if hasattr(ALERT, k)}}
    return Draft(
        delivery=7,
        attempt=1,
        repeat=False,
        purpose=Purpose.ALERT,
        recipient="person:ana",
        channel="mail",
        address="ana@town.example",
        language=str(more.get("language", "en")),
        made_ms=AT,
        transition=msgspec.json.encode(happened(AT, event, **changes)),
    )


def test_all_that_an_alert_carries(tmp_path: Path) -> None:
    letter = writer(tmp_path).write(draft(), now_ms=AT + 1000)
    assert letter.subject == "Alert (medium): Crowded: Market square"
    assert letter.text == (
        "Where: Test square (invented), Zone 0, 12 m east and 34 m north of the site's origin\n"
        "Since: Sat 20 Jun 21:00:00 (Europe/Bucharest)\n"
        "Severity: medium\n"
        "State: active; not acknowledged\n"
        "Who has it: nobody yet\n\n"
        "Why:\n"
        "- 3.9 people per m2 in the densest patch [3.9 /m2, threshold 3.5 /m2]\n"
        "- part of the zone is not seen\n\n"
        "How sure: one camera, calibrated\n\n"
        "What to do:\n- Hold the north gate.\n\n"
        f"Page: https://hub.town.example/?alert={'a' * 20}\n"
        "Video: https://vms.example/live/1?a=1&b=2\n\n"
        "Esplanade, site Test square (invented); message run1-7, attempt 1. Sent by a machine; nobody reads answers.\n"
    )
    assert "&amp;b=2" in letter.html
    assert (letter.key, letter.thread) == ("run1-7", f"run1-alert-{'a' * 20}")


def test_who_has_it_and_how_it_ended(tmp_path: Path) -> None:
    letter = writer(tmp_path).write(
        draft(
            "close",
            handling="acknowledged",
            condition="returned",
            acknowledged_by="Ana Pop",
            acknowledged_at="2026-06-20T18:04:00.000Z",
            closed_at="2026-06-20T18:30:00.000Z",
            disposition="false: shadows",
        ),
        now_ms=AT,
    )
    assert letter.subject == "Closed (medium): Crowded: Market square"
    assert "Who has it: Ana Pop, since Sat 20 Jun 21:04:00" in letter.text
    assert "It was: false: shadows" in letter.text


@pytest.mark.parametrize("mode", ["replay", "exercise", "test"])
@pytest.mark.parametrize("purpose", [Purpose.ALERT, Purpose.DIGEST])
def test_what_is_not_real_says_so_everywhere(mode: Mode, purpose: Purpose, tmp_path: Path) -> None:
    one = draft()
    if purpose is Purpose.DIGEST:
        body = msgspec.json.encode(DigestBody(alerts=(ALERT,), over=(ALERT,)))
        one = replace(one, purpose=purpose, transition=None, body=body)
    letter = writer(tmp_path, mode).write(one, now_ms=AT)
    mark = mode.upper()
    assert letter.mode == mode
    assert letter.subject.startswith(f"[{mark}] ")
    parts = letter.text.strip().split("\n\n")
    assert parts[0].startswith(mark)
    assert parts[-2].startswith(mark)
    assert letter.html.count(f"<strong>{mark}") == 2
    live = writer(tmp_path, "live").write(one, now_ms=AT)
    assert mark not in live.subject + live.text + live.html


def test_a_digest_lists_what_is_open_and_what_was(tmp_path: Path) -> None:
    body = DigestBody(alerts=(ALERT, ALERT), over=(msgspec.structs.replace(ALERT, title="Full: Gate"),))
    one = replace(draft(), purpose=Purpose.DIGEST, transition=None, body=msgspec.json.encode(body))
    letter = writer(tmp_path, page=None).write(one, now_ms=AT)
    assert letter.subject == "Quiet hours are over: 2 alerts are still open"
    assert letter.text.startswith(
        "Still open:\n- Crowded: Market square (medium), since Sat 20 Jun 21:00:00; not acknowledged\n"
    )
    assert "Came and went in your quiet hours:\n- Full: Gate (medium), since" in letter.text


def test_a_test_is_a_test_whatever_the_mode(tmp_path: Path) -> None:
    body = msgspec.json.encode(AskedBody(by="Ana"))
    one = replace(draft(), purpose=Purpose.TEST, transition=None, body=body)
    letter = writer(tmp_path, "live").write(one, now_ms=AT)
    assert letter.subject == "[TEST] Test message of channel mail"
    assert "Asked for by Ana." in letter.text
    assert letter.mode == "test"


def test_one_that_waited_or_may_have_come_before_says_so(tmp_path: Path) -> None:
    one = replace(draft(), attempt=3, repeat=True)
    letter = writer(tmp_path).write(one, now_ms=AT + 65 * 60_000)
    assert "This message waited 65 min to be sent." in letter.text
    assert "may have reached you before" in letter.text
    assert "attempt 3" in letter.text


def test_markup_in_a_name_stays_text(tmp_path: Path) -> None:
    letter = writer(tmp_path).write(draft(title="<script>alert(1)</script>\nBcc: x"), now_ms=AT)
    assert "<script>" not in letter.html
    assert "&lt;script&gt;" in letter.html


@pytest.mark.parametrize("event", list(Event))
def test_every_event_of_an_alert_has_words(event: Event, tmp_path: Path) -> None:
    assert set(wording.EVENT) == {one.value for one in Event}
    assert writer(tmp_path).write(draft(event.value), now_ms=AT).subject


@pytest.mark.parametrize("language", ["en", "ro", "nl", "es", "el", "lt", "xx"])
def test_in_every_language_and_an_unknown_one(language: str, tmp_path: Path) -> None:
    letter = writer(tmp_path, "replay").write(draft(language=language), now_ms=AT)
    assert letter.language == language
    assert "Crowded: Market square" in letter.subject


def test_what_the_hub_says_is_said_in_the_readers_language(tmp_path: Path) -> None:
    phrase = say("Hold the north gate.")  # in no catalogue: it stands as it is
    one = draft(
        language="ro",
        title_phrase=say_as("alert condition", "active"),
        certainty_phrase=say("Acknowledged"),
        advice=("Hold the north gate.", "Ours"),
        advice_phrases=(phrase, None),
    )
    letter = writer(tmp_path).write(one, now_ms=AT)
    romanian = Language("ro")
    title = romanian.text(say_as("alert condition", "active"))
    assert title != "active"
    assert letter.subject.endswith(f": {title}")
    assert romanian.text(say("Acknowledged")) in letter.text
    assert "Acknowledged" not in letter.text
    assert "- Hold the north gate.\n- Ours" in letter.text
    assert "Who has it" not in letter.text


# --- the ladder ------------------------------------------------------------------------------------------------------


def test_when_each_step_is_due() -> None:
    ladder = Ladder((Step(120_000), Step(300_000)), repeat_ms=60_000)
    assert [ladder.due_after_ms(n) for n in range(5)] == [120_000, 300_000, 360_000, 420_000, 480_000]
    assert Ladder((Step(120_000),)).due_after_ms(1) is None
    assert Ladder().due_after_ms(0) is None
    assert Ladder().step(1) is None
    assert [DEFAULT_LADDERS["high"].due_after_ms(n) for n in range(4)] == [120_000, 240_000, 360_000, None]


@pytest.mark.parametrize("waits", [(0,), (-1,), (2, 2), (3, 2)])
def test_a_ladder_goes_up(waits: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="grow"):
        Ladder(tuple(Step(one) for one in waits))
    with pytest.raises(ValueError, match="at the most often"):
        Ladder((Step(1),), repeat_ms=59_999)
