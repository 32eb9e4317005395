"""Runs: the work there is, as rows. A process that dies leaves a row whose lease runs out: nothing is lost.

Every move of `run_states.MOVES` is one conditional UPDATE. The fence grows with each claim: whoever finishes with an
old one held a lease that was lost, and is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from monitor.errors import LeaseLost, NotFound
from monitor.store import run_statements as prepared
from monitor.store.run_states import KINDS, MOVES, Event, Kind, State
from monitor.store.tables import runs


@dataclass(frozen=True, slots=True)
class Share:
    """The models whose key leaves the remainder `number` when divided by `of`."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs`. `attempt` counts claims, `crashes` working processes that died over it; the window of a read is
    the last one it was made for.
    """

    id: int
    model_id: int
    kind: Kind
    window_start_us: int
    revision: int
    state: State
    fence: int
    attempt: int
    owner: str | None
    lease_until_us: int | None
    available_us: int
    started_us: int | None
    finished_us: int | None
    error: str | None
    crashes: int = 0


def insert_new(conn: Connection, rows: Sequence[tuple[int, Kind, int, int]], now_us: int) -> int:
    """Queue runs (model, kind, window start, revision) that do not exist yet; returns how many were new."""
    if not rows:
        return 0
    fields = [
        {
            "model_id": model_id,
            "kind": kind,
            "window_start_us": start_us,
            "revision": revision,
            "state": "queued",
            "available_us": now_us,
        }
        for model_id, kind, start_us, revision in rows
    ]
    return len(conn.execute(prepared.queueing(conn.dialect.name), fields).all())


def release_lost(conn: Connection, now_us: int, max_attempts: int) -> list[Run]:
    """Free the runs whose lease ran out; those that used up their attempts are dead. Returns them as they are now.

    Of a chain only the first one had begun: for the others it was no attempt. Measures that no judge comes between
    are worked on together.
    """
    found = [Run(**row._mapping) for row in conn.execute(prepared.lost(), {"now": now_us})]
    before: dict[tuple[int, str | None], set[Kind]] = {}
    released = []
    for run in sorted(found, key=_in_chain):
        kinds = before.setdefault((run.model_id, run.owner), set())
        begun, attempt = not kinds or (run.kind == "measure" and "judge" not in kinds), run.attempt
        kinds.add(run.kind)
        event: Event = "give_up" if begun and attempt >= max_attempts else "lose" if begun else "give_back"
        values: dict[str, Any] = {
            "state": MOVES[event][1],
            "attempt": attempt if begun else attempt - 1,
            "finished_us": now_us if event == "give_up" else None,
            "error": "the lease ran out: its worker died or stood still" if begun else None,
            "lease_until_us": None,
        }
        conn.execute(update(runs).where(runs.c.id == run.id).values(values))
        released.append(replace(run, **values))
    return released


def any_due(conn: Connection, now_us: int) -> bool:
    """Whether a run could be claimed now, or the lease of one has run out."""
    due = prepared.due(KINDS, "all")
    return any(
        conn.execute(query, {"now": now_us}).first() is not None for query in (due, prepared.first_lost())
    )


def claim_next(
    conn: Connection,
    now_us: int,
    lease_until_us: int,
    owner: str,
    kinds: Collection[Kind],
    model_id: int | None,
    share: Share | None = None,
) -> Run | None:
    """Take the run that has been due the longest and that nothing blocks, in one statement; None if none.

    Of one model, or of a share of the models, or of all.
    """
    scope: prepared.Scope = "model" if model_id is not None else "share" if share is not None else "all"
    claiming = prepared.claiming(tuple(sorted(kinds)), scope)
    given = {"now": now_us, "until": lease_until_us, "who": owner}
    if model_id is not None:
        given["model"] = model_id
    elif share is not None:
        given |= {"number": share.number, "of": share.of}
    row = conn.execute(claiming, given).one_or_none()
    return None if row is None else Run(**row._mapping)


def claim_after(
    conn: Connection, first: Run, now_us: int, lease_until_us: int, owner: str, limit: int
) -> list[Run]:
    """Take up to `limit` runs that can follow a measure or a judge one after the other: of its model, from its window
    on, each measure before its judge, up to the first one that waits for something that is not in the chain.

    `first` was claimed in this transaction.
    """
    given = {"model": first.model_id, "from": first.window_start_us, "now": now_us, "limit": limit}
    following = [Run(**row._mapping) for row in conn.execute(prepared.following(), given)]
    if not following:
        return []
    # A statement of its own: what another claimed, or a revision wrote, while the rows above were locked counts.
    given["until"] = max(run.window_start_us for run in following)
    own = {first.id, *(run.id for run in following)}
    others = [row for row in conn.execute(prepared.unfinished_until(), given) if row.id not in own]
    chain = []
    for run in sorted(following, key=_in_chain):
        if any(_waits_for(run, row.kind, row.window_start_us) for row in others):
            break
        chain.append(run)
    claimed = []
    for run in chain:
        taken = {"run": run.id, "now": now_us, "until": lease_until_us, "who": owner}
        claimed.append(Run(**conn.execute(prepared.claiming_one(), taken).one()._mapping))
    return claimed


def is_blocked(conn: Connection, run_id: int) -> bool:
    """Whether a run waits for another one, as the store stands at this statement."""
    return conn.execute(prepared.blocking(), {"run": run_id}).first() is not None


def extend(conn: Connection, run: Run, lease_until_us: int) -> None:
    """Prolong the lease. LeaseLost if the run is no longer this holder's."""
    _held(conn, run, {"lease_until_us": lease_until_us})


def settle(
    conn: Connection,
    run: Run,
    event: Literal["finish", "fail", "give_up", "give_back", "crash"],
    now_us: int,
    *,
    error: str | None = None,
    available_us: int | None = None,
) -> None:
    """End this attempt. LeaseLost if the run is no longer this holder's: roll everything back.

    A crash is counted, also one that is given up with; an attempt that was given back is not.
    """
    values: dict[str, object] = {
        "state": MOVES[event][1],
        "finished_us": now_us,
        "lease_until_us": None,
        "error": error,
    }
    if available_us is not None:
        values["available_us"] = available_us
    values["crashes"] = run.crashes
    _held(conn, run, values, uncounted=event == "give_back")


def again(conn: Connection, run: Run, now_us: int) -> bool:
    """Let a reading that succeeded be done once more, as if it were new; says whether it still had that state."""
    moved = (
        update(runs)
        .where(runs.c.id == run.id, runs.c.state.in_(MOVES["again"][0]), runs.c.fence == run.fence)
        .values(state=MOVES["again"][1], attempt=0, crashes=0, available_us=now_us)
    )
    return conn.execute(moved).rowcount == 1


def supersede(conn: Connection, run_ids: Sequence[int]) -> None:
    """Let a later revision take the place of these runs; a worker that has one of them will be refused."""
    for first in range(0, len(run_ids), 500):
        some = list(run_ids[first : first + 500])
        old = update(runs).where(runs.c.id.in_(some), runs.c.state.in_(MOVES["revise"][0]))
        conn.execute(old.values(state=MOVES["revise"][1], lease_until_us=None))


def current_from(conn: Connection, model_id: int, from_us: int) -> list[Run]:
    """The measure and judge runs that count, of windows from `from_us` on; locked, in window order."""
    given = {"model": model_id, "from": from_us}
    return [Run(**row._mapping) for row in conn.execute(prepared.current_from(), given)]


def latest(conn: Connection, model_id: int, kind: Kind, window_start_us: int | None = None) -> Run | None:
    """The newest run of a kind, of one window or of the last window there is; None if there is none."""
    given = {"model": model_id, "of": kind}
    if window_start_us is not None:
        given["start"] = window_start_us
    row = conn.execute(prepared.latest(window_start_us is not None), given).one_or_none()
    return None if row is None else Run(**row._mapping)


def latest_reads(conn: Connection) -> dict[int, Run]:
    """The newest reading of every model that has one, by model."""
    return {row.model_id: Run(**row._mapping) for row in conn.execute(prepared.latest_reads())}


def in_state(conn: Connection, state: State, model_id: int | None = None, limit: int = 500) -> list[Run]:
    """Runs in a state, newest window first."""
    query = select(runs).where(runs.c.state == state)
    if model_id is not None:
        query = query.where(runs.c.model_id == model_id)
    query = query.order_by(runs.c.window_start_us.desc(), runs.c.id.desc()).limit(limit)
    return [Run(**row._mapping) for row in conn.execute(query)]


def by_id(conn: Connection, run_id: int) -> Run:
    """The run with this key; NotFound if there is none."""
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return Run(**row._mapping)


def counts(conn: Connection, model_id: int | None = None) -> dict[tuple[Kind, State], int]:
    """How many runs there are of each kind and state."""
    query = select(runs.c.kind, runs.c.state, func.count()).group_by(runs.c.kind, runs.c.state)
    if model_id is not None:
        query = query.where(runs.c.model_id == model_id)
    return {(kind, state): count for kind, state, count in conn.execute(query)}


def _in_chain(run: Run) -> tuple[int, int, int]:
    """The order of work: window by window, measured before it is judged."""
    return run.window_start_us, KINDS.index(run.kind), run.id


def _waits_for(run: Run, kind: Kind, window_start_us: int) -> bool:
    """What `run_statements.blocking` asks, for one run and another unfinished one of its model."""
    if run.kind == "measure":
        return kind == "read"
    if kind == "measure":
        return window_start_us == run.window_start_us
    return kind == "judge" and window_start_us < run.window_start_us


def _held(conn: Connection, run: Run, values: Mapping[str, object], *, uncounted: bool = False) -> None:
    given = {"run": run.id, "held": run.fence, **values}
    if conn.execute(prepared.holding(uncounted), given).rowcount == 0:
        raise LeaseLost(
            f"run {run.id} ({run.kind} of the window at {run.window_start_us}) went to another worker or "
            "revision: nothing of this attempt is kept"
        )
