"""The life of an alert: the tables themselves, and a state machine that tries everything in every order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.messages import AlertCondition, AlertHandling
from contract.phrase import say
from hub.actions import Acknowledge, Close, IllegalAction, OutOfService, Shelve, UnknownAlert, Unshelve
from hub.alert_book import AlertBook
from hub.alert_record import StoredBook
from hub.alerts import (
    CONDITION,
    HANDLING,
    Event,
    IllegalTransition,
    after,
    diagram,
    dispose,
    may_close,
    may_return,
)
from hub.delays import Verdict
from hub.finding import Finding
from hub.reasons import Why, because
from hub.rules import SEVERITIES, Family, steps_of

ON, HOLD, OFF, UNKNOWN = Verdict.ON, Verdict.HOLD, Verdict.OFF, Verdict.UNKNOWN
CONDITIONS = (None, *get_args(AlertCondition))
HANDLINGS = get_args(AlertHandling)


def finding(at_ms, verdicts, family=Family.VEHICLE_ACCESS, **over):
    given = {
        "family": family,
        "subject": "square",
        "name": "Square",
        "zone": "square",
        "at_ms": at_ms,
        "verdicts": tuple(verdicts),
        "explain": lambda step: (because(Why.VEHICLE_UNAUTHORISED, say("step {step}", step=step), 1.0, 1.0),),
        "certainty": lambda: say("sure"),
        "position_m": (1.0, 2.0),
        "cameras": ("west",),
    }
    return Finding(**{**given, **over})


class Driver:
    """A book with one subject, one finding a second."""

    def __init__(self, family=Family.VEHICLE_ACCESS, stored=None):
        self.family = family
        self.book = AlertBook(site="plaza", run="test", assessment=None, stored=stored)
        self.now = 0
        self.log = []

    def say(self, *verdicts, times=1, step_ms=1000, **over):
        out = []
        for _ in range(times):
            self.now += step_ms
            out += self.book.judge(
                finding(self.now, verdicts, self.family, **over), self.now, lambda f: "link"
            )
            out += self.book.tick(self.now)
        self.log += out
        return [t.event for t in out]

    def act(self, action):
        out = self.book.act(action, self.now)
        self.log += out
        return [t.event for t in out]

    @property
    def alert(self):
        (one,) = self.book.open_alerts()
        return one


# --- the tables ---


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("handling", HANDLINGS)
@pytest.mark.parametrize("event", list(Event))
def test_every_pair_is_in_a_table_or_illegal(condition, handling, event):
    in_condition, in_handling = (condition, event) in CONDITION, (handling, event) in HANDLING
    try:
        found = after(condition, handling, event)
    except IllegalTransition as illegal:
        assert illegal.event is event
        on_condition = any(event is e for _, e in CONDITION)
        assert not in_condition if on_condition else not in_handling
        return
    expected = (
        CONDITION[condition, event] if in_condition else condition,
        HANDLING[handling, event] if in_handling else handling,
    )
    assert found == expected
    assert in_condition or in_handling


def test_unknown_leads_nowhere_but_back_to_active():
    assert {event: to for (condition, event), to in CONDITION.items() if condition == "unknown"} == {
        Event.REGAIN: "active"
    }


def test_nothing_leads_from_active_to_nothing():
    assert all(
        to is not None for (condition, _), to in CONDITION.items() if condition in ("active", "unknown")
    )


@pytest.mark.parametrize(
    ("condition", "handling", "severity"), list(itertools.product(CONDITIONS, HANDLINGS, SEVERITIES))
)
def test_closing(condition, handling, severity):
    allowed = condition == "returned" and (
        severity == "low" or handling in ("acknowledged", "out_of_service")
    )
    assert may_close(condition, handling, severity) is allowed


def test_latched_holds_until_acknowledged():
    assert not may_return("unacknowledged", latched=True)
    assert may_return("acknowledged", latched=True)
    assert may_return("unacknowledged", latched=False)


def test_the_picture_in_the_docs_is_drawn_from_the_tables():
    path = Path(__file__).parents[2] / "docs" / "alert-lifecycle.md"
    assert path.read_text(encoding="utf-8") == diagram(), "run: python -m hub.alerts"


# --- one alert, told as a story ---


def test_pending_is_not_shown():
    d = Driver()
    assert d.say(ON, OFF, times=3) == []
    assert d.book.open_alerts() == ()
    assert d.book.store().records[0].condition == "pending"
    d.say(OFF, OFF)
    assert d.book.store().records == ()


def test_opens_returns_and_closes_when_acknowledged():
    d = Driver()
    assert d.say(ON, OFF, times=4) == ["open"]
    opened = d.log[-1]
    assert (opened.from_condition, opened.from_handling) == ("pending", None)
    assert (d.alert.rule, d.alert.severity, d.alert.condition) == ("vehicle.unauthorised", "medium", "active")
    assert d.alert.vms_url == "link"
    assert d.alert.advice
    assert d.say(OFF, OFF, times=31) == ["return"]
    assert d.alert.condition == "returned"
    assert d.alert.cleared_at is not None
    assert d.act(Acknowledge(alert=d.alert.alert, by="Ana")) == ["acknowledge", "close"]
    assert d.book.open_alerts() == ()
    closed = d.log[-1].alert
    assert closed.closed_at is not None
    assert closed.acknowledged_by == "Ana"


def test_acknowledged_first_closes_on_return():
    d = Driver()
    d.say(ON, OFF, times=4)
    assert d.act(Acknowledge(alert=d.alert.alert, by="Ana")) == ["acknowledge"]
    assert d.say(OFF, OFF, times=31) == ["return", "close"]


def test_low_closes_by_itself():
    d = Driver(Family.AREA_ENTERED)
    assert d.say(ON, times=4) == ["open"]
    assert d.say(OFF, times=31) == ["return", "close"]


def test_rises_and_goes_back_to_unacknowledged():
    d = Driver()
    d.say(ON, OFF, times=4)
    first = d.alert.alert
    d.act(Acknowledge(alert=first, by="Ana"))
    assert d.say(ON, ON, times=2) == ["worsen"]
    assert (d.alert.alert, d.alert.rule, d.alert.severity) == (first, "vehicle.in_crowd", "high")
    assert d.alert.handling == "unacknowledged"
    assert d.alert.acknowledged_by is None
    assert d.alert.latched


def test_severity_never_falls_and_latched_waits_for_a_person():
    d = Driver()
    d.say(ON, ON, times=4)
    d.say(ON, OFF, times=60)
    assert d.alert.severity == "high"
    d.say(OFF, OFF, times=60)
    assert d.alert.condition == "active"
    d.act(Acknowledge(alert=d.alert.alert, by="Ana"))
    assert d.say(OFF, OFF) == ["return", "close"]


def test_rises_again_as_the_same_alert():
    d = Driver()
    d.say(ON, OFF, times=4)
    first = d.alert.alert
    d.say(OFF, OFF, times=31)
    assert d.say(ON, OFF, times=4) == ["rise_again"]
    assert d.alert.alert == first
    assert d.alert.cleared_at is None


def test_unknown_never_clears():
    d = Driver()
    d.say(ON, OFF, times=4)
    assert d.say(UNKNOWN, UNKNOWN, times=500) == ["lose"]  # medium: escalates at ten minutes
    assert d.alert.condition == "unknown"
    assert d.say(OFF, OFF) == ["regain"]
    assert d.alert.condition == "active"
    assert d.say(OFF, OFF, times=30)[-1] == "return"


def test_unknown_cannot_be_closed_by_hand():
    d = Driver()
    d.say(ON, OFF, times=4)
    d.say(UNKNOWN, UNKNOWN)
    with pytest.raises(IllegalAction, match="nobody sees"):
        d.act(Close(alert=d.alert.alert, by="Ana", disposition="true"))


def test_close_by_hand_needs_it_to_be_over():
    d = Driver()
    d.say(ON, OFF, times=4)
    before = d.book.store()
    with pytest.raises(IllegalAction, match="still there"):
        d.act(Close(alert=d.alert.alert, by="Ana", disposition="true"))
    assert msgspec.json.encode(d.book.store()) == msgspec.json.encode(before)
    d.say(OFF, OFF, times=31)
    with pytest.raises(IllegalAction, match="cause"):
        d.act(Close(alert=d.alert.alert, by="Ana", disposition="false"))
    assert d.act(Close(alert=d.alert.alert, by="Ana", disposition="false", cause="a kiosk")) == ["close"]
    closed = d.log[-1].alert
    assert (d.log[-1].from_handling, closed.handling) == ("unacknowledged", "acknowledged")
    assert closed.disposition == "false: a kiosk"
    assert closed.acknowledged_by == "Ana"


def test_disposed_of_afterwards():
    d = Driver(Family.AREA_ENTERED)
    d.say(ON, times=4)
    still_open = d.alert
    with pytest.raises(IllegalAction, match="still open"):
        dispose(still_open, by="Ana", disposition="true", cause=None, now_ms=d.now)
    d.say(OFF, times=31)
    said = dispose(d.log[-1].alert, by="Ana", disposition="test", cause=None, now_ms=d.now)
    assert (said.event, said.alert.disposition, said.by) == ("dispose", "test", "Ana")
    with pytest.raises(IllegalAction, match="already"):
        dispose(said.alert, by="Ana", disposition="true", cause=None, now_ms=d.now)


def test_shelf_expires_back_to_unacknowledged():
    d = Driver()
    d.say(ON, OFF, times=4)
    assert d.act(Shelve(alert=d.alert.alert, by="Ana", reason="known van", minutes=1)) == ["shelve"]
    assert d.alert.shelved_until is not None
    assert d.say(ON, OFF, times=59) == []
    assert d.say(ON, OFF) == ["shelf_expired"]
    assert d.alert.handling == "unacknowledged"


def test_shelved_and_worse_comes_back():
    d = Driver()
    d.say(ON, OFF, times=4)
    d.act(Shelve(alert=d.alert.alert, by="Ana", reason="known van", minutes=60))
    assert d.say(ON, ON, times=2) == ["worsen"]
    assert d.alert.handling == "unacknowledged"


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (lambda a: Shelve(alert=a, by="Ana", reason="x", minutes=61), "61 minutes"),
        (lambda a: Shelve(alert=a, by="Ana", reason="x", minutes=0), "0 minutes"),
        (lambda a: Shelve(alert=a, by="Ana", reason="  ", minutes=5), "reason"),
        (lambda a: Shelve(alert=a, by=" ", reason="x", minutes=5), "nobody is named"),
        (lambda a: Unshelve(alert=a, by="Ana"), "not shelved"),
        (lambda a: Acknowledge(alert="0" * 20, by="Ana"), "no open alert"),
        (
            lambda a: OutOfService(rule="nonsense", subject="square", by="Ana", until_ms=10**9, reason="x"),
            "no rule",
        ),
        (
            lambda a: OutOfService(rule="density", subject="square", by="Ana", until_ms=0, reason="x"),
            "seven days",
        ),
    ],
)
def test_illegal_actions_change_nothing(action, problem):
    d = Driver()
    d.say(ON, OFF, times=4)
    before = msgspec.json.encode(d.book.store())
    with pytest.raises(IllegalAction, match=problem) as caught:
        d.act(action(d.alert.alert))
    assert caught.value.do
    assert msgspec.json.encode(d.book.store()) == before


def test_high_cannot_be_shelved():
    d = Driver()
    d.say(ON, ON, times=4)
    with pytest.raises(IllegalAction, match="high"):
        d.act(Shelve(alert=d.alert.alert, by="Ana", reason="x", minutes=5))


def test_acknowledged_twice_says_by_whom():
    d = Driver()
    d.say(ON, OFF, times=4)
    d.act(Acknowledge(alert=d.alert.alert, by="Ana"))
    with pytest.raises(IllegalAction, match="by Ana"):
        d.act(Acknowledge(alert=d.alert.alert, by="Dan"))


def test_pending_cannot_be_acknowledged():
    d = Driver()
    d.say(ON, OFF)
    with pytest.raises(UnknownAlert):
        d.act(Acknowledge(alert="", by="Ana"))


def test_out_of_service_opens_grey_and_comes_back():
    d = Driver()
    d.act(
        OutOfService(rule="vehicle.unauthorised", subject="square", by="T", until_ms=20_000, reason="repair")
    )
    d.say(ON, OFF, times=4)
    assert d.alert.handling == "out_of_service"
    assert "back_in_service" in d.say(ON, OFF, times=20)
    assert d.alert.handling == "unacknowledged"


def test_a_rule_out_of_service_does_not_hide_a_graver_one():
    d = Driver()
    out = OutOfService(
        rule="vehicle.unauthorised", subject="square", by="T", until_ms=600_000, reason="repair"
    )
    d.act(out)
    d.say(ON, OFF, times=4)
    assert (d.alert.rule, d.alert.handling) == ("vehicle.unauthorised", "out_of_service")
    assert d.say(ON, ON, times=2)[:2] == ["worsen", "back_in_service"]
    assert (d.alert.rule, d.alert.handling) == ("vehicle.in_crowd", "unacknowledged")
    assert d.act(out) == []
    assert d.alert.handling == "unacknowledged"


def test_out_of_service_closes_when_over():
    d = Driver()
    d.say(ON, OFF, times=4)
    assert d.act(
        OutOfService(rule="vehicle.access", subject="square", by="T", until_ms=600_000, reason="repair")
    ) == ["out_of_service"]
    assert d.say(OFF, OFF, times=31) == ["return", "close"]


def test_not_acknowledged_escalates_three_times_at_most():
    d = Driver()
    d.say(ON, ON, times=4)
    events = d.say(ON, ON, times=1000)
    assert events.count("escalate") == 3
    assert d.alert.escalation == 3


def test_acknowledged_does_not_escalate():
    d = Driver()
    d.say(ON, ON, times=4)
    d.act(Acknowledge(alert=d.alert.alert, by="Ana"))
    assert d.say(ON, ON, times=1000) == []


def test_id_comes_from_run_site_rule_subject_and_opening():
    first, second, other = Driver(), Driver(), Driver()
    other.book = AlertBook(site="plaza", run="another", assessment=None)
    for d in (first, second, other):
        d.say(ON, OFF, times=4)
    assert first.alert.alert == second.alert.alert
    assert first.alert.alert != other.alert.alert
    assert len(first.alert.alert) == 20


def test_most_urgent_first():
    book = AlertBook(site="plaza", run="test", assessment=None)
    for second in range(1, 10):
        for subject, verdicts in (("a", (ON, OFF)), ("b", (ON, ON)), ("c", (ON, OFF))):
            book.judge(finding(second * 1000, verdicts, subject=subject), second * 1000, lambda f: None)
    a, b, c = (next(x.alert for x in book.open_alerts() if x.subject == s) for s in "abc")
    book.act(Acknowledge(alert=min(a, c), by="Ana"), 10_000)
    assert [x.alert for x in book.open_alerts()] == [b, max(a, c), min(a, c)]


# --- anything in any order ---


class Lives(RuleBasedStateMachine):
    """Findings, clocks and people in any order, with restarts in between."""

    def __init__(self):
        super().__init__()
        self.family = Family.VEHICLE_ACCESS
        self.now = 1_000_000
        self.book = AlertBook(site="plaza", run="test", assessment=None)
        self.worst = {}
        self.known = {}
        self.unknown = False
        self.seen_off_ms = 0

    def take(self, transitions):
        for t in transitions:
            alert = t.alert
            if t.event == "open":
                assert alert.alert not in self.known
            else:
                before = self.known[alert.alert]
                assert before.closed_at is None, "a closed alert moved"
                assert t.from_condition == before.condition
                assert t.from_handling == before.handling
            rank = SEVERITIES.index(alert.severity)
            assert rank >= self.worst.get(alert.alert, 0), "severity fell"
            self.worst[alert.alert] = rank
            if t.event == "close" and alert.severity != "low":
                assert alert.condition == "returned"
                assert alert.handling in ("acknowledged", "out_of_service")
            if t.event == "return":
                assert not self.unknown, "cleared while unknown"
            if t.event == "worsen" and t.from_handling != "out_of_service":
                assert alert.handling == "unacknowledged"
            self.known[alert.alert] = alert

    @rule(
        first=st.sampled_from([ON, HOLD, OFF, UNKNOWN]),
        second=st.sampled_from([ON, HOLD, OFF, UNKNOWN]),
        times=st.integers(1, 40),
        step_ms=st.sampled_from([200, 1000, 5000]),
    )
    def ground(self, first, second, times, step_ms):
        self.unknown = UNKNOWN in (first, second) and ON not in (first, second)
        for _ in range(times):
            self.now += step_ms
            self.take(self.book.judge(finding(self.now, (first, second)), self.now, lambda f: None))

    @rule(ms=st.integers(0, 700_000))
    def clock(self, ms):
        self.now += ms
        self.take(self.book.tick(self.now))

    @rule(what=st.integers(0, 6), minutes=st.integers(-5, 100))
    def person(self, what, minutes):
        alerts = self.book.open_alerts()
        alert = alerts[0].alert if alerts else "none"
        until = self.now + minutes * 60_000
        action = (
            Acknowledge(alert=alert, by="Ana"),
            Shelve(alert=alert, by="Ana", reason="r", minutes=minutes),
            Unshelve(alert=alert, by="Ana"),
            Close(alert=alert, by="Ana", disposition="true"),
            OutOfService(rule="vehicle.access", subject="square", by="T", until_ms=until, reason="r"),
            Acknowledge(alert=alert, by=""),
            OutOfService(rule="vehicle.unauthorised", subject="square", by="T", until_ms=until, reason="r"),
        )[what]
        before = msgspec.json.encode(self.book.store())
        try:
            self.take(self.book.act(action, self.now))
        except IllegalAction as refused:
            assert refused.problem
            assert refused.do
            assert msgspec.json.encode(self.book.store()) == before, "a refused action changed something"

    @rule()
    def restart(self):
        stored = msgspec.json.encode(self.book.store())
        self.book = AlertBook(
            site="plaza", run="test", assessment=None, stored=msgspec.json.decode(stored, type=StoredBook)
        )
        assert msgspec.json.encode(self.book.store()) == stored

    @invariant()
    def open_alerts_are_those_told_of(self):
        told = {a.alert for a in self.known.values() if a.closed_at is None}
        assert {a.alert for a in self.book.open_alerts()} == told

    @precondition(lambda self: bool(self.book.open_alerts()))
    @invariant()
    def high_is_never_shelved(self):
        assert not any(a.severity == "high" and a.handling == "shelved" for a in self.book.open_alerts())


Lives.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLives = Lives.TestCase


def test_families_have_steps():
    assert all(steps_of(family) for family in Family)
