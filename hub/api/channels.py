"""The ways out of the hub: how each does, trying one, enabling one again; and the messages of one alert."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from contract.instants import from_ms
from hub.api.allowed import acting, name_of, needs
from hub.api.answers import ChannelList, ChannelShown, ChannelTest, Delivery, reply, said
from hub.audit import AuditEntry
from hub.batch import Batch
from hub.dispatch import Dispatcher, changed
from hub.judge import Judge
from hub.notify.letter import AskedBody
from hub.notify.outbox import ChannelChange, ChannelRow, Counted, TestOrder
from hub.notify.routing import Policy
from hub.notify.settings import Notifications
from hub.people.actor import Actor
from hub.records import DeliveryRow, Records
from hub.rights import Right

ANSWER_S = 10.0
TEST_S = 25.0  # [E] longer than any channel waits for its other side
LOOK_S = 0.05

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Setting = Annotated[Actor, Depends(acting(Right.CHANNELS))]


class ActBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name | None = None  # only in open mode


class TestChannelBody(ActBody):
    """`to`: the person to write to, for an e-mail channel."""

    to: Name | None = None


def deliveries(
    rows: Iterable[DeliveryRow], *, down: frozenset[str], display: Callable[[str], str]
) -> tuple[Delivery, ...]:
    """The messages of one alert as the API tells of them. `display`: how a recipient is called."""
    return tuple(
        Delivery(
            id=row.id,
            channel=row.channel,
            recipient=row.recipient,
            name=display(row.recipient),
            purpose=row.purpose,
            event=row.event,
            why=row.why,
            reason=row.reason,
            state=row.state,
            attempts=row.attempts,
            duplicates=row.unsure,
            disabled=row.channel in down,
            last_error=row.last_error,
            next_try_at=None if row.next_try_ms is None else from_ms(row.next_try_ms),
            held_until=None if row.held_until_ms is None else from_ms(row.held_until_ms),
            digest=row.digest,
            created_at=from_ms(row.created_ms),
            changed_at=from_ms(row.changed_ms),
        )
        for row in rows
    )


def shown(name: str, kind: str, row: ChannelRow | None, counts: Counted) -> ChannelShown:
    return ChannelShown(
        channel=name,
        kind=kind,
        disabled=row is not None and row.disabled_ms is not None,
        since=None if row is None else from_ms(row.changed_ms),
        reason=None if row is None else row.reason,
        changed_by=None if row is None else row.changed_by,
        waiting=counts.waiting,
        held=counts.held,
        delivered=counts.delivered,
        failed=counts.failed,
        last_delivered_at=None if counts.delivered_ms is None else from_ms(counts.delivered_ms),
    )


def routes(*, judge: Judge, records: Records, notify: Notifications, dispatcher: Dispatcher) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    policy: Policy = notify.policy

    def known(channel: str) -> None:
        if channel not in policy.channels:
            names = ", ".join(sorted(policy.channels)) or "none"
            raise HTTPException(
                404, {"error": f"there is no channel {channel[:80]}", "do": f"ask for one of: {names}"}
            )

    async def ask(do: Callable[[Batch, int], Any]) -> Any:
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(judge.ask(do))), ANSWER_S)
        except TimeoutError:
            raise HTTPException(
                503, {"error": "it could not be written yet", "do": "see hub.database in /api/v1/state"}
            ) from None

    @router.get(
        "/channels",
        dependencies=[needs(Right.DELIVERIES)],
        responses=said(ChannelList, "how each channel does"),
        response_class=Response,
    )
    def get_channels() -> Response:
        rows, counts = records.channels(), records.counted()
        return reply(
            ChannelList(
                channels=tuple(
                    shown(name, dispatcher.kind(name), rows.get(name), counts.get(name, Counted()))
                    for name in sorted(policy.channels)
                )
            )
        )

    @router.post(
        "/channels/{channel}/enable",
        responses=said(ChannelShown, "the channel afterwards"),
        response_class=Response,
    )
    async def enable(channel: str, body: ActBody, actor: Setting) -> Response:
        known(channel)
        by = name_of(actor, body.by)

        def do(batch: Batch, _now_ms: int) -> None:
            change = ChannelChange(
                name=channel, disabled_ms=None, reason=f"enabled by {by}", changed_ms=batch.at_ms, by=by
            )
            batch.channels.append(change)
            batch.audit.append(changed(change, via=actor.via))

        await ask(do)
        counts = records.counted().get(channel, Counted())
        return reply(shown(channel, dispatcher.kind(channel), records.channels().get(channel), counts))

    @router.post(
        "/channels/{channel}/test", responses=said(ChannelTest, "what came of it"), response_class=Response
    )
    async def test(channel: str, body: TestChannelBody, actor: Setting) -> Response:
        known(channel)
        by = name_of(actor, body.by)
        recipient = f"channel:{channel}"
        if policy.channels[channel].to_people:
            if body.to is None:
                raise HTTPException(
                    422,
                    {
                        "error": "to: an e-mail needs somebody to write to",
                        "do": 'name a person: {"to": "ana"}',
                    },
                )
            recipient = f"person:{body.to}"

        def do(batch: Batch, _now_ms: int) -> None:
            batch.tests.append(
                TestOrder(
                    channel=channel,
                    recipient=recipient,
                    language=policy.language,
                    body=msgspec.json.encode(AskedBody(by=by)),
                )
            )
            batch.audit.append(
                AuditEntry(
                    at_ms=batch.at_ms,
                    actor=by,
                    via=actor.via,
                    action="channel.test",
                    subject=channel,
                    detail={"to": recipient},
                )
            )

        newest = records.newest_test(channel)
        await ask(do)
        deadline = time.monotonic() + TEST_S
        while time.monotonic() < deadline:
            found = records.newest_test(channel)
            if found is not None and found != newest and found[1] != "waiting":
                state, error = found[1], found[2]
                return reply(
                    ChannelTest(
                        channel=channel,
                        delivered=state == "delivered",
                        error=error,
                        waiting=records.waiting(channel),
                    )
                )
            await asyncio.sleep(LOOK_S)
        raise HTTPException(
            504, {"error": f"{channel} has not answered yet", "do": "see /api/v1/channels in a minute"}
        )

    return router
