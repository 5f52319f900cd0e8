"""What login, rights and the audit log add to a request, and what a login itself takes.

Two real hubs, one in open mode, are asked in turn over kept connections, so that both meet the same load of the
machine. The audit entry is measured as what it adds to one transaction on the same disk, with and without it in turn.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.broker import HOST, free_port
from hub.audit import AuditEntry, append
from hub.people.actor import Actor
from hub.people.passwords import Passwords
from hub.people.people import From, People
from hub.people.secret import form_token
from hub.rights import Right, Role
from tests.kit.hub_process import HubProcess
from tests.kit.square import Square

REQUESTS = 2000
TRANSACTIONS = 400
HASHES = 15
USERS = 200
BENCH = Actor(name="bench", display="bench", roles=frozenset(Role), via="command")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def taken_ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def figures(name: str, values: list[float], digits: int = 3) -> dict[str, float]:
    return {
        f"{name}_median_ms": round(statistics.median(values), digits),
        f"{name}_p95_ms": round(percentile(values, 0.95), digits),
    }


def compared(
    plain: Callable[[], object], more: Callable[[], object], times: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of both, in turn, after a tenth of it to warm up."""
    for _ in range(times // 10):
        plain(), more()
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(times):
        first, second = (plain, more) if number % 2 else (more, plain)
        one, two = taken_ms(first), taken_ms(second)
        a, b = (one, two) if number % 2 else (two, one)
        found[0].append(a)
        found[1].append(b)
    return found


def added(name: str, plain: list[float], more: list[float]) -> dict[str, float]:
    """Of the medians, and of the 95th percentiles."""
    return {
        **figures(f"{name}_without", plain),
        **figures(f"{name}_with", more),
        f"{name}_adds_median_ms": round(statistics.median(more) - statistics.median(plain), 3),
        f"{name}_adds_p95_ms": round(percentile(more, 0.95) - percentile(plain, 0.95), 3),
    }


def _requests(folder: Path) -> dict[str, float]:
    (folder / "open").mkdir()
    (folder / "people").mkdir()
    port = free_port()
    login = {"host": HOST, "port": port, "login": "people"}
    plain = HubProcess(folder / "open", site=Square().write(folder / "open"), broker_port=free_port())
    locked = HubProcess(
        folder / "people", site=Square().write(folder / "people"), broker_port=free_port(), http=login
    )
    locked.port = port
    with plain:
        locked.start(wait=False)
        try:
            locked.until(lambda: "page: " in locked.log.read_text(), "the hub to start")
            with People(locked.database, clock=lambda: time.time_ns() // 1_000_000) as people:
                for number in range(USERS):
                    user = people.users.add(f"user{number}", display="x", roles=[Role.OPERATOR], by=BENCH)
                    held = people.enter_as(user, where=From(HOST), how="bench").secret
                made, _ = people.tokens.make(user, name="bench", scopes=[Right.LOOK], days=1, by=BENCH)
            session = {"Cookie": f"esplanade={held}", "X-CSRF-Token": form_token(held)}
            found: dict[str, float] = {}
            with httpx.Client(base_url=f"http://{HOST}:{plain.port}", timeout=30) as before:
                for name, headers in (("session", session), ("token", {"Authorization": f"Bearer {made}"})):
                    address = f"http://{HOST}:{locked.port}"
                    with httpx.Client(base_url=address, headers=headers, timeout=30) as after:
                        locked.until(lambda after=after: _is_up(after), "the hub to answer")
                        pair = compared(
                            lambda: before.get("/api/v1/figures").raise_for_status(),
                            lambda after=after: after.get("/api/v1/figures").raise_for_status(),
                            REQUESTS,
                        )
                    found |= added(name, *pair)
            return found
        finally:
            locked.stop()


def _is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/me").status_code == 200
    except httpx.HTTPError:
        return False


def _audit(folder: Path) -> dict[str, float]:
    from hub.store import Store

    path = folder / "audit.sqlite3"
    Store(path).close()
    with People(path, clock=lambda: 0) as people:
        detail = {"disposition": "false", "cause": "a van of ours that brings the stage"}
        entry = AuditEntry(
            at_ms=0, actor="ana", via="session", action="alert.close", subject="a" * 20, detail=detail
        )

        def write(*, noted: bool) -> None:
            with people.db.write() as db:
                db.execute(
                    "INSERT INTO counts (name, n) VALUES ('x', 1) ON CONFLICT (name) DO UPDATE SET n = n + 1"
                )
                if noted:
                    append(db, entry)

        def within() -> float:
            with people.db.write() as db:
                return taken_ms(lambda: append(db, entry))

        pair = compared(lambda: write(noted=False), lambda: write(noted=True), TRANSACTIONS)
        alone = [within() for _ in range(TRANSACTIONS)]
    return {**added("audit", *pair), **figures("audit_append_alone", alone)}


def _login() -> dict[str, float]:
    hasher = Passwords()
    stored = hasher.hash("seven green bicycles")
    values = [taken_ms(lambda: hasher.verify(stored, "seven green bicycles")) for _ in range(HASHES)]
    hasher.close()
    return figures("argon2_at_login", values, 1)


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return {**_requests(Path(folder)), **_audit(Path(folder)), **_login()}
