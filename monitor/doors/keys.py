"""`driftglass keys`: who may call the API and open the pages."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from monitor.doors.opening import opened
from monitor.doors.options import Database, Json
from monitor.errors import UsageError

app = typer.Typer(
    help="Who may call the API and open the pages.", no_args_is_help=True, rich_markup_mode=None
)
NONE: list[str] = []


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it: the author in the audit log.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            "-s",
            metavar="ingest|read|act|manage|approve|admin",
            help="What it may do; may be given again. admin: everything.",
        ),
    ],
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="Only this model; may be given again.")
    ] = NONE,
    expires: Annotated[
        str | None, typer.Option(metavar="DAYSd|TIME", help="When it ends: 90d, or 2027-01-31.")
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from monitor.store import audit, keys, models
    from monitor.store.canonical import json_text

    unknown = [one for one in scope if one not in keys.SCOPES]
    if unknown:
        raise UsageError(f"--scope {unknown[0]}: write one of " + ", ".join(keys.SCOPES))
    author = getpass.getuser()
    with opened(database, make=True) as app, app.store.write() as conn:
        now_us = app.clock.now_us()
        watched = {one.name for one in models.everyone(conn)}
        scopes = [one for one in keys.SCOPES if one in scope]
        key, text = keys.create(conn, name, scopes, model, _end_us(expires, now_us), author, now_us)
        audit.append(conn, author, "key.created", f"key/{key.id}", keys.told(key), now_us)
    for absent in (one for one in model if one not in watched):
        typer.echo(
            f"warning: no such model yet: {absent}; the key counts for it once it is watched", err=True
        )
    if as_json:
        typer.echo(json_text({**keys.told(key), "id": key.id, "key": text}))
        return
    typer.echo(text)
    typer.echo(f"made the key {name} ({', '.join(key.scopes)}); it is shown only now", err=True)


@app.command("list")
def show(database: Database = None, as_json: Json = False) -> None:
    """Every key, also those that expired or were revoked; never their secrets."""
    from dataclasses import asdict

    from monitor.store import keys
    from monitor.store.canonical import json_text

    with opened(database) as app, app.store.read() as conn:
        found = keys.everyone(conn)
        now_us = app.clock.now_us()
    if as_json:
        for key in found:
            typer.echo(json_text({**asdict(key), "good": key.good_at(now_us)}))
        return
    if not found:
        typer.echo("there are no keys: the API is open, on this machine only", err=True)
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(
        Column("id", no_wrap=True), "name", "scopes", "models", "expires", "last use", "state", box=None
    )
    for key in found:
        state = "revoked" if key.revoked_us is not None else "good" if key.good_at(now_us) else "expired"
        models = ", ".join(key.models) or "all"
        cells = (
            key.id,
            key.name,
            ", ".join(key.scopes),
            models,
            _day(key.expires_us),
            _day(key.used_us),
            state,
        )
        table.add_row(*cells)
    Console(markup=False, highlight=False).print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="NAME|ID", help="As `keys list` shows it.")],
    database: Database = None,
) -> None:
    """Refuse a key, and every session opened with it, from now on."""
    from monitor.store import audit, keys

    author = getpass.getuser()
    with opened(database) as app, app.store.write() as conn:
        found = keys.named(conn, key)
        now_us = app.clock.now_us()
        revoked = keys.revoke(conn, found.id, author, now_us)
        if found.revoked_us is None:
            audit.append(conn, author, "key.revoked", f"key/{found.id}", keys.told(found), now_us)
    typer.echo(f"revoked the key {revoked.name}", err=True)


def _end_us(text: str | None, now_us: int) -> int | None:
    """`90d` from now, or a time; a day alone ends when it ends, in UTC."""
    if text is None:
        return None
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6:
        return now_us + int(text[:-1]) * 86_400_000_000
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--expires {text}: write 90d, 2027-01-31 or 2027-01-31T12:00:00Z") from error
    day = 86_400_000_000 if len(text) == 10 else 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1e6) + day


def _day(us: int | None) -> str:
    return "never" if us is None else datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
