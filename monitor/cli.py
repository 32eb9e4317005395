"""The command line, put together from `doors/`. Data goes to standard output, everything else to standard error.

Exit codes: 0 fine · 1 alerts, with `--fail-on`, or a replay that differs · 2 usage or contract · 3 something
driftglass needs is unavailable.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from monitor import __version__
from monitor.doors import (
    alerts,
    audit,
    contracts,
    db,
    demo,
    doctor,
    erase,
    found,
    history,
    keys,
    measurements,
    notify,
    outbox,
    pausing,
    performance,
    quarantine,
    review,
    run,
    runs,
    serve,
    status,
    texts,
)
from monitor.doors.options import EXIT_UNAVAILABLE, EXIT_USAGE
from monitor.errors import ContractError, DependencyUnavailable, DriftglassError

app = typer.Typer(
    name="driftglass",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    # On a wide terminal the list of commands tells each in a whole sentence.
    context_settings={"max_content_width": 120},
)
# In the order in which `--help` lists them.
app.command()(contracts.init)
app.command()(contracts.check_contract)
app.command()(run.run)
app.command()(serve.serve)
app.command()(status.status)
app.command()(doctor.doctor)
app.command()(found.alerts)
app.command()(found.explain)
app.command()(alerts.ack)
app.command()(alerts.snooze)
app.command()(alerts.annotate)
app.command()(alerts.feedback)
app.command()(pausing.pause)
app.command()(pausing.resume)
app.command()(measurements.measurements)
app.command()(performance.performance)
app.command()(quarantine.quarantine)
app.command()(found.unlike)
app.command()(found.triggers)
app.command()(review.review)
app.command()(measurements.replay)
app.command()(history.check_reference)
app.command()(history.backtest)
app.command()(texts.inspect)
app.command()(texts.learn_profile)
app.command()(erase.erase)
app.command()(demo.demo)
app.add_typer(db.app, name="db")
app.add_typer(measurements.export, name="export")
app.add_typer(notify.app, name="notify")
app.add_typer(outbox.app, name="outbox")
app.add_typer(keys.app, name="keys")
app.add_typer(runs.app, name="runs")
app.add_typer(audit.app, name="audit")
app.add_typer(alerts.app, name="silence")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; exits the process."""
    try:
        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except ContractError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        count = len(error.problems)
        typer.echo(f"{count} problem{'s' if count != 1 else ''}", err=True)
        sys.exit(EXIT_USAGE)
    except DependencyUnavailable as error:
        typer.echo(f"driftglass: {error}", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    except DriftglassError as error:
        typer.echo(f"driftglass: {error}", err=True)
        sys.exit(EXIT_USAGE)
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftglass {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A self-hosted drift and data-quality monitor for production models that read text."""


if __name__ == "__main__":
    main()
