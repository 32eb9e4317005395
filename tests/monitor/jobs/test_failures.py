"""Runs that fail are tried again later, and in the end given up without holding up the others."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from monitor import jobs
from monitor.clock import SimulatedClock
from monitor.errors import Conflict, LeaseLost
from monitor.jobs import (
    LONGEST_RETRY_SECONDS,
    MAX_ATTEMPTS,
    MAX_CRASHES,
    MAX_LOST,
    claim,
    fail,
    retry_seconds,
)
from monitor.store import alerts, runs, windows
from monitor.store.engine import Store
from monitor.store.run_states import Kind
from monitor.store.runs import Run
from monitor.store.tables import series as series_table
from tests.monitor.jobs.working import HOUR, done, due, state_of, work


def test_a_failure_is_tried_again_later_and_in_the_end_given_up(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        run = claim(store, clock, "w")
        assert run is not None
        assert (run.kind, run.attempt) == ("measure", attempt)
        with store.write() as conn:
            fail(conn, run, f"attempt {attempt} went wrong", clock.now_us())
        if attempt < MAX_ATTEMPTS:
            assert state_of(store, run) == "failed"
            assert claim(store, clock, "w") is None
            clock.advance(retry_seconds(run))
    judging = claim(store, clock, "w")  # a dead measure is judged (as an error) and blocks nothing
    assert judging is not None
    assert judging.kind == "judge"
    with store.read() as conn:
        measured = runs.latest(conn, model_id, "measure", 0)
    assert measured is not None
    assert (measured.state, measured.error) == ("dead", f"attempt {MAX_ATTEMPTS} went wrong")


def test_waits_grow_and_are_spread() -> None:
    def run(number: int, attempt: int) -> Run:
        return Run(number, 1, "read", 0, 0, "running", 1, attempt, None, None, 0, None, None, None)

    for attempt, longest in enumerate((5, 20, 80, 320, 600, 600), start=1):
        waits = {retry_seconds(run(number, attempt)) for number in range(50)}
        assert len(waits) == 50
        assert 0.75 * longest <= min(waits) < 0.8 * longest
        assert 0.95 * longest < max(waits) <= longest


def test_a_reading_is_never_given_up_for_errors(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0, read=True)
    for _ in range(3 * MAX_ATTEMPTS):
        run = claim(store, clock, "w")
        assert run is not None
        assert run.kind == "read"
        with store.write() as conn:
            fail(conn, run, "the source is away", clock.now_us())
        clock.advance(LONGEST_RETRY_SECONDS)


def crashed(store: Store, clock: SimulatedClock, kind: Kind) -> Run:
    """A run takes its working process along until it is dead; returns it as it was last claimed."""
    for crashes in range(MAX_CRASHES):
        run = claim(store, clock, "w", kinds=[kind])
        assert run is not None
        assert run.crashes == crashes
        with store.write() as conn:
            jobs.crash(conn, run, "the working process ended with -9", clock.now_us())
        clock.advance(5)
    return run


def test_a_measure_that_kills_its_workers_is_dead_and_blocks_nothing(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    poison = crashed(store, clock, "measure")
    assert state_of(store, poison) == "dead"
    following = claim(store, clock, "w")
    assert following is not None
    assert following.kind == "judge"
    with store.read() as conn:
        (dead,) = runs.in_state(conn, "dead")
    assert (dead.id, dead.crashes, dead.error) == (
        poison.id,
        3,
        "the working process ended with -9; it took 3 working processes along",
    )


def test_a_dead_judge_is_an_error_of_the_watch_and_no_drift(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    with store.write() as conn:
        row = {
            "metric": "volume",
            "column": "",
            "segment": "*",
            "term": "",
            "kind": "count",
            "family": "volume",
        }
        conn.execute(insert(series_table).values(model_id=model_id, **row))
    due(store, model_id, 0, 1)
    done(store, clock, claim(store, clock, "w", kinds=["measure"]))
    done(store, clock, claim(store, clock, "w", kinds=["measure"]))
    crashed(store, clock, "judge")
    with store.read() as conn:
        first, second = windows.between(conn, model_id, 0, 9 * HOUR)
        assert (first.state, second.state) == ("error", "open")
        known = alerts.states(conn, model_id)
        assert (known["volume"].state, known["volume"].health) == ("ok", "error")
        assert [episode.family for episode in alerts.open_of(conn, model_id)] == ["health"]
    following = claim(store, clock, "w")
    assert following is not None
    assert (following.kind, following.window_start_us) == ("judge", HOUR)


def test_a_dead_run_can_be_queued_again(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0)
    poison = crashed(store, clock, "measure")
    due(store, model_id, 1)
    assert work(store, clock) == [("judge", 0, 0), ("measure", 1, 0), ("judge", 1, 0)]
    with store.write() as conn:
        jobs.requeue(conn, poison, clock.now_us())
    assert work(store, clock) == [("measure", 0, 1), ("judge", 0, 1), ("judge", 1, 1)]
    with store.write() as conn, pytest.raises(Conflict, match=f"run {poison.id} is superseded"):
        jobs.requeue(conn, poison, clock.now_us())


def test_an_attempt_that_is_given_back_does_not_count(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    for _ in range(2 * MAX_LOST):
        run = claim(store, clock, "w")
        assert run is not None
        assert (run.kind, run.attempt) == ("measure", 1)
        with store.write() as conn:
            jobs.give_back(conn, run, None, clock.now_us())
    with store.write() as conn, pytest.raises(LeaseLost):
        jobs.give_back(conn, run, None, clock.now_us())
