"""`driftglass erase`, and copies of an SQLite store: `db backup` and `db restore`."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.keys import Database, Json, opened


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


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the copy is written; it must not exist.")
    ],
    database: Database = None,
) -> None:
    """Copy an SQLite store into FILE, whole and consistent, also while it is served."""
    from monitor.commands import open_store
    from monitor.store import copies

    store = open_store(database, migrate=False)
    try:
        size = copies.backup(store, file)
    finally:
        store.close()
    typer.echo(f"copied {store.shown} to {file}: {size / 1e6:,.1f} MB", err=True)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `db backup` made.")],
    database: Database = None,
) -> None:
    """Put a copy in the place of an SQLite store that nothing uses; the old one is kept beside it."""
    from monitor.clock import SystemClock
    from monitor.commands import open_store
    from monitor.restoring import restore as put_back

    store = open_store(database, migrate=False)
    done = put_back(store, file, SystemClock(), getpass.getuser())
    kept = f"; what was there is {done.kept}" if done.kept is not None else ""
    typer.echo(f"{store.shown} is now what {file} holds{kept}", err=True)
    if done.carried:
        typer.echo(
            f"{done.carried:,} erasures hold in it too: {done.erased:,} rows were erased again", err=True
        )
    if done.problem:
        typer.echo(f"warning: {done.problem}", err=True)
    if done.kept is not None:
        typer.echo(f"{done.kept} still holds what people wrote: delete it once it is not needed", err=True)
