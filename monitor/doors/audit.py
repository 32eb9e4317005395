"""`driftglass audit`: who did what, and whether somebody changed the log since."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from monitor.doors.opening import existing_store
from monitor.doors.options import Database, Json

app = typer.Typer(help="Who did what, and when.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def show(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only what was done to this model.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """The audit log, newest first."""
    from monitor.store import audit
    from monitor.store.canonical import json_text
    from monitor.terminal import iso

    with existing_store(database) as store, store.read() as conn:
        found = audit.newest(conn, limit, model)
    if as_json:
        rows = [
            {
                "seq": one.seq,
                "at": iso(one.at_us),
                "actor": one.actor,
                "action": one.action,
                "object": one.object,
                "payload": json.loads(one.payload),
                "hash": one.hash,
            }
            for one in found
        ]
        typer.echo(json_text(rows))
        return
    for one in found:
        # Names are what callers gave: a terminal is not to obey them.
        words = f"{one.seq} {iso(one.at_us)} {one.actor} {one.action} {one.object} {one.payload}"
        typer.echo("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words))
    if not found:
        typer.echo("nothing was done yet", err=True)
