"""Runs that can be done one after the other are claimed together; each has a fence of its own."""

from __future__ import annotations

from monitor import jobs
from monitor.clock import SimulatedClock
from monitor.jobs import MAX_LOST, claim, heartbeat, revise
from monitor.store import models, runs
from monitor.store.engine import Store
from monitor.store.run_states import Kind
from monitor.store.runs import Share
from tests.monitor.jobs.working import HOUR, START, done, due, work


def chain_of(
    store: Store, clock: SimulatedClock, owner: str = "w", limit: int = 32
) -> list[tuple[Kind, int]]:
    chain = jobs.claim_chain(store, clock, owner, limit=limit)
    return [(run.kind, run.window_start_us // HOUR) for run in chain]


def test_the_windows_of_a_model_are_claimed_as_one_chain(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    with store.write() as conn:
        other = models.create(conn, "spam", START).id
    due(store, model_id, 0, 1, 2, read=True)
    due(store, other, 0)
    reading = jobs.claim_chain(store, clock, "w")
    assert [run.kind for run in reading] == ["read"]
    assert chain_of(store, clock) == [("measure", 0), ("judge", 0)]  # of the one that nothing keeps waiting
    assert chain_of(store, clock) == []
    done(store, clock, reading[0])
    both: tuple[Kind, Kind] = ("measure", "judge")
    first = [(kind, hour) for hour in (0, 1) for kind in both]
    assert chain_of(store, clock, limit=4) == first
    # Measuring waits for nothing, judging for what the others hold.
    assert chain_of(store, clock, "another") == [("measure", 2)]


def test_a_share_of_the_models_comes_first_and_the_others_before_nothing(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    with store.write() as conn:
        other = models.create(conn, "spam", START).id
    due(store, model_id, 0, 1)
    due(store, other, 5)
    share = Share(other % 2, 2)
    claimed = [jobs.claim_chain(store, clock, "w", share=share) for _ in range(2)]
    assert [{run.model_id for run in chain} for chain in claimed] == [{other}, {model_id}]
    assert jobs.claim_chain(store, clock, "w", share=share) == []


def test_a_chain_ends_before_what_another_holds(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0, 1, 2)
    first = claim(store, clock, "a", kinds=["measure"])
    second = claim(store, clock, "a", kinds=["measure"])
    done(store, clock, first)
    assert second is not None
    assert chain_of(store, clock) == [("judge", 0)]
    done(store, clock, second)
    assert chain_of(store, clock) == [("measure", 2)]  # its judge waits for that of the first window


def test_of_a_lost_chain_only_the_run_that_had_begun_counts_an_attempt(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0, 1)
    for attempt in range(1, MAX_LOST + 1):
        chain = jobs.claim_chain(store, clock, "w")
        assert [run.attempt for run in chain] == [attempt, 1, 1, 1]
        clock.advance(61)
    chain = jobs.claim_chain(store, clock, "w")
    assert [(run.kind, run.window_start_us // HOUR, run.attempt) for run in chain] == [
        ("judge", 0, 1),
        ("measure", 1, 1),
        ("judge", 1, 1),
    ]
    with store.read() as conn:
        measured = runs.latest(conn, model_id, "measure", 0)
    assert measured is not None
    assert measured.state == "dead"


def test_a_heartbeat_keeps_a_chain_and_passes_over_what_a_revision_took(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0, 1)
    first, *following = jobs.claim_chain(store, clock, "w")
    with store.write() as conn:
        revise(conn, model_id, [HOUR], clock.now_us())
    for _ in range(3):
        clock.advance(50)
        heartbeat(store, clock, first, following=following)
        assert claim(store, clock, "other", model_id=model_id, kinds=["judge"]) is None
    for run in (first, following[0]):
        done(store, clock, run)
    assert work(store, clock) == [("measure", 1, 1), ("judge", 1, 1)]
