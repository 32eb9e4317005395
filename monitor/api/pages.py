"""The addresses of the pages for people. Each is one read of the store; nothing here changes anything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from monitor.api.auth import Principal, needs
from monitor.api.context import Served, model_of
from monitor.api.inputs import Name, Number
from monitor.errors import NotFound, UsageError
from monitor.reports import review
from monitor.reports.weeks import week_named, week_of
from monitor.store import alerts
from monitor.web import pages
from monitor.web.rendering import stylesheet, stylesheet_name

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Reader = Annotated[Principal, needs("read", page=True)]


@router.get("/")
def this_week(served: Served, caller: Reader) -> RedirectResponse:
    """The review of the week that runs."""
    return RedirectResponse(f"/review/{week_of(served.clock.now_us()).name}", status_code=303)


@router.get("/review/{week}")
def week_page(week: Annotated[str, Path(max_length=10)], served: Served, caller: Reader) -> HTMLResponse:
    try:
        span = week_named(week)
    except UsageError as error:
        raise NotFound("there is no such week") from error
    now_us = served.clock.now_us()
    with served.store.read() as conn:
        gathered = review.gather(conn, span, now_us, only=caller.models)
    return HTMLResponse(review.page(gathered))


@router.get("/alerts/{alert}")
def alert_page(alert: Number, served: Served, caller: Reader) -> HTMLResponse:
    """Where every notification links to."""
    with served.store.read() as conn:
        caller.require(alerts.get(conn, alert).model)
        acting = pages.Acting(caller.csrf) if caller.may("act") else None
        return HTMLResponse(pages.alert_page(conn, alert, served.clock.now_us(), acting))


@router.get("/models/{model}/series/{series_id}")
def series_page(model: Name, series_id: Number, served: Served, caller: Reader) -> HTMLResponse:
    with served.store.read() as conn:
        row = model_of(conn, model, caller)
        return HTMLResponse(pages.series_page(conn, row["id"], row["name"], series_id, served.clock.now_us()))


@router.get("/static/{name}")
async def style(name: str) -> Response:
    """The style sheet, under the name of its content: browsers may keep it."""
    if name != stylesheet_name():
        raise NotFound("there is no such file")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(stylesheet(), media_type="text/css", headers=kept)
