"""The statements of `store.runs`, put together once: for SQLAlchemy that takes longer than the database for doing them.

Each takes its values by name when it is executed; `runs` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from monitor.store.inserts import insert_on
from monitor.store.run_states import MOVES, UNFINISHED, Kind, State
from monitor.store.tables import models, runs

Scope = Literal["model", "share", "all"]


@cache
def due(kinds: tuple[Kind, ...], scope: Scope) -> Select[tuple[int]]:
    """What can be claimed, the longest due first."""
    query = (
        select(runs.c.id)
        .where(
            _in(runs.c.state, UNFINISHED),
            _in(runs.c.state, MOVES["claim"][0]),
            _in(runs.c.kind, kinds),
            runs.c.available_us <= bindparam("now"),
            ~_blocked(runs),
            ~_paused(runs),
        )
        .order_by(runs.c.available_us, runs.c.window_start_us, runs.c.id)
        .limit(1)
    )
    if scope == "model":
        return query.where(runs.c.model_id == bindparam("model"))
    return (
        query.where(runs.c.model_id % bindparam("of") == bindparam("number")) if scope == "share" else query
    )


@cache
def claiming(kinds: tuple[Kind, ...], scope: Scope) -> ReturningUpdate[Any]:
    """Take what is due the longest."""
    first = due(kinds, scope).with_for_update(skip_locked=True, of=runs)
    return _claimed(runs.c.id == first.scalar_subquery())


@cache
def claiming_one() -> ReturningUpdate[Any]:
    """Take this run, which the transaction has locked."""
    return _claimed(runs.c.id == bindparam("run"))


def _claimed(which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    taken = {
        "state": MOVES["claim"][1],
        "fence": runs.c.fence + 1,
        "attempt": runs.c.attempt + 1,
        "owner": bindparam("who"),
        "lease_until_us": bindparam("until"),
        "started_us": bindparam("now"),
        "finished_us": None,
    }
    return update(runs).where(which).values(taken).returning(runs)


@cache
def queueing(dialect: str) -> ReturningInsert[Any]:
    """Insert a run unless it exists; returns the keys of the new ones."""
    return insert_on(dialect, runs).on_conflict_do_nothing().returning(runs.c.id)


@cache
def blocking() -> Select[Any]:
    """The run, if it waits for another one."""
    return select(runs.c.id).where(runs.c.id == bindparam("run"), _blocked(runs))


@cache
def current_from() -> Select[Any]:
    """The measure and judge runs that count, from a window on; locked."""
    return (
        select(runs)
        .where(
            runs.c.model_id == bindparam("model"),
            _in(runs.c.kind, ["measure", "judge"]),
            runs.c.window_start_us >= bindparam("from"),
            runs.c.state != "superseded",
        )
        .order_by(runs.c.window_start_us, runs.c.id)
        .with_for_update()
    )


@cache
def latest(of_window: bool) -> Select[Any]:
    """The newest run of a kind, of the last window there is or of one window."""
    query = select(runs).where(runs.c.model_id == bindparam("model"), runs.c.kind == bindparam("of"))
    if of_window:
        query = query.where(runs.c.window_start_us == bindparam("start"))
    return query.order_by(runs.c.window_start_us.desc(), runs.c.revision.desc()).limit(1)


@cache
def latest_reads() -> Select[Any]:
    """The newest reading of every model."""
    other = runs.alias()
    newest = (
        select(other.c.id)
        .where(other.c.model_id == models.c.id, other.c.kind == "read")
        .order_by(other.c.window_start_us.desc(), other.c.revision.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(runs).join_from(models, runs, runs.c.id == newest)


@cache
def holding(uncounted: bool) -> Update:
    """Change a run for as long as the fence is its holder's; `uncounted` takes the attempt back."""
    mine = and_(runs.c.id == bindparam("run"), runs.c.state == "running", runs.c.fence == bindparam("held"))
    changed = update(runs).where(mine)
    return changed.values(attempt=runs.c.attempt - 1) if uncounted else changed


@cache
def following() -> Select[Any]:
    """Runs of a model that are to be measured and judged, from a window on."""
    return (
        select(runs)
        .where(
            _in(runs.c.state, UNFINISHED),
            _in(runs.c.state, MOVES["claim"][0]),
            runs.c.model_id == bindparam("model"),
            _in(runs.c.kind, ("measure", "judge")),
            runs.c.window_start_us >= bindparam("from"),
            runs.c.available_us <= bindparam("now"),
        )
        .order_by(runs.c.window_start_us, runs.c.kind.desc(), runs.c.revision)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
    )


@cache
def unfinished_until() -> Select[Any]:
    """What anything of a model up to a window may have to wait for."""
    return select(runs.c.id, runs.c.kind, runs.c.window_start_us).where(
        _in(runs.c.state, UNFINISHED),
        runs.c.model_id == bindparam("model"),
        or_(runs.c.kind == "read", runs.c.window_start_us <= bindparam("until")),
    )


@cache
def lost() -> Select[Any]:
    """Runs whose lease ran out; locked."""
    # A holder that is finishing right now is not disturbed.
    found = select(runs).where(_in(runs.c.state, ["running"]), runs.c.lease_until_us < bindparam("now"))
    return found.with_for_update(skip_locked=True)


@cache
def first_lost() -> Select[Any]:
    """One of them, looked at only."""
    found = select(runs.c.id).where(_in(runs.c.state, ["running"]), runs.c.lease_until_us < bindparam("now"))
    return found.limit(1)


def _blocked(run: FromClause) -> ColumnElement[bool]:
    """Readings of a model follow each other; measuring waits for them; judging waits for its measurements and for the
    judge of every earlier window.

    What is dead is over and blocks nothing: a dead measure is judged `error`.
    """
    other = runs.alias()
    same = and_(other.c.model_id == run.c.model_id, _in(other.c.state, UNFINISHED))
    reading = exists().where(same, other.c.kind == "read")
    # Two at once would each miss the duplicates that the other one reads.
    earlier = exists().where(same, other.c.kind == "read", other.c.id < run.c.id)
    measuring = exists().where(
        same, other.c.kind == "measure", other.c.window_start_us == run.c.window_start_us
    )
    judging = exists().where(same, other.c.kind == "judge", other.c.window_start_us < run.c.window_start_us)
    return or_(
        and_(run.c.kind == "read", earlier),
        and_(run.c.kind == "measure", reading),
        and_(run.c.kind == "judge", or_(measuring, judging)),
    )


def _paused(run: FromClause) -> ColumnElement[bool]:
    return exists().where(models.c.id == run.c.model_id, models.c.paused_us.is_not(None))


def _in(column: ColumnElement[str], words: Sequence[State | Kind]) -> ColumnElement[bool]:
    """`column IN (…)` with our own words in the statement: for parameters a partial index would not be used, and
    SQLAlchemy would write a list of them into the statement anew each time it is executed.
    """
    return column.in_([literal_column(f"'{word}'") for word in words])
