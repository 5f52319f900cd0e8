"""How a route says which right it needs. A route that says nothing does not start (`refuse_unguarded`).

@router.get("/alerts", dependencies=[needs(Right.LOOK)])
async def acknowledge(alert: str, actor: Annotated[Actor, Depends(acting(Right.HANDLE))]) -> Response: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from contract.phrase import Phrase, say
from hub.people.actor import Actor
from hub.rights import RIGHTS, Right

WHO = "who"  # in the request's state: a function that says, at each call anew, who this is now, or None
ACTOR = "actor"
ADDRESS = "address"  # where the request comes from
HELD = "held"  # the secret of the session that it came with, or None
ENTER_FIRST = {
    "error": say("nobody is logged in here"),
    "do": say("log in, or send Authorization: Bearer with a token"),
}


class UnguardedRoute(Exception):
    """A route of ours that names no right; the message says which."""


@dataclass(frozen=True)
class Needs:
    """A dependency: lets in who has the right on this hub's site, and hands the actor on."""

    right: Right

    async def __call__(self, request: Request) -> Actor:
        actor: Actor | None = getattr(request.state, ACTOR, None)
        if actor is None:
            raise HTTPException(401, ENTER_FIRST, headers={"WWW-Authenticate": "Bearer"})
        if not actor.may(self.right, site=request.app.state.site):
            raise HTTPException(403, refusal(actor, self.right, request.app.state.site))
        return actor


@dataclass(frozen=True)
class Watching:
    """As Needs, for a stream: hands on a function that says whether the right still stands."""

    right: Right

    async def __call__(self, request: Request) -> Callable[[], bool]:
        await Needs(self.right)(request)
        who: Callable[[], Actor | None] = getattr(request.state, WHO)

        def stands() -> bool:
            actor = who()
            return actor is not None and actor.may(self.right, site=request.app.state.site)

        return stands


@dataclass(frozen=True)
class Anyone:
    """A dependency that only says: this one is for everybody, logged in or not. `why` is for who reads the list."""

    why: str

    async def __call__(self) -> None:
        return None


def acting(right: Right) -> Needs:
    return Needs(right)


def watching(right: Right) -> Watching:
    return Watching(right)


def needs(right: Right) -> Any:
    """For `dependencies=[...]` of a route."""
    return Depends(Needs(right))


def anyone(why: str) -> Any:
    """For `dependencies=[...]` of a route that needs no right."""
    return Depends(Anyone(why))


def refusal(actor: Actor, right: Right, site: str) -> dict[str, Phrase]:
    """What a 403 says: which right, and who can give it."""
    if actor.may(right) and not actor.sees(site):
        return {
            "error": say("this user sees other sites, not {site}", site=site),
            "do": say("ask an administrator for the site"),
        }
    if actor.right_limits is not None and right not in actor.right_limits:
        return {
            "error": say(
                "this token does not carry {right} ({what})",
                right=right.value,
                what=Phrase(id=RIGHTS[right].words),
            ),
            "do": say("make one with this scope"),
        }
    roles = tuple(sorted(role.value for role in RIGHTS[right].roles))
    return {
        "error": say("you may not {what}", what=Phrase(id=RIGHTS[right].words)),
        "do": say("ask somebody with one of the roles {roles}", roles=roles),
    }


def name_of(actor: Actor, typed: str | None) -> str:
    """In whose name something is done: the actor's own; in open mode, the one typed on the page."""
    if actor.via != "open":
        if typed is not None and typed != actor.name:
            raise HTTPException(
                422,
                {
                    "error": say("by: what you do is kept under your own login name"),
                    "do": say("leave `by` out"),
                },
            )
        return actor.name
    if typed is None:
        raise HTTPException(
            422, {"error": say("by: who does this is missing"), "do": say('say in "by" who you are')}
        )
    return typed


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route of an application, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from walk(inner.routes)


def rule_of(route: APIRoute) -> Needs | Watching | Anyone | None:
    """What a route asks for."""
    return _rule_in(route.dependant)


def _rule_in(dependant: Dependant) -> Needs | Watching | Anyone | None:
    for one in dependant.dependencies:
        if isinstance(one.call, Needs | Watching | Anyone):
            return one.call
        if (found := _rule_in(one)) is not None:
            return found
    return None


def refuse_unguarded(app: FastAPI, *, open_mounts: frozenset[str]) -> frozenset[tuple[str, str]]:
    """Raises UnguardedRoute; returns method and path of what is for anyone. `open_mounts`: folders of public files."""
    public: set[tuple[str, str]] = set()
    for route in walk(app.routes):
        if isinstance(route, Mount) and route.path in open_mounts:
            continue
        path = getattr(route, "path", repr(route))
        rule = rule_of(route) if isinstance(route, APIRoute) else None
        if rule is None:
            raise UnguardedRoute(
                f"{path} names no right; add dependencies=[needs(Right....)] (hub/api/allowed.py)"
            )
        if isinstance(route, APIRoute) and isinstance(rule, Anyone):
            public |= {(method, path) for method in route.methods or ()}
    return frozenset(public)
