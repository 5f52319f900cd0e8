"""One's own account (sessions, tokens, password, language), and the administration of users."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from contract.instants import from_ms
from hub import rights
from hub.api.allowed import HELD, acting, needs
from hub.api.answers import done, reply, said
from hub.api.entering import Turn, me, set_cookie, where_from
from hub.api.guard import Access
from hub.api.people_answers import (
    LinkAnswer,
    Me,
    RightShown,
    RightsTable,
    RoleShown,
    SessionList,
    TokenList,
    TokenMade,
    UserAnswer,
    UserList,
    shown_session,
    shown_token,
    shown_user,
)
from hub.people.actor import Actor
from hub.people.links import PATH as LINK_PATH
from hub.people.links import VALID_MS
from hub.people.people import People
from hub.people.refused import Refused
from hub.people.users import User
from hub.rights import RIGHTS, Right, Role

Text = Annotated[str, Field(max_length=400)]
Names = Annotated[list[Text], Field(max_length=50)]
Number = Annotated[int, Field(ge=0, le=2**53)]

Own = Annotated[Actor, Depends(acting(Right.OWN))]
OwnTokens = Annotated[Actor, Depends(acting(Right.TOKENS))]
Administering = Annotated[Actor, Depends(acting(Right.USERS))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PasswordBody(_Body):
    old: Text
    new: Text


class LanguageBody(_Body):
    language: Text | None


class TokenBody(_Body):
    name: Text
    scopes: Names
    days: Number


class NewUserBody(_Body):
    login: Text
    display: Text
    roles: Names
    sites: Names | None = None
    language: Text | None = None


class ChangeUserBody(_Body):
    """What is left out stays. `sites` null: all sites."""

    display: Text = ""
    roles: Names = []
    sites: Names | None = None
    language: Text | None = None


def routes(*, people: People, access: Access, site: str, url: str, turn: Turn) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    sessions, tokens, users = people.sessions, people.tokens, people.users
    gone = done("done")

    def own_user(actor: Actor) -> User:
        user = None if actor.user is None else users.numbered(actor.user)
        if user is None:
            raise Refused("conflict", "nobody is logged in here", "log in first")
        return user

    def session_list(user: User, this: int | None) -> Response:
        return reply(
            SessionList(sessions=tuple(shown_session(row, this=this) for row in sessions.of(user.id)))
        )

    def token_list(user: User) -> Response:
        now_ms = people.clock()
        return reply(
            TokenList(
                tokens=tuple(shown_token(row, now_ms=now_ms) for row in tokens.of(user.id)),
                scopes=tuple(sorted(rights.scopes(user.roles))),
            )
        )

    # --- one's own -------------------------------------------------------------------------------------

    @router.post("/me/password", responses=said(Me, "with a new session"), response_class=Response)
    async def change_password(body: PasswordBody, actor: Own, request: Request) -> Response:
        change = partial(people.change_password, actor, old=body.old, new=body.new, where=where_from(request))
        found = await turn(change)
        now = sessions.who(found.secret)
        if now is None:
            raise Refused("denied", "the session ended at once", "log in again")
        response = reply(me(now, site=site, user=found.user, held=found.secret))
        set_cookie(response, access, people, found.secret)
        return response

    @router.post("/me/language", responses=said(Me, "afterwards"), response_class=Response)
    def set_language(body: LanguageBody, actor: Own, request: Request) -> Response:
        user = users.change(own_user(actor).login, language=body.language, by=actor)
        held: str | None = getattr(request.state, HELD)
        now = None if held is None else sessions.who(held)
        return reply(me(now or actor, site=site, user=user, held=held))

    @router.get("/me/sessions", responses=said(SessionList, "one's own"), response_class=Response)
    def own_sessions(actor: Own) -> Response:
        return session_list(own_user(actor), actor.session)

    @router.delete("/me/sessions/{number}", status_code=204, responses=gone, response_class=Response)
    def end_own_session(number: Number, actor: Own) -> Response:
        sessions.end(number, user=own_user(actor), by=actor)
        return Response(status_code=204)

    @router.delete("/me/sessions", responses=said(SessionList, "what is left"), response_class=Response)
    def end_other_sessions(actor: Own) -> Response:
        user = own_user(actor)
        sessions.end_all(user=user, by=actor, but=actor.session)
        return session_list(user, actor.session)

    @router.get("/me/tokens", responses=said(TokenList, "one's own"), response_class=Response)
    def own_tokens(actor: OwnTokens) -> Response:
        return token_list(own_user(actor))

    @router.post(
        "/me/tokens",
        status_code=201,
        responses=said(TokenMade, "made; the secret is shown this once", 201),
        response_class=Response,
    )
    def make_token(body: TokenBody, actor: OwnTokens) -> Response:
        secret, row = tokens.make(
            own_user(actor), name=body.name, scopes=_rights(body.scopes), days=body.days, by=actor
        )
        return reply(TokenMade(token=shown_token(row, now_ms=people.clock()), secret=secret), 201)

    @router.delete("/me/tokens/{number}", status_code=204, responses=gone, response_class=Response)
    def revoke_own_token(number: Number, actor: OwnTokens) -> Response:
        tokens.revoke(number, user=own_user(actor), by=actor)
        return Response(status_code=204)

    # --- users -----------------------------------------------------------------------------------------

    def with_link(user: User, by: Actor, status: int) -> Response:
        secret = people.links.make(user, by=by)
        until = from_ms(people.clock() + VALID_MS)
        return reply(
            LinkAnswer(user=shown_user(user), link=f"{url}{LINK_PATH}#{secret}", until=until), status
        )

    @router.get(
        "/users",
        dependencies=[needs(Right.USERS)],
        responses=said(UserList, "all users"),
        response_class=Response,
    )
    def get_users() -> Response:
        return reply(UserList(users=tuple(shown_user(user) for user in users.all())))

    @router.post(
        "/users",
        status_code=201,
        responses=said(LinkAnswer, "invited: hand them the link", 201),
        response_class=Response,
    )
    def add_user(body: NewUserBody, actor: Administering) -> Response:
        user = users.add(
            body.login,
            display=body.display,
            roles=_roles(body.roles),
            sites=body.sites,
            language=body.language,
            by=actor,
        )
        return with_link(user, actor, 201)

    answer = said(UserAnswer, "the user afterwards")

    @router.patch("/users/{login}", responses=answer, response_class=Response)
    def change_user(login: str, body: ChangeUserBody, actor: Administering) -> Response:
        given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
        if "roles" in given:
            given["roles"] = _roles(body.roles)
        return reply(UserAnswer(user=shown_user(users.change(login, by=actor, **given))))

    @router.post("/users/{login}/disable", responses=answer, response_class=Response)
    def disable_user(login: str, actor: Administering) -> Response:
        return reply(UserAnswer(user=shown_user(users.disable(login, by=actor))))

    @router.post("/users/{login}/enable", responses=answer, response_class=Response)
    def enable_user(login: str, actor: Administering) -> Response:
        return reply(UserAnswer(user=shown_user(users.enable(login, by=actor))))

    @router.post(
        "/users/{login}/link",
        status_code=201,
        responses=said(LinkAnswer, "hand them the link: they set a new password", 201),
        response_class=Response,
    )
    def make_link(login: str, actor: Administering) -> Response:
        return with_link(users.get(login), actor, 201)

    @router.get("/users/{login}/sessions", responses=said(SessionList, "theirs"), response_class=Response)
    def sessions_of(login: str, actor: Administering) -> Response:
        return session_list(users.get(login), actor.session)

    @router.delete(
        "/users/{login}/sessions", responses=said(SessionList, "what is left"), response_class=Response
    )
    def end_sessions_of(login: str, actor: Administering) -> Response:
        user = users.get(login)
        sessions.end_all(user=user, by=actor, but=actor.session)
        return session_list(user, actor.session)

    @router.get("/users/{login}/tokens", responses=said(TokenList, "theirs"), response_class=Response)
    def tokens_of(login: str, actor: Administering) -> Response:
        return token_list(users.get(login))

    @router.delete("/users/{login}/tokens/{number}", status_code=204, responses=gone, response_class=Response)
    def revoke_token_of(login: str, number: Number, actor: Administering) -> Response:
        tokens.revoke(number, user=users.get(login), by=actor)
        return Response(status_code=204)

    return router


def own_routes(*, people: People, site: str) -> APIRouter:
    """Who one is: in open mode too, where there is nothing else to say about people."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/me", responses=said(Me, "who asks, and what they may"), response_class=Response)
    def get_me(actor: Annotated[Actor, Depends(acting(Right.SELF))], request: Request) -> Response:
        user = None if actor.user is None else people.users.numbered(actor.user)
        return reply(me(actor, site=site, user=user, held=getattr(request.state, HELD)))

    @router.get(
        "/rights",
        dependencies=[needs(Right.SELF)],
        responses=said(RightsTable, "who may do what"),
        response_class=Response,
    )
    def get_rights() -> Response:
        return reply(
            RightsTable(
                roles=tuple(
                    RoleShown(role=role.value, rights=tuple(sorted(rights.of(frozenset({role})))))
                    for role in Role
                ),
                rights=tuple(
                    RightShown(
                        right=right.value,
                        words=grant.words,
                        roles=tuple(role.value for role in Role if role in grant.roles),
                        approved_by=tuple(role.value for role in Role if role in grant.approved_by),
                    )
                    for right, grant in RIGHTS.items()
                ),
            )
        )

    return router


def _roles(names: list[str]) -> list[Role]:
    strange = sorted(set(names) - {role.value for role in Role})
    if strange:
        raise Refused("invalid", f"there is no role {strange[0][:40]!r}", f"choose of {', '.join(Role)}")
    return [Role(name) for name in names]


def _rights(names: list[str]) -> list[Right]:
    strange = sorted(set(names) - {right.value for right in Right})
    if strange:
        raise Refused(
            "invalid", f"there is no scope {strange[0][:40]!r}", "choose of `scopes` in GET /api/v1/me/tokens"
        )
    return [Right(name) for name in names]
