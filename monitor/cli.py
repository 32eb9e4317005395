"""The command line. Data goes to standard output, everything else to standard error.

Exit codes: 0 fine · 1 alerts, with `--fail-on`, or a replay that differs · 2 usage or contract · 3 something
driftglass needs is unavailable.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from monitor import __version__
from monitor.doors import alerts as acting
from monitor.doors import audit, house, keys, notify, outbox, runs
from monitor.doors import doctor as doctoring
from monitor.errors import ContractError, DependencyUnavailable, DriftglassError, UsageError

EXIT_ALERTS, EXIT_USAGE, EXIT_UNAVAILABLE = 1, 2, 3

# Defaults that typer shows and never changes.
CONTRACTS = [Path("contract.yaml")]
NONE: list[Path] = []

app = typer.Typer(
    name="driftglass",
    help="A self-hosted drift and data-quality monitor for production models that read text.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
db = typer.Typer(help="The tables of the store.", no_args_is_help=True, rich_markup_mode=None)
export = typer.Typer(
    help="Everything that was measured, in a canonical order.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(db, name="db")
app.add_typer(export, name="export")
app.add_typer(notify.app, name="notify")
app.add_typer(outbox.app, name="outbox")
app.add_typer(keys.app, name="keys")
app.add_typer(runs.app, name="runs")
app.add_typer(audit.app, name="audit")
app.command()(acting.ack)
app.command()(acting.snooze)
app.command()(acting.annotate)
app.add_typer(acting.app, name="silence")
app.command()(house.erase)
app.command()(doctoring.doctor)
db.command()(house.backup)
db.command()(house.restore)

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        metavar="URL",
        help="Where everything is kept; else $DRIFTGLASS_DATABASE_URL, else sqlite:///driftglass.db.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ModelName = Annotated[str | None, typer.Option("--model", "-m", help="Only this model.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most this many rows.")]


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
    pass


@app.command()
def init(
    target: Annotated[
        str, typer.Argument(metavar="FILE_OR_DB_URL", help="A file, a glob or `sqlite:///x.db#table`.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the contract.")] = Path(
        "contract.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a contract that is there.")] = False,
) -> None:
    """Infer a contract from data, with comments on what to check."""
    from monitor.contract import json_schema
    from monitor.contract.inference import infer
    from monitor.store.canonical import json_text

    # First: data that cannot be read are no reason to overwrite a contract.
    text = infer(target, relative_to=output.parent)
    if output.exists() and not force:
        raise UsageError(f"{output} is there already; give another --output, or --force to overwrite it")
    schema = output.with_name("contract.schema.json")
    schema.write_text(json_text(json_schema()) + "\n", encoding="utf-8")
    output.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {output}; read it, then: driftglass run --contract {output}", err=True)


@app.command()
def inspect(
    file: Annotated[
        str,
        typer.Argument(
            help="CSV, JSON Lines or Parquet, a glob, a URL; any other file is read line by line."
        ),
    ],
    column: Annotated[
        str | None, typer.Option("--column", "-c", help="The text; default: the column that looks like text.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(metavar="CODES", help="Tell only these apart, such as en,es.")
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What tells the language of whole messages: langdetect, lingua, py3langid, pycld2 or "
            "package.module:function.",
        ),
    ] = "ngrams",
    lexicon: Annotated[
        bool, typer.Option("--lexicon", help="Weigh words by how common they are in each language.")
    ] = False,
    mixed_labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Messages with a column `mixed`, yes or no: corrects the share of mixed messages.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many messages from the beginning.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="table|json|csv|parquet",
            help="table: a report. json: the summary. csv, parquet: a row per message.",
        ),
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default standard output.")
    ] = None,
    no_redact: Annotated[
        bool,
        typer.Option(
            "--no-redact", help="Show examples with e-mail addresses, phone numbers and names of users."
        ),
    ] = False,
) -> None:
    """Look at the texts of a file: languages, code-switching, encoding damage, evasion, words."""
    from monitor.inspection.command import codes_of
    from monitor.inspection.command import inspect as inspect_texts
    from monitor.inspection.reading import Options

    options = Options(codes_of(languages), limit, detector, lexicon, mixed_labels, redacted=not no_redact)
    inspect_texts(file, column, options, form=form, output=output)


@app.command("learn-profile")
def learn_profile(
    name: Annotated[str, typer.Argument(help="Like a language code: hi-Latn, en-x-support.")],
    file: Annotated[
        str,
        typer.Argument(help="Messages or words of that language alone; what `inspect` reads."),
    ],
    column: Annotated[
        str | None, typer.Option("--column", "-c", help="The text; default: the column that looks like text.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; default profiles/NAME.json.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a profile that is there.")] = False,
) -> None:
    """Learn what a language, a dialect or a jargon looks like, to tell it apart from then on."""
    from monitor.inspection.own_profiles import write_profile

    write_profile(name, file, column, output or Path("profiles") / f"{name}.json", force=force)


@app.command("check-contract")
def check_contract(
    contracts: Annotated[list[Path], typer.Argument(help="Contract files.")] = CONTRACTS,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
) -> None:
    """Report every problem of contracts as file:line:column, with the cure."""
    from monitor.contract import json_schema, load

    if schema:
        _print_json(json_schema())
        return
    problems: list[str] = []
    for path in contracts:
        try:
            typer.echo(f"{path}: fine (model {load(path).contract.model})")
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(problems)


@app.command()
def run(
    contracts: Annotated[
        list[Path], typer.Option("--contract", "-c", help="A contract; may be given again.")
    ] = CONTRACTS,
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
    from monitor.commands import one_pass

    if fail_on not in (None, "page", "ticket"):
        raise UsageError(f"--fail-on {fail_on}: write page or ticket")
    found = one_pass(contracts, database, as_of=as_of, deliver=deliver, as_json=as_json)
    if fail_on and any(severity == "page" or fail_on == "ticket" for severity in found):
        raise typer.Exit(EXIT_ALERTS)


@app.command()
def serve(
    contracts: Annotated[
        list[Path], typer.Option("--contract", "-c", help="A contract; may be given again.")
    ] = NONE,
    database: Database = None,
    host: Annotated[str | None, typer.Option(help="Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default 8327.")] = None,
    role: Annotated[
        str,
        typer.Option(
            metavar="all|api|worker", help="`api` answers, `worker` does the jobs, `all` does both."
        ),
    ] = "all",
) -> None:
    """Run the jobs, the API and the pages until stopped."""
    from monitor.service import serve as run_service

    run_service(contracts, database, host, port, role)


@app.command()
def status(database: Database = None, as_json: Json = False) -> None:
    """How far every model is, and whether anything is stuck."""
    from monitor.commands import show_status

    show_status(database, as_json=as_json)


@app.command()
def alerts(
    database: Database = None,
    model: ModelName = None,
    family: Annotated[
        str | None, typer.Option(help="Only this family: a family of the contract, or health.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what is open.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Episodes, newest first, with what they name."""
    from monitor.commands import show_alerts

    show_alerts(database, model, family=family, only_open=only_open, limit=limit, as_json=as_json)


@app.command()
def explain(
    alert: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number: #12 of `alerts` is 12.")],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Everything known of an alert: three sentences, then what moved, where, and examples."""
    from monitor.commands import explain_alert

    explain_alert(alert, database, as_json=as_json)


@app.command()
def unlike(
    database: Database = None, model: ModelName = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Windows that as a whole are unlike the reference, alert or not: one in a hundred is by chance."""
    from monitor.commands import show_unlike

    show_unlike(database, model, limit=limit, as_json=as_json)


@app.command()
def measurements(
    database: Database = None,
    model: ModelName = None,
    metric: Annotated[
        str | None, typer.Option(help="Only this metric, such as jsd or encoding_rate.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Only this column.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only this segment, such as country=IN.")] = None,
    term: Annotated[str | None, typer.Option(help="Only this class, pair or value.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Windows from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Windows before this time.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Measurements with their expected range and verdict, newest window last."""
    from monitor.commands import show_measurements

    wanted = {"metric": metric, "column": column, "segment": segment, "term": term}
    show_measurements(database, model, wanted, since=since, until=until, limit=limit, as_json=as_json)


@app.command()
def feedback(
    alert: Annotated[int, typer.Argument(help="The number that `driftglass alerts` shows.")],
    verdict: Annotated[str, typer.Argument(metavar="expected|false-alarm|undo")],
    note: Annotated[str, typer.Option(help="Why; kept in the alert's history and in the audit log.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Default: the user of this machine.")] = None,
    database: Database = None,
) -> None:
    """Say that a change is expected, or that an alert was false: what is normal moves, and the alert closes."""
    import getpass

    from monitor.commands import give_feedback

    give_feedback(database, alert, verdict, note=note, by=by or getpass.getuser())


@app.command()
def replay(
    verdict: Annotated[
        str,
        typer.Argument(
            metavar="MODEL/WINDOW[/SERIES]", help="As `driftglass measurements --json` names it, `verdict`."
        ),
    ],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a verdict again from the store and compare every number; exit with 1 if one differs."""
    from monitor.commands import show_replay

    if not show_replay(database, verdict, as_json=as_json):
        raise typer.Exit(EXIT_ALERTS)


@app.command()
def performance(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    windows: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, the newest.")] = 14,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate", help="Estimate again on the reference weighted to the inputs of these windows."
        ),
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """How well models do: measured on labels, estimated where there are none, and what is tolerated."""
    from monitor.commands import show_performance

    show_performance(database, model, windows=windows, recalibrate=recalibrate, as_json=as_json)


@app.command()
def triggers(
    database: Database = None, model: ModelName = None, limit: Limit = 50, as_json: Json = False
) -> None:
    """Retraining triggers, newest first, with the verdict of every guard."""
    from monitor.commands import show_triggers

    show_triggers(database, model, limit=limit, as_json=as_json)


@app.command("check-reference")
def check_reference(
    contract: Annotated[Path, typer.Option("--contract", "-c", help="The contract.")] = Path("contract.yaml"),
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Judge every block of the reference with itself left out: what fires on what is called normal?"""
    from monitor.commands import judge_reference

    judge_reference(contract, database, as_json=as_json)


@app.command()
def backtest(
    contract: Annotated[Path, typer.Option("--contract", "-c", help="The contract.")] = Path("contract.yaml"),
    from_: Annotated[
        str | None, typer.Option("--from", help="The first day or moment; default: the end of the reference.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The day or moment to end before; default: the end of the data.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a contract over history: the alarms that it would have raised, per week. Nothing is kept or sent."""
    from monitor.commands import show_backtest

    show_backtest(contract, from_, to, as_json=as_json)


@app.command()
def review(
    week: Annotated[
        str, typer.Option(help="The ISO week, such as 2026-W47; default: that of the newest judged window.")
    ] = "latest",
    html: Annotated[
        Path | None, typer.Option(help="Where to write the page; default review-WEEK.html.")
    ] = None,
    database: Database = None,
) -> None:
    """Write the weekly review as one self-contained HTML file."""
    from monitor.commands import write_review

    write_review(week, html, database)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the stream and the store are written.")] = Path("demo"),
    seed: Annotated[
        int, typer.Option(help="Draws the messages, and the order and times of the incidents.")
    ] = 7,
    incidents: Annotated[bool, typer.Option(help="Plant the seven incidents in the last week.")] = True,
    alertmanager: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send the alerts to an Alertmanager of this machine too."),
    ] = None,
    database: Database = None,
) -> None:
    """Ten weeks of messages with seven planted incidents: run the main job over them and show what it found."""
    from monitor.demo.run import run_demo

    run_demo(folder, seed=seed, incidents=incidents, database=database, alertmanager_url=alertmanager)


@db.command()
def upgrade(database: Database = None, revision: Annotated[str, typer.Argument()] = "head") -> None:
    """Bring the tables to the newest revision (or to REVISION)."""
    store = _store(database)
    store.upgrade(revision)
    typer.echo(f"{store.shown}: at revision {store.current()}", err=True)


@db.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, or base.")], database: Database = None
) -> None:
    """Take the tables back to REVISION; what only newer ones hold is lost."""
    store = _store(database)
    store.downgrade(revision)
    typer.echo(f"{store.shown}: at revision {store.current() or 'base'}", err=True)


@export.command("measurements")
def export_measurements(
    database: Database = None,
    model: ModelName = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default standard output.")
    ] = None,
) -> None:
    """CSV of every measurement in canonical order; its sha256 goes to standard error."""
    from monitor.commands import export_measurements as export_all

    export_all(database, model, output)


def _store(database: str | None) -> Any:
    from monitor.commands import open_store

    return open_store(database, migrate=False)


def _print_json(value: object) -> None:
    from monitor.store.canonical import json_text

    typer.echo(json_text(value))


if __name__ == "__main__":
    main()
