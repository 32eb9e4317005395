"""`driftglass db`: the tables of the store, and copies of an SQLite one."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.opening import store_at
from monitor.doors.options import Database

app = typer.Typer(help="The tables of the store.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the copy is written; it must not exist.")
    ],
    database: Database = None,
) -> None:
    """Copy an SQLite store into FILE, whole and consistent, also while it is served."""
    from monitor.store import copies

    with closing(store_at(database)) as store:
        size = copies.backup(store, file)
    typer.echo(f"copied {store.shown} to {file}: {size / 1e6:,.1f} MB", err=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `db backup` made.")],
    database: Database = None,
) -> None:
    """Put a copy in the place of an SQLite store that nothing uses; the old one is kept beside it."""
    from monitor.clock import SystemClock
    from monitor.restoring import restore as put_back

    with closing(store_at(database)) as store:
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


@app.command()
def upgrade(database: Database = None, revision: Annotated[str, typer.Argument()] = "head") -> None:
    """Bring the tables to the newest revision (or to REVISION)."""
    with closing(store_at(database)) as store:
        store.upgrade(revision)
        typer.echo(f"{store.shown}: at revision {store.current()}", err=True)


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, or base.")], database: Database = None
) -> None:
    """Take the tables back to REVISION; what only newer ones hold is lost."""
    with closing(store_at(database)) as store:
        store.downgrade(revision)
        typer.echo(f"{store.shown}: at revision {store.current() or 'base'}", err=True)
