"""`driftglass review`: the week as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.doors.opening import store_with_models
from monitor.doors.options import Database
from monitor.errors import NotFound

if TYPE_CHECKING:
    from monitor.store.engine import Store


def review(
    week: Annotated[
        str, typer.Option(help="The ISO week, such as 2026-W47; default: that of the newest judged window.")
    ] = "latest",
    html: Annotated[
        Path | None, typer.Option(help="Where to write the page; default review-WEEK.html.")
    ] = None,
    database: Database = None,
) -> None:
    """Write the weekly review as one self-contained HTML file."""
    from monitor.clock import SystemClock
    from monitor.reports.review import render

    with store_with_models(database) as store:
        if week == "latest":
            week = _newest_week(store)
        target = html or Path(f"review-{week}.html")
        target.write_text(render(store, week, SystemClock().now_us()), encoding="utf-8")
    typer.echo(f"wrote {target}", err=True)


def _newest_week(store: Store) -> str:
    """The ISO week of the newest judged window. NotFound before the first."""
    from monitor.store import listing
    from monitor.terminal import moment_of

    with store.read() as conn:
        ends = [row["judged_until_us"] for row in listing.models(conn) if row["judged_until_us"] is not None]
    if not ends:
        raise NotFound("nothing was judged yet, so there is no week to review; run `driftglass run` first")
    year, number, _ = moment_of(max(ends) - 1).isocalendar()
    return f"{year}-W{number:02d}"
