"""What the commands of the command line do, and how they show it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from checks.series import Family
from monitor.alerts.families import HEALTH
from monitor.app import App
from monitor.clock import SystemClock
from monitor.contract import load
from monitor.contract.values import moment
from monitor.errors import ContractError, DriftglassError, NotFound, UsageError
from monitor.progress import on_terminal
from monitor.settings import load_settings
from monitor.store import alerts as alert_rows
from monitor.store import existing, listing, models, outbox, outlets, quarantine, runs
from monitor.store.engine import Store
from monitor.terminal import (
    clock,
    episode_list,
    headed,
    iso,
    listed,
    moment_of,
    plain,
    print_json,
    print_out,
    short,
    trigger_list,
)

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from monitor.contract import Loaded
    from monitor.delivery.dispatch import Counts
    from monitor.pipeline import PassReport

    Row = Mapping[str, Any] | RowMapping


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
_SAID = {
    "expected": "expected. It is closed; what it names learns until two weeks lie behind the change, and is then "
    "judged by the time since it.",
    "false-alarm": "a false alarm. It is closed; its windows count as normal with the next window that is judged.",
    "undo": "taken back. What is normal is what it was before, from the next window that is judged.",
}
_NEWEST = 20  # episodes and triggers of a model that a pass shows, beside all that are open


def open_store(database: str | None, *, migrate: bool = True) -> Store:
    """The store that a command reads; its tables brought up to date unless told otherwise."""
    store = Store(database or load_settings().database_url)
    if migrate:
        store.upgrade()
    return store


def existing_store(database: str | None) -> Store:
    """`open_store` for a command that must make none: NotFound for an SQLite file that is not there."""
    store = open_store(database, migrate=False)
    existing.require(store)
    store.upgrade()
    return store


def _reader(database: str | None) -> Store | None:
    """The store to read from; None while no model is watched. Makes no SQLite file that is not there."""
    store = open_store(database, migrate=False)
    if existing.missing(store) is not None:
        return None
    store.upgrade()
    with store.read() as conn:
        if models.everyone(conn):
            return store
    store.close()
    return None


def _no_model_in(database: str | None) -> str:
    """That no model is watched, and in which store was looked; its password is hidden."""
    shown = open_store(database, migrate=False).shown
    return f"no model is watched yet in {shown}: driftglass init FILE, then driftglass run"


def _no_model(database: str | None, empty: object, *, as_json: bool) -> None:
    """What a reader says while no model is watched; programs get `empty`."""
    print(f"driftglass: {_no_model_in(database)}", file=sys.stderr)  # noqa: T201 - this is the command line
    if as_json:
        print_json(empty)


# ----- run ------------------------------------------------------------------------------------------------------


def one_pass(
    contracts: Sequence[Path], database: str | None, *, as_of: str, deliver: bool, as_json: bool
) -> list[str]:
    """One pass over every contract; prints the alerts. Returns the severities of the open episodes.

    A contract that cannot be used, or a model that cannot be read, does not stop the others: what was wrong is told,
    and raised at the end.
    """
    settings = load_settings()
    if database is not None:
        settings = settings.model_copy(update={"database_url": database})
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
        print(f"driftglass: {other}", file=sys.stderr)  # noqa: T201 - as `main` tells the first
    if failed:
        raise failed[0]
    return [row["severity"] for row in episodes if row["closed_us"] is None]


def _pass_over(
    app: App, usable: Sequence[Loaded], until_us: int | None, at_newest: bool | None
) -> list[DriftglassError]:
    """One pass over each model; what went wrong in some of them."""
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
        parts.append(f"{report.quarantined:,} set aside (see `driftglass status`)")
    parts.append(f"{report.judged:,} windows judged")
    print(f"{name}: " + ", ".join(parts), file=sys.stderr)  # noqa: T201 - this is the command line
    for note in report.notes:
        print(f"{name}: {note}", file=sys.stderr)  # noqa: T201 - as above


def _tell_undelivered(store: Store, counts: Counts) -> None:
    """Who was not told, a line for each channel on standard error; silent if nothing waits and nothing was given up."""
    with store.read() as conn:
        waits = outbox.waiting(conn)
        known = outlets.known(conn, list(waits))
        for channel, count in waits.items():
            error = outbox.last_error(conn, channel)
            if error is None and channel in known:
                error = known[channel].last_error
            said = "1 notification waits" if count == 1 else f"{count:,} notifications wait"
            print(f"{said}: {channel}: {error or 'not tried yet'}", file=sys.stderr)  # noqa: T201 - as above
    if counts.dead:
        said = "1 notification was" if counts.dead == 1 else f"{counts.dead:,} notifications were"
        print(f"{said} given up: see `driftglass outbox list --dead`", file=sys.stderr)  # noqa: T201 - as above


# ----- what is there --------------------------------------------------------------------------------------------


def show_status(database: str | None, *, as_json: bool) -> None:
    """How far every model is, what was set aside, and what waits or failed."""
    store = _reader(database)
    if store is None:
        _no_model(database, {"models": [], "outbox": {}}, as_json=as_json)
        return
    with store.read() as conn:
        rows = [
            {
                "model": row["name"],
                "state": row["state"],
                "contract_version": row["contract_version"],
                "judged_until": iso(row["judged_until_us"]),
                "open_episodes": row["open_episodes"],
                "runs": {
                    f"{kind} {state}": count
                    for (kind, state), count in sorted(runs.counts(conn, row["id"]).items())
                },
                "set_aside": {
                    f"{reason} of {column}" if column else reason: count
                    for (reason, column), count in quarantine.counts(conn, row["id"]).items()
                },
            }
            for row in listing.models(conn)
        ]
        waiting = outbox.counts(conn)
    if as_json:
        print_json({"models": rows, "outbox": waiting})
        return
    table = headed("model", "state", "contract", "judged until", "open episodes", "runs", "set aside")
    for row in rows:
        table.add_row(
            row["model"],
            row["state"],
            f"v{row['contract_version']}",
            row["judged_until"] or "nothing yet",
            str(row["open_episodes"]),
            listed(row["runs"], without=("succeeded", "superseded")) or "none waiting",
            listed(row["set_aside"]) or "nothing",
        )
    print_out(table)
    print_out("outbox: " + (listed(waiting) or "empty"))


def show_alerts(
    database: str | None, model: str | None, *, family: str | None, only_open: bool, limit: int, as_json: bool
) -> None:
    """Episodes, newest first."""
    _one_of("--family", family, (*get_args(Family), HEALTH))
    store = _reader(database)
    if store is None:
        _no_model(database, [], as_json=as_json)
        return
    with closing(store):
        with store.read() as conn:
            page = listing.episodes(
                conn,
                model_id=_model_id(conn, model),
                family=family,
                resolved=False if only_open else None,
                limit=limit,
            )
        if as_json:
            print_json([plain(row) for row in page.rows])
        else:
            print_out(episode_list(store, page.rows))


def explain_alert(alert: int, database: str | None, *, as_json: bool) -> None:
    """Everything known of one alert. NotFound if there is none."""
    from monitor.explained import show_explanation

    store = _reader(database)
    if store is None:
        raise NotFound(_no_model_in(database))
    with closing(store):
        show_explanation(store, alert, as_json=as_json)


def show_performance(
    database: str | None, model: str | None, *, windows: int, recalibrate: bool, as_json: bool
) -> None:
    """How well models with labels do, window by window."""
    from monitor.performance_table import show

    store = _reader(database)
    if store is None:
        _no_model(database, [], as_json=as_json)
        return
    app = App(store, SystemClock(), load_settings())
    show(app, model, windows=windows, recalibrate=recalibrate, as_json=as_json)
    store.close()


def show_unlike(database: str | None, model: str | None, *, limit: int, as_json: bool) -> None:
    """The newest windows that are unlike the reference."""
    from monitor import unlike

    store = _reader(database)
    if store is None:
        _no_model(database, [], as_json=as_json)
        return
    unlike.show_unlike(store, model, limit=limit, as_json=as_json)


def show_triggers(database: str | None, model: str | None, *, limit: int, as_json: bool) -> None:
    """Retraining triggers, newest first."""
    store = _reader(database)
    if store is None:
        _no_model(database, [], as_json=as_json)
        return
    with store.read() as conn:
        page = listing.triggers(conn, model_id=_model_id(conn, model), limit=limit)
    if as_json:
        print_json([plain(row) for row in page.rows])
    else:
        print_out(trigger_list(page.rows))


def show_measurements(
    database: str | None,
    model: str | None,
    wanted: Mapping[str, str | None],
    *,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """The newest measurements that match, in order of time."""
    store = _reader(database)
    if store is None:
        _no_model(database, [], as_json=as_json)
        return
    with store.read() as conn:
        chosen = [models.get(conn, model)] if model else models.everyone(conn)
        _one_of("--metric", wanted["metric"], listing.metrics(conn))
        rows = [
            {"model": one.name, **dict(row)}
            for one in chosen
            for row in listing.measurements(
                conn,
                one.id,
                metric=wanted["metric"],
                column=wanted["column"],
                segment=wanted["segment"],
                term=wanted["term"],
                from_us=time_us(since, "--from") if since else None,
                to_us=time_us(until, "--to") if until else None,
                limit=limit,
            ).rows
        ]
    rows = sorted(rows, key=lambda row: (row["window_start_us"], row["model"]))[-limit:]
    if as_json:
        print_json([plain(row) | {"verdict": _verdict_id(row["model"], row)} for row in rows])
        return
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


def show_replay(database: str | None, verdict: str, *, as_json: bool) -> bool:
    """A verdict made again from the store, beside what was stored; returns whether all is the same."""
    from monitor.replay import replay

    model, start_us, series = verdict_of(verdict)
    store = _reader(database)
    if store is None:
        raise NotFound(_no_model_in(database))
    found = replay(store, model, start_us, series)
    if as_json:
        print_json(found.to_dict())
        return found.same
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
    return found.same


def give_feedback(database: str | None, alert: int, verdict: str, *, note: str, by: str) -> None:
    """Write down what somebody says of an alert, or take it back."""
    from monitor import feedback

    _one_of("feedback", verdict, ("expected", "false-alarm", "undo"))
    store = _reader(database)
    if store is None:
        raise NotFound(_no_model_in(database))
    now_us = SystemClock().now_us()
    with closing(store), store.write() as conn:
        inhibited_by = alert_rows.get(conn, alert).inhibited_by
        if verdict == "undo":
            feedback.undo(conn, alert, by, now_us)
        else:
            feedback.give(conn, alert, verdict, note, by, now_us)  # type: ignore[arg-type]  # one of the words above
    if verdict == "expected" and inhibited_by is not None:
        warned = (
            f"warning: the {inhibited_by} break explains alert {alert}: as expected, it teaches broken data as normal; "
            f"if that is not meant: driftglass feedback {alert} undo"
        )
        print(warned, file=sys.stderr)  # noqa: T201 - this is the command line
    print_out(f"alert {alert}: {_SAID[verdict]}")


def judge_reference(contract: Path, database: str | None, *, as_json: bool) -> None:
    """Which windows of the reference would have fired, each block judged by the others."""
    settings = load_settings()
    if database is not None:
        settings = settings.model_copy(update={"database_url": database})
    loaded = load(contract)
    store = _reader(settings.database_url)
    if store is None:
        raise NotFound(_no_model_in(database))
    store.close()
    app = App.open(settings)
    with app.store.read() as conn:
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


def show_backtest(contract: Path, from_: str | None, to: str | None, *, as_json: bool) -> None:
    """The alarms that a contract would have raised, per week and one by one."""
    from monitor.backtest import backtest

    loaded = load(contract)
    from_us = None if from_ is None else time_us(from_, "--from")
    to_us = None if to is None else time_us(to, "--to")
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise UsageError(f"--from {from_} is not before --to {to}; write the earlier day first")
    with on_terminal() as progress:
        found = backtest(loaded, from_us, to_us, progress)
    for note in found.notes:
        print(f"{found.model}: {note}", file=sys.stderr)  # noqa: T201 - this is the command line
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


def export_measurements(database: str | None, model: str | None, output: Path | None) -> None:
    """CSV in canonical order to a file or standard output; the sha256 of all of it to standard error."""
    from monitor.store import measurements

    store = existing_store(database)
    digest = hashlib.sha256()
    target = output.open("w", encoding="utf-8", newline="") if output else sys.stdout
    try:
        with store.read() as conn:
            chosen = [models.get(conn, model)] if model else models.everyone(conn)
            for one in sorted(chosen, key=lambda one: one.name):
                for block in measurements.export(conn, one.id):
                    digest.update(block.encode())
                    target.write(block)
    finally:
        if output:
            target.close()
    print(f"sha256 {digest.hexdigest()}", file=sys.stderr)  # noqa: T201 - this is the command line


def write_review(week: str, html: Path | None, database: str | None) -> None:
    """The weekly review as one file."""
    from monitor.reports import review

    store = _reader(database)
    if store is None:
        raise NotFound(_no_model_in(database))
    if week == "latest":
        with store.read() as conn:
            ends = [
                row["judged_until_us"] for row in listing.models(conn) if row["judged_until_us"] is not None
            ]
        if not ends:
            raise NotFound(
                "nothing was judged yet, so there is no week to review; run `driftglass run` first"
            )
        year, number, _ = moment_of(max(ends) - 1).isocalendar()
        week = f"{year}-W{number:02d}"
    target = html or Path(f"review-{week}.html")
    target.write_text(review.render(store, week, SystemClock().now_us()), encoding="utf-8")
    print(f"wrote {target}", file=sys.stderr)  # noqa: T201 - this is the command line


# ----- times and numbers ----------------------------------------------------------------------------------------


def time_us(text: str, option: str) -> int:
    """Microseconds UTC of a day or a moment; without a zone it is UTC. UsageError names the option."""
    from pydantic_core import PydanticCustomError

    from monitor.contract.model import start_us

    try:
        return start_us(moment(text), UTC)  # type: ignore[arg-type]  # any tzinfo will do
    except (PydanticCustomError, ValueError) as error:
        raise UsageError(
            f"{option} {text}: write a day or a moment, such as 2026-11-21 or 2026-11-21T06:00Z"
        ) from error


def verdict_of(text: str) -> tuple[str, int, str | None]:
    """Model, start of the window and series of `MODEL/WINDOW[/SERIES]`. UsageError if it is written otherwise."""
    parts = text.split("/", 2)  # a segment may hold a slash
    if len(parts) < 2:
        raise UsageError(
            f"{text}: write MODEL/WINDOW or MODEL/WINDOW/SERIES, such as toxicity/2026-06-15T06:00Z/volume"
        )
    return parts[0], time_us(parts[1], "the window of"), parts[2] if len(parts) == 3 else None


def _verdict_id(model: str, row: Row) -> str | None:
    """What `replay` takes for a measurement, None before it is judged."""
    from checks.series import Series

    if row["status"] is None:
        return None
    named = Series(row["metric"], row["column"], row["segment"], row["term"], row["kind"], row["family"])
    return f"{model}/{iso(row['window_start_us'])}/{named.name}"


def _one_of(option: str, word: str | None, known: Sequence[str]) -> None:
    """UsageError for a word that can match nothing; with nothing known any word will do."""
    if word is not None and known and word not in known:
        raise UsageError(f"{option} {word}: there are {', '.join(sorted(known))}")


def _model_id(conn: Any, name: str | None) -> int | None:
    return None if name is None else models.get(conn, name).id
