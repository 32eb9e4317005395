"""`driftglass demo`: ten weeks of a stream with planted incidents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.options import Database


def demo(
    folder: Annotated[Path, typer.Option(help="Where the stream and the store are written.")] = Path("demo"),
    seed: Annotated[
        int, typer.Option(help="Draws the messages, and the order and times of the incidents.")
    ] = 7,
    incidents: Annotated[bool, typer.Option(help="Plant the seven incidents in the last week.")] = True,
    alertmanager: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send the alerts to an Alertmanager of this machine too."),
    ] = None,
    database: Database = None,
) -> None:
    """Watch ten weeks of messages with seven planted incidents, and show what was found."""
    from monitor.demo.run import run_demo

    run_demo(folder, seed=seed, incidents=incidents, database=database, alertmanager_url=alertmanager)
