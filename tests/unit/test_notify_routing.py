"""Who is told: by role, site, zone, severity, rule and shift; what quiet hours hold; what escalation does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.alerts import Event
from hub.duty import Duty
from hub.escalation import DEFAULT_LADDERS, Escalation, Ladder, Step
from hub.notify.desk import Desk
from hub.notify.directory import ListedPeople, Person
from hub.notify.hours import DAYS, Hours, Window
from hub.notify.letter import DigestBody
from hub.notify.routing import ChannelFacts, Decision, Policy, Quiet, Route, Tell, Verdict, Why, plan
from hub.people.users import User
from hub.rights import Role
from tests.kit.alerting import ALERT, happened

BUCHAREST = ZoneInfo("Europe/Bucharest")
HOUR_MS = 3_600_000


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BUCHAREST).timestamp() * 1000)


def hours(name: str, begin: int, end: int, days: tuple[Any, ...] = DAYS) -> Hours:
    return Hours(name, BUCHAREST, (Window(frozenset(days), begin * 60, end * 60),))


DAY, NIGHT = hours("day", 6, 22), hours("night", 22, 6)
ANA = Person(
    name="ana",
    display="Ana Pop",
    roles=frozenset({"operator"}),
    email="ana@town.example",
    language="ro",
    shifts=("day",),
)
ION = Person(name="ion", roles=frozenset({"operator"}), email="ion@town.example", shifts=("night",))
EVA = Person(name="eva", roles=frozenset({"supervisor"}), email="eva@town.example", channels=("eva-signal",))
TED = Person(
    name="ted", roles=frozenset({"technician"}), sites=frozenset({"harbour"}), email="ted@town.example"
)
LEA = Person(name="lea", roles=frozenset({"technician"}))
PEOPLE = ListedPeople([ANA, ION, EVA, TED, LEA])
CHANNELS = {
    one.name: one
    for one in (
        ChannelFacts(name="mail", to_people=True),
        ChannelFacts(name="eva-signal"),
        ChannelFacts(name="duty", language="nl"),
    )
}
CONTROL_ROOM = Route(name="control-room", to=("role:operator",), min_severity="medium")
MACHINE = Route(name="machine", to=("channel:duty",), tell=Tell.EVERYTHING)


def policy(*routes: Route, **more: Any) -> Policy:
    return Policy(
        routes=routes,
        shifts={"day": DAY, "night": NIGHT},
        channels=CHANNELS,
        groups={"all": ("role:operator", "group:heads"), "heads": ("person:eva",)},
        **more,
    )


def told(decisions: tuple[Decision, ...]) -> set[tuple[str, str]]:
    return {(one.recipient, one.channel) for one in decisions if one.verdict is Verdict.TELL}


def why(decisions: tuple[Decision, ...]) -> dict[str, Why]:
    return {one.recipient: one.why for one in decisions}


NOON, MIDNIGHT = at("2026-06-20T12:00:00"), at("2026-06-21T00:30:00")


def test_the_shift_that_is_on_is_told_in_its_language_and_the_other_one_not() -> None:
    decisions = plan(policy(CONTROL_ROOM), PEOPLE, happened(NOON))
    assert told(decisions) == {("person:ana", "mail")}
    assert decisions[0].language == "ro"
    assert why(decisions) == {"person:ana": Why.ROUTE, "person:ion": Why.OFF_SHIFT}
    assert "off shift until 2026-06-20T19:00:00.000Z (night)" in decisions[1].text  # 22:00 there
    assert told(plan(policy(CONTROL_ROOM), PEOPLE, happened(MIDNIGHT))) == {("person:ion", "mail")}


@pytest.mark.parametrize(
    ("changes", "alert", "reason"),
    [
        ({}, {"severity": "low"}, Why.SEVERITY),
        ({"zones": frozenset({"gate"})}, {}, Why.ZONE),
        ({"zones": frozenset({"gate"})}, {"zone": None}, Why.ZONE),
        ({"sites": frozenset({"harbour"})}, {}, Why.SITE),
        ({"rules": frozenset({"vehicle.access"})}, {}, Why.RULE),
        ({"hours": ("night",)}, {}, Why.HOURS),
        ({"to": ("person:ted",)}, {}, Why.OTHER_SITE),
        ({"to": ("person:lea",)}, {}, Why.NO_ADDRESS),
        ({"to": ("role:assessor",)}, {}, Why.NOBODY),
        ({"to": ("person:nobody",)}, {}, Why.NOBODY),
        ({"to": ("person:eva",), "via": ("duty",)}, {}, Why.NO_ADDRESS),
    ],
)
def test_who_is_not_told_has_a_reason(changes: dict[str, Any], alert: dict[str, Any], reason: Why) -> None:
    fields = {"name": "r", "to": ("person:ana",), "min_severity": "medium"} | changes
    decisions = plan(policy(Route(**fields)), PEOPLE, happened(NOON, **alert))
    assert told(decisions) == set()
    assert [one.why for one in decisions] == [reason]


def test_groups_hold_roles_and_groups_and_nobody_is_told_twice_the_same_way() -> None:
    route = Route(name="all", to=("group:all", "person:ana", "role:operator"))
    assert told(plan(policy(route), PEOPLE, happened(NOON))) == {
        ("person:ana", "mail"),
        ("person:eva", "mail"),
        ("person:eva", "eva-signal"),
    }
    by_mail = Route(name="all", to=("group:all",), via=("mail",))
    assert told(plan(policy(by_mail), PEOPLE, happened(NOON))) == {
        ("person:ana", "mail"),
        ("person:eva", "mail"),
    }


def test_a_family_of_rules_is_a_route() -> None:
    route = Route(name="cars", to=("person:eva",), rules=frozenset({"vehicle.access"}), via=("mail",))
    assert told(plan(policy(route), PEOPLE, happened(NOON, rule="vehicle.in_crowd")))
    assert not told(plan(policy(route), PEOPLE, happened(NOON, rule="vehicle.stopped")))


def test_pending_is_nobodys_business() -> None:
    assert plan(policy(CONTROL_ROOM, MACHINE), PEOPLE, happened(NOON, condition="pending")) == ()


@pytest.mark.parametrize("event", list(Event))
def test_what_becomes_of_an_alert_is_told_to_who_heard_of_it(event: Event) -> None:
    life = {Event.LOSE, Event.ACKNOWLEDGE, Event.SHELVE, Event.OUT_OF_SERVICE, Event.CLOSE, Event.DISPOSE}
    asks = {
        Event.OPEN,
        Event.WORSEN,
        Event.RISE_AGAIN,
        Event.UNSHELVE,
        Event.SHELF_EXPIRED,
        Event.BACK_IN_SERVICE,
    }
    transition = happened(NOON, event=event.value)
    before = frozenset({("person:eva", "mail")})
    decisions = plan(policy(CONTROL_ROOM, MACHINE), PEOPLE, transition, told=before)
    expected = {("channel:duty", "duty")}
    if event in life | asks:
        expected |= before
    if event in asks:
        expected |= {("person:ana", "mail")}
    assert told(decisions) == expected


# --- quiet hours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "severity", "event", "until"),
    [
        ({}, "medium", "open", "2026-06-21T06:00:00"),
        ({}, "high", "open", None),
        ({"holds": "low"}, "medium", "open", None),
        ({"holds": "high", "high_held_by": "Mayor Ionescu"}, "high", "open", "2026-06-21T06:00:00"),
        ({"to": ("role:technician",)}, "medium", "open", None),
        ({"to": ("role:operator",)}, "medium", "open", "2026-06-21T06:00:00"),
        ({"to": ("group:all",)}, "medium", "open", "2026-06-21T06:00:00"),
        ({"to": ("person:ana",)}, "medium", "open", None),
    ],
)
def test_what_quiet_hours_hold(quiet: dict[str, Any], severity: str, event: str, until: str | None) -> None:
    found = plan(
        policy(CONTROL_ROOM, quiets=(Quiet(hours=NIGHT, **quiet),)),
        PEOPLE,
        happened(MIDNIGHT, event, severity=severity),
    )
    ion = next(one for one in found if one.recipient == "person:ion")
    assert ion.until_ms == (None if until is None else at(until))
    assert ion.verdict is (Verdict.TELL if until is None else Verdict.HOLD)


def test_high_is_held_only_where_somebody_answers_for_it() -> None:
    with pytest.raises(ValueError, match="high_held_by"):
        Quiet(hours=NIGHT, holds="high", high_held_by=" ")


def test_a_machine_keeps_quiet_hours_only_where_they_name_it() -> None:
    for to, held in (((), False), (("channel:duty",), True)):
        found = plan(policy(MACHINE, quiets=(Quiet(hours=NIGHT, to=to),)), PEOPLE, happened(MIDNIGHT))
        assert (found[0].verdict is Verdict.HOLD) is held


# --- escalation ----------------------------------------------------------------------------------------------------

LADDER = Ladder(
    (
        Step(120_000, ("role:operator",)),
        Step(300_000, ("role:supervisor",), ("mail",)),
        Step(600_000, ("role:technician", "channel:duty")),
    ),
    repeat_ms=600_000,
)


def escalation(**ladders: Ladder) -> Escalation:
    return Escalation({**DEFAULT_LADDERS, **ladders})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, {("person:ana", "mail")}),
        (2, {("person:eva", "mail")}),
        (3, {("channel:duty", "duty")}),
        (4, {("channel:duty", "duty")}),
        (99, {("channel:duty", "duty")}),
    ],
)
def test_each_step_tells_its_roles_and_the_last_one_again(step: int, expected: set[tuple[str, str]]) -> None:
    rules = policy(CONTROL_ROOM, escalation=escalation(medium=LADDER))
    found = plan(rules, PEOPLE, happened(NOON, "escalate", escalation=step))
    assert told(found) == expected
    if step >= 3:
        assert why(found)["person:lea"] is Why.NO_ADDRESS


def test_where_nobody_of_a_step_is_on_duty_the_next_one_is_told_at_once() -> None:
    ladder = Ladder((Step(120_000, ("person:ana",)), Step(300_000, ("role:supervisor",), ("mail",))))
    rules = policy(escalation=escalation(high=ladder))
    found = plan(rules, PEOPLE, happened(MIDNIGHT, "escalate", severity="high", escalation=1))
    assert told(found) == {("person:eva", "mail")}
    assert why(found)["person:ana"] is Why.OFF_SHIFT
    alone = policy(escalation=escalation(high=Ladder((Step(120_000, ("person:ana",)),))))
    found = plan(alone, PEOPLE, happened(MIDNIGHT, "escalate", severity="high", escalation=1))
    assert told(found) == set()
    assert why(found) == {"person:ana": Why.OFF_SHIFT, "nobody": Why.NOBODY}
    assert all(one.kept for one in found)


def test_who_was_told_by_escalation_hears_who_took_it() -> None:
    desk = Desk(policy=policy(CONTROL_ROOM, escalation=escalation(medium=LADDER)), directory=PEOPLE)
    assert told(desk.take(happened(NOON))) == {("person:ana", "mail")}
    assert told(desk.take(happened(NOON + 300_000, "escalate", escalation=2))) == {("person:eva", "mail")}
    taken = desk.take(happened(NOON + 301_000, "acknowledge", handling="acknowledged", acknowledged_by="Ana"))
    assert told(taken) == {("person:ana", "mail"), ("person:eva", "mail")}


# --- the desk: what is held comes as one digest -----------------------------------------------------------------------

QUIET = policy(CONTROL_ROOM, quiets=(Quiet(hours=NIGHT),))
SIX = at("2026-06-21T06:00:00")


def test_what_was_held_and_is_still_open_comes_as_one_digest() -> None:
    desk = Desk(policy=QUIET, directory=PEOPLE)
    one = happened(MIDNIGHT)
    two = happened(MIDNIGHT + 60_000, alert="b" * 20, title="Full: Gate")
    over = happened(MIDNIGHT + 120_000, alert="c" * 20, title="Crowded: Lane")
    for transition in (one, two, over):
        assert [d.verdict for d in desk.take(transition) if d.channel] == [Verdict.HOLD]
    worse = happened(MIDNIGHT + 180_000, "worsen", alert="b" * 20, severity="high")
    assert told(desk.take(worse)) == {("person:ion", "mail")}  # high breaks through
    assert desk.tick(SIX - 1, [one.alert, two.alert]) == []
    ended = desk.tick(SIX, [one.alert, worse.alert])
    assert [(d.recipient, d.channel, d.alerts) for d in ended] == [
        ("person:ion", "mail", ("a" * 20, "b" * 20))
    ]
    assert ended[0].body is not None
    body = msgspec.json.decode(ended[0].body, type=DigestBody)
    assert [alert.severity for alert in body.alerts] == ["medium", "high"]  # as they are now
    assert [alert.title for alert in body.over] == ["Crowded: Lane"]
    assert desk.tick(SIX + HOUR_MS, [one.alert]) == []


def test_where_nothing_is_open_any_more_there_is_no_digest_and_the_messages_are_closed() -> None:
    desk = Desk(policy=QUIET, directory=PEOPLE)
    desk.take(happened(MIDNIGHT))
    (ended,) = desk.tick(SIX + 5 * HOUR_MS, [])  # the hub was off at six
    assert ended.body is None
    assert ended.alerts == ()


def test_a_town_without_a_policy_tells_nobody() -> None:
    assert Desk(policy=Policy(), directory=PEOPLE).take(happened(NOON, "escalate", escalation=2)) == ()


def test_an_account_goes_over_what_the_file_says_of_the_same_person() -> None:
    def user(login: str, role: Role, **more: Any) -> User:
        fields: dict[str, Any] = {
            "id": 1, "display": login.title(), "sites": None, "language": None, "has_password": True,
            "disabled": False, "created_ms": 0,
        }  # fmt: skip
        return User(login=login, roles=frozenset({role}), **(fields | more))

    users = [
        user("ana", Role.SUPERVISOR),
        user("ion", Role.OPERATOR, disabled=True),
        user("mia", Role.OPERATOR, language="lt"),
        user("ted", Role.TECHNICIAN, sites=frozenset({"plaza"})),
    ]
    duty = Duty(users=lambda: users, listed=PEOPLE)
    assert [one.name for one in duty.with_role("operator", "plaza")] == ["mia"]
    assert [one.name for one in duty.with_role("supervisor", "plaza")] == ["ana", "eva"]
    assert [one.name for one in duty.with_role("technician", "plaza")] == ["lea", "ted"]
    ana = duty.person("ana")
    assert ana is not None
    assert (ana.display, ana.email, ana.language, ana.shifts) == ("Ana", "ana@town.example", "ro", ("day",))
    assert duty.person("ion") is None
    assert duty.person("eva") == EVA
    # an account that nobody gave an address is left out, and says so
    found = plan(policy(CONTROL_ROOM), duty, happened(NOON))
    assert why(found) == {"person:mia": Why.NO_ADDRESS}


# --- whatever the week brings ---------------------------------------------------------------------------------------

WEEKDAYS = st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: tuple(sorted(days)))
SEVERITY = st.sampled_from(["low", "medium", "high"])
INSTANT = st.integers(at("2025-10-20T00:00:00") // 60_000, at("2026-11-02T00:00:00") // 60_000).map(
    lambda minute: minute * 60_000
)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[Policy, ListedPeople]:
    def window() -> Window:
        return Window(frozenset(draw(WEEKDAYS)), draw(st.integers(0, 1439)), draw(st.integers(0, 1439)))

    shifts = {name: Hours(name, BUCHAREST, (window(),)) for name in ("one", "two")}
    people = [
        Person(
            name=f"p{i}",
            roles=frozenset(draw(st.sets(st.sampled_from(["operator", "supervisor"])))),
            email=draw(st.sampled_from([None, f"p{i}@town.example"])),
            shifts=tuple(draw(st.sets(st.sampled_from(["one", "two"])))),
        )
        for i in range(draw(st.integers(0, 4)))
    ]
    quiets = tuple(
        Quiet(hours=Hours(f"q{i}", BUCHAREST, (window(),)), holds=draw(st.sampled_from(["low", "medium"])))
        for i in range(draw(st.integers(0, 2)))
    )
    routes = tuple(
        Route(name=f"r{i}", to=(draw(st.sampled_from(["role:operator", "role:supervisor", "person:p0"])),),
              min_severity=draw(SEVERITY)) for i in range(draw(st.integers(0, 3)))
    )  # fmt: skip
    return Policy(routes=routes, quiets=quiets, shifts=shifts, channels=CHANNELS), ListedPeople(people)


@given(week=weeks(), now_ms=INSTANT, severity=SEVERITY)
def test_in_any_week(week: tuple[Policy, ListedPeople], now_ms: int, severity: str) -> None:
    """Nobody off shift is told, high is never held, what is held has an end at which it is quiet no more, and every
    person of a route that matches is told, held or left out with a reason."""
    rules, people = week
    transition = happened(now_ms, severity=severity)
    decisions = plan(rules, people, transition)
    assert decisions == plan(rules, people, transition)
    for one in decisions:
        if one.verdict is Verdict.SKIP:
            assert one.text
            continue
        person = people.person(one.recipient.removeprefix("person:"))
        assert person is not None
        assert person.email is not None
        assert not person.shifts or any(rules.shifts[name].on(now_ms) for name in person.shifts)
        assert (one.verdict is Verdict.HOLD) == (one.until_ms is not None)
        if one.until_ms is not None:
            assert severity != "high"
            assert one.until_ms > now_ms
            applying = [
                quiet.hours for quiet in rules.quiets if not (quiet.holds == "low" and severity == "medium")
            ]
            assert any(hour.on(now_ms) for hour in applying)
            assert not any(hour.on(one.until_ms) for hour in applying)
    heard = {one.recipient for one in decisions}
    for route in rules.routes:
        if ["low", "medium", "high"].index(severity) < ["low", "medium", "high"].index(route.min_severity):
            continue
        kind, _, name = route.to[0].partition(":")
        wanted = people.with_role(name, ALERT.site) if kind == "role" else [people.person(name)]
        assert {f"person:{one.name}" for one in wanted if one is not None} <= heard


@given(week=weeks(), starts=st.lists(st.tuples(INSTANT, SEVERITY), min_size=1, max_size=6))
def test_nothing_that_was_held_is_forgotten(
    week: tuple[Policy, ListedPeople], starts: list[tuple[int, str]]
) -> None:
    """Every message that was held is in a digest, or closed where its alert is over, once."""
    rules, people = week
    desk = Desk(policy=rules, directory=people)
    held: dict[tuple[str, str, str], int] = {}
    for number, (now_ms, severity) in enumerate(sorted(starts)):
        alert = f"{number:020d}"
        for one in desk.take(happened(now_ms, alert=alert, severity=severity)):
            if one.until_ms is not None:
                held[one.recipient, one.channel, alert] = one.until_ms
    still = {f"{number:020d}" for number in range(len(starts)) if number % 2}
    alerts = [happened(0, alert=alert).alert for alert in sorted(still)]
    seen: list[tuple[str, str, str]] = []
    for until_ms in sorted(set(held.values())):
        for over in desk.tick(until_ms, alerts):
            body = msgspec.json.decode(over.body, type=DigestBody) if over.body else None
            assert (body is None) == (not over.alerts)
            seen += [(over.recipient, over.channel, alert) for alert in over.alerts]
            seen += [(over.recipient, over.channel, one.alert) for one in (body.over if body else ())]
            if body is None:
                seen += [
                    key for key, when in held.items()
                    if key[:2] == (over.recipient, over.channel) and when <= until_ms and key not in seen
                ]  # fmt: skip
    assert sorted(seen) == sorted(held)
