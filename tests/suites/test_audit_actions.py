"""What people do to alerts and places stands in the audit log, in the transaction of what they did."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.kit.hub_inside import HubInside

TITLES = ("at_ms", "actor", "action", "subject", "detail")


def entries(inside: HubInside) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(inside.folder / "hub.sqlite3")) as db:
        rows = db.execute(f"SELECT {', '.join(TITLES)} FROM audit ORDER BY seq").fetchall()
    found = [dict(zip(TITLES, row, strict=True)) for row in rows]
    return [{**one, "detail": json.loads(one["detail"])} for one in found if one["actor"] != "hub"]


def test_every_action_that_was_allowed_is_an_entry_and_no_other(tmp_path: Path) -> None:
    began_ms = time.time_ns() // 1_000_000
    with HubInside(tmp_path) as inside, inside.client() as client:
        alert = inside.car_alert()
        path = f"/api/v1/alerts/{alert}"

        def post(path: str, **body: object) -> int:
            return client.post(path, json=body).status_code

        assert post(f"{path}/shelve", by="Ana", reason="the circus", minutes=5) == 200
        assert post(f"{path}/shelve", by="Bo", reason="again", minutes=5) == 409
        assert post(f"{path}/unshelve", by="Ana") == 200
        assert post(f"{path}/close", by="Ana", disposition="true") == 409  # still there
        assert (
            post("/api/v1/permits", by="Cy", place="zone-0", kinds=["car"], minutes=9, reason="ours") == 201
        )
        assert post(f"{path}/acknowledge", by="Dan") == 200
        inside.pass_time(60)  # the car is gone: the alert closes by itself
        assert post(f"{path}/acknowledge", by="Zoe") == 409
        assert post(f"{path}/close", by="Dan", disposition="false", cause="a stall") == 200
        asked = {"rule": "vehicle.unauthorised", "subject": "zone-0", "minutes": 5, "reason": "works"}
        assert post("/api/v1/out-of-service", by="Eve", **asked) == 201
        found = entries(inside)
    assert [(one["actor"], one["action"]) for one in found] == [
        ("Ana", "alert.shelve"),
        ("Ana", "alert.unshelve"),
        ("Cy", "permit.grant"),
        ("Dan", "alert.acknowledge"),
        ("Dan", "alert.close"),
        ("Eve", "rule.out_of_service"),
    ]
    assert {one["subject"] for one in found if one["action"].startswith("alert.")} == {alert}
    assert found[0]["detail"] == {"minutes": 5, "reason": "the circus"}
    # wall time, though this hub runs on media time
    assert all(began_ms <= one["at_ms"] <= time.time_ns() // 1_000_000 for one in found)
