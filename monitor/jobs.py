"""Spans and windows become runs; runs are claimed, worked on under a lease, and finished in one transaction.

Any number of processes may ask what is due, and any of them may be killed at any instruction. What is due stands in
the store (`store.run_states` draws the states), and only whoever still holds the fence may keep a result.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import Connection

from monitor import failpoints, telemetry
from monitor.alerts import episodes
from monitor.alerts.state import Absent
from monitor.clock import Clock
from monitor.errors import Conflict, LeaseLost
from monitor.store import models, runs, series, windows
from monitor.store.engine import Store
from monitor.store.run_states import KINDS, Kind
from monitor.store.runs import Run

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5  # that ended in an error
MAX_CRASHES = 3  # that took their working process along: out of memory, out of time, a fault in native code
MAX_LOST = 10  # claims, if the lease ran out: that says little of the run, whole machines are switched off
CHAIN = 32  # runs of one claim: sixteen windows
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0

LEASES_LOST = telemetry.counter("leases_lost", "Runs whose worker died or stood still")
STALE_COMMITS = telemetry.counter("stale_commits_refused", "Results refused because the lease had been lost")


def materialise(
    conn: Connection,
    model_id: int,
    due: Sequence[tuple[int, int]],
    now_us: int,
    *,
    read: bool = True,
    newest_first: bool = False,
) -> int:
    """Queue the work for closed windows [start_us, end_us): one read for all, measure and judge for each.

    Moves `materialised_until_us` to the last end. Windows that have their runs keep them. Returns how many
    are new. `read=False` where the records were read already (a simulated stream, a back-fill). With
    `newest_first` the newest window is measured first; judging keeps the order of time.
    """
    if not due:
        return 0
    model = models.lock(conn, model_id)  # replicas take turns
    windows.upsert(conn, model_id, [windows.Counts(start, end) for start, end in due])
    starts = [start for start, _ in due]
    # A microsecond before the windows that wait for it: a claim need not pass over all of them to find it.
    new = queue_read(conn, model_id, max(starts), now_us - 1) if read else 0
    if newest_first:
        # The run that has been due the longest is claimed first: a microsecond longer for each second of event time.
        for start in starts:
            turn_us = now_us - max(0, start - (model.materialised_until_us or start)) // 1_000_000
            new += runs.insert_new(conn, [(model_id, "measure", start, 0)], turn_us)
        new += runs.insert_new(conn, [(model_id, "judge", start, 0) for start in starts], now_us)
    else:
        both: tuple[Kind, Kind] = ("measure", "judge")
        new += runs.insert_new(
            conn, [(model_id, kind, start, 0) for start in starts for kind in both], now_us
        )
    moved(conn, model, max(end for _, end in due))
    failpoints.reach("materialise.written")
    return new


def skip(conn: Connection, model_id: int, due: Sequence[tuple[int, int]], reason: str) -> int:
    """Write closed windows down as `skipped`, with the reason, and queue nothing for them; returns how many."""
    if not due:
        return 0
    model = models.lock(conn, model_id)
    skipped = windows.skip(conn, model_id, due, reason)
    moved(conn, model, max(end for _, end in due))
    return skipped


def moved(conn: Connection, model: models.Model, until_us: int) -> None:
    """Note how far windows were queued; that only grows."""
    if model.materialised_until_us is None or until_us > model.materialised_until_us:
        models.update_state(conn, model.id, materialised_until_us=until_us)


def queue_read(conn: Connection, model_id: int, slot_us: int, now_us: int) -> int:
    """Let the source be read once more, unless a reading waits already; returns how many runs that made (0 or 1).

    A reading under way may have passed over what has just come: another one follows it. One row serves all readings
    of a window that do not overlap.
    """
    last = runs.latest(conn, model_id, "read")
    if last is None:
        return runs.insert_new(conn, [(model_id, "read", slot_us, 0)], now_us)
    if last.state in ("queued", "failed"):
        return 0
    slot_us = max(slot_us, last.window_start_us)  # the clock may have gone back
    if last.window_start_us < slot_us:
        return runs.insert_new(conn, [(model_id, "read", slot_us, 0)], now_us)
    if last.state == "succeeded":
        return int(runs.again(conn, last, now_us))
    return runs.insert_new(conn, [(model_id, "read", slot_us, last.revision + 1)], now_us)


def revise(conn: Connection, model_id: int, starts: Collection[int], now_us: int) -> list[int]:
    """Late records came for these windows: queue new revisions; returns the windows that are measured again.

    A window that was measured (or is being measured) is measured and judged again; every later window that
    was judged is judged again: the sequential state goes through it. What has not begun needs nothing.
    """
    if not starts:
        return []
    late = set(starts)
    current = runs.current_from(conn, model_id, min(late))
    begun = {"running", "succeeded", "dead"}
    again = [
        run.window_start_us
        for run in current
        if run.kind == "measure" and run.window_start_us in late and run.state in begun
    ]
    if not again:
        return []
    measured_again = set(again)
    replaced = [
        run
        for run in current
        if run.window_start_us in measured_again
        or (run.kind == "judge" and run.window_start_us > again[0] and run.state in begun)
    ]
    runs.supersede(conn, [run.id for run in replaced])
    revisions = windows.raise_revision(conn, model_id, sorted({run.window_start_us for run in replaced}))
    windows.mark(conn, model_id, again, "open", now_us)
    rows: list[tuple[int, Kind, int, int]] = [
        (model_id, run.kind, run.window_start_us, revisions[run.window_start_us]) for run in replaced
    ]
    runs.insert_new(conn, rows, now_us)
    failpoints.reach("revise.written")
    return again


class _Raced(Exception):
    """Between choosing and taking a run, a revision put an earlier one before it."""


def claim(
    store: Store,
    clock: Clock,
    owner: str,
    lease_seconds: float = 60.0,
    kinds: Collection[Kind] = KINDS,
    model_id: int | None = None,
) -> Run | None:
    """Take the run that has been due the longest, for `lease_seconds`; None if nothing can be done now.

    First frees the runs whose lease ran out. Judges of a model come strictly in window order, one at a time.
    """
    chain = claim_chain(store, clock, owner, lease_seconds, kinds, model_id, limit=1)
    return chain[0] if chain else None


def claim_chain(
    store: Store,
    clock: Clock,
    owner: str,
    lease_seconds: float = 60.0,
    kinds: Collection[Kind] = KINDS,
    model_id: int | None = None,
    *,
    limit: int = CHAIN,
    share: runs.Share | None = None,
) -> list[Run]:
    """What `claim` takes, and after a measure or a judge up to `limit` runs that can be done right after it: of the
    same model, to be worked on in this order, the next one only once the one before it is finished.

    With a share of the models the first is one of theirs, if any of theirs is due.
    Each has a fence and a finish of its own. Readings come alone: what they find decides what is measured.
    """
    now_us = clock.now_us()
    lease_until_us = now_us + round(lease_seconds * 1e6)
    chain: list[Run] = []
    try:
        with store.write() as conn:
            lost = runs.release_lost(conn, now_us, MAX_LOST)
            for one in lost:
                _bury(conn, one, now_us)
            asked = (conn, now_us, lease_until_us, owner, kinds, model_id)
            run = runs.claim_next(*asked, share) if share is not None else None
            run = run or runs.claim_next(*asked)
            # On PostgreSQL a revision may have committed after the statement above took its snapshot.
            if run is not None and run.kind == "judge" and runs.is_blocked(conn, run.id):
                raise _Raced
            if run is not None:
                chain.append(run)
                if run.kind != "read" and limit > 1:
                    chain += runs.claim_after(conn, run, now_us, lease_until_us, owner, limit - 1)
                failpoints.reach("claim.written")
    except _Raced:
        return []
    if lost:
        LEASES_LOST.inc(len(lost))
        log.warning("%d runs lost their lease and are queued again", len(lost))
    if chain:
        failpoints.reach("claim.committed")
    return chain


def anything_due(store: Store, clock: Clock) -> bool:
    """Whether a claim would find something, or a lease has run out; asked without writing."""
    now_us = clock.now_us()
    with store.read() as conn:
        return runs.any_due(conn, now_us)


def heartbeat(
    store: Store, clock: Clock, run: Run, lease_seconds: float = 60.0, *, following: Sequence[Run] = ()
) -> None:
    """Keep a run for `lease_seconds` from now. LeaseLost if it went to another: stop working on it.

    `following`: the rest of its chain, as far as a revision has not taken it.
    """
    until_us = clock.now_us() + round(lease_seconds * 1e6)
    with store.write() as conn:
        runs.extend(conn, run, until_us)
        for one in following:
            with suppress(LeaseLost):
                runs.extend(conn, one, until_us)
    failpoints.reach("heartbeat.committed")


def finish(conn: Connection, run: Run, now_us: int) -> None:
    """Mark a run as done, in the transaction that writes its results.

    Raises LeaseLost, which must leave the `with store.write()` block so that the results are rolled back.
    """
    try:
        runs.settle(conn, run, "finish", now_us)
    except LeaseLost:
        STALE_COMMITS.inc()
        raise


def fail(conn: Connection, run: Run, error: str, now_us: int) -> None:
    """Give a run back after an error: tried again later, dead after MAX_ATTEMPTS. LeaseLost as above.

    A reading is never given up for an error: while a source is away its windows wait, and are not called empty.
    """
    if run.attempt >= MAX_ATTEMPTS and run.kind != "read":
        _give_up(conn, run, error, now_us)
        return
    wait_us = round(retry_seconds(run) * 1e6)
    runs.settle(conn, run, "fail", now_us, error=error, available_us=now_us + wait_us)


def note_failure(store: Store, clock: Clock, run: Run, error: Exception) -> None:
    """`fail` in a transaction of its own, for a run that may have gone to another meanwhile: then that is logged."""
    try:
        with store.write() as conn:
            fail(conn, run, f"{type(error).__name__}: {error}", clock.now_us())
    except LeaseLost as lost:
        log.warning("%s", lost)


def crash(conn: Connection, run: Run, error: str, now_us: int) -> None:
    """The working process died over a run: tried again in a second or four, dead after MAX_CRASHES. LeaseLost as above.

    So a window that nothing can be done with ends, and the windows after it are judged.
    """
    run = replace(run, crashes=run.crashes + 1)
    if run.crashes >= MAX_CRASHES:
        _give_up(conn, run, f"{error}; it took {run.crashes} working processes along", now_us)
        return
    wait_us = 4 ** (run.crashes - 1) * 1_000_000
    runs.settle(conn, run, "crash", now_us, error=error, available_us=now_us + wait_us)


def give_back(conn: Connection, run: Run, error: str | None, now_us: int, wait_seconds: float = 0.0) -> None:
    """Leave a run to whoever wants it, as if it had not been claimed. LeaseLost as above."""
    runs.settle(conn, run, "give_back", now_us, error=error, available_us=now_us + round(wait_seconds * 1e6))


def requeue(conn: Connection, run: Run, now_us: int) -> None:
    """Try a dead run again: a window is measured and judged as a new revision, and those after it judged again.

    Conflict if the run is not dead, or no longer the one that counts for its window.
    """
    newest = runs.latest(conn, run.model_id, run.kind, run.window_start_us)
    if newest is None or newest.id != run.id or newest.state != "dead":
        state = "superseded" if newest is None or newest.id != run.id else newest.state
        raise Conflict(f"run {run.id} is {state}: only a dead one can be queued again")
    if run.kind == "read":
        queue_read(conn, run.model_id, run.window_start_us, now_us)
    elif not revise(conn, run.model_id, [run.window_start_us], now_us):
        raise Conflict(f"run {run.id} cannot be queued again: its window waits to be measured")


def _give_up(conn: Connection, run: Run, error: str, now_us: int) -> None:
    runs.settle(conn, run, "give_up", now_us, error=error)
    _bury(conn, replace(run, state="dead"), now_us)


def _bury(conn: Connection, run: Run, now_us: int) -> None:
    """A judge that is dead leaves its window an error, and the model's health with it: no evidence of any drift.

    A dead measure is judged so, a dead reading is followed by another.
    """
    if run.state != "dead" or run.kind != "judge":
        return
    log.error("the window %d of model %d was given up: %s", run.window_start_us, run.model_id, run.error)
    last_us = windows.last_judged_us(conn, run.model_id)
    if last_us is None or run.window_start_us > last_us:
        families = sorted({one.family for one in series.everyone(conn, run.model_id)})
        absent = [episodes.FamilyAbsent(family, Absent("error")) for family in families]
        length_us = windows.length_us(conn, run.model_id, run.window_start_us)
        episodes.record(conn, run.model_id, run.window_start_us, length_us, absent, now_us)
    windows.mark(conn, run.model_id, [run.window_start_us], "error", now_us)


def retry_seconds(run: Run) -> float:
    """The wait after a failed attempt: 5 s, 20 s, 80 s …, at most ten minutes, up to a quarter shorter.

    The quarter comes from the run and its attempt: runs that failed together do not come back together.
    """
    longest = min(FIRST_RETRY_SECONDS * 4.0 ** (run.attempt - 1), LONGEST_RETRY_SECONDS)
    digest = hashlib.blake2b(f"{run.id}/{run.attempt}".encode(), digest_size=4).digest()
    spread = int.from_bytes(digest, "big") / 2**32
    return longest * (1.0 - spread / 4.0)
