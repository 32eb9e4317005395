"""`driftglass check-reference` and `backtest`: what a contract would have made of what lies behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.opening import settings_with, store_with_models
from monitor.doors.options import CONTRACT, Database, Json
from monitor.doors.typed import time_us
from monitor.errors import UsageError

Contract = Annotated[Path, typer.Option("--contract", "-c", help="The contract.")]


def check_reference(
    contract: Contract = CONTRACT,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Judge every block of the reference with itself left out: what fires on what is called normal?"""
    from monitor.app import App
    from monitor.contract import load
    from monitor.progress import on_terminal
    from monitor.store import models
    from monitor.store.clock import clock_of
    from monitor.terminal import clock, headed, iso, print_json, print_out

    settings = settings_with(database)
    loaded = load(contract)
    with store_with_models(database) as store:
        app = App(store, clock_of(store), settings)
        with store.read() as conn:
            models.get(conn, loaded.contract.model)  # NotFound says which models there are
        watched = app.register(loaded, author="cli")
        with on_terminal() as progress:
            found = app.pipeline(watched).judge_reference(progress)
    if as_json:
        fired = [{"window": iso(at), "family": family, "because": why} for at, family, why in found.fired]
        print_json({"reference": found.facts, "windows": found.windows, "fired": fired})
        return
    missing = "; ".join(found.facts["missing"]) or "nothing is missing"
    blocks = f"{found.facts['blocks']} blocks ({found.facts['block']})"
    print_out(f"reference of {watched.name}: {blocks}, {found.windows} windows; {missing}")
    if not found.fired:
        print_out("judged with its own block left out, no window of it opens an episode")
    table = headed("window (UTC)", "family", "because")
    for start, family, why in found.fired:
        table.add_row(clock(start), family, why)
    if found.fired:
        print_out(table)


def backtest(
    contract: Contract = CONTRACT,
    from_: Annotated[
        str | None, typer.Option("--from", help="The first day or moment; default: the end of the reference.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The day or moment to end before; default: the end of the data.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a contract over history: the alarms that it would have raised, per week. Nothing is kept or sent."""
    from monitor.backtest import backtest as run_over
    from monitor.contract import load
    from monitor.progress import on_terminal
    from monitor.terminal import clock, headed, print_json, print_out

    loaded = load(contract)
    from_us = None if from_ is None else time_us(from_, "--from")
    to_us = None if to is None else time_us(to, "--to")
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise UsageError(f"--from {from_} is not before --to {to}; write the earlier day first")
    with on_terminal() as progress:
        found = run_over(loaded, from_us, to_us, progress)
    for note in found.notes:
        typer.echo(f"{found.model}: {note}", err=True)
    if as_json:
        print_json(found.to_dict())
        return
    weeks = headed("week", "page", "ticket", "explained by a break")
    for week, counts in found.weeks():
        weeks.add_row(week, *(str(counts[kind] or "·") for kind in ("page", "ticket", "explained")))
    print_out(weeks)
    if found.alarms:
        alarms = headed("opened (UTC)", "closed (UTC)", "family", "severity", "first named")
        for alarm in found.alarms:
            closed = "open" if alarm.closed_us is None else clock(alarm.closed_us)
            why = f"{alarm.named} (explained by {alarm.inhibited_by})" if alarm.inhibited_by else alarm.named
            alarms.add_row(clock(alarm.opened_us), closed, alarm.family, alarm.severity, why)
        print_out(alarms)
    called = sum(not alarm.inhibited_by for alarm in found.alarms)
    print_out(
        f"{found.model}: {called} alarm{'s' if called != 1 else ''} in {found.windows:,} windows "
        f"({found.days:.0f} days); had nothing been wrong, the budget would have allowed {found.budgeted:.2g}"
    )
