"""The ASGI application: all routes behind the guard, one shape for errors, and the OpenAPI document."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from contract.phrase import Phrase, say
from contract.true_people import TruePeople
from hub.api import (
    accounts,
    acting,
    approving,
    channels,
    entering,
    exercise,
    exporting,
    noticing,
    page,
    reading,
    vouched,
    wording,
)
from hub.api import cap as cap_routes
from hub.api.allowed import refuse_unguarded
from hub.api.answers import ANSWERS, Problem, SiteDescription, reply, said
from hub.api.cap_answers import CAP_ANSWERS
from hub.api.guard import Access, Guard, content_policy
from hub.api.people_answers import PEOPLE_ANSWERS
from hub.cap.desk import ReleaseDesk
from hub.dispatch import Dispatcher
from hub.exports.export import Exports
from hub.ingest import Ingest
from hub.judge import Judge
from hub.live import LiveFeed
from hub.monitor import Monitor
from hub.notices.pages import Notices
from hub.notify.settings import Notifications
from hub.oidc.settings import Oidc
from hub.people.people import People
from hub.people.refused import Refused
from hub.records import Records
from hub.releasing import Releasing
from hub.site import Site
from hub.taking_out import TakingOut
from hub.words.catalogue import Words

TITLE = "Esplanade hub"


def application(
    *,
    site: Site,
    description: SiteDescription,
    monitor: Monitor,
    judge: Judge,
    ingest: Ingest,
    live: LiveFeed,
    records: Records,
    notify: Notifications,
    dispatcher: Dispatcher,
    cap: ReleaseDesk | None,
    releasing: Releasing | None,
    truth: TruePeople | None,
    exports: Exports,
    notices: Notices,
    notice_is_public: bool,
    access: Access,
    people: People,
    taking_out: TakingOut,
    url: str,
    oidc: Oidc | None,
    words: Words,
    version: str,
    keeping: APIRouter,
) -> Guard:
    """Everything behind the guard; its `app` is the FastAPI application, for walking the routes."""
    root = page.folder()
    html = page.index(root)
    # FastAPI's own document and pages would bypass nothing, but they load scripts from elsewhere
    app = FastAPI(title=TITLE, version=version, openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(
        reading.routes(
            site=site,
            description=description,
            live=live,
            judge=judge,
            ingest=ingest,
            records=records,
            notify=notify,
            dispatcher=dispatcher,
        )
    )
    subjects = frozenset(
        (*site.zone_ids, *(area.id for area in site.areas), *(camera.id for camera in site.cameras))
    )
    app.include_router(
        acting.routes(monitor=monitor, judge=judge, records=records, taking_out=taking_out, subjects=subjects)
    )
    app.include_router(channels.routes(judge=judge, records=records, notify=notify, dispatcher=dispatcher))
    app.include_router(noticing.routes(notices=notices, public=notice_is_public))
    app.include_router(exporting.routes(site=site, exports=exports, judge=judge))
    app.include_router(approving.routes(approvals=people.approvals))
    app.include_router(accounts.own_routes(people=people, site=site.site))
    if not access.open:
        turn = entering.Turn(people)
        outside = None if oidc is None else vouched.Outside(oidc, people)
        app.include_router(
            entering.routes(
                people=people, access=access, site=site.site, turn=turn, root=root, outside=outside
            )
        )
        if outside is not None:
            app.include_router(vouched.routes(outside=outside, people=people, access=access))
        app.include_router(accounts.routes(people=people, access=access, site=site.site, url=url, turn=turn))
    app.include_router(keeping)
    app.include_router(cap_routes.routes(desk=cap, releasing=releasing, site=site))
    if truth is not None:
        app.include_router(exercise.routes(truth=truth, records=records))
    app.include_router(wording.routes(words=words))
    app.include_router(page.routes(root=root, page=html))
    # only the page's files: compressing what changes with a secret beside it would leak lengths
    app.mount("/static", GZipMiddleware(page.Parts(directory=root), minimum_size=1024), name="static")
    app.state.site = site.site
    app.state.speaker = wording.Speaker(words, site.time_zone)
    public = refuse_unguarded(app, open_mounts=frozenset({"/static"}))
    app.add_exception_handler(Refused, entering.refused_answer)
    app.add_exception_handler(sqlite3.OperationalError, _busy)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: document(app, access=access)  # type: ignore[method-assign]
    # outside the application's own handling of errors, so that a failure carries the headers too
    return Guard(app, access=access, policy=content_policy(html), people=people, public=public)


def document(app: FastAPI, *, access: Access) -> dict[str, Any]:
    """The OpenAPI 3.1 document: the routes, with the answers' schemas taken from the structs themselves."""
    found: dict[str, Any] = get_openapi(
        title=TITLE,
        version=app.version,
        summary="Zones, alerts and devices of one site, and what people do about them.",
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    _, schemas = msgspec.json.schema_components(
        (*ANSWERS, *PEOPLE_ANSWERS, *CAP_ANSWERS), ref_template="#/components/schemas/{name}"
    )
    for path in found["paths"].values():
        for operation in path.values():
            # FastAPI documents its own shape of this error, which nobody here answers: 4XX says what is
            operation["responses"].pop("422", None)
            for errors in ("4XX", "5XX"):  # every route may refuse, and does so in one shape
                operation["responses"].setdefault(errors, said(Problem, "")[errors])
    components = found.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas}
    for theirs in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(theirs, None)
    if not access.open:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": access.cookie},
        }
        found["security"] = [{"bearer": []}, {"cookie": []}]
    return found


def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    if isinstance(detail, dict):
        problem = _said(request, detail["error"], detail["do"])
    else:
        problem = _said(request, str(detail), say("see /api/v1/openapi.json for what there is"))
    return reply(problem, error.status_code)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return reply(
        _said(
            request,
            say("{where}: {problem}", where=where or say("the body"), problem=first["msg"]),
            say("see /api/v1/openapi.json for what is expected"),
        ),
        422,
    )


def _busy(request: Request, error: Exception) -> Response:
    return reply(
        _said(
            request,
            say("it could not be written: {error}", error=str(error)),
            say("see hub.database in /api/v1/state"),
        ),
        503,
    )


def _failed(request: Request, error: Exception) -> Response:
    return reply(
        _said(
            request,
            say("the hub failed on this: {error}", error=type(error).__name__),
            say("see the hub's log; please report it"),
        ),
        500,
    )


def _said(request: Request, error: Phrase | str, do: Phrase | str) -> Problem:
    """In the language that the request asks for."""
    speaker: wording.Speaker = request.app.state.speaker
    return speaker.problem(request, error, do)
