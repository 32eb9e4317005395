"""`driftglass ack`, `snooze`, `annotate`, `feedback` and `silence`: what people do with alerts."""

from __future__ import annotations

import getpass
import re
from typing import Annotated, Literal, cast

import typer

from monitor.doors.opening import opened, store_with_models
from monitor.doors.options import Alert, By, Database, Json
from monitor.doors.typed import one_of, time_us
from monitor.errors import UsageError

app = typer.Typer(help="What nobody is told of, until a time.", no_args_is_help=True, rich_markup_mode=None)

Number = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number, as `silence list` shows it.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 8h, 3d; at most 30d.")]
_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_UNIT_US = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_SAID = {
    "expected": "expected. It is closed; what it names learns until two weeks lie behind the change, and is then "
    "judged by the time since it.",
    "false-alarm": "a false alarm. It is closed; its windows count as normal with the next window that is judged.",
    "undo": "taken back. What is normal is what it was before, from the next window that is judged.",
}


def ack(
    alert: Alert,
    note: Annotated[str, typer.Option(help="What you are doing about it; kept in its history.")] = "",
    lasts: For = "8h",
    undo: Annotated[bool, typer.Option("--undo", help="Take the acknowledgement back.")] = False,
    by: By = None,
    database: Database = None,
) -> None:
    """Take care of an alert. Nobody is called again for it until the time is over, or until it is more severe."""
    from monitor.alerts import acts

    author = by or getpass.getuser()
    with opened(database) as found, found.store.write() as conn:
        now_us = found.clock.now_us()
        if undo:
            done = acts.unacknowledge(conn, alert, author=author, now_us=now_us)
        else:
            until_us = now_us + span_us(lasts)
            done = acts.acknowledge(conn, alert, note=note, until_us=until_us, author=author, now_us=now_us)
    said = "is nobody's again" if undo else f"is {author}'s for {lasts}"
    typer.echo(f"alert {alert} {said}" if done else f"alert {alert} was that already", err=True)


def snooze(
    alert: Alert,
    note: Annotated[str, typer.Option(help="Why; kept in its history.")] = "",
    lasts: For = "8h",
    factor: Annotated[
        float, typer.Option(min=1.1, max=100.0, help="Wake when it is so many times as large.")
    ] = 2.0,
    undo: Annotated[bool, typer.Option("--undo", help="End the snooze.")] = False,
    by: By = None,
    database: Database = None,
) -> None:
    """Hear nothing of an alert until the time is over, or until it is worse."""
    from monitor.alerts import acts

    author = by or getpass.getuser()
    with opened(database) as found, found.store.write() as conn:
        now_us = found.clock.now_us()
        if undo:
            done = acts.wake(conn, alert, author=author, now_us=now_us)
        else:
            until_us = now_us + span_us(lasts)
            done = acts.snooze(
                conn, alert, note=note, until_us=until_us, factor=factor, author=author, now_us=now_us
            )
    said = "is awake" if undo else f"sleeps for {lasts}, or until it is {factor:g} times as large"
    typer.echo(f"alert {alert} {said}" if done else f"alert {alert} was that already", err=True)


def annotate(
    alert: Alert,
    note: Annotated[str, typer.Argument(help="What others should know.")],
    by: By = None,
    database: Database = None,
) -> None:
    """Write a note into the history of an alert."""
    from monitor.alerts import acts

    with opened(database) as found, found.store.write() as conn:
        acts.annotate(conn, alert, note=note, author=by or getpass.getuser(), now_us=found.clock.now_us())
    typer.echo(f"noted at alert {alert}", err=True)


def feedback(
    alert: Annotated[int, typer.Argument(help="The number that `driftglass alerts` shows.")],
    verdict: Annotated[str, typer.Argument(metavar="expected|false-alarm|undo")],
    note: Annotated[str, typer.Option(help="Why; kept in the alert's history and in the audit log.")] = "",
    by: By = None,
    database: Database = None,
) -> None:
    """Say that a change is expected, or that an alert was false. What is normal moves, and the alert closes."""
    from monitor import feedback as said
    from monitor.clock import SystemClock
    from monitor.store.alerts import get
    from monitor.terminal import print_out

    one_of("feedback", verdict, tuple(_SAID))
    author = by or getpass.getuser()
    with store_with_models(database) as store, store.write() as conn:
        now_us = SystemClock().now_us()
        inhibited_by = get(conn, alert).inhibited_by
        if verdict == "undo":
            said.undo(conn, alert, author, now_us)
        else:
            said.give(conn, alert, verdict, note, author, now_us)  # type: ignore[arg-type]  # one of the words above
    if verdict == "expected" and inhibited_by is not None:
        typer.echo(
            f"warning: the {inhibited_by} break explains alert {alert}: as expected, it teaches broken data as normal; "
            f"if that is not meant: driftglass feedback {alert} undo",
            err=True,
        )
    print_out(f"alert {alert}: {_SAID[verdict]}")


@app.command("add")
def add_silence(
    comment: Annotated[str, typer.Option("--comment", help="Why: who comes later must know.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help='A model; "tox*" is every name that begins so.')
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only what mostly comes from it, such as country=IN.")
    ] = None,
    severity: Annotated[str | None, typer.Option(metavar="page|ticket", help="Only this severity.")] = None,
    lasts: For = "8h",
    starts: Annotated[str | None, typer.Option(metavar="TIME", help="When it begins; default now.")] = None,
    by: By = None,
    database: Database = None,
) -> None:
    """Tell nobody of what matches. At its end people are told of what is still so; an escalation is always told."""
    from monitor.alerts import acts
    from monitor.terminal import clock

    if severity not in (None, "page", "ticket"):
        raise UsageError(f"--severity {severity}: write page or ticket")
    with opened(database) as found, found.store.write() as conn:
        now_us = found.clock.now_us()
        starts_us = now_us if starts is None else time_us(starts, "--starts")
        made = acts.silence(
            conn,
            model=model,
            family=family,
            segment=segment,
            severity=cast(Literal["page", "ticket"] | None, severity),
            comment=comment,
            starts_us=starts_us,
            expires_us=starts_us + span_us(lasts),
            author=by or getpass.getuser(),
            now_us=now_us,
        )
    what = ", ".join(value for value in (model, family, segment, severity) if value)
    begins = "" if starts is None else f" from {clock(starts_us)} UTC"
    typer.echo(f"silence {made.id}: nobody is told of {what}{begins} for {lasts}", err=True)


@app.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Silences that count now or later, newest first."""
    from dataclasses import asdict

    from monitor.store import silences
    from monitor.terminal import clock, headed, print_json, print_out

    with opened(database) as found, found.store.read() as conn:
        now_us = found.clock.now_us()
        rows = silences.listed(conn, ended_too=everything, now_us=now_us, limit=10_000)
    if as_json:
        print_json([{**asdict(row), "state": row.state(now_us)} for row in rows])
        return
    table = headed(
        "silence", "state", "model", "family", "segment", "severity", "until (UTC)", "by", "comment"
    )
    for row in rows:
        matchers = [value or "any" for value in (row.model, row.family, row.segment, row.severity)]
        table.add_row(
            str(row.id), row.state(now_us), *matchers, clock(row.expires_us), row.author, row.comment
        )
    print_out(table if rows else "nothing is silenced")


@app.command("expire")
def expire_silence(silence: Number, by: By = None, database: Database = None) -> None:
    """End a silence now."""
    from monitor.alerts import acts

    with opened(database) as found, found.store.write() as conn:
        acts.expire_silence(conn, silence, author=by or getpass.getuser(), now_us=found.clock.now_us())
    typer.echo(f"silence {silence} is over", err=True)


def span_us(text: str) -> int:
    """Microseconds of 30m, 8h, 3d, 2w. UsageError for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise UsageError(f"--for {text}: write a number and m, h, d or w, such as 8h")
    return int(found[1]) * _UNIT_US[found[2]]
