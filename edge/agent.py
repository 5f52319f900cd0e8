"""The agent: cameras -> frames -> sightings -> readings -> outbox -> broker. `build` wires it, `Agent.run` is the loop.

The calling thread analyses frames, one camera after the other; each camera has a reader thread; a thread publishes.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import msgspec

from contract import limits, topics
from contract.instants import from_ms
from contract.messages import AgentStatus, CameraHealth, ClockSource, ModelRef, PictureState, Reading
from contract.site_file import Camera
from edge.camera import CameraReader
from edge.combined_file import DensityRefused
from edge.config import CameraChoice, Config
from edge.delivery import Delivery
from edge.detector import Detector
from edge.ground import Ground
from edge.health import WHAT_TO_DO
from edge.look import Look, loaded, look
from edge.mqtt import Link, Message
from edge.outbox import Outbox
from edge.readings import Readings
from edge.sighting import PictureMismatch, Sight

log = logging.getLogger("edge.agent")

HEALTH_EVERY_S: Final = 10.0
GRACE_MS: Final[dict[ClockSource, int]] = {"arrival": 20, "media": 20, "rtcp": 1_000}
"""A window is closed by the frame after it, or this long after its end. By the camera's own clock a frame may still be
on its way; by ours it has come. [E]"""
IDLE_S: Final = 0.02
"""Longest wait for a frame before windows and health are looked at again. [E]"""
GOODBYE_S: Final = 3.0


def wall_ms() -> int:
    """This machine's clock, Unix ms."""
    return time.time_ns() // 1_000_000


class Eye:
    """One camera of the agent, from its reader to its readings."""

    def __init__(
        self,
        *,
        camera: Camera,
        reader: CameraReader,
        sight: Sight,
        readings: Readings,
        emit: Callable[[list[Reading]], None],
    ) -> None:
        self.camera, self.reader = camera, reader
        self._sight, self._readings, self._emit = sight, readings, emit
        self._live = reader.choice.source.file is None or bool(reader.choice.source.real_time)
        self._mismatch: str | None = None
        self._clock: ClockSource = "arrival"
        self.over = False  # the footage has ended and its last reading is in the outbox
        self.used = 0
        self._told_used = self._told_dropped = 0
        self.picture: PictureState = "none"
        self.since_ms = wall_ms()
        self.problem: str | None = None
        self.told_s = float("-inf")
        self.told: PictureState | None = None

    def look(self) -> bool:
        """Analyses at most one frame. Returns whether there was one."""
        frame = self.reader.take()
        if frame is None:
            due_ms = self._readings.due_ms()
            if self.reader.drained:
                self._emit(self._readings.close())
                self.over = True
            elif self._live and due_ms is not None and wall_ms() >= due_ms + GRACE_MS[self._clock]:
                self._emit(self._readings.advance(due_ms))
            return False
        self._clock = frame.clock
        self._emit(self._readings.advance(frame.captured_ms))
        try:
            self._readings.add(self._sight.see(frame))
            self._mismatch = None
        except (PictureMismatch, DensityRefused) as wrong:
            self._mismatch = str(wrong)
        self.used += 1
        return True

    def judge(self) -> None:
        """Brings `picture` and `problem` up to date."""
        state = self.reader.state()
        picture: PictureState = "good"
        problem = self._mismatch or state.problem
        if state.ended and problem is None:
            problem = "the footage is over"
        if problem is not None or state.last_frame_ms is None:
            picture = "none"
        else:
            judgement = self._sight.health.judgement
            if judgement is not None:
                picture = judgement.state
                problem = WHAT_TO_DO[picture]
        if picture != self.picture:
            self.since_ms = wall_ms()
            (log.info if picture == "good" or state.ended else log.warning)(
                "camera %s: picture %s%s", self.camera.id, picture, f": {problem}" if problem else ""
            )
        self.picture, self.problem = picture, problem

    def health(self, *, site: str, agent: str, boot: str, outbox: Outbox) -> CameraHealth:
        """The message as of now; `judge` first. Frames count from the message before, see `told_all`."""
        state = self.reader.state()
        problem = self.problem or outbox.problem
        offset_s = state.clock_offset_s or 0.0
        if problem is None and abs(offset_s) > limits.CLOCK_OFFSET_CORRECTED_S:
            problem = f"the camera's clock is off by {offset_s:.1f} s; set its NTP server"
        last = state.last_frame_ms
        return CameraHealth(
            schema=limits.SCHEMA,
            site=site,
            agent=agent,
            camera=self.camera.id,
            boot=boot,
            sent_at=from_ms(wall_ms()),
            picture=self.picture,
            since=from_ms(self.since_ms),
            problem=None if problem is None else problem[:400],
            frames_per_s=state.frames_per_s,
            frames_used=self.used - self._told_used,
            frames_dropped=state.dropped - self._told_dropped,
            clock=state.clock,
            clock_offset_s=state.clock_offset_s,
            last_frame_at=None if last is None else from_ms(last),
            outbox_depth=len(outbox),
        )

    def told_all(self, health: CameraHealth) -> None:
        """Notes that `health` was published."""
        self.told, self.told_s = health.picture, time.monotonic()
        self._told_used += health.frames_used
        self._told_dropped += health.frames_dropped


class Agent:
    """Everything one agent runs. Made by `build`."""

    def __init__(
        self, *, config: Config, look: Callable[[CameraChoice, Ground], Look], boot: str, outbox: Outbox
    ) -> None:
        """Raises GroundUnusable when a camera's calibration cannot be used."""
        self.boot, self.outbox = boot, outbox
        self._site, self._agent = config.site.site, config.agent
        self._models: dict[ModelRef, None] = {}
        self._stopping = threading.Event()
        self._arrived = threading.Event()
        self._to_publish = threading.Event()
        media_time = any(choice.source.file and not choice.source.real_time for choice, _ in config.cameras)
        self._delivery = Delivery(
            outbox=outbox,
            site=self._site,
            agent=self._agent,
            stamp_ms=(lambda: None) if media_time else wall_ms,
        )
        self._link = Link(
            broker=config.broker,
            password=config.password,
            client_id=f"esplanade-{self._site}-{self._agent}",
            subscription=topics.ACK.address(site=self._site, agent=self._agent),
            will=lambda: self._status("offline"),
            on_up=self._came_up,
            on_message=self._acked,
            on_room=self._to_publish.set,
        )
        self.eyes = [self._eye(choice, camera, config, look) for choice, camera in config.cameras]
        self._publisher = threading.Thread(target=self._publish, name="publish", daemon=True)
        self._greet = threading.Event()

    def _eye(
        self,
        choice: CameraChoice,
        camera: Camera,
        config: Config,
        look: Callable[[CameraChoice, Ground], Look],
    ) -> Eye:
        ground = Ground(camera, config.site.cell_m)
        log.info("camera %s: %s: %s", camera.id, choice.source.said, ground.report())
        looking = look(choice, ground)
        log.info("camera %s: model %s, %s", camera.id, looking.model.name, looking.said)
        self._models[looking.model] = None
        return Eye(
            camera=camera,
            reader=CameraReader(
                choice,
                replay_start=config.site.replay_start,
                arrived=self._arrived.set,
                wall_ms=wall_ms,
            ),
            sight=Sight(camera=camera, ground=ground, detector=looking.detector, boot=self.boot),
            readings=Readings(
                site=self._site,
                camera=camera,
                boot=self.boot,
                period_s=config.period_s,
                ground=ground,
                model=looking.model,
                errors=looking.errors,
            ),
            emit=self._keep,
        )

    def run(self, *, until_settled: bool = False) -> None:
        """Until `stop`; with `until_settled` until all footage is over and the hub has every reading.

        What breaks the loop is raised on; the last status is then `offline`, as the Last Will would say it.
        """
        log.info("agent %s: boot %s, %d cameras", self._agent, self.boot, len(self.eyes))
        self._link.start()
        self._publisher.start()
        for eye in self.eyes:
            eye.reader.start()
        last = "offline"
        try:
            while not self._stopping.is_set() and not (until_settled and self._all_over()):
                self._arrived.clear()
                looked = [eye.look() for eye in self.eyes]
                self._tell_health()
                if not any(looked):
                    self._arrived.wait(IDLE_S)
            last = "stopped"
        finally:
            self._end(last)

    @property
    def broken(self) -> list[str]:
        """Footage that could not be read to its end, in words."""
        states = [eye.reader.state() for eye in self.eyes]
        return [state.problem for state in states if state.ended and state.problem is not None]

    def stop(self) -> None:
        """From any thread or a signal."""
        self._stopping.set()
        self._arrived.set()

    def _all_over(self) -> bool:
        return all(eye.over for eye in self.eyes) and len(self.outbox) == 0

    def _keep(self, readings: list[Reading]) -> None:
        """Outbox first, then the broker."""
        for reading in readings:
            before = self.outbox.problem
            self._delivery.offer(self.outbox.put(reading))
            if self.outbox.problem is not None and self.outbox.problem != before:
                log.error("%s", self.outbox.problem)
        if readings:
            self._to_publish.set()

    def _publish(self) -> None:
        while not self._stopping.is_set():
            self._to_publish.wait(1.0)
            self._to_publish.clear()
            if self._greet.is_set():
                self._greet.clear()
                self._link.publish(self._status("online"))
                for eye in self.eyes:
                    eye.told = None
            self._delivery.step(self._link)

    def _came_up(self) -> None:
        self._delivery.again()
        self._greet.set()
        self._to_publish.set()

    def _acked(self, body: bytes) -> None:
        self._delivery.settle(body)
        self._to_publish.set()
        self._arrived.set()

    def _tell_health(self) -> None:
        now_s = time.monotonic()
        for eye in self.eyes:
            eye.judge()
            if eye.picture == eye.told and now_s - eye.told_s < HEALTH_EVERY_S:
                continue
            health = eye.health(site=self._site, agent=self._agent, boot=self.boot, outbox=self.outbox)
            topic = topics.HEALTH.address(site=self._site, agent=self._agent, camera=eye.camera.id)
            body = msgspec.json.encode(health)
            if self._link.publish(Message(topic, body, topics.HEALTH.qos, topics.HEALTH.retain)):
                eye.told_all(health)

    def _status(self, state: str) -> Message:
        status = AgentStatus(
            schema=limits.SCHEMA,
            site=self._site,
            agent=self._agent,
            boot=self.boot,
            state=state,  # type: ignore[arg-type]
            sent_at=from_ms(wall_ms()),
            version=version("esplanade"),
            cameras=tuple(eye.camera.id for eye in self.eyes),
            models=tuple(self._models),
        )
        topic = topics.STATUS.address(site=self._site, agent=self._agent)
        return Message(topic, msgspec.json.encode(status), topics.STATUS.qos, topics.STATUS.retain)

    def _end(self, state: str) -> None:
        self._stopping.set()
        self._to_publish.set()
        for eye in self.eyes:
            eye.reader.halt()
        deadline_s = time.monotonic() + GOODBYE_S
        for eye in self.eyes:
            eye.reader.stop(max(0.0, deadline_s - time.monotonic()))
        self._publisher.join(timeout=GOODBYE_S)
        if self._link.publish(self._status(state)):
            deadline_s = time.monotonic() + GOODBYE_S
            while not self._link.idle and time.monotonic() < deadline_s:
                time.sleep(0.02)
        self._link.stop()
        self.outbox.close()
        log.info("agent %s: %s", self._agent, state)


def shared_detector(config: Config) -> Detector | None:
    """Of cameras without a density model of their own, which share one session; None where there is no such camera."""
    own = (choice.density is not None and choice.density.use != "external" for choice, _ in config.cameras)
    return None if all(own) else loaded(config.model)


def build(config: Config) -> Agent:
    """The wired agent. Raises what its parts raise: model, calibration and outbox errors say what to do."""
    shared = shared_detector(config)
    return Agent(
        config=config,
        look=lambda choice, ground: look(
            site=config.site.site, ground=ground, model=config.model, density=choice.density, shared=shared
        ),
        boot=secrets.token_hex(8),
        outbox=Outbox(config.outbox, readings_max=config.outbox_readings_max),
    )
