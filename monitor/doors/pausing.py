"""`driftglass pause` and `resume`: a model that is not to be watched for a while."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from monitor.doors.opening import opened
from monitor.doors.options import By, Database

Model = Annotated[str, typer.Argument(metavar="MODEL")]


def pause(model: Model, by: By = None, database: Database = None) -> None:
    """Read and judge nothing of a model until it is resumed; what is sent meanwhile is kept."""
    from monitor import pausing
    from monitor.store import models
    from monitor.terminal import clock

    with opened(database) as app, app.store.write() as conn:
        found = models.get(conn, model)
        since_us = pausing.pause(conn, found.id, by or getpass.getuser(), app.clock.now_us())
    again = "already " if found.paused_us is not None else ""
    typer.echo(f"{model} is {again}paused since {clock(since_us)} UTC: `driftglass resume {model}`", err=True)


def resume(
    model: Model,
    catch_up: Annotated[
        bool,
        typer.Option("--catch-up", help="Judge the windows that closed meanwhile; else they are skipped."),
    ] = False,
    by: By = None,
    database: Database = None,
) -> None:
    """Watch a paused model again."""
    from monitor import pausing
    from monitor.terminal import clock

    with opened(database) as app:
        done = pausing.resume(app.store, app.clock, model, by or getpass.getuser(), catch_up=catch_up)
    if done is None:
        typer.echo(f"{model} is not paused", err=True)
        return
    how = f"; {done.skipped} windows that closed meanwhile are not judged" if done.skipped else ""
    typer.echo(f"{model} goes on, after a pause since {clock(done.paused_us)} UTC{how}", err=True)
