"""How each camera does, as the page shows it."""

from __future__ import annotations

from contract.instants import from_ms
from contract.phrase import english
from hub.sensor_findings import problem_of
from hub.site_state import CameraMemory, SiteState
from hub.step import CameraState


def camera_state(state: SiteState, memory: CameraMemory, now_ms: int) -> CameraState:
    """As of `now_ms`."""
    camera, health, reading = memory.camera, memory.health, memory.reading
    condition = state.condition(camera.id, now_ms)
    offset_s = memory.clock_offset_s
    if offset_s is None and health is not None:
        offset_s = health.clock_offset_s
    covered = None
    if memory.sheet is not None and memory.covered_cells:
        covered = round(min(1.0, memory.observed_cells / memory.covered_cells), 3)
    problem = problem_of(memory, condition, now_ms)
    return CameraState(
        camera=camera.id,
        agent=camera.agent,
        name=camera.name,
        position_m=camera.position_m,
        vms_url=camera.vms_url,
        state=condition,
        picture=None if health is None else health.picture,
        captured_to=None if memory.captured_ms is None else from_ms(memory.captured_ms),
        age_s=None if memory.captured_ms is None else round((now_ms - memory.captured_ms) / 1000.0, 1),
        frames_per_s=None if health is None else health.frames_per_s,
        clock=None if reading is None else reading.clock,
        clock_offset_s=None if offset_s is None else round(offset_s, 3),
        clock_corrected=memory.clock_corrected,
        problem=None if problem is None else english(problem),
        problem_phrase=problem,
        outbox_depth=None if health is None else health.outbox_depth,
        zones=memory.zones,
        observed_share=covered,
    )
