"""`driftglass erase`: a person's records, wherever they are kept."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from monitor.doors.opening import opened
from monitor.doors.options import Database, Json


def erase(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model that the records belong to.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Their ids, as they were sent.")],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Erase a person's records by id, wherever they are kept; they are not kept again."""
    from monitor.erasing import erase as erase_records
    from monitor.store.canonical import json_text

    with opened(database) as app:
        counts = erase_records(app.store, app.clock, model, ids, getpass.getuser())
    if as_json:
        typer.echo(json_text(counts))
        return
    found = ", ".join(f"{count:,} in {what}" for what, count in counts.items() if count)
    typer.echo(
        f"erased: {found}" if found else "nothing of them was kept; from now on nothing will be", err=True
    )
