"""`driftglass doctor`: what is wrong, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.doors.opening import settings_with
from monitor.doors.options import Database, Json


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Only whether a process on this host works: exit code 0, else 1.")
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Explain what is wrong with the installation and what to do; exit code 1 if there is a problem."""
    import socket

    from monitor.doctor import alive, examine
    from monitor.store.canonical import json_text

    settings = settings_with(database)
    if live:
        raise typer.Exit(0 if alive(settings, socket.gethostname()) else 1)
    found = examine(settings)
    if as_json:
        typer.echo(json_text([one.to_dict() for one in found]))
    for one in [] if as_json else found:
        typer.echo(f"{one.severity}: {one.about}: {one.what}\n    to do: {one.cure}")
    if not found:
        typer.echo("nothing is wrong", err=True)
    raise typer.Exit(1 if any(one.severity == "problem" for one in found) else 0)
