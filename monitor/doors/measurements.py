"""`driftglass measurements`, `replay` and `export measurements`: the numbers, shown, made again and written out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.doors.opening import existing_store, or_empty, store_with_models
from monitor.doors.options import EXIT_ALERTS, Database, Json, Limit, ModelName
from monitor.doors.typed import one_of, time_us
from monitor.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.replay import Replayed
    from monitor.store.models import Model

export = typer.Typer(
    help="Everything that was measured, in a canonical order.", no_args_is_help=True, rich_markup_mode=None
)

_MEASURED = (
    "window (UTC)",
    "model",
    "metric",
    "column",
    "segment",
    "term",
    "n",
    "value",
    "expected",
    "usually",
    "verdict",
    "z",
)


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
    from monitor.store import listing
    from monitor.terminal import plain, print_json

    with or_empty([], as_json=as_json), store_with_models(database) as store:
        with store.read() as conn:
            chosen = _chosen(conn, model)
            one_of("--metric", metric, listing.metrics(conn))
            rows = [
                {"model": one.name, **dict(row)}
                for one in chosen
                for row in listing.measurements(
                    conn,
                    one.id,
                    metric=metric,
                    column=column,
                    segment=segment,
                    term=term,
                    from_us=time_us(since, "--from") if since else None,
                    to_us=time_us(until, "--to") if until else None,
                    limit=limit,
                ).rows
            ]
        rows = sorted(rows, key=lambda row: (row["window_start_us"], row["model"]))[-limit:]
        if as_json:
            print_json([plain(row) | {"verdict": _verdict_id(row["model"], row)} for row in rows])
        else:
            _show_measured(rows)


def _show_measured(rows: Sequence[Mapping[str, Any]]) -> None:
    from monitor.terminal import clock, headed, print_out, short

    table = headed(*_MEASURED)
    for row in rows:
        low, high = (short(row[bound]) for bound in ("expected_low", "expected_high"))
        usually = f"{low} … {high}" if low else ""
        table.add_row(
            clock(row["window_start_us"]),
            row["model"],
            row["metric"],
            row["column"],
            row["segment"],
            row["term"],
            f"{row['n']:,.0f}",
            short(row["value"]),
            short(row["expected"]),
            usually,
            row["status"] or "",
            short(row["z"]),
        )
    print_out(table)


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
    from monitor.replay import replay as judge_again
    from monitor.terminal import print_json

    model, start_us, series = _verdict_of(verdict)
    with store_with_models(database) as store:
        found = judge_again(store, model, start_us, series)
        if as_json:
            print_json(found.to_dict())
        else:
            _show_replayed(found)
        if not found.same:
            raise typer.Exit(EXIT_ALERTS)


def _show_replayed(found: Replayed) -> None:
    """What was stored, beside what came out again; then what both rest on."""
    from monitor.terminal import headed, print_out, short

    table = headed("series", "status", "z", "effect", "cusum", "threshold", "recomputed", "same")
    for line in found.lines:
        differing = [f"{name} {line.again[name]!r} (was {line.stored[name]!r})" for name in line.differing]
        table.add_row(
            line.series,
            str(line.stored["status"] or ""),
            *(short(line.stored[name]) for name in ("z", "effect", "cusum", "threshold")),  # type: ignore[arg-type]  # numbers
            "; ".join(differing) or "every number",
            "no" if differing else "yes",
        )
    print_out(table)
    for message in found.breaks:
        print_out(f"break: {message}")
    print_out(f"the sequence after the window: {'same' if found.sequence else 'not the same'}")
    print_out(f"revision {found.revision}, baseline {found.baseline_sha256[:12]}, {found.code_then}")
    if found.code_now != found.code_then:
        print_out(f"recomputed by {found.code_now}")


@export.command("measurements")
def export_measurements(
    database: Database = None,
    model: ModelName = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default standard output.")
    ] = None,
) -> None:
    """CSV of every measurement in canonical order; its sha256 goes to standard error."""
    from monitor.store import measurements

    with existing_store(database) as store:
        digest = hashlib.sha256()
        target = output.open("w", encoding="utf-8", newline="") if output else sys.stdout
        try:
            with store.read() as conn:
                for one in sorted(_chosen(conn, model), key=lambda one: one.name):
                    for block in measurements.export(conn, one.id):
                        digest.update(block.encode())
                        target.write(block)
        finally:
            if output:
                target.close()
    typer.echo(f"sha256 {digest.hexdigest()}", err=True)


def _chosen(conn: Connection, model: str | None) -> Sequence[Model]:
    """The model of this name, or every model. NotFound says which there are."""
    from monitor.store import models

    return [models.get(conn, model)] if model else models.everyone(conn)


def _verdict_of(text: str) -> tuple[str, int, str | None]:
    """Model, start of the window and series of `MODEL/WINDOW[/SERIES]`. UsageError if it is written otherwise."""
    parts = text.split("/", 2)  # a segment may hold a slash
    if len(parts) < 2:
        raise UsageError(
            f"{text}: write MODEL/WINDOW or MODEL/WINDOW/SERIES, such as toxicity/2026-06-15T06:00Z/volume"
        )
    return parts[0], time_us(parts[1], "the window of"), parts[2] if len(parts) == 3 else None


def _verdict_id(model: str, row: Mapping[str, Any]) -> str | None:
    """What `replay` takes for a measurement, None before it is judged."""
    from checks.series import Series
    from monitor.terminal import iso

    if row["status"] is None:
        return None
    named = Series(row["metric"], row["column"], row["segment"], row["term"], row["kind"], row["family"])
    return f"{model}/{iso(row['window_start_us'])}/{named.name}"
