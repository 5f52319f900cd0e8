"""The GET routes: the site, its state, histories, alerts, devices, and the stream of events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from contract.instants import from_ms
from contract.messages import Alert
from contract.phrase import say
from hub.api.allowed import acting, needs, watching
from hub.api.answers import (
    AgentState,
    AlertDetail,
    AlertList,
    Devices,
    Problem,
    Refusals,
    RefusalShown,
    SiteDescription,
    Summary,
    ZoneSummary,
    reply,
    said,
)
from hub.api.channels import deliveries
from hub.dispatch import Dispatcher
from hub.history import MINUTE_MS, MINUTES_MAX, History
from hub.ingest import Ingest
from hub.judge import Judge
from hub.live import SUBSCRIBERS_MAX, LiveFeed, State
from hub.notify.settings import Notifications
from hub.people.actor import Actor
from hub.records import Records
from hub.rights import Right
from hub.site import Site
from hub.step import Transition

log = logging.getLogger("hub.api")

ALERTS_MAX = 1000
SEND_TIMEOUT_S = 20.0  # [E] four times what makes a page call itself stale
_ALERT = msgspec.json.Decoder(Alert)
_TRANSITION = msgspec.json.Decoder(Transition)
_STREAM: dict[int | str, dict[str, Any]] = {
    **said(Problem, "events"),
    200: {
        "description": "server-sent events: snapshot, then delta and beat, numbered by seq",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


class EventStream(StreamingResponse):
    """A stream whose reader must keep reading: one that takes nothing for a while is cut off."""

    async def stream_response(self, send: Send) -> None:
        async def timed(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_TIMEOUT_S)

        try:
            await super().stream_response(timed)
        except TimeoutError:
            log.warning("a page took no event for %g s and was cut off", SEND_TIMEOUT_S)


def routes(
    *,
    site: Site,
    description: SiteDescription,
    live: LiveFeed,
    judge: Judge,
    ingest: Ingest,
    records: Records,
    notify: Notifications,
    dispatcher: Dispatcher,
) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    look = [needs(Right.LOOK)]

    @router.get(
        "/site",
        dependencies=look,
        responses=said(SiteDescription, "the site as drawn"),
        response_class=Response,
    )
    def get_site() -> Response:
        return reply(description)

    @router.get("/state", dependencies=look, responses=said(State, "everything now"), response_class=Response)
    def get_state() -> Response:
        state = live.state()
        if state is None:
            raise HTTPException(
                503, {"error": say("nothing was judged yet"), "do": say("ask again in a second")}
            )
        return reply(state)

    @router.get("/events", responses=_STREAM, response_class=Response)
    async def get_events(stands: Annotated[Callable[[], bool], Depends(watching(Right.LOOK))]) -> Response:
        async def events() -> AsyncIterator[bytes]:
            subscriber = live.subscribe()
            try:
                yield b": esplanade\n\n"
                async for data in subscriber.events(stands):
                    yield data
            finally:
                live.unsubscribe(subscriber)

        if live.readers >= SUBSCRIBERS_MAX:
            raise HTTPException(
                503,
                {
                    "error": say("{n} pages are open already", n=SUBSCRIBERS_MAX),
                    "do": say("close one and reload"),
                },
            )
        return EventStream(
            events(),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
        )

    @router.get(
        "/zones/{zone}/history",
        dependencies=look,
        responses=said(History, "one zone's past"),
        response_class=Response,
    )
    def get_history(zone: str, minutes: Annotated[int, Query(ge=1, le=MINUTES_MAX)] = 60) -> Response:
        if zone not in site.zone_ids:
            raise HTTPException(
                404,
                {
                    "error": say("there is no zone {zone}", zone=zone[:80]),
                    "do": say("ask for one of {zones}", zones=site.zone_ids),
                },
            )
        return reply(judge.timeline.history(zone, minutes=minutes, now_ms=judge.now_ms, records=records))

    @router.get(
        "/figures",
        dependencies=look,
        responses=said(Summary, "the last minutes stored, in few numbers"),
        response_class=Response,
    )
    def get_figures(minutes: Annotated[int, Query(ge=1, le=MINUTES_MAX)] = MINUTES_MAX) -> Response:
        found = records.figures(
            zones=site.zone_ids,
            cameras=[camera.id for camera in site.cameras],
            since_ms=judge.now_ms - minutes * MINUTE_MS,
        )
        return reply(
            Summary(
                model=found.model,
                frames=found.frames,
                readings=found.readings,
                media_s=found.media_s,
                zones={
                    zone.id: ZoneSummary(
                        people_mean=_rounded(figures.people_mean),
                        people_max=_rounded(figures.people_max),
                        patch_max_per_m2=_rounded(figures.patch_max_per_m2),
                    )
                    for zone in site.zones
                    if (figures := found.zones.get(zone.id)) is not None
                },
            )
        )

    @router.get(
        "/alerts",
        dependencies=look,
        responses=said(AlertList, "alerts, newest first"),
        response_class=Response,
    )
    def get_alerts(
        is_open: Annotated[bool | None, Query(alias="open")] = None,
        limit: Annotated[int, Query(ge=1, le=ALERTS_MAX)] = 100,
    ) -> Response:
        stored = records.alerts(is_open=is_open, limit=limit)
        return reply(AlertList(alerts=tuple(_ALERT.decode(body) for body in stored)))

    @router.get(
        "/alerts/{alert}",
        responses=said(AlertDetail, "one alert"),
        response_class=Response,
    )
    def get_alert(alert: str, actor: Annotated[Actor, Depends(acting(Right.LOOK))]) -> Response:
        body = records.alert(alert)
        if body is None:
            raise HTTPException(
                404,
                {
                    "error": say("there is no alert {alert}", alert=alert[:80]),
                    "do": say("see /api/v1/alerts"),
                },
            )
        state = live.state()
        now = next((one for one in state.alerts if one.alert == alert), None) if state is not None else None
        return reply(
            AlertDetail(
                alert=now or _ALERT.decode(body),
                transitions=tuple(_TRANSITION.decode(one) for one in records.transitions(alert)),
                # whom the town calls is not for everybody who may look
                deliveries=deliveries(
                    records.deliveries(alert),
                    down=frozenset(one.channel for one in dispatcher.down()),
                    display=notify.display,
                )
                if actor.may(Right.DELIVERIES)
                else (),
            )
        )

    @router.get(
        "/devices",
        dependencies=[needs(Right.DEVICES)],
        responses=said(Devices, "agents, cameras, refused messages"),
        response_class=Response,
    )
    def get_devices() -> Response:
        state = live.state()
        return reply(
            Devices(
                agents=tuple(_agents(site, judge, ingest)),
                cameras=() if state is None else state.cameras,
                refusals=Refusals(
                    by_reason=records.refusal_counts(),
                    latest=tuple(
                        RefusalShown(
                            at=from_ms(at),
                            topic=topic,
                            reason=reason,
                            detail=detail,
                            size=size,
                            first_bytes=first.decode("utf-8", errors="backslashreplace"),
                        )
                        for at, topic, reason, detail, size, first in records.refusals()
                    ),
                ),
            )
        )

    @router.get("/openapi.json", dependencies=look, include_in_schema=False, response_class=Response)
    def get_openapi(request: Request) -> Response:
        return Response(msgspec.json.encode(request.app.openapi()), media_type="application/json")

    return router


def _agents(site: Site, judge: Judge, ingest: Ingest) -> list[AgentState]:
    """One row for each agent the site file names; what was never heard says so."""
    rows = []
    for agent in sorted({camera.agent for camera in site.cameras}):
        status = judge.statuses.get(agent)
        cameras = tuple(camera.id for camera in site.cameras if camera.agent == agent)
        if status is None:
            rows.append(
                AgentState(
                    agent=agent,
                    state="never",
                    version="",
                    boot="",
                    since=from_ms(judge.started_ms),
                    clock_offset_s=None,
                    cameras=cameras,
                )
            )
            continue
        clock = ingest.clocks.get(agent, status.boot)
        offset_ms = None if clock is None else clock.offset_ms
        rows.append(
            AgentState(
                agent=agent,
                state=status.state,
                version=status.version,
                boot=status.boot,
                since=status.sent_at,
                clock_offset_s=None if offset_ms is None else offset_ms / 1000,
                cameras=cameras,
            )
        )
    return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
