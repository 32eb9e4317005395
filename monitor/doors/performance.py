"""`driftglass performance`: how well models with labels do."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.doors.opening import or_empty, store_with_models
from monitor.doors.options import Database, Json


def performance(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    windows: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, the newest.")] = 14,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate", help="Estimate again on the reference weighted to the inputs of these windows."
        ),
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """How well models do: measured on labels, estimated where there are none, and what is tolerated."""
    from monitor.app import App
    from monitor.clock import SystemClock
    from monitor.performance_table import show
    from monitor.settings import load_settings

    with or_empty([], as_json=as_json), store_with_models(database) as store:
        app = App(store, SystemClock(), load_settings())
        show(app, model, windows=windows, recalibrate=recalibrate, as_json=as_json)
