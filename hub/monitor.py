"""The hub's judgement: readings in; zone states, alerts and their transitions out. No clock, no I/O.

One step: the ground as the cameras see it -> the crowd in each zone -> who is where they may not be -> findings of the
rules -> live risk -> levels -> alerts. The same observations in the same order with the same step times give the same
Steps, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from contract.instants import from_ms
from contract.intake import Observation
from contract.limits import FUTURE_MAX_S
from contract.messages import AgentStatus, CameraHealth, Severity, ZoneState
from contract.phrase import say
from hub.access import Standing, judge_access
from hub.actions import (
    Acknowledge,
    Action,
    Close,
    Disposition,
    IllegalAction,
    OutOfService,
    Shelve,
    UnknownAlert,
    Unshelve,
)
from hub.alert_book import AlertBook
from hub.assessment import Assessment
from hub.camera_state import camera_state
from hub.crowd_findings import crowd_findings, entered_finding
from hub.escalation import Escalation
from hub.finding import Finding
from hub.ground import survey
from hub.heat import heat_map
from hub.inflow import Inflow
from hub.memory import VERSION, CameraMark, Memory, decode, encode
from hub.merge import Fused
from hub.permits import MOTOR_KINDS, TIMED_PERMIT_MAX_MS, TimedPermit, in_force
from hub.polygons import centroid, contains
from hub.remembered import RememberedGround
from hub.risk import Circumstances, RiskMemory, ShownRisk, live_risk, measure_state, worst
from hub.risk_findings import risk_finding
from hub.rules import RULES, SEVERITIES, Family, effective, steps_of
from hub.sensor_findings import Stake, sensor_finding
from hub.site import Area, Site, Zone
from hub.site_state import GOOD_READINGS, CameraMemory, SiteState, SiteView
from hub.step import CameraState, GroundVehicle, Heat, Step, Transition
from hub.vehicle_findings import Eyes, Stops, Watch, access_finding, stopped_finding
from hub.zone_crowd import CrowdMeter, ZoneCrowd
from hub.zone_level import LevelMemory, settle, zone_state

RECALL_MS = 300_000  # how far back stored readings must be recalled after a restart
_SET_BACK_MS = round(FUTURE_MAX_S * 1000)

__all__ = [
    "RECALL_MS",
    "Acknowledge",
    "Action",
    "CameraState",
    "Close",
    "Disposition",
    "GroundVehicle",
    "Heat",
    "IllegalAction",
    "Monitor",
    "OutOfService",
    "Shelve",
    "Step",
    "TimedPermit",
    "Transition",
    "UnknownAlert",
    "Unshelve",
]


class Monitor:
    """Judges one site. Raises UnusableMemory for stored memory that is not this site's."""

    def __init__(
        self,
        *,
        site: Site,
        assessment: Assessment | None,
        run: str,
        memory: bytes | None = None,
        escalation: Escalation | None = None,
    ) -> None:
        kept = Memory(version=VERSION, site=site.site) if memory is None else decode(memory, site.site)
        self._site = site
        self._assessment = assessment
        self._ground = survey(site)
        self._state = SiteState(site, self._ground, started_ms=kept.started_ms)
        self.zones_seen = self._state.zones_seen
        self._remembered = RememberedGround(self._ground, kept.cells)
        self._inflow = Inflow(self._ground, site.zones)
        self._meter = CrowdMeter(site, self._ground, kept.patches)
        self._book = AlertBook(
            site=site.site, run=run, assessment=assessment, stored=kept.book, escalation=escalation
        )
        self._levels = {zone.id: kept.levels.get(zone.id, LevelMemory()) for zone in site.zones}
        self._risks = dict(kept.risks)
        self._watches = dict(kept.watches)
        self._stops = dict(kept.stops)
        self._permits = list(kept.permits)
        self._sampled: tuple[int, Fused] | None = None
        self._recalled_ms: int | None = None
        self._stepped_ms = kept.stepped_ms
        self._listening_ms: int | None = None
        self._heat: tuple[int, Heat] | None = None
        self._cameras: tuple[CameraState, ...] = ()
        self._lines = {camera.id: tuple(line.id for line in camera.lines) for camera in site.cameras}
        self._area_zone = {area.id: _zone_of(site, area) for area in site.areas}
        for camera, mark in kept.cameras.items():
            if camera in self._state.cameras:
                one = self._state.cameras[camera]
                one.captured_ms, one.heard_ms = mark.captured_ms, mark.heard_ms
                one.period_ms, one.good_readings = mark.period_ms, mark.good_readings

    @property
    def stepped_ms(self) -> int | None:
        """The last instant judged, also by the hub before this one; None: none yet."""
        return self._stepped_ms

    # --- in ------------------------------------------------------------------------------------------------

    def observe(self, observation: Observation, *, received_ms: int) -> None:
        """A live reading. What is older than this camera's newest is ignored."""
        self._end_recall()
        if self._state.apply(observation, received_ms):
            self._inflow.count_crossings(observation, self._lines[observation.reading.camera])

    def recall(self, observation: Observation) -> None:
        """A stored reading of before the restart, in order of captured_to: fills the state and judges nothing."""
        captured_ms = observation.captured_to_ms
        if self._recalled_ms is not None and captured_ms > self._recalled_ms:
            self._end_recall()
        self._recalled_ms = captured_ms
        if self._state.apply(observation, captured_ms, recalled=True):
            self._inflow.count_crossings(observation, self._lines[observation.reading.camera])

    def _end_recall(self) -> None:
        """Looks at the last instant recalled, before anything newer is taken in."""
        if self._recalled_ms is not None:
            view = self._state.view(self._recalled_ms)
            # what the memory was stored after it knows already: older sights must not go over the newer ones
            if self._stepped_ms is None or self._recalled_ms > self._stepped_ms:
                self._remembered.update(view.fused)
            self._sample(view)
            self._recalled_ms = None

    def note_health(self, health: CameraHealth, *, received_ms: int) -> None:
        self._state.apply_health(health)

    def note_status(self, status: AgentStatus, *, received_ms: int) -> None:
        self._state.apply_status(status)

    def note_clock(self, camera: str, *, offset_s: float, corrected: bool) -> None:
        """What the hub measured of a camera's clock; shown, and of no effect here."""
        memory = self._state.cameras.get(camera)
        if memory is not None:
            memory.clock_offset_s, memory.clock_corrected = offset_s, corrected

    def act(self, action: Action, now_ms: int) -> tuple[Transition, ...]:
        """Does what a person asks. Raises IllegalAction, which says why and what to do; then nothing has changed."""
        known = {*self._site.zone_ids, *self._area_zone, *self._state.cameras}
        if isinstance(action, OutOfService) and action.subject not in known:
            raise IllegalAction(
                say("there is no zone, area or camera {subject}", subject=action.subject[:60]),
                say("take one of the site file"),
            )
        return self._book.act(action, now_ms)

    def worst_severity(self, rule: str, subject: str) -> Severity | None:
        """The highest severity that a rule or family can have at `subject`, static scores counted; None: no such rule.

        Reads the site and its assessment only: any thread may call.
        """
        here = self._area_zone.get(subject, subject)
        zones = (here,) if here in self._site.zone_ids else self._site.zone_ids
        found = [
            effective(step, zone, self._assessment).severity
            for step in RULES
            if rule in (step.id, step.family.value)
            for zone in zones
        ]
        return max(found, key=SEVERITIES.index, default=None)

    def grant_permit(
        self, place: str, kinds: Sequence[str], until_ms: int, *, by: str, reason: str, now_ms: int
    ) -> TimedPermit:
        """A timed permit for a zone or area; `kinds` empty means the motor kinds. Raises IllegalAction."""
        if place not in self._area_zone and place not in self._site.zone_ids:
            raise IllegalAction(
                say("there is no zone or area {place}", place=place[:60]), say("take one of the site file")
            )
        strange = sorted(set(kinds) - MOTOR_KINDS - {"bicycle", "person"})
        if strange:
            raise IllegalAction(
                say("there is no kind {kind}", kind=strange[0][:60]),
                say("take of {kinds}", kinds=tuple(sorted(MOTOR_KINDS))),
            )
        if not by.strip() or not reason.strip():
            raise IllegalAction(say("a permit needs a name and a reason"), say("say who grants it and why"))
        if not now_ms < until_ms <= now_ms + TIMED_PERMIT_MAX_MS:
            raise IllegalAction(
                say("a permit must end within 24 hours from now"), say("choose a time in that range")
            )
        permit = TimedPermit(
            place=place, kinds=tuple(kinds), until_ms=until_ms, by=by, reason=reason, granted_ms=now_ms
        )
        self._permits.append(permit)
        return permit

    def memory(self) -> bytes:
        """Everything that must survive a restart beside the readings of the last RECALL_MS."""
        cameras = {
            c: CameraMark(
                captured_ms=m.captured_ms,
                heard_ms=m.heard_ms,
                period_ms=m.period_ms,
                good_readings=m.good_readings,
            )
            for c, m in self._state.cameras.items()
        }
        return encode(
            Memory(
                version=VERSION,
                site=self._site.site,
                started_ms=self._state.started_ms,
                stepped_ms=self._stepped_ms,
                cells=self._remembered.store(),
                patches=self._meter.store(),
                levels=self._levels,
                risks=self._risks,
                watches=self._watches,
                stops=self._stops,
                cameras=cameras,
                permits=tuple(self._permits),
                book=self._book.store(),
            )
        )

    # --- judge ---------------------------------------------------------------------------------------------

    def step(self, now_ms: int, *, shown: bool = True) -> Step:
        """Judges what is known at `now_ms`. Not `shown`: heat map and cameras may be older ones."""
        self._end_recall()
        self._note_pause(now_ms)
        self._permits = [permit for permit in self._permits if permit.until_ms > now_ms]
        view = self._state.view(now_ms)
        self._remembered.update(view.fused)
        self._sample(view)
        for camera, memory in self._state.cameras.items():
            if view.conditions[camera] != "live":
                memory.good_readings = 0
        crowds = self._meter.measure(view, self._remembered, self._inflow.zones_at(view.captured_ms))
        standings = judge_access(self._site, view.vehicles, self._permits)
        transitions: list[Transition] = []
        for finding in self._findings(view, crowds, standings):
            transitions += self._book.judge(finding, now_ms, self._video_link)
        risks = {crowd.zone.id: self._risks_of(crowd, now_ms) for crowd in crowds}
        for crowd in crowds:
            one = risk_finding(crowd, risks[crowd.zone.id], self._assessment, now_ms)
            if one is not None:
                transitions += self._book.judge(one, now_ms, self._video_link)
        zones = tuple(self._zone(crowd, risks[crowd.zone.id], now_ms) for crowd in crowds)
        for camera, memory in self._state.cameras.items():
            steady = view.conditions[camera] == "live" and memory.good_readings >= GOOD_READINGS
            if not steady or not self._book.idle(Family.SENSOR_SILENT, camera):
                transitions += self._book.judge(self._sensor(memory, view), now_ms, self._video_link)
        transitions += self._book.tick(now_ms)
        self._stepped_ms = now_ms
        return Step(
            now_ms=now_ms,
            zones=zones,
            alerts=self._book.open_alerts(),
            transitions=tuple(transitions),
            heat=self._heat_of(view, anew=shown),
            vehicles=tuple(_ground_vehicle(standing) for standing in standings),
            cameras=self._cameras_at(now_ms, anew=shown),
        )

    def _note_pause(self, now_ms: int) -> None:
        """After a time in which nobody judged, no clock of a rule counts it: what was not seen is unknown.

        After a restart the clock on the wall may also have been set back: then all that was captured lies ahead.
        """
        last_ms = self._stepped_ms
        if last_ms is None:
            return
        set_back = last_ms > now_ms + _SET_BACK_MS
        if not set_back and now_ms - last_ms <= self._state.longest_silence_ms:
            return
        self._listening_ms = now_ms
        self._book.rest(forget=set_back)
        for stops in self._stops.values():
            stops.at_ms = None
        for risk in self._risks.values():
            risk.at_ms = None
        if set_back:
            self._state.forget_times()
            self._inflow, self._sampled = Inflow(self._ground, self._site.zones), None
            self._meter = CrowdMeter(self._site, self._ground)
            for watch in self._watches.values():
                watch.seen_ms = None
            for stops in self._stops.values():
                stops.rewind(now_ms)

    def _sample(self, view: SiteView) -> None:
        """Keeps one sample for each capture instant."""
        if view.captured_ms is None:
            return
        if self._sampled is not None and view.captured_ms > self._sampled[0]:
            self._inflow.sample(self._sampled[1], self._sampled[0])
        if self._sampled is None or view.captured_ms >= self._sampled[0]:
            self._sampled = (view.captured_ms, view.fused)

    def _findings(
        self, view: SiteView, crowds: Sequence[ZoneCrowd], standings: Sequence[Standing]
    ) -> list[Finding]:
        found = [one for crowd in crowds for one in crowd_findings(crowd, view.now_ms, self._book.idle)]
        eyes = Eyes(self._ground, view)
        zones = len(self._site.zones)
        for i, zone in enumerate(self._site.zones):
            if zone.pedestrian:
                found += self._access(zone, zone.id, i, standings, eyes)
        for i, area in enumerate(self._site.areas, zones):
            zone_id = self._area_zone[area.id]
            if "vehicle" in area.closed_to:
                found += self._access(area, zone_id, i, standings, eyes)
            if area.restricted_stopping:
                found.append(self._stopped(area, zone_id, i, eyes))
            if "person" in area.closed_to:
                found.append(self._entered(area, zone_id, i, view))
        return found

    def _access(
        self, place: Zone | Area, zone: str | None, i: int, standings: Sequence[Standing], eyes: Eyes
    ) -> list[Finding]:
        seen, watch = eyes.view.places[i], self._watches.setdefault(place.id, Watch())
        if self._book.idle(Family.VEHICLE_ACCESS, place.id) and all(s.breaks != place.id for s in standings):
            return []
        return [access_finding(place, zone, standings, watch, seen.watched_ms, eyes, seen.cameras)]

    def _stopped(self, area: Area, zone: str | None, i: int, eyes: Eyes) -> Finding:
        seen = eyes.view.places[i]
        rule = steps_of(Family.VEHICLE_STOPPED)[0]
        return stopped_finding(
            self._site,
            area,
            zone,
            eyes.view.vehicles,
            self._permits,
            self._stops.setdefault(area.id, Stops()),
            seen.watched_ms,
            self._book.effective(rule, 1, zone).on_after_ms,
            eyes,
            seen.cameras,
        )

    def _entered(self, area: Area, zone: str | None, i: int, view: SiteView) -> Finding:
        seen, place = view.places[i], self._ground.areas[i - len(self._site.zones)]
        at_ms = view.now_ms if seen.captured_ms is None else seen.captured_ms
        permit = in_force(area.id, area.permits, self._permits, "person", at_ms, self._site.time_zone_info)
        people = None
        if seen.captured_ms is not None:
            # One person is less than cameras may differ by: whoever sees nobody there must not weigh them away.
            fused = float(place.share @ view.fused.people.ravel())
            people = max(fused, self._state.most_counted(i, seen.cameras))
        held = float(place.share @ self._remembered.people().ravel())
        x, y = centroid(area.polygon)
        return entered_finding(
            area,
            zone,
            people,
            held,
            permit,
            seen.captured_ms,
            view.now_ms,
            (round(x, 2), round(y, 2)),
            seen.cameras,
        )

    def _risks_of(self, crowd: ZoneCrowd, now_ms: int) -> tuple[ShownRisk, ...]:
        assessment = self._assessment
        if assessment is None:
            return ()
        zone = crowd.zone.id
        active = self._book.active_rules(zone)
        priors = assessment.file.priors
        found = []
        for static in assessment.of_zone(zone):
            memory = self._risks.setdefault(f"{zone}|{static.threat}", RiskMemory())
            cues = [] if priors is None else [c for c in priors.cues if c.threat is static.threat]
            live = live_risk(
                static,
                Circumstances(
                    people=crowd.people,
                    seen_share=crowd.seen_share,
                    reference_people=assessment.reference_people(zone),
                    measures=[measure_state(m, now_ms) for m in assessment.measures_of(zone, static.threat)],
                    cues=[cue for cue in cues if cue.rule in active],
                    threat_level=assessment.file.threat_level,
                    last_known_c=memory.last_c,
                    count_age_s=None if crowd.captured_ms is None else (now_ms - crowd.captured_ms) / 1000.0,
                    now_ms=now_ms,
                ),
            )
            if live.well_observed:
                memory.last_c = live.c
            found.append(ShownRisk(live, memory.show(live.r, crowd.captured_ms)))
        return tuple(found)

    def _zone(self, crowd: ZoneCrowd, risks: tuple[ShownRisk, ...], now_ms: int) -> ZoneState:
        memory = self._levels[crowd.zone.id]
        hazard = self._book.active_step(Family.DENSITY, crowd.zone.id)
        settle(memory, crowd, hazard, worst(risks), now_ms)
        return zone_state(self._site.site, crowd, hazard, risks, self._assessment, memory, now_ms)

    def _sensor(self, memory: CameraMemory, view: SiteView) -> Finding:
        stakes: list[Stake] = []
        if view.conditions[memory.camera.id] != "live" and memory.sheet is not None:
            lost = np.zeros(self._ground.frame.shape, dtype=np.bool_)
            lost[memory.sheet.box.slices] = memory.sheet.observed
            lost &= self._remembered.lost()
            for zone, place in zip(self._site.zones, self._ground.zones, strict=True):
                level = self._levels[zone.id].last
                if level is not None and (lost.ravel() & place.cells).any():
                    stakes.append(Stake(zone.id, zone.name, level))
        zone_id = memory.zones[0] if memory.zones else None
        return sensor_finding(self._state, memory, view.now_ms, stakes, zone_id, self._listening_ms)

    def _video_link(self, finding: Finding) -> str | None:
        """Of the finding's cameras that have a link, the one that sees the spot best by geometry."""
        linked = [
            memory.camera
            for camera in finding.cameras
            if (memory := self._state.cameras.get(camera)) is not None and memory.camera.vms_url
        ]
        if not linked:
            return None
        at = finding.position_m
        if at is None:
            return linked[0].vms_url
        return max(linked, key=lambda camera: self._state.weight_at(camera.id, *at)).vms_url

    def _cameras_at(self, now_ms: int, *, anew: bool) -> tuple[CameraState, ...]:
        if anew or not self._cameras:
            self._cameras = tuple(
                camera_state(self._state, memory, now_ms) for memory in self._state.cameras.values()
            )
        return self._cameras

    def _heat_of(self, view: SiteView, *, anew: bool) -> Heat:
        if self._heat is None or (anew and self._heat[0] != view.version):
            self._heat = (view.version, heat_map(view.fused, self._ground))
        return self._heat[1]


def _zone_of(site: Site, area: Area) -> str | None:
    """The zone an area belongs to: that of its middle, or of its first corner that lies in one."""
    middle = centroid(area.polygon)
    for x, y in (middle, *area.polygon):
        if not contains(area.polygon, x, y) and (x, y) == middle:
            continue
        zone = site.zone_at(x, y)
        if zone is not None:
            return zone.id
    return None


def _ground_vehicle(standing: Standing) -> GroundVehicle:
    vehicle = standing.vehicle
    return GroundVehicle(
        id=vehicle.id,
        kind=vehicle.kind,
        x_m=round(vehicle.x_m, 2),
        y_m=round(vehicle.y_m, 2),
        speed_m_s=round(vehicle.speed_m_s, 2),
        heading_deg=math.fmod(round(vehicle.heading_deg, 1), 360.0),
        cameras=vehicle.cameras,
        zone=standing.zone,
        authorised=standing.authorised,
        captured_at=from_ms(vehicle.captured_ms),
    )
