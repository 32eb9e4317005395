"""Runs that follow one another, for a process that catches up: many windows at once, and not one lost by a kill.

Windows may be measured in any order: several runs are claimed together. Judges have an order: whoever holds one
keeps every later one of the model from being claimed, so the later ones need no claim before they are done. Each is
taken in the transaction that finishes it, and stays queued for anybody until then.

Only runs that were never tried are taken along: one that fails, or takes its process with it, is tried again alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Select, Update, and_, exists, select, update

from monitor.store.run_states import MOVES, UNFINISHED
from monitor.store.runs import Run
from monitor.store.tables import runs


def claim_measures(conn: Connection, run: Run, until_us: int, now_us: int, lease_until_us: int) -> list[Run]:
    """Claim the measures of the windows after that of `run`, which start before `until_us`; in order of time."""
    other = runs.alias()
    reading = exists().where(
        other.c.model_id == run.model_id, other.c.kind == "read", other.c.state.in_(UNFINISHED)
    )
    query = _untried(run, "measure", until_us, now_us).where(~reading)
    ids = conn.execute(query.with_for_update(skip_locked=True, of=runs)).scalars().all()
    if not ids:
        return []
    taken = update(runs).where(runs.c.id.in_(ids), runs.c.state == "queued")
    return _claimed(conn, taken, run, now_us, lease_until_us)


def judges_after(conn: Connection, run: Run, starts: Sequence[int], now_us: int) -> list[Run]:
    """The judges of the windows that start at `starts`, which come after that of the judge `run`, up to the first that
    cannot be judged yet or was tried before.
    """
    if not starts:
        return []
    span = and_(runs.c.model_id == run.model_id, runs.c.window_start_us.in_(starts))
    waiting = conn.execute(select(runs).where(span, runs.c.kind == "judge", runs.c.state.in_(UNFINISHED)))
    measured = conn.execute(
        select(runs.c.window_start_us, runs.c.state).where(
            span, runs.c.kind == "measure", runs.c.state != "superseded"
        )
    )
    judges = {row.window_start_us: Run(**row._mapping) for row in waiting}
    states = {row.window_start_us: row.state for row in measured}
    found = []
    for start_us in starts:
        judge = judges.get(start_us)
        if judge is None or not _is_untried(judge, now_us) or states.get(start_us) != "succeeded":
            break
        found.append(judge)
    return found


def take(conn: Connection, judge: Run, held: Run, now_us: int) -> Run | None:
    """Claim one of `judges_after` in the transaction that finishes the judge `held` and this one; None if somebody
    else has it, or a revision came.
    """
    taken = update(runs).where(runs.c.id == judge.id, runs.c.state == "queued", runs.c.fence == judge.fence)
    claimed = _claimed(conn, taken, held, now_us, held.lease_until_us)
    return claimed[0] if claimed else None


def _untried(run: Run, kind: str, until_us: int, now_us: int) -> Select[tuple[int]]:
    return (
        select(runs.c.id)
        .where(
            runs.c.model_id == run.model_id,
            runs.c.kind == kind,
            runs.c.window_start_us > run.window_start_us,
            runs.c.window_start_us < until_us,
            runs.c.state == "queued",
            runs.c.attempt == 0,
            runs.c.available_us <= now_us,
        )
        .order_by(runs.c.window_start_us)
    )


def _is_untried(run: Run, now_us: int) -> bool:
    return run.state == "queued" and run.attempt == 0 and run.available_us <= now_us


def _claimed(conn: Connection, taken: Update, run: Run, now_us: int, lease_until_us: int | None) -> list[Run]:
    """Run the update with what a claim changes, for the owner of `run`."""
    claimed = taken.values(
        state=MOVES["claim"][1],
        fence=runs.c.fence + 1,
        attempt=runs.c.attempt + 1,
        owner=run.owner,
        lease_until_us=lease_until_us,
        started_us=now_us,
        finished_us=None,
    ).returning(runs)
    found = [Run(**row._mapping) for row in conn.execute(claimed)]
    return sorted(found, key=lambda one: one.window_start_us)
