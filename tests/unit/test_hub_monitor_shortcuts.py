"""Leaving out findings that can change nothing changes nothing: not one bit of a step, not one of the memory."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import astuple, replace

import numpy as np
import pytest

from contract.intake import observation
from hub.actions import Acknowledge, Close, IllegalAction
from hub.alert_book import AlertBook
from hub.ground import survey
from hub.inflow import Inflow
from hub.merge import Fused
from hub.monitor import Monitor
from hub.site import read_site
from tests.kit.square import Square

START_MS = 1_781_978_400_000
SQUARE = Square(cameras=3, across=3, spacing_m=20.0)
SECONDS = 150


def said(seed):
    """(second, reading) of three cameras: crowds come and go, cars drive in and stop, cameras fall silent."""
    chance = random.Random(seed)
    density = [0.3, 0.3, 0.3]
    silent, driving = [0, 0, 0], [0, 0, 0]
    for second in range(SECONDS):
        at_ms = START_MS + second * 1000
        for camera in range(3):
            if chance.random() < 0.03:
                density[camera] = chance.choice([0.0, 0.3, 1.8, 3.6, 5.0, 7.0])
            silent[camera] = chance.choice([4, 20, 50]) if chance.random() < 0.01 else silent[camera] - 1
            driving[camera] = chance.choice([2, 15, 60]) if chance.random() < 0.02 else driving[camera] - 1
            if silent[camera] > 0:
                continue
            cars = (SQUARE.vehicle(camera, captured_at_ms=at_ms),) if driving[camera] > 0 else ()
            yield (
                second,
                SQUARE.reading(
                    camera,
                    seq=second,
                    captured_to_ms=at_ms,
                    people_per_m2=density[camera] + chance.random() * 0.2,
                    vehicles=cars,
                ),
            )


def close(monitor, step, now_ms):
    """An operator closes what they may; the clocks of what is still there run on."""
    for alert in step.alerts:
        for action in (
            Acknowledge(alert=alert.alert, by="Ana"),
            Close(alert=alert.alert, by="Ana", disposition="true"),
        ):
            with suppress(IllegalAction):
                monitor.act(action, now_ms)


def judged(site, readings):
    """Every step, and the memory at the end."""
    monitor = Monitor(site=site, assessment=None, run="run")
    steps, now = [], 0
    for second, reading in readings:
        if second != now:
            steps.append(monitor.step(START_MS + now * 1000))
            if now % 30 == 29:
                close(monitor, steps[-1], START_MS + now * 1000)
            now = second
        monitor.observe(observation(reading), received_ms=START_MS + second * 1000)
    return steps, monitor.memory()


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_the_same_with_and_without(seed, tmp_path, monkeypatch):
    site = read_site(SQUARE.write(tmp_path))
    readings = list(said(seed))
    steps, memory = judged(site, readings)
    monkeypatch.setattr(AlertBook, "idle", lambda *_: False)
    plain_steps, plain_memory = judged(site, readings)
    assert any(step.transitions for step in steps)
    assert steps == plain_steps
    assert memory == plain_memory


@pytest.mark.parametrize("seed", range(4))
def test_trends_are_the_same_from_counts_kept_and_from_cells(seed, tmp_path, monkeypatch):
    """While the same ground is seen the counts of each bin are kept; here it is also worked out from all cells."""
    site = read_site(SQUARE.write(tmp_path))
    ground = survey(site)
    rng = np.random.default_rng(seed)
    observed = rng.random(ground.frame.shape) < (1.0 if seed % 2 else 0.9)
    base, grows = rng.random(ground.frame.shape) * 4, rng.random(ground.frame.shape) * 0.05
    nobody = np.zeros(ground.frame.shape, dtype=bool)

    def told():
        inflow = Inflow(ground, site.zones)
        for second in range(130):
            people = base + grows * second + rng.random(ground.frame.shape) * 0.1
            inflow.sample(Fused(people, people, observed, nobody, observed.astype(np.uint8)), second * 1000)
        return inflow.zones_at(129_000)

    state = rng.bit_generator.state
    kept = told()
    rng.bit_generator.state = state
    closed = Inflow._close
    monkeypatch.setattr(Inflow, "_close", lambda self, full: apart(closed(self, full)))
    plain = told()
    assert all(zone.known for zone in kept)
    for one, other in zip(kept, plain, strict=True):
        assert astuple(one.net_per_s) == pytest.approx(astuple(other.net_per_s), rel=1e-9, abs=1e-12)
        assert (one.soonest is None) == (other.soonest is None)


def apart(closed):
    """The bin with a mask of its own, so that nothing says at a glance that it is the one before."""
    return replace(closed, observed=closed.observed.copy())
