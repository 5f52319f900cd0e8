"""The POST routes: what people do to alerts and places. Answered once it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract.instants import from_ms
from contract.messages import Alert
from contract.phrase import say
from hub import alerts
from hub.acted import acted, granted
from hub.api.allowed import acting, name_of
from hub.api.answers import AlertAnswer, OutOfServiceAnswer, Permit, reply, said
from hub.api.approving import shown
from hub.api.people_answers import ApprovalAnswer
from hub.batch import Batch
from hub.judge import Judge
from hub.monitor import (
    Acknowledge,
    Action,
    Close,
    IllegalAction,
    Monitor,
    Shelve,
    UnknownAlert,
    Unshelve,
)
from hub.people.actor import Actor
from hub.people.approvals import VALID_MINUTES, VALID_MINUTES_MAX
from hub.records import Records
from hub.rights import Right
from hub.step import Transition
from hub.taking_out import TakingOut

MINUTE_MS = 60_000
_TRANSITION = msgspec.json.Decoder(Transition)
ANSWER_S = 10.0  # a disk that is full must not hold a page for ever

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Minutes = Annotated[int, Field(ge=1, le=1440)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name | None = None  # only in open mode, where nobody logs in: else the name is that of who asks


Handling = Annotated[Actor, Depends(acting(Right.HANDLE))]
Permitting = Annotated[Actor, Depends(acting(Right.PERMIT))]
TakingRulesOut = Annotated[Actor, Depends(acting(Right.OUT_OF_SERVICE))]


class AcknowledgeBody(_Body):
    pass


class ShelveBody(_Body):
    reason: Words
    minutes: Minutes


class UnshelveBody(_Body):
    pass


class CloseBody(_Body):
    disposition: Literal["true", "false", "test", "exercise"]
    cause: Words | None = None


class PermitBody(_Body):
    place: Name
    kinds: list[Literal["person", "bicycle", "motorcycle", "car", "bus", "truck"]]
    minutes: Minutes
    reason: Words


class OutOfServiceBody(_Body):
    """`approval_minutes`: how long it may wait for a second person, where it takes one."""

    rule: Name
    subject: Name
    minutes: Minutes
    reason: Words
    approval_minutes: Annotated[int, Field(ge=1, le=VALID_MINUTES_MAX)] = VALID_MINUTES


def routes(
    *, monitor: Monitor, judge: Judge, records: Records, taking_out: TakingOut, subjects: frozenset[str]
) -> APIRouter:
    """`subjects`: the zones, areas and cameras there are."""
    router = APIRouter(prefix="/api/v1")

    async def ask(do: Callable[[Batch, int], Any]) -> Any:
        return await answered(judge.ask(do))

    async def answered(answer: Future[Any]) -> Any:
        try:
            # shielded: who waits in vain must not cancel what the judge will still answer
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), ANSWER_S)
        except UnknownAlert as error:
            raise HTTPException(404, {"error": error.problem_phrase, "do": error.do_phrase}) from None
        except IllegalAction as error:
            raise HTTPException(409, {"error": error.problem_phrase, "do": error.do_phrase}) from None
        except TimeoutError:
            raise HTTPException(
                503,
                {"error": say("it could not be written yet"), "do": say("see hub.database in /api/v1/state")},
            ) from None

    def past_of(alert: str, batch: Batch) -> list[Transition]:
        """What has become of an alert so far, oldest first: on disk, and in the round that is being made."""
        stored = [_TRANSITION.decode(one) for one in records.transitions(alert)]
        return stored + [one for one, _ in batch.transitions if one.alert.alert == alert]

    def act_on_closed(action: Action, past: list[Transition], now_ms: int) -> Transition:
        """The alert has closed: a disposition that nobody gave can still be given, all else came too late."""
        closed = past[-1].alert
        if isinstance(action, Close) and closed.disposition is None:
            return alerts.dispose(
                closed, by=action.by, disposition=action.disposition, cause=action.cause, now_ms=now_ms
            )
        raise alerts.closed_before(past)

    async def act(alert: str, action: Action, actor: Actor) -> Response:
        # all of it in the judge's thread: two people may press at once, and only one of them is first
        def do(batch: Batch, now_ms: int) -> Alert:
            try:
                transitions = monitor.act(action, now_ms)
            except UnknownAlert:
                past = past_of(alert, batch)
                if not past or past[-1].alert.closed_at is None:
                    raise
                transitions = (act_on_closed(action, past, now_ms),)
            judge.note_transitions(transitions, batch)
            batch.audit.append(acted(action, via=actor.via, at_ms=batch.at_ms))
            return next(one.alert for one in reversed(transitions) if one.alert.alert == alert)

        return reply(AlertAnswer(alert=await ask(do)))

    answer = said(AlertAnswer, "the alert afterwards")

    @router.post("/alerts/{alert}/acknowledge", responses=answer, response_class=Response)
    async def acknowledge(alert: str, body: AcknowledgeBody, actor: Handling) -> Response:
        return await act(alert, Acknowledge(alert=alert, by=name_of(actor, body.by)), actor)

    @router.post("/alerts/{alert}/shelve", responses=answer, response_class=Response)
    async def shelve(alert: str, body: ShelveBody, actor: Handling) -> Response:
        return await act(
            alert,
            Shelve(alert=alert, by=name_of(actor, body.by), reason=body.reason, minutes=body.minutes),
            actor,
        )

    @router.post("/alerts/{alert}/unshelve", responses=answer, response_class=Response)
    async def unshelve(alert: str, body: UnshelveBody, actor: Handling) -> Response:
        return await act(alert, Unshelve(alert=alert, by=name_of(actor, body.by)), actor)

    @router.post("/alerts/{alert}/close", responses=answer, response_class=Response)
    async def close(alert: str, body: CloseBody, actor: Handling) -> Response:
        return await act(
            alert,
            Close(alert=alert, by=name_of(actor, body.by), disposition=body.disposition, cause=body.cause),
            actor,
        )

    @router.post("/permits", status_code=201, responses=said(Permit, "granted", 201), response_class=Response)
    async def permit(body: PermitBody, actor: Permitting) -> Response:
        by = name_of(actor, body.by)

        def do(batch: Batch, now_ms: int) -> Permit:
            permit = monitor.grant_permit(
                body.place,
                body.kinds,
                now_ms + body.minutes * MINUTE_MS,
                by=by,
                reason=body.reason,
                now_ms=now_ms,
            )
            batch.audit.append(granted(permit, via=actor.via, at_ms=batch.at_ms))
            return Permit(
                place=permit.place,
                kinds=permit.kinds,
                until=from_ms(permit.until_ms),
                by=permit.by,
                reason=permit.reason,
            )

        return reply(await ask(do), 201)

    @router.post(
        "/out-of-service",
        status_code=201,
        responses={
            **said(OutOfServiceAnswer, "taken out of service", 201),
            202: said(ApprovalAnswer, "it waits for a second person", 202)[202],
        },
        response_class=Response,
    )
    async def out_of_service(body: OutOfServiceBody, actor: TakingRulesOut) -> Response:
        """A rule that can raise a high alert goes out of service when a second person has approved it."""
        by = name_of(actor, body.by)
        if taking_out.needs_two(body.rule, body.subject):
            if body.subject not in subjects:
                raise HTTPException(
                    409,
                    {
                        "error": f"there is no zone, area or camera {body.subject[:60]}",
                        "do": "take one of the site file",
                    },
                )
            asked = await asyncio.to_thread(
                partial(
                    taking_out.ask,
                    rule=body.rule,
                    subject=body.subject,
                    minutes=body.minutes,
                    reason=body.reason,
                    by=actor,
                    name=by,
                    valid_minutes=body.approval_minutes,
                )
            )
            return reply(ApprovalAnswer(approval=shown(asked, actor)), 202)
        action = await answered(
            taking_out.at_once(
                rule=body.rule,
                subject=body.subject,
                minutes=body.minutes,
                reason=body.reason,
                by=by,
                via=actor.via,
            )
        )
        return reply(
            OutOfServiceAnswer(
                rule=body.rule,
                subject=body.subject,
                until=from_ms(action.until_ms),
                by=by,
                reason=body.reason,
            ),
            201,
        )

    return router
