"""The one route that only demos and exercises have: the truth of rendered footage, beside what was measured."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response

from contract.instants import from_ms
from contract.phrase import say
from contract.true_people import TruePeople
from hub.api.allowed import needs
from hub.api.answers import TruthRun, ZoneTruth, reply, said
from hub.records import Records
from hub.rights import Right


def routes(*, truth: TruePeople, records: Records) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/zones/{zone}/truth",
        dependencies=[needs(Right.LOOK)],
        responses=said(ZoneTruth, "people really there"),
        response_class=Response,
    )
    def get_truth(zone: str) -> Response:
        if zone not in truth.people:
            raise HTTPException(
                404,
                {
                    "error": say("there is no truth of zone {zone}", zone=zone[:80]),
                    "do": say("ask for one of {zones}", zones=tuple(truth.people)),
                },
            )
        return reply(
            ZoneTruth(
                zone=zone,
                camera=truth.camera,
                story=truth.story,
                loop_s=truth.loop_s,
                t_s=truth.t_s,
                people=truth.people[zone],
                runs=tuple(
                    TruthRun(begin=from_ms(begin_ms), end=from_ms(end_ms))
                    for begin_ms, end_ms in records.runs(truth.camera)
                ),
            )
        )

    return router
