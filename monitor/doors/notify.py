"""`driftglass notify`: whether notifications arrive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.doors.opening import opened
from monitor.doors.options import EXIT_UNAVAILABLE, Database, Json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.watched import Watched

app = typer.Typer(
    help="Channels: what is known of them, and whether they work.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name in the contract.")]
Model = Annotated[str | None, typer.Option("--model", "-m", help="Whose contract; else the only model.")]


@app.command("test")
def try_channel(
    channel: Channel,
    contract: Annotated[
        Path | None, typer.Option("--contract", "-c", help="A contract file, kept in the store or not.")
    ] = None,
    model: Model = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Send a notification that says it is a test, now, and tell what happened; exit with 3 if it did not arrive."""
    from monitor.alerts.message import Context
    from monitor.clock import SystemClock
    from monitor.contract import load, resolve_secret
    from monitor.delivery.trial import attempt
    from monitor.settings import load_settings
    from monitor.store.canonical import json_text
    from monitor.watched import Watched

    settings = load_settings()
    if contract is not None:
        loaded = load(contract)
        watched = Watched(0, loaded.contract.model, loaded.contract, loaded.base_path)
    else:
        with opened(database) as service:
            watched = _watched(service, model)
    spec = watched.contract.channels.get(channel)
    if spec is None:
        raise UsageError(_no_channel(watched, channel))
    about = Context(
        watched.name,
        watched.contract.owner or "",
        watched.contract.runbook or "",
        settings.base_url,
        watched.contract.timezone,
    )
    found = attempt(
        spec,
        lambda reference: resolve_secret(reference, watched.base_path),
        about,
        allow=settings.allowed_addresses,
        now_us=SystemClock().now_us(),
    )
    if as_json:
        shown = {"ok": found.ok, "steps": list(found.steps), "status": found.status, "error": found.error}
        typer.echo(json_text({**shown, "seconds": round(found.seconds, 3), "cure": found.cure}))
    else:
        typer.echo(f"channel {channel} of {watched.name} ({spec.type})")
        for step in found.steps:
            typer.echo(f"  {step}")
        if found.ok:
            typer.echo(f"it works: taken in {found.seconds:.2f} s")
        else:
            typer.echo(f"it does not work, after {found.seconds:.2f} s: {found.error}\n  {found.cure}")
    if not found.ok:
        raise typer.Exit(EXIT_UNAVAILABLE)


@app.command("channels")
def show(model: Model = None, database: Database = None, as_json: Json = False) -> None:
    """The channels of the contract, how they are, and what waits for them."""
    from monitor.delivery.overview import channels_of
    from monitor.store.canonical import json_text

    with opened(database) as service:
        watched = _watched(service, model)
        with service.store.read() as conn:
            found = channels_of(conn, watched)
    if as_json:
        typer.echo(json_text(found))
        return
    for one in found:
        trouble = f": {one['last_error']}" if one["state"] != "well" else ""
        counts = f"{one['waiting']} waiting, {one['dead']} dead, {one['sent']} sent"
        typer.echo(f"{one['name']} ({one['type']}) is {one['state']}{trouble}; {counts}")


@app.command()
def enable(channel: Channel, model: Model = None, database: Database = None) -> None:
    """Send again on a channel whose receiver had said that it is gone, or that was down; what waits is due at once."""
    import getpass

    from monitor.delivery.overview import enable as enable_channel

    with opened(database) as service:
        watched = _watched(service, model)
        if channel not in watched.contract.channels:
            raise UsageError(_no_channel(watched, channel))
        with service.store.write() as conn:
            enable_channel(conn, watched, channel, getpass.getuser(), service.clock.now_us())
    typer.echo(f"channel {channel} of {watched.name} sends again", err=True)


def _watched(app: App, model: str | None) -> Watched:
    everyone = app.watched()
    named = [one for one in everyone if model in (None, one.name)]
    if len(named) == 1:
        return named[0]
    if not named:
        raise UsageError(
            f"there is no model {model}" if model else "no model is watched here yet; give --contract"
        )
    raise UsageError(f"several models are watched: give --model {' or '.join(one.name for one in named[:5])}")


def _no_channel(watched: Watched, channel: str) -> str:
    names = ", ".join(watched.contract.channels) or "none"
    return f"the contract of {watched.name} has no channel {channel!r}; it has: {names}"
