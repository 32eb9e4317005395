"""How a person with a browser comes in: a key, typed once, opens a session; the cookie holds only its token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from monitor.api.auth import COOKIE, FORM, Principal, form_of, needs
from monitor.api.context import Context, Served
from monitor.api.problems import Problem
from monitor.store import keys
from monitor.web.rendering import render_page

router = APIRouter(include_in_schema=False)
Next = Annotated[str, Query(alias="next", max_length=2_000)]


@router.get("/login")
def login_page(next_: Next = "/") -> HTMLResponse:
    """Where pages send those without a session."""
    return HTMLResponse(render_page("login.html", next=local(next_), refused=False))


@router.post("/login")
async def login(request: Request, served: Served) -> Response:
    """Open a session with a key and go to where the person wanted to."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Problem(403, "another site may not do this")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, f"this address takes {FORM}", {"Accept": FORM})
    fields = form_of(await request.body())
    wanted = local(fields.get("next", "/"))
    opened = await run_in_threadpool(_open, served, fields.get("key", "").strip())
    if opened is None:
        return HTMLResponse(render_page("login.html", next=wanted, refused=True), status_code=401)
    token, expires_us = opened
    answer = RedirectResponse(wanted, status_code=303)
    answer.set_cookie(
        COOKIE,
        token,
        expires=datetime.fromtimestamp(expires_us / 1e6, UTC),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
def logout(request: Request, served: Served, caller: Annotated[Principal, needs("read")]) -> Response:
    """End the session of this browser."""
    token = request.cookies.get(COOKIE)
    if token:
        with served.store.write() as conn:
            keys.close_session(conn, token)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def local(path: str) -> str:
    """The path if it leads to a page of ours, else the first page: a link must not lead elsewhere after the login."""
    if not path.startswith("/") or path[1:2] in ("/", "\\") or not path.isascii() or not path.isprintable():
        return "/"
    return path


def _open(served: Context, text: str) -> tuple[str, int] | None:
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        key = keys.find(conn, text, now_us)
        if key is None:
            return None
        keys.used(conn, key.id, now_us)
        return keys.open_session(conn, key, now_us)
