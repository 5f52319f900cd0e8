"""A camera that dies: its zones are unknown within three seconds, sensor.silent comes, and no level is lowered."""

from __future__ import annotations

import time
from collections.abc import Callable

from contract.instants import to_ms
from deploy.demo.parts import Town

SILENT_AFTER_S = 3.0
JUDGED_EVERY_S = 1.0
SLACK_S = 1.5  # a busy machine


def levels(town: Town) -> dict[str, tuple[int | None, int | None]]:
    state = town.get("/api/v1/state")
    return {zone["zone"]: (zone["level"], zone["last_level"]) for zone in state["zones"]} if state else {}


def all_known(town: Town) -> bool:
    found = levels(town)
    return bool(found) and all(level is not None for level, _ in found.values())


def vehicle_alerts(town: Town) -> set[str]:
    alerts = town.get("/api/v1/alerts?open=true")["alerts"]
    return {alert["alert"] for alert in alerts if alert["rule"] == "vehicle.unauthorised"}


def test_a_dead_camera_makes_its_zones_unknown_and_lowers_nothing(town: Callable[..., Town]) -> None:
    one = town()
    one.start()
    one.wait(lambda: all_known(one), one.agent, "no zone was known", 60)
    one.wait(lambda: bool(vehicle_alerts(one)), one.agent, "vehicle.unauthorised did not come", 30)
    before = levels(one)
    alerts_before = vehicle_alerts(one)
    one.agent.kill9()
    died = time.time()

    def all_unknown() -> bool:
        found = levels(one)
        return bool(found) and all(level is None for level, _ in found.values())

    one.wait(all_unknown, one.hub, "zones still read as known", 15)
    captured = to_ms(one.get("/api/v1/state")["cameras"][0]["captured_to"])
    assert time.time() - captured / 1000 < SILENT_AFTER_S + JUDGED_EVERY_S + SLACK_S
    for zone, (level, last) in levels(one).items():
        assert level is None
        assert last is not None
        assert last >= (before[zone][0] or 0), zone

    def silent() -> list[dict[str, object]]:
        return [a for a in one.get("/api/v1/alerts?open=true")["alerts"] if a["rule"] == "sensor.silent"]

    worst = max(last or 0 for _, last in levels(one).values())
    wait_s = 8.0 if worst >= 2 else 40.0
    one.wait(lambda: bool(silent()), one.hub, "sensor.silent did not come", wait_s)
    opened_after_s = to_ms(str(silent()[0]["opened_at"])) / 1000 - died
    if worst < 2:
        assert 25 < opened_after_s < 40
    assert vehicle_alerts(one) == alerts_before, "silence closes nothing"
    one.agent.start()
    one.wait(lambda: all_known(one), one.agent, "no zone came back", 60)
    one.wait(lambda: not silent() or silent()[0]["condition"] == "returned", one.hub, "stayed silent", 30)
    assert vehicle_alerts(one) == alerts_before
