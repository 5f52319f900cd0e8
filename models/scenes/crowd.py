"""Where everybody walks: JuPedSim moves the people, this module tells each of them where to go next.

JuPedSim (LGPL 3) is used as a library: its collision-free speed model V2 keeps people apart and off the walls, and its
routing engine finds ways around them. Journeys, lingering and stepping aside for vehicles are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.scenes.place_mesh import Place
from models.scenes.story import Flow, Layout, Point, Polygon, Story
from models.scenes.traffic import Ride
from models.scenes.wardrobe import look

Floats = npt.NDArray[np.float64]

MODEL_STEP_S: Final = 0.05
STEP_S: Final = 0.2
"""How often people decide, and are written down."""
RADIUS_M: Final = 0.155
TIME_GAP_S: Final = 0.55
CLEAR_M: Final = 0.34
"""Somebody new appears only where nobody stands this near."""
REACHED_M: Final = 0.7
ELBOW_M: Final = 0.32
"""Ways keep this far from walls and posts where there is room for it. [E]"""
ASIDE_S: Final = 1.6
"""People step aside from where a vehicle will be within this time. [E]"""
ASIDE_MARGIN_M: Final = 0.75


class SimulationFailed(RuntimeError):
    """JuPedSim could not place or move the people; the message says where."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way: `first` step, and positions (steps, 2) in metres every STEP_S. `faces`: what they look at."""

    person: int
    first: int
    points: Floats
    faces: Point | None = None


@dataclass(slots=True)
class _Mind:
    """What one person is about."""

    goals: list[tuple[str, float]]
    through: list[str]
    pace: float
    way: list[Point] = field(default_factory=list)
    target: Point = (0.0, 0.0)
    lingers_until: float = -1.0
    arrived: bool = False
    fleeing: bool = False
    track: list[Point] = field(default_factory=list)
    first: int = 0
    stuck: int = 0
    faces: Point | None = None


class _Places:
    """Draws points in the layout's named polygons, clear of solid things."""

    def __init__(self, layout: Layout, ground: Any, rng: np.random.Generator) -> None:
        import shapely

        self.rng = rng
        inner = ground.buffer(-RADIUS_M - 0.08)
        self.areas = {name: shapely.Polygon(p).intersection(inner) for name, p in layout.places.items()}
        for name, area in self.areas.items():
            if area.is_empty:
                raise SimulationFailed(
                    f"layout {layout.layout}: place {name} has no free ground; move it or enlarge it"
                )

    def point(self, name: str) -> Point:
        import shapely

        area = self.areas[name]
        x0, y0, x1, y1 = area.bounds
        for _ in range(400):
            x, y = float(self.rng.uniform(x0, x1)), float(self.rng.uniform(y0, y1))
            if area.covers(shapely.Point(x, y)):
                return x, y
        spot = area.representative_point()
        return float(spot.x), float(spot.y)


def free_ground(layout: Layout, place: Place, parked: list[Polygon]) -> Any:
    """The walkable polygon less all that is solid, as one shapely polygon."""
    import shapely

    solid = shapely.union_all(
        [shapely.Polygon(p) for _, p in place.solid] + [shapely.Polygon(p) for p in parked]
    )
    left: Any = shapely.Polygon(layout.walkable).difference(solid.buffer(0.02, join_style="mitre"))
    return shapely.set_precision(_largest(left), 0.001)


def _largest(ground: Any) -> Any:
    return max(ground.geoms, key=lambda part: part.area) if ground.geom_type == "MultiPolygon" else ground


class Crowd:
    """The simulation of one story. `walks` runs it once."""

    def __init__(
        self, story: Story, layout: Layout, place: Place, rides: list[Ride], umbrellas: float
    ) -> None:
        import jupedsim

        self.story, self.layout, self.rides = story, layout, rides
        self.umbrellas = umbrellas
        self.rng = np.random.default_rng([story.seed, 29])
        parked = [_footprint(ride) for ride in rides if max(v for _, v in ride.drive.km_h) <= 0.0]
        self.ground = free_ground(layout, place, parked)
        self.places = _Places(layout, self.ground, self.rng)
        self.gates = {
            gate.id: ((gate.start[0] + gate.end[0]) / 2.0, (gate.start[1] + gate.end[1]) / 2.0)
            for gate in layout.gates
        }
        self.routes = jupedsim.RoutingEngine(self.ground)
        self.roomy = jupedsim.RoutingEngine(_largest(self.ground.buffer(-ELBOW_M)))
        self.jupedsim = jupedsim
        self.simulation = jupedsim.Simulation(
            model=jupedsim.CollisionFreeSpeedModelV2(), geometry=self.ground, dt=MODEL_STEP_S
        )
        stage = self.simulation.add_direct_steering_stage()
        self.stage = stage
        self.journey = self.simulation.add_journey(jupedsim.JourneyDescription([stage]))
        self.minds: dict[int, _Mind] = {}
        self.people: dict[int, int] = {}
        self.next_person = 1
        self.owed = [0.0] * len(story.flows)

    def walks(self, progress: Any = None) -> list[Walk]:
        """Everybody's way from second 0 to the story's end. `progress(share)` is called now and then."""
        story = self.story
        warm = round(story.warm_up_s / STEP_S)
        steps = round(story.length_s / STEP_S) + 1
        self._stand()
        done: list[Walk] = []
        for step in range(-warm, steps):
            now_s = step * STEP_S
            for i, flow in enumerate(story.flows):
                self._arrive(i, flow, now_s)
            done += self._decide(now_s, step, record=step >= 0)
            for _ in range(round(STEP_S / MODEL_STEP_S)):
                self.simulation.iterate()
            if progress is not None and step % 50 == 0:
                progress((step + warm) / (steps + warm))
        for agent, mind in self.minds.items():
            if mind.track:
                done.append(Walk(self.people[agent], mind.first, np.array(mind.track), mind.faces))
        return sorted(done, key=lambda walk: walk.person)

    def _stand(self) -> None:
        for standing in self.story.standing:
            placed = 0
            for _ in range(standing.number * 30):
                if placed == standing.number:
                    break
                mind = _Mind([], [], 0.0, arrived=True, faces=standing.faces)
                placed += self._add(standing.place, mind, 0.42)

    def _arrive(self, i: int, flow: Flow, now_s: float) -> None:
        rate = float(np.interp(now_s, [t for t, _ in flow.per_min], [v for _, v in flow.per_min]))
        # exponential gaps: arrivals are a Poisson process
        self.owed[i] += float(self.rng.poisson(rate / 60.0 * STEP_S))
        tries = 0
        while self.owed[i] >= 1.0 and tries < 6:
            tries += 1
            goals = [(name, float(self.rng.uniform(*flow.dwell_s))) for name in flow.via] + [(flow.end, -1.0)]
            if self._add(flow.start, _Mind(goals, list(flow.through), 1.0), CLEAR_M):
                self.owed[i] -= 1.0

    def _add(self, place: str, mind: _Mind, clear_m: float) -> int:
        at = self.places.point(place)
        if next(iter(self.simulation.agents_in_range(at, clear_m)), None) is not None:
            return 0
        person = self.next_person
        pace = look(self.story.seed, person, self.umbrellas).pace
        mind.pace = pace if mind.goals else 0.02
        mind.target = at
        agent = self.simulation.add_agent(
            self.jupedsim.CollisionFreeSpeedModelV2AgentParameters(
                position=at,
                desired_speed=mind.pace,
                radius=RADIUS_M,
                time_gap=TIME_GAP_S,
                journey_id=self.journey,
                stage_id=self.stage,
            )
        )
        self.people[agent] = person
        self.minds[agent] = mind
        self.next_person += 1
        return 1

    def _decide(self, now_s: float, step: int, record: bool) -> list[Walk]:
        gone: list[Walk] = []
        dangers = _dangers(self.rides, now_s)
        for agent in list(self.simulation.agents()):
            mind = self.minds[agent.id]
            at = agent.position
            if record:
                if not mind.track:
                    mind.first = step
                mind.track.append(at)
            if self._left(agent, mind, at, now_s, dangers):
                self.simulation.mark_agent_for_removal(agent.id)
                if mind.track:
                    gone.append(Walk(self.people[agent.id], mind.first, np.array(mind.track)))
                del self.minds[agent.id]
        return gone

    def _left(
        self,
        agent: Any,
        mind: _Mind,
        at: Point,
        now_s: float,
        dangers: list[tuple[Floats, Floats, float, float]],
    ) -> bool:
        """Moves this person's mind on; True when they have left the place."""
        aside = _aside(at, dangers)
        if aside is not None and self._free(aside):
            agent.target = aside
            agent.model.desired_speed = 2.9
            mind.fleeing = True
            mind.way = []
            return False
        if mind.fleeing:
            mind.fleeing = False
            agent.model.desired_speed = mind.pace if mind.goals else 0.02
            mind.target = at
            agent.target = at
        if not mind.goals:
            return False
        if mind.arrived:
            if now_s < mind.lingers_until:
                return False
            mind.arrived = False
            mind.goals.pop(0)
            agent.model.desired_speed = mind.pace
            if not mind.goals:
                return True
        if not mind.way:
            self._plan(mind, at)
        goal = mind.way[0]
        near = REACHED_M if len(mind.way) > 1 else 0.45
        away = math.hypot(goal[0] - at[0], goal[1] - at[1])
        mind.stuck = mind.stuck + 1 if away < 2.0 else 0
        if away < near or (mind.stuck > 40 and len(mind.goals) > 1):
            mind.stuck = 0
            mind.way.pop(0)
            if not mind.way:
                dwell = mind.goals[0][1]
                if dwell < 0.0:
                    return True
                mind.arrived = True
                mind.lingers_until = now_s + dwell
                agent.model.desired_speed = 0.02
                agent.target = at
                return False
        agent.target = mind.way[0]
        return False

    def _plan(self, mind: _Mind, at: Point) -> None:
        name = mind.goals[0][0]
        stops = [self.places.point(name)]
        if len(mind.goals) == 1 and mind.through:
            stops = [self.gates[gate] for gate in mind.through] + stops
        start, way = at, []
        for stop in stops:
            try:
                clear = self.roomy.is_routable(start) and self.roomy.is_routable(stop)
                found = (self.roomy if clear else self.routes).compute_waypoints(start, stop)
            except RuntimeError as error:
                raise SimulationFailed(
                    f"story {self.story.story}: no way from {start} to {stop}: {error}"
                ) from error
            way += [(float(x), float(y)) for x, y in found[1:]]
            start = stop
        mind.way = way

    def _free(self, at: Point) -> bool:
        return bool(self.routes.is_routable(at))


def _footprint(ride: Ride) -> Polygon:
    """The ground under a vehicle that never moves."""
    here = ride.at(max(ride.drive.start_s, 0.0))
    if here is None:
        raise SimulationFailed(f"vehicle {ride.drive.id} stands past the end of its lane")
    angle = math.radians(90.0 - here.heading_deg)
    c, s = math.cos(angle), math.sin(angle)
    length, width = ride.size_m[0] / 2.0 + 0.1, ride.size_m[1] / 2.0 + 0.1
    return tuple(
        (here.x_m + c * dx - s * dy, here.y_m + s * dx + c * dy)
        for dx, dy in ((-length, -width), (length, -width), (length, width), (-length, width))
    )


def _dangers(rides: list[Ride], now_s: float) -> list[tuple[Floats, Floats, float, float]]:
    """Of each vehicle under way: its middle, its direction, how far ahead it clears people, and half its width."""
    found = []
    for ride in rides:
        here = ride.at(now_s)
        if here is None or max(v for _, v in ride.drive.km_h) <= 0.0:
            continue
        angle = math.radians(90.0 - here.heading_deg)
        way = np.array([math.cos(angle), math.sin(angle)])
        reach = ride.size_m[0] / 2.0 + 0.5 + here.speed_m_s * ASIDE_S
        found.append((np.array([here.x_m, here.y_m]), way, reach, ride.size_m[1] / 2.0 + ASIDE_MARGIN_M))
    return found


def _aside(at: Point, dangers: list[tuple[Floats, Floats, float, float]]) -> Point | None:
    """Where to step to get out of a vehicle's way; None when there is no need."""
    for middle, way, reach, half in dangers:
        dx, dy = at[0] - middle[0], at[1] - middle[1]
        ahead = dx * way[0] + dy * way[1]
        beside = -dx * way[1] + dy * way[0]
        if -reach * 0.5 < ahead < reach and abs(beside) < half:
            s = 1.0 if beside >= 0.0 else -1.0
            step = half - abs(beside) + 0.9
            return float(at[0] - way[1] * s * step), float(at[1] + way[0] * s * step)
    return None
