"""`driftglass run`: one pass over every contract, and what it found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.doors.opening import settings_with
from monitor.doors.options import CONTRACT, EXIT_ALERTS, Contracts, Database, Json
from monitor.doors.typed import time_us
from monitor.errors import ContractError, DriftglassError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from monitor.app import App
    from monitor.contract import Loaded
    from monitor.delivery.dispatch import Counts
    from monitor.pipeline import PassReport
    from monitor.store.engine import Store

    Row = Mapping[str, Any] | RowMapping

CONTRACTS = [CONTRACT]
_NEWEST = 20  # episodes and triggers of a model that a pass shows, beside all that are open


def run(
    contracts: Contracts = CONTRACTS,
    database: Database = None,
    as_of: Annotated[
        str,
        typer.Option(
            metavar="TIME|now|data",
            help="Judge what had closed then. `data`: at the newest record. Default: `data` if that is more than "
            "7 days old, else now.",
        ),
    ] = "auto",
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="page|ticket", help="Exit with 1 if an episode of this severity or worse is open."
        ),
    ] = None,
    deliver: Annotated[bool, typer.Option(help="Send what waits in the outbox.")] = True,
    as_json: Json = False,
) -> None:
    """Do one pass: read what is new, measure, judge, notify; then print the alerts."""
    if fail_on not in (None, "page", "ticket"):
        raise UsageError(f"--fail-on {fail_on}: write page or ticket")
    found = _one_pass(contracts, database, as_of=as_of, deliver=deliver, as_json=as_json)
    if fail_on and any(severity == "page" or fail_on == "ticket" for severity in found):
        raise typer.Exit(EXIT_ALERTS)


def _one_pass(
    contracts: Sequence[Path], database: str | None, *, as_of: str, deliver: bool, as_json: bool
) -> list[str]:
    """One pass over every contract; prints the alerts. Returns the severities of the open episodes.

    A contract that cannot be used, or a model that cannot be read, does not stop the others: what was wrong is told,
    and raised at the end.
    """
    from monitor.app import App
    from monitor.terminal import episode_list, plain, print_json, print_out, trigger_list

    settings = settings_with(database)
    until_us = None if as_of in ("auto", "now", "data") else time_us(as_of, "--as-of")
    usable, problems = _load_all(contracts)
    app = App.open(settings)
    try:
        failed = _pass_over(app, usable, until_us, {"auto": None, "data": True}.get(as_of, False))
        if deliver:
            _tell_undelivered(app.store, app.deliver())
        episodes, triggers = _found(app.store, sorted({loaded.contract.model for loaded in usable}))
        if as_json:
            print_json([plain(row) for row in episodes])
        else:
            print_out(episode_list(app.store, episodes))
            if triggers:
                print_out(trigger_list(triggers))
    finally:
        app.store.close()
    if problems:
        raise ContractError(problems)
    for other in failed[1:]:
        typer.echo(f"driftglass: {other}", err=True)  # as `main` tells the first
    if failed:
        raise failed[0]
    return [row["severity"] for row in episodes if row["closed_us"] is None]


def _pass_over(
    app: App, usable: Sequence[Loaded], until_us: int | None, at_newest: bool | None
) -> list[DriftglassError]:
    """One pass over each model; what went wrong in some of them."""
    from monitor.progress import on_terminal

    failed: list[DriftglassError] = []
    with on_terminal() as progress:
        for loaded in usable:
            watched = app.register(loaded, author="cli")
            try:
                report = app.one_pass(watched, until_us=until_us, at_newest=at_newest, progress=progress)
            except DriftglassError as error:
                failed.append(error)
            else:
                _tell(watched.name, report)
    return failed


def _found(store: Store, names: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Of each model every open episode and the newest others, and its newest triggers; newest first."""
    from monitor.store import listing, models

    episodes: dict[int, Row] = {}
    triggers: list[Row] = []
    with store.read() as conn:
        for name in names:
            model_id = models.get(conn, name).id
            page = listing.episodes(conn, model_id=model_id, limit=_NEWEST)
            episodes |= {row["id"]: row for row in page.rows}
            after: listing.Key | None = None
            while True:
                page = listing.episodes(conn, model_id=model_id, resolved=False, after=after)
                episodes |= {row["id"]: row for row in page.rows}
                after = page.after
                if after is None:
                    break
            triggers += listing.triggers(conn, model_id=model_id, limit=_NEWEST).rows
    return sorted(episodes.values(), key=lambda row: (row["opened_us"], row["id"]), reverse=True), triggers


def _load_all(contracts: Sequence[Path]) -> tuple[list[Loaded], list[str]]:
    """The contracts that can be used, and the problems of the others. ContractError if there is none."""
    from monitor.contract import load

    usable: list[Loaded] = []
    problems: list[str] = []
    for path in contracts:
        try:
            usable.append(load(path))
        except ContractError as error:
            problems += error.problems
    if not usable:
        raise ContractError(problems)
    return usable, problems


def _tell(name: str, report: PassReport) -> None:
    """What a pass did, in a line or two on standard error."""
    parts = [f"{report.records:,} records read"]
    if report.duplicates:
        parts.append(f"{report.duplicates:,} duplicates left out")
    if report.quarantined:
        parts.append(f"{report.quarantined:,} set aside (see `driftglass quarantine {name}`)")
    parts.append(f"{report.judged:,} windows judged")
    # Not with `echo`, which writes past what the bar of progress puts in the place of standard error, into its line.
    print(f"{name}: " + ", ".join(parts), file=sys.stderr)  # noqa: T201 - as said
    for note in report.notes:
        print(f"{name}: {note}", file=sys.stderr)  # noqa: T201 - as said


def _tell_undelivered(store: Store, counts: Counts) -> None:
    """Who was not told, a line for each channel on standard error; silent if nothing waits and nothing was given up."""
    from monitor.store import outbox, outlets

    with store.read() as conn:
        waits = outbox.waiting(conn)
        known = outlets.known(conn, list(waits))
        for channel, count in waits.items():
            error = outbox.last_error(conn, channel)
            if error is None and channel in known:
                error = known[channel].last_error
            said = "1 notification waits" if count == 1 else f"{count:,} notifications wait"
            typer.echo(f"{said}: {channel}: {error or 'not tried yet'}", err=True)
    if counts.dead:
        said = "1 notification was" if counts.dead == 1 else f"{counts.dead:,} notifications were"
        typer.echo(f"{said} given up: see `driftglass outbox list --dead`", err=True)
