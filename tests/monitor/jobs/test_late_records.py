"""Late records make new revisions of windows that were done, and of the judgements after them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from monitor.clock import SimulatedClock
from monitor.errors import LeaseLost
from monitor.jobs import claim, revise
from monitor.store import runs, windows
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.store.tables import runs as table
from tests.monitor.jobs.working import HOUR, done, due, state_of, work


def test_late_records_measure_one_window_and_judge_what_follows(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0, 1, 2, 3)
    work(store, clock)
    due(store, model_id, 4)
    with store.write() as conn:
        assert revise(conn, model_id, [HOUR], clock.now_us()) == [HOUR]
    assert work(store, clock) == [
        *(("measure", 1, 1), ("judge", 1, 1)),
        *(("judge", 2, 1), ("judge", 3, 1)),
        *(("measure", 4, 0), ("judge", 4, 0)),
    ]
    with store.read() as conn:
        assert [window.revision for window in windows.between(conn, model_id, 0, 9 * HOUR)] == [0, 1, 1, 1, 0]


def test_late_records_of_a_window_that_was_not_measured_need_nothing(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    with store.write() as conn:
        assert revise(conn, model_id, [0, 5 * HOUR], clock.now_us()) == []
        assert revise(conn, model_id, [], clock.now_us()) == []
    assert work(store, clock) == [("measure", 0, 0), ("judge", 0, 0)]


def test_whoever_works_on_an_old_revision_is_refused(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    measuring = claim(store, clock, "w")
    assert measuring is not None
    with store.write() as conn:
        revise(conn, model_id, [0], clock.now_us())
    with pytest.raises(LeaseLost):
        done(store, clock, measuring)
    assert state_of(store, measuring) == "superseded"
    assert work(store, clock) == [("measure", 0, 1), ("judge", 0, 1)]


def test_a_revision_that_comes_while_a_judge_is_chosen_goes_first(
    store: Store, clock: SimulatedClock, model_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the choice was made before the revision committed."""
    if store.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    due(store, model_id, 0, 1)
    for _ in range(3):
        done(store, clock, claim(store, clock, "w"))
    choose = runs.claim_next

    def choose_and_be_overtaken(*args: object) -> Run | None:
        chosen = choose(*args)  # type: ignore[arg-type]
        assert chosen is not None
        assert (chosen.kind, chosen.window_start_us) == ("judge", HOUR)
        with store.write() as conn:
            revise(conn, model_id, [0], clock.now_us())
        return chosen

    monkeypatch.setattr(runs, "claim_next", choose_and_be_overtaken)
    monkeypatch.setattr(runs, "current_from", unlocked_current_from)
    assert claim(store, clock, "w") is None
    monkeypatch.undo()
    assert work(store, clock) == [("measure", 0, 1), ("judge", 0, 1), ("judge", 1, 0)]


def unlocked_current_from(conn: object, model_id: int, from_us: int) -> list[Run]:
    """As a revision saw the runs that had its locks first."""
    query = (
        select(table).where(table.c.window_start_us == 0, table.c.state != "superseded").order_by(table.c.id)
    )
    return [Run(**row._mapping) for row in conn.execute(query)]  # type: ignore[attr-defined]
