"""The page itself: index.html, its parts under /static, and the way in with a token."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, HTTPException, Request, Response
from starlette.staticfiles import StaticFiles

from hub.api.allowed import anyone, needs
from hub.api.guard import COOKIE, ENTRY_PATH, SESSION_S, Access
from hub.rights import Right

# Revalidated every time: a page from before an update must not run against a hub from after it.
STATIC_CACHE = "no-cache"


class Parts(StaticFiles):
    """Files of the page; each answer is checked again on the next use."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = STATIC_CACHE
        return response


class Entry(msgspec.Struct):
    token: str


def folder() -> Path:
    """Where the page lies in this installation."""
    return Path(str(resources.files("hub").joinpath("dashboard")))


def index(root: Path) -> bytes:
    """index.html; empty where the installation has none."""
    try:
        return (root / "index.html").read_bytes()
    except OSError:
        return b""


def routes(*, access: Access, root: Path, page: bytes) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/", dependencies=[needs(Right.LOOK)], response_class=Response)
    def get_page() -> Response:
        if not page or not (root / "vendor").is_dir():
            raise HTTPException(
                503,
                {"error": "the page's parts from npm are missing", "do": "run `make page` and start again"},
            )
        return Response(page, media_type="text/html", headers={"Cache-Control": STATIC_CACHE})

    @router.post(ENTRY_PATH, dependencies=[anyone("the way in")], response_class=Response)
    async def enter(request: Request) -> Response:
        """Takes the token from the entry page's form, or as {"token"}, and gives the page's cookie."""
        body = await request.body()
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if is_form:
            token = parse_qs(body.decode("utf-8", errors="replace")).get("token", [""])[0].strip()
        else:
            try:
                token = msgspec.json.decode(body, type=Entry).token
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise HTTPException(400, {"error": "no token in it", "do": 'send {"token": "..."}'}) from None
        if access.token is None:
            raise HTTPException(409, {"error": "this hub asks for no token", "do": "open /"})
        if not access.knows_token(token):
            raise HTTPException(
                401, {"error": "this is not the hub's token", "do": "copy it from the hub's token file"}
            )
        response = (
            Response(status_code=303, headers={"Location": "/"}) if is_form else Response(status_code=204)
        )
        response.set_cookie(
            COOKIE,
            access.cookie(int(time.time())),
            max_age=SESSION_S,
            httponly=True,
            secure=access.tls,
            samesite="strict",
            path="/",
        )
        return response

    return router
