"""`driftglass outbox`: what waits, what was given up, and sending it after all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from monitor.doors.opening import existing_store
from monitor.doors.options import Database, Json
from monitor.errors import UsageError

app = typer.Typer(
    help="Notifications on their way out, and those that were given up.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Number = Annotated[int | None, typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As `list` shows it.")]


@app.command("list")
def show(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, the newest.")] = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """What waits and what was given up, newest first, with the last answer."""
    from monitor.store import outbox
    from monitor.store.canonical import json_text

    states: list[Literal["pending", "sending", "sent", "dead"]] = ["dead"]
    if not dead:
        states += ["pending", "sending"]
    if everything:
        states += ["sent"]
    with existing_store(database) as store, store.read() as conn:
        found = [
            message for state in states for message in outbox.list_messages(conn, state=state, limit=limit)
        ]
    found = sorted(found, key=lambda message: message.id, reverse=True)[:limit]
    if as_json:
        typer.echo(json_text([outbox.shown(message) for message in found]))
        return
    for message in found:
        when = datetime.fromtimestamp(message.created_us / 1e6, UTC)
        last = f"; {message.last_error}" if message.last_error else ""
        typer.echo(
            f"{message.id} {message.state} {message.channel} {message.type.removeprefix('io.driftglass.')} "
            f"{message.subject}, written {when:%Y-%m-%d %H:%M:%S} UTC, {message.attempt} attempts{last}"
        )
    if not found:
        typer.echo("nothing was given up" if dead else "nothing waits, and nothing was given up", err=True)


@app.command()
def replay(
    message: Number = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Everything that was given up.")] = False,
    channel: Annotated[
        str | None, typer.Option(metavar="MODEL/CHANNEL", help="With --all-dead: only of this channel.")
    ] = None,
    database: Database = None,
) -> None:
    """Send what was given up after all, with the same id and the same words."""
    import getpass

    from monitor.clock import SystemClock
    from monitor.store import audit, outbox

    if (message is None) != all_dead:
        raise UsageError("name one message, or say --all-dead")
    now_us = SystemClock().now_us()
    with existing_store(database) as store, store.write() as conn:
        if message is not None:
            outbox.replay(conn, message, now_us)
            count = 1
        else:
            count = outbox.replay_all(conn, now_us, channel=channel)
        what = {"message": message, "count": count, "channel": channel}
        audit.append(conn, getpass.getuser(), "outbox.replayed", "outbox", what, now_us)
    typer.echo(f"{count} will be sent again: by `driftglass serve`, or the next `driftglass run`", err=True)
