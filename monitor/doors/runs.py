"""`driftglass runs`: the work that was given up, and trying it again."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.doors.opening import existing_store
from monitor.doors.options import Database, Json, Limit, ModelName
from monitor.errors import UsageError

app = typer.Typer(
    help="Work that was given up, and trying it again.", no_args_is_help=True, rich_markup_mode=None
)
NONE: list[int] = []


@app.command("list")
def show(
    state: Annotated[
        str, typer.Option(metavar="dead|failed|running|queued", help="Runs in this state.")
    ] = "dead",
    model: ModelName = None,
    limit: Limit = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Runs that were given up, or that are in another state, newest window first."""
    from monitor.store import models, runs
    from monitor.store.run_states import State

    states: dict[str, State] = {
        "dead": "dead",
        "failed": "failed",
        "running": "running",
        "queued": "queued",
    }
    if state not in states:
        raise UsageError(f"--state {state}: write dead, failed, running or queued")
    with existing_store(database) as store, store.read() as conn:
        names = {one.id: one.name for one in models.everyone(conn)}
        model_id = models.get(conn, model).id if model else None
        found = runs.in_state(conn, states[state], model_id, limit)
    rows: list[dict[str, object]] = [
        {
            "id": run.id,
            "model": names[run.model_id],
            "kind": run.kind,
            "window": _iso(run.window_start_us),
            "revision": run.revision,
            "attempt": run.attempt,
            "crashes": run.crashes,
            "error": run.error,
        }
        for run in found
    ]
    _print(rows, state, as_json)


@app.command()
def requeue(
    numbers: Annotated[list[int], typer.Argument(metavar="RUN…", help="Numbers of `runs list`.")] = NONE,
    every: Annotated[bool, typer.Option("--all", help="Every run that was given up.")] = False,
    database: Database = None,
) -> None:
    """Try dead runs again: their windows are measured and judged anew, and those after them judged again."""
    from monitor import jobs
    from monitor.errors import Conflict
    from monitor.store import runs
    from monitor.store.clock import clock_of

    if bool(numbers) == every:
        raise UsageError("name the runs, or write --all")
    with existing_store(database) as store:
        clock = clock_of(store)
        with store.read() as conn:
            wanted = (
                runs.in_state(conn, "dead", limit=10_000) if every else [runs.by_id(conn, n) for n in numbers]
            )
        for run in sorted(wanted, key=lambda run: run.window_start_us):
            try:
                with store.write() as conn:
                    jobs.requeue(conn, run, clock.now_us())
            except Conflict as conflict:
                if not every:  # of all of them, the revision of another one may have taken it along
                    raise
                typer.echo(str(conflict), err=True)
                continue
            typer.echo(f"run {run.id} is queued again", err=True)


def _iso(us: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def _print(rows: list[dict[str, object]], state: str, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo(f"no {state} runs", err=True)
        return
    from rich.text import Text

    from monitor.alerts.message import safe
    from monitor.terminal import headed, print_out

    table = headed(*rows[0])
    for row in rows:
        table.add_row(*(Text("" if value is None else safe(str(value))) for value in row.values()))
    print_out(table)
