"""What waits for a second person: see it, approve it, refuse it, take it back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.api.allowed import acting, name_of
from hub.api.answers import reply, said
from hub.api.people_answers import ApprovalAnswer, ApprovalList, ApprovalShown, shown_approval
from hub.people.actor import Actor
from hub.people.approvals import Approval, Approvals
from hub.rights import Right

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Text = Annotated[str, Field(max_length=400)]
Looking = Annotated[Actor, Depends(acting(Right.APPROVALS))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name | None = None  # only in open mode


class ApproveBody(_Body):
    """`payload_hash`: of the request that was read."""

    payload_hash: Text
    reason: Text = ""


class RefuseBody(_Body):
    payload_hash: Text
    reason: Text


class WithdrawBody(_Body):
    pass


def shown(one: Approval, actor: Actor) -> ApprovalShown:
    mine = actor.via != "open" and one.asked_by == actor.name
    return shown_approval(one, mine=mine, may_decide=actor.may_approve(one.right, site=one.site))


def routes(*, approvals: Approvals) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    answer = said(ApprovalAnswer, "the request afterwards")

    @router.get("/approvals", responses=said(ApprovalList, "newest first"), response_class=Response)
    def get_approvals(
        actor: Looking,
        waiting: bool | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        found = approvals.all(waiting=waiting, limit=limit)
        return reply(ApprovalList(approvals=tuple(shown(one, actor) for one in found)))

    @router.get(
        "/approvals/{approval}", responses=said(ApprovalAnswer, "one request"), response_class=Response
    )
    def get_approval(approval: str, actor: Looking) -> Response:
        return reply(ApprovalAnswer(approval=shown(approvals.get(approval), actor)))

    @router.post("/approvals/{approval}/approve", responses=answer, response_class=Response)
    async def approve(approval: str, body: ApproveBody, actor: Looking) -> Response:
        return await decide(approval, body, actor, approve=True)

    @router.post("/approvals/{approval}/refuse", responses=answer, response_class=Response)
    async def refuse(approval: str, body: RefuseBody, actor: Looking) -> Response:
        return await decide(approval, body, actor, approve=False)

    async def decide(
        approval: str, body: ApproveBody | RefuseBody, actor: Actor, *, approve: bool
    ) -> Response:
        # in a thread: what is approved is done before the answer
        found = await asyncio.to_thread(
            partial(
                approvals.decide,
                approval,
                approve=approve,
                by=actor,
                payload_hash=body.payload_hash,
                reason=body.reason,
                name=name_of(actor, body.by),
            )
        )
        return reply(ApprovalAnswer(approval=shown(found, actor)))

    @router.post("/approvals/{approval}/withdraw", responses=answer, response_class=Response)
    def withdraw(approval: str, body: WithdrawBody, actor: Looking) -> Response:
        found = approvals.withdraw(approval, by=actor, name=name_of(actor, body.by))
        return reply(ApprovalAnswer(approval=shown(found, actor)))

    return router
