"""Users, passwords, sessions, tokens and links on a real database, on a clock that the test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.people import passwords, secret
from hub.people.attempts import Attempts, network
from hub.people.people import From
from hub.people.refused import Refused
from hub.people.tokens import DAY_MS
from hub.rights import Right, Role
from tests.kit.people_inside import BOSS, HERE, PASSWORD, PeopleInside

MINUTE_MS = 60_000


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[PeopleInside]:
    with PeopleInside(tmp_path) as inside:
        yield inside


def refused(kind: str, what: object) -> str:
    """`what` is a pytest.raises context that has caught; returns its text."""
    found = what.value  # type: ignore[attr-defined]
    assert found.kind == kind, found
    return str(found)


# --- passwords -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    ["short", "elevenchars", "ana.popescu", "ANA.POPESCU", "ana.popescu123", "aaaaaaaaaaaaaaaa", "x" * 257],
)
def test_passwords_that_are_not_taken(password: str) -> None:
    with pytest.raises(Refused) as error:
        passwords.checked(password, "ana.popescu")
    refused("invalid", error)


@pytest.mark.parametrize(
    "password", ["seven green bicycles", "correcthorse", "zwölf Schlüssel", "パスワードは十二文字以上です"]
)
def test_passwords_that_are_taken(password: str) -> None:
    assert passwords.checked(password, "ana.popescu")


def test_a_password_is_the_same_however_it_is_typed(inside: PeopleInside) -> None:
    """An umlaut may come as one character or as two."""
    inside.user("ana", password="zwo\u0308lf Schlu\u0308ssel")
    assert inside.people.enter("ana", "zwölf Schlüssel", where=HERE).user.login == "ana"


def test_passwords_are_kept_as_argon2id_and_hashed_anew_when_the_parameters_change(
    inside: PeopleInside,
) -> None:
    inside.user("ana")
    (before,) = inside.rows("SELECT password FROM users")[0]
    assert before.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    people = inside.again(time_cost=2)
    people.enter("ana", PASSWORD, where=HERE)
    (after,) = inside.rows("SELECT password FROM users")[0]
    assert after.startswith("$argon2id$v=19$m=8,t=2,p=1$")
    assert people.enter("ana", PASSWORD, where=HERE)


def test_the_shipped_parameters_are_those_of_the_rfc() -> None:
    made = passwords.Passwords()
    found = made.hash(PASSWORD)
    made.close()
    assert found.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_whoever_is_wrong_gets_one_answer_after_the_same_work(
    inside: PeopleInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside.user("ana")
    inside.user("bo")
    inside.user("invited", password=None)
    inside.people.users.disable("bo", by=BOSS)
    verified = []
    hasher = type(inside.people.passwords._hasher)
    real = hasher.verify

    def counting(self: object, stored: str, password: str) -> bool:
        verified.append(stored)
        return real(self, stored, password)  # type: ignore[arg-type]

    monkeypatch.setattr(hasher, "verify", counting)
    texts = set()
    for login, password in (
        ("ana", "wrong"),
        ("nobody-here", PASSWORD),
        ("bo", PASSWORD),
        ("invited", PASSWORD),
        ("invited", ""),
        ("' OR 1=1 --", PASSWORD),
    ):
        verified.clear()
        with pytest.raises(Refused) as error:
            inside.people.enter(login, password, where=HERE)
        texts.add(refused("denied", error))
        assert len(verified) == 1, login
        assert verified[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert len(texts) == 1
    assert inside.people.users.proven("bo", PASSWORD) is None
    assert inside.rows("SELECT count(*) FROM sessions") == [(0,)]


def test_what_was_typed_for_a_name_is_not_written_down(inside: PeopleInside) -> None:
    inside.user("ana")
    for login in ("my secret password", "ana"):
        with pytest.raises(Refused):
            inside.people.enter(login, "wrong", where=HERE)
    assert [(actor, subject) for actor, _, subject, _ in inside.noted("session.refuse")] == [
        ("nobody", ""),
        ("ana", "ana"),
    ]
    assert b"my secret password" not in inside.path.read_bytes()


# --- guessing ------------------------------------------------------------------------------------------


def enter(inside: PeopleInside, login: str, password: str, address: str) -> str:
    try:
        inside.people.enter(login, password, where=From(address))
    except Refused as error:
        if error.kind == "later":
            assert error.wait_s is not None
            assert 1 <= error.wait_s <= 601
        return error.kind
    return "in"


def test_guessing_a_password_is_slowed_per_login(tmp_path: Path) -> None:
    with PeopleInside(tmp_path, attempts=Attempts(per_login=3)) as inside:
        inside.user("ana")
        inside.user("bo")
        # from ever new addresses
        assert [enter(inside, "ana", "wrong", f"198.51.100.{n}") for n in range(4)] == ["denied"] * 3 + [
            "later"
        ]
        assert enter(inside, "ana", PASSWORD, "198.51.100.9") == "later", "the right one is not told either"
        assert enter(inside, "bo", PASSWORD, "198.51.100.9") == "in"


def test_guessing_is_slowed_per_address_and_right_ones_do_not_count(tmp_path: Path) -> None:
    with PeopleInside(tmp_path, attempts=Attempts(per_address=3)) as inside:
        for name in ("ana", "bo", "cy", "di"):
            inside.user(name)
        assert [enter(inside, name, PASSWORD, "192.0.2.1") for name in ("ana", "bo", "cy")] == ["in"] * 3
        assert [enter(inside, "ana", PASSWORD, "192.0.2.1") for _ in range(5)] == ["in"] * 5
        wrong = [enter(inside, f"guess{n}", "wrong", "192.0.2.1") for n in range(4)]
        assert wrong == ["denied"] * 3 + ["later"]
        # who was right from there before still comes in; who never was waits
        assert enter(inside, "ana", PASSWORD, "192.0.2.1") == "in"
        assert enter(inside, "di", PASSWORD, "192.0.2.1") == "later"
        assert enter(inside, "di", PASSWORD, "192.0.2.2") == "in"


def test_guessing_elsewhere_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    with PeopleInside(tmp_path, attempts=Attempts(per_login=3)) as inside:
        inside.user("ana")
        assert enter(inside, "ana", PASSWORD, "192.0.2.1") == "in"
        assert [enter(inside, "ana", "wrong", "203.0.113.5") for _ in range(4)][-1] == "later"
        assert enter(inside, "ana", PASSWORD, "192.0.2.1") == "in"
        # and the known address is no way round it
        assert [enter(inside, "ana", "wrong", "192.0.2.1") for _ in range(4)] == ["denied"] * 3 + ["later"]


def test_a_hundred_guesses_at_once_get_no_further(tmp_path: Path) -> None:
    attempts = Attempts(per_login=5)
    inside_now, let_go, results = [], threading.Event(), []

    def guess() -> None:
        try:
            with attempts.login("ana", "192.0.2.1"):
                inside_now.append(1)
                let_go.wait(30)
                results.append("checked")
        except Refused as error:
            assert error.wait_s is not None
            results.append(error.kind)

    threads = [threading.Thread(target=guess) for _ in range(100)]
    for one in threads:
        one.start()
    while len(results) < 95:
        assert any(one.is_alive() for one in threads)
        threading.Event().wait(0.01)
    let_go.set()
    for one in threads:
        one.join()
    assert sorted(results) == ["checked"] * 5 + ["later"] * 95
    with pytest.raises(Refused), attempts.login("ana", "192.0.2.2"):
        pass


def test_an_ipv6_customer_is_one_address() -> None:
    assert network("2001:db8:1:2:3::4") == network("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network("2001:db8:1:3::1") != network("2001:db8:1:2::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1")


# --- users ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "login", ["", "a", "-ana", "ana pop", "hub", "nobody", "ána", "a" * 81, "ana\nb", "ana/x"]
)
def test_login_names_that_are_not_taken(inside: PeopleInside, login: str) -> None:
    with pytest.raises(Refused) as error:
        inside.user(login)
    refused("invalid", error)


def test_login_names_differ_by_more_than_case(inside: PeopleInside) -> None:
    assert inside.user("  Ana.Pop ").login == "ana.pop"
    with pytest.raises(Refused) as error:
        inside.user("ANA.POP")
    refused("conflict", error)
    assert inside.people.enter("ANA.pop", PASSWORD, where=HERE)


def test_a_partner_has_chosen_sites(inside: PeopleInside) -> None:
    with pytest.raises(Refused) as error:
        inside.user("police", Role.PARTNER)
    refused("invalid", error)
    assert inside.user("police", Role.PARTNER, sites=["square"]).sites == {"square"}
    # whoever becomes a partner, and whose limit is taken away
    inside.user("bo", Role.VIEWER)
    for change in ({"roles": [Role.PARTNER]}, {"roles": [Role.PARTNER], "sites": None}):
        with pytest.raises(Refused):
            inside.people.users.change("bo", by=BOSS, **change)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        inside.people.users.change("police", sites=None, by=BOSS)
    assert inside.people.users.change("police", sites=["harbour"], by=BOSS).sites == {"harbour"}


def test_changes_count_with_the_next_request(inside: PeopleInside) -> None:
    inside.user("ana", Role.OPERATOR)
    held = inside.people.enter("ana", PASSWORD, where=HERE).secret
    who = inside.people.sessions.who
    assert who(held).may(Right.HANDLE)  # type: ignore[union-attr]
    inside.people.users.change("ana", roles=[Role.VIEWER], by=BOSS)
    assert not who(held).may(Right.HANDLE)  # type: ignore[union-attr]
    inside.people.users.disable("ana", by=BOSS)
    assert who(held) is None
    inside.people.users.enable("ana", by=BOSS)
    assert who(held) is None, "a session that ended stays over"
    (_, _, login, detail), *_ = inside.noted("user.change")
    assert (login, detail["was"]["roles"], detail["changed"]) == ("ana", ["operator"], {"roles": ["viewer"]})


def test_somebody_who_can_let_others_in_is_always_left(inside: PeopleInside) -> None:
    inside.user("ana", Role.ADMINISTRATOR)
    inside.user("invited", Role.ADMINISTRATOR, password=None)
    for change in (
        lambda: inside.people.users.disable("ana", by=BOSS),
        lambda: inside.people.users.change("ana", roles=[Role.VIEWER], by=BOSS),
    ):
        with pytest.raises(Refused) as error:
            change()
        refused("conflict", error)
    assert not inside.people.users.get("ana").disabled
    inside.user("bo", Role.ADMINISTRATOR)
    assert inside.people.users.disable("ana", by=BOSS).disabled


def test_an_identity_from_elsewhere_belongs_to_one_user(inside: PeopleInside) -> None:
    inside.user("ana", password=None)
    inside.user("bo")
    users = inside.people.users
    assert users.vouched("https://id.town.example", "4711") is None
    users.tie("ana", issuer="https://id.town.example", subject="4711", by=BOSS)
    assert users.vouched("https://id.town.example", "4711").login == "ana"  # type: ignore[union-attr]
    assert users.vouched("https://other.example", "4711") is None
    for login, subject in (("bo", "4711"), ("ana", "4712")):
        with pytest.raises(Refused) as error:
            users.tie(login, issuer="https://id.town.example", subject=subject, by=BOSS)
        refused("conflict", error)


# --- sessions ------------------------------------------------------------------------------------------


def test_a_session_is_random_and_kept_as_its_hash(inside: PeopleInside) -> None:
    inside.user("ana")
    held = [inside.people.enter("ana", PASSWORD, where=HERE).secret for _ in range(2)]
    assert len(set(held)) == 2
    assert all(len(one) >= 43 for one in held)
    stored = [digest for (digest,) in inside.rows("SELECT secret FROM sessions ORDER BY id")]
    assert stored == [secret.digest(one) for one in held]
    assert all(one.encode() not in inside.path.read_bytes() for one in held)


def test_logging_in_ends_what_the_browser_held_before(inside: PeopleInside) -> None:
    """A session set up by somebody else in this browser does not become mine, nor mine his (fixation)."""
    inside.user("ana")
    inside.user("eve")
    planted = inside.people.enter("eve", PASSWORD, where=HERE).secret
    mine = inside.people.enter("ana", PASSWORD, where=From("192.0.2.7", held=planted)).secret
    assert mine != planted
    assert inside.people.sessions.who(planted) is None
    unknown = inside.people.enter("ana", PASSWORD, where=From("192.0.2.7", held="chosen by eve")).secret
    assert unknown != "chosen by eve"
    assert inside.people.sessions.who("chosen by eve") is None


def test_a_session_ends_when_idle_and_in_any_case(inside: PeopleInside) -> None:
    inside.user("ana")
    who = inside.people.sessions.who
    idle, whole = inside.people.sessions.lifetimes.idle_ms, inside.people.sessions.lifetimes.whole_ms
    held = inside.people.enter("ana", PASSWORD, where=HERE).secret
    began_ms = inside.now_ms
    while inside.now_ms + idle - 1 < began_ms + whole:
        inside.now_ms += idle - 1
        assert who(held) is not None
    inside.now_ms = began_ms + whole - 1
    assert who(held) is not None
    inside.now_ms = began_ms + whole
    assert who(held) is None
    held = inside.people.enter("ana", PASSWORD, where=HERE).secret
    inside.now_ms += idle
    assert who(held) is None


def test_use_is_written_down_for_the_next_start(inside: PeopleInside) -> None:
    inside.user("ana")
    held = inside.people.enter("ana", PASSWORD, where=HERE).secret
    idle = inside.people.sessions.lifetimes.idle_ms
    inside.now_ms += idle - MINUTE_MS
    assert inside.people.sessions.who(held) is not None
    inside.now_ms += idle - MINUTE_MS
    assert inside.again().sessions.who(held) is not None


def test_a_changed_password_forces_other_sessions_out(inside: PeopleInside) -> None:
    inside.user("ana")
    people = inside.people
    here, there = (people.enter("ana", PASSWORD, where=HERE).secret for _ in range(2))
    actor = people.sessions.who(here)
    assert actor is not None
    with pytest.raises(Refused) as error:
        people.change_password(actor, old="not this one", new="eight red scooters", where=HERE)
    refused("forbidden", error)
    with pytest.raises(Refused) as error:
        people.change_password(actor, old=PASSWORD, new="too short", where=HERE)
    refused("invalid", error)
    assert people.sessions.who(there) is not None
    fresh = people.change_password(actor, old=PASSWORD, new="eight red scooters", where=HERE).secret
    assert [people.sessions.who(one) is not None for one in (here, there, fresh)] == [False, False, True]
    with pytest.raises(Refused):
        people.enter("ana", PASSWORD, where=HERE)
    assert people.enter("ana", "eight red scooters", where=HERE)


def test_guessing_the_password_of_an_open_session_is_slowed(tmp_path: Path) -> None:
    with PeopleInside(tmp_path, attempts=Attempts(per_login=3)) as inside:
        inside.user("ana")
        actor = inside.actor("ana")
        kinds = []
        for _ in range(4):
            with pytest.raises(Refused) as error:
                inside.people.change_password(actor, old="guess", new="eight red scooters", where=HERE)
            kinds.append(error.value.kind)
        assert kinds == ["forbidden"] * 3 + ["later"]


def test_sessions_are_listed_and_ended_by_their_owner_only(inside: PeopleInside) -> None:
    ana, bo = inside.user("ana"), inside.user("bo")
    people = inside.people
    mine, other = (people.enter("ana", PASSWORD, where=HERE).secret for _ in range(2))
    actor, number = people.sessions.who(mine), people.sessions.who(other).session  # type: ignore[union-attr]
    assert actor is not None and number is not None
    assert [row.address for row in people.sessions.of(ana.id)] == ["192.0.2.7"] * 2
    with pytest.raises(Refused) as error:
        people.sessions.end(number, user=bo, by=inside.actor("bo"))
    refused("unknown", error)
    people.sessions.end(number, user=ana, by=actor)
    assert people.sessions.who(other) is None
    third = people.enter("ana", PASSWORD, where=HERE).secret
    assert people.sessions.end_all(user=ana, by=actor, but=actor.session) == 1
    assert [people.sessions.who(one) is not None for one in (mine, third)] == [True, False]


# --- tokens --------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_does_what_its_scopes_say(inside: PeopleInside) -> None:
    ana = inside.user("ana", Role.OPERATOR)
    by = inside.actor("ana")
    made, row = inside.people.tokens.make(ana, name="Grafana", scopes=[Right.LOOK], days=30, by=by)
    assert made.startswith("esplanade_")
    assert row.begin == made[:14]
    assert made.encode() not in inside.path.read_bytes()
    who = inside.people.tokens.who
    found = who(made)
    assert found is not None
    assert (found.name, found.via, found.session) == ("ana", "token", None)
    assert found.rights == {Right.LOOK, Right.SELF}
    assert inside.people.sessions.who(made) is None, "a token is no session"
    assert who(inside.people.enter("ana", PASSWORD, where=HERE).secret) is None, "and no session a token"
    inside.now_ms += 30 * DAY_MS - 1
    assert who(made) is not None
    inside.now_ms += 1
    assert who(made) is None


def test_a_token_follows_its_owner(inside: PeopleInside) -> None:
    ana = inside.user("ana", Role.OPERATOR)
    made, row = inside.people.tokens.make(
        ana, name="x", scopes=[Right.LOOK, Right.HANDLE], days=1, by=inside.actor("ana")
    )
    who = inside.people.tokens.who
    assert who(made).may(Right.HANDLE)  # type: ignore[union-attr]
    inside.people.users.change("ana", roles=[Role.VIEWER], by=BOSS)
    assert not who(made).may(Right.HANDLE)  # type: ignore[union-attr]
    inside.people.users.disable("ana", by=BOSS)
    assert who(made) is None
    inside.people.users.enable("ana", by=BOSS)
    assert who(made) is not None
    inside.people.tokens.revoke(row.id, user=ana, by=BOSS)
    assert who(made) is None
    with pytest.raises(Refused) as error:
        inside.people.tokens.revoke(row.id, user=ana, by=BOSS)
    refused("unknown", error)


@pytest.mark.parametrize(
    ("scopes", "days", "name"),
    [
        ([Right.USERS], 1, "x"),
        ([Right.CHANNELS], 1, "x"),
        ([Right.LOOK, Right.AUDIT], 1, "x"),
        ([], 1, "x"),
        ([Right.LOOK], 0, "x"),
        ([Right.LOOK], 366, "x"),
        ([Right.LOOK], 1, "  "),
        ([Right.LOOK], 1, "x" * 61),
    ],
)
def test_tokens_that_are_not_made(inside: PeopleInside, scopes: list[Right], days: int, name: str) -> None:
    ana = inside.user("ana", Role.OPERATOR)
    with pytest.raises(Refused) as error:
        inside.people.tokens.make(ana, name=name, scopes=scopes, days=days, by=inside.actor("ana"))
    refused("invalid", error)


def test_when_a_token_was_last_used(inside: PeopleInside) -> None:
    ana = inside.user("ana", Role.OPERATOR)
    made, _ = inside.people.tokens.make(ana, name="x", scopes=[Right.LOOK], days=2, by=inside.actor("ana"))
    assert inside.people.tokens.of(ana.id)[0].used_ms is None
    inside.now_ms += DAY_MS
    inside.people.tokens.who(made)
    assert inside.again().tokens.of(ana.id)[0].used_ms == inside.now_ms


# --- links ---------------------------------------------------------------------------------------------


def test_the_first_administrator(inside: PeopleInside) -> None:
    links = inside.people.links
    first, second = links.first(), links.first()
    assert first is not None and second is not None
    for held in (first, "nothing", ""):
        with pytest.raises(Refused) as error:
            links.use(held, password=PASSWORD, login="ana")
        refused("unknown", error)
    assert second.encode() not in inside.path.read_bytes()
    with pytest.raises(Refused):
        links.use(second, password="short", login="ana")
    user = links.use(second, password=PASSWORD, login="ana", display="Ana Pop")
    assert user.roles == {Role.ADMINISTRATOR}
    assert links.first() is None
    with pytest.raises(Refused):
        links.use(second, password=PASSWORD, login="eve")
    assert [one.login for one in inside.people.users.all()] == ["ana"]
    assert inside.noted("user.first")[0][:3] == ("ana", "session", "ana")


def test_a_first_link_is_worth_nothing_once_there_is_an_administrator(inside: PeopleInside) -> None:
    held = inside.people.links.first()
    assert held is not None
    inside.user("ana", Role.ADMINISTRATOR)
    with pytest.raises(Refused):
        inside.people.links.use(held, password=PASSWORD, login="eve")


def test_links_are_over_after_a_day(inside: PeopleInside) -> None:
    invited = inside.people.users.get(inside.user("bo", password=None).login)
    held = [inside.people.links.first(), inside.people.links.make(invited, by=BOSS)]
    inside.now_ms += DAY_MS
    for one in held:
        assert one is not None
        with pytest.raises(Refused) as error:
            inside.people.links.use(one, password=PASSWORD, login="ana")
        refused("unknown", error)


def test_an_invitation_and_a_new_password(inside: PeopleInside) -> None:
    people = inside.people
    bo = inside.user("bo", password=None)
    old, held = people.links.make(bo, by=BOSS), people.links.make(bo, by=BOSS)
    assert people.links.look(held).kind == "invite"
    with pytest.raises(Refused):
        people.links.use(old, password=PASSWORD)
    entered = people.use_link(held, password=PASSWORD, login="other", display=None, where=HERE)
    assert entered.user.login == "bo", "the name was given by who invited"
    with pytest.raises(Refused):
        people.links.use(held, password="another password")
    reset = people.links.make(people.users.get("bo"), by=BOSS)
    assert people.links.look(reset).kind == "reset"
    assert people.sessions.who(entered.secret) is not None
    people.links.use(reset, password="eight red scooters")
    assert people.sessions.who(entered.secret) is None, "whoever had the account before is out"
    people.users.disable("bo", by=BOSS)
    with pytest.raises(Refused):
        people.links.make(people.users.get("bo"), by=BOSS)


def test_a_link_of_somebody_disabled_does_not_work(inside: PeopleInside) -> None:
    bo = inside.user("bo", password=None)
    held = inside.people.links.make(bo, by=BOSS)
    inside.people.users.disable("bo", by=BOSS)
    with pytest.raises(Refused):
        inside.people.links.use(held, password=PASSWORD)


@pytest.mark.parametrize("kind", ["first", "invite"])
def test_one_link_used_twice_at_once_works_once(
    inside: PeopleInside, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "first":
        held = inside.people.links.first()
    else:
        held = inside.people.links.make(inside.user("user0", password=None), by=BOSS)
    assert held is not None
    # all have looked before one writes
    looked, real = threading.Barrier(4), inside.people.users.hashed

    def hashed(password: str, login: str) -> str:
        looked.wait(30)
        return real(password, login)

    monkeypatch.setattr(inside.people.users, "hashed", hashed)
    results: list[str] = []
    start = threading.Barrier(4)

    def use(login: str) -> None:
        start.wait()
        try:
            inside.people.links.use(held, password=PASSWORD, login=login)
            results.append("made")
        except Refused as error:
            results.append(error.kind)

    threads = [threading.Thread(target=use, args=(f"user{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results.count("made") == 1
    assert len(inside.people.users.all()) == 1


def test_links_that_do_not_exist_are_slowed(tmp_path: Path) -> None:
    with PeopleInside(tmp_path, attempts=Attempts(per_secrets=3)) as inside:
        kinds = []
        for _ in range(4):
            with pytest.raises(Refused) as error:
                inside.people.look_at_link("guess", where=HERE)
            kinds.append(error.value.kind)
        assert kinds == ["unknown"] * 3 + ["later"]
        held = inside.people.links.first()
        assert held is not None
        assert inside.people.look_at_link(held, where=From("192.0.2.99")).kind == "first"


def test_no_secret_is_in_the_audit_log(inside: PeopleInside) -> None:
    people = inside.people
    held = people.links.first()
    assert held is not None
    ana = people.links.use(held, password=PASSWORD, login="ana")
    session = people.enter("ana", PASSWORD, where=HERE).secret
    token, _ = people.tokens.make(ana, name="x", scopes=[Right.LOOK], days=1, by=inside.actor("ana"))
    text = repr(inside.rows("SELECT * FROM audit"))
    for one in (held, PASSWORD, session, token, "$argon2"):
        assert one not in text
    assert {action for (action,) in inside.rows("SELECT DISTINCT action FROM audit")} >= {
        "link.first",
        "user.first",
        "session.begin",
        "token.make",
    }
