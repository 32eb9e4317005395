"""Whoever holds a lease keeps it by heartbeats; once it is lost, nothing of the attempt is kept."""

from __future__ import annotations

import pytest

from monitor.clock import SimulatedClock
from monitor.errors import LeaseLost
from monitor.jobs import MAX_LOST, claim, finish, heartbeat
from monitor.store import models, runs
from monitor.store.engine import Store
from monitor.store.runs import Run
from tests.monitor.jobs.working import START, done, due


def test_a_lost_lease_is_taken_up_and_the_first_holder_is_refused(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    first = claim(store, clock, "a", lease_seconds=60)
    assert first is not None
    clock.advance(59)
    assert claim(store, clock, "b") is None
    clock.advance(2)
    second = claim(store, clock, "b")
    assert second is not None
    assert (second.id, second.fence, second.attempt) == (first.id, first.fence + 1, 2)
    with pytest.raises(LeaseLost, match="nothing of this attempt is kept"):
        write_and_finish(store, clock, first)
    with store.read() as conn:
        assert [model.name for model in models.everyone(conn)] == ["toxicity"]
    with pytest.raises(LeaseLost):
        heartbeat(store, clock, first)
    done(store, clock, second)


def write_and_finish(store: Store, clock: SimulatedClock, run: Run) -> None:
    """What a worker does with its result."""
    with store.write() as conn:
        models.create(conn, "written by the late one", START)
        finish(conn, run, clock.now_us())


def test_a_heartbeat_keeps_the_lease(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0)
    run = claim(store, clock, "a", lease_seconds=60)
    assert run is not None
    for _ in range(5):
        clock.advance(50)
        heartbeat(store, clock, run, lease_seconds=60)
    assert claim(store, clock, "b") is None
    done(store, clock, run)


def test_a_run_whose_lease_runs_out_again_and_again_is_given_up(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    for _ in range(MAX_LOST):
        poison = claim(store, clock, "w")
        assert poison is not None
        assert poison.kind == "measure"
        clock.advance(61)
    following = claim(store, clock, "w")
    assert following is not None
    assert following.kind == "judge"
    with store.read() as conn:
        measured = runs.latest(conn, model_id, "measure", 0)
    assert measured is not None
    assert measured.state == "dead"
    assert measured.error is not None
    assert "lease ran out" in measured.error
