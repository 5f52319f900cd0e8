"""What sensor.silent says about each camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.messages import Reason, Severity
from contract.phrase import Phrase, say
from hub.delays import Verdict
from hub.finding import Finding
from hub.reasons import Why, because
from hub.rules import Family, steps_of
from hub.site_state import GOOD_READINGS, CameraMemory, SiteState
from hub.step import CameraCondition
from hub.terms import PICTURE_WORDS

# [E] A zone's level as a severity, for the camera that leaves it blind.
_SEVERITY_OF_LEVEL: dict[int, Severity] = {0: "low", 1: "low", 2: "medium", 3: "high", 4: "high"}
_AT_STAKE_FROM = 2


@dataclass(frozen=True, slots=True)
class Stake:
    """A zone that has lost ground with this camera, and the level it had."""

    zone: str
    name: str
    level: int


def sensor_finding(
    state: SiteState,
    memory: CameraMemory,
    now_ms: int,
    stakes: Sequence[Stake],
    zone: str | None,
    listening_ms: int | None = None,
) -> Finding:
    """One camera's silence. Where it leaves a zone of medium level or more blind, at once and with that severity.

    `listening_ms`: since when this hub listens, after it did not for a while; a camera is not blamed for that time.
    """
    camera = memory.camera
    condition = state.condition(camera.id, now_ms)
    awaited = condition == "never" and state.silent_for_ms(camera.id, now_ms) <= 0
    just_back = listening_ms is not None and now_ms - listening_ms <= memory.silent_after_ms
    if condition == "live":
        verdict = Verdict.OFF if memory.good_readings >= GOOD_READINGS else Verdict.HOLD
    elif awaited or (just_back and condition != "bad_picture"):
        verdict = Verdict.HOLD
    else:
        verdict = Verdict.ON
    grave = max(
        (stake for stake in stakes if stake.level >= _AT_STAKE_FROM), key=lambda s: s.level, default=None
    )

    def explain(step: int) -> tuple[Reason, ...]:
        if condition == "live":
            return ()
        return (_why(memory, condition, now_ms), *[_at_stake(stake, camera.id) for stake in stakes])

    return Finding(
        family=Family.SENSOR_SILENT,
        subject=camera.id,
        name=camera.name,
        zone=grave.zone if grave is not None else zone,
        at_ms=now_ms,
        verdicts=(verdict,) * len(steps_of(Family.SENSOR_SILENT)),
        explain=explain,
        certainty=lambda: say("Measured by this hub: it is certain that no usable reading comes."),
        position_m=camera.position_m,
        cameras=(camera.id,),
        on_after_ms=0 if grave is not None else None,
        severity=None if grave is None else _SEVERITY_OF_LEVEL[grave.level],
    )


def problem_of(memory: CameraMemory, condition: CameraCondition, now_ms: int) -> Phrase | None:
    """What is wrong and what to do, or None."""
    camera = memory.camera
    if condition == "live":
        reading = memory.reading
        if reading is not None and reading.calibration not in (None, memory.calibration):
            return say(
                "camera {camera}: the agent's calibration differs from this hub's site file; give both the same file",
                camera=camera.id,
            )
        return None
    if condition == "bad_picture" and memory.health is not None:
        if memory.health.problem is not None:
            return memory.health.problem_phrase or Phrase(id=memory.health.problem)
        return say(
            "camera {camera}: the picture is {picture}; look at it",
            camera=camera.id,
            picture=PICTURE_WORDS[memory.health.picture],
        )
    if condition == "never" or memory.heard_ms is None:
        return say(
            "camera {camera}: no reading since this hub started; check agent {agent}",
            camera=camera.id,
            agent=camera.agent,
        )
    if condition == "stopped":
        return say(
            "camera {camera}: agent {agent} was stopped on purpose; start it again",
            camera=camera.id,
            agent=camera.agent,
        )
    silent_s = (now_ms - memory.heard_ms) // 1000
    return say(
        "camera {camera}: no reading for {s} s; check power, network and agent {agent}",
        camera=camera.id,
        s=silent_s,
        agent=camera.agent,
    )


def _why(memory: CameraMemory, condition: CameraCondition, now_ms: int) -> Reason:
    why = {
        "bad_picture": Why.SENSOR_BAD_PICTURE,
        "never": Why.SENSOR_NEVER_SEEN,
        "stopped": Why.SENSOR_STOPPED,
    }.get(condition, Why.SENSOR_NO_READING)
    text = problem_of(memory, condition, now_ms) or say("camera {camera} is silent", camera=memory.camera.id)
    limit_s = memory.silent_after_ms / 1000
    if memory.heard_ms is None or why is Why.SENSOR_BAD_PICTURE:
        return because(why, text, sources=(memory.camera.id,))
    return because(why, text, (now_ms - memory.heard_ms) // 1000, limit_s, "s", (memory.camera.id,))


def _at_stake(stake: Stake, camera: str) -> Reason:
    return because(
        Why.SENSOR_ZONE_AT_STAKE,
        say(
            "{zone} is blind or partly blind without it; its last known level is {level}",
            zone=stake.name,
            level=stake.level,
        ),
        float(stake.level),
        float(_AT_STAKE_FROM),
        "level",
        (camera,),
    )
