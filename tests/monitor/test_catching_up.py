"""Catching up: several windows in one transaction, with the same results as one by one and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor import catching_up, jobs
from monitor.catching_up import MOST_WINDOWS, SECONDS, Pace
from monitor.clock import SimulatedClock
from monitor.errors import LeaseLost
from monitor.evaluate import Evaluator
from monitor.store import models, runs
from monitor.store.engine import Store
from monitor.store.run_states import Kind
from monitor.store.runs import Run
from monitor.windows import Grid
from tests.monitor import stream
from tests.monitor.test_pipeline import exported, open_app, run

HOUR = 3_600_000_000
START = 1_790_000_000_000_000


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture
def model_id(store: Store) -> int:
    """A model with six windows to be measured and judged."""
    with store.write() as conn:
        found = models.create(conn, "toxicity", START).id
        jobs.materialise(conn, found, [(h * HOUR, (h + 1) * HOUR) for h in range(6)], START, read=False)
    return found


@pytest.fixture
def hours() -> Grid:
    return Grid(HOUR, "UTC")


def claimed(store: Store, clock: SimulatedClock, kind: Kind) -> Run:
    found = jobs.claim(store, clock, "worker", kinds=[kind])
    assert found is not None
    return found


def finished(store: Store, clock: SimulatedClock, some: list[Run]) -> None:
    with store.write() as conn:
        for one in some:
            jobs.finish(conn, one, clock.now_us())


def starts(some: list[Run]) -> list[int]:
    return [one.window_start_us // HOUR for one in some]


def test_measures_of_the_windows_that_follow_are_claimed_together(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    taken = catching_up.measures_with(store, clock, first, hours, 4, 60.0)
    assert starts(taken) == [0, 1, 2, 3]
    assert {one.state for one in taken} == {"running"}
    assert starts([claimed(store, clock, "measure")]) == [4]
    finished(store, clock, taken)


def test_a_run_that_was_tried_before_is_tried_alone(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    catching_up.measures_with(store, clock, first, hours, 3, 60.0)
    clock.advance(61.0)  # the process is gone with all three
    again = claimed(store, clock, "measure")
    assert (starts([again]), again.attempt) == ([0], 2)
    assert catching_up.measures_with(store, clock, again, hours, 6, 60.0) == [again]
    # And nobody takes along what another process died with.
    later = claimed(store, clock, "measure")
    finished(store, clock, [again, later])


def test_judges_are_taken_along_as_far_as_their_windows_are_measured(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    finished(store, clock, catching_up.measures_with(store, clock, first, hours, 3, 60.0))
    judge = claimed(store, clock, "judge")
    assert starts(catching_up.judges_after(store, clock, judge, hours, 6)) == [1, 2]
    assert starts(catching_up.judges_after(store, clock, judge, hours, 2)) == [1]
    assert catching_up.judges_after(store, clock, judge, hours, 1) == []


def test_a_judge_that_is_taken_along_is_queued_until_it_is_done(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    finished(store, clock, catching_up.measures_with(store, clock, first, hours, 3, 60.0))
    judge = claimed(store, clock, "judge")
    following = catching_up.judges_after(store, clock, judge, hours, 6)
    assert jobs.claim(store, clock, "another", kinds=["judge"]) is None  # they wait for the one that is held
    with store.write() as conn:
        jobs.finish(conn, judge, clock.now_us())
        assert all(catching_up.finish(conn, one, judge, clock.now_us()) for one in following)
    with store.read() as conn:
        done = runs.latest(conn, model_id, "judge", 2 * HOUR)
    assert done is not None
    assert (done.state, done.attempt, done.owner) == ("succeeded", 1, "worker")


def test_a_revision_in_between_is_left_out(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    finished(store, clock, catching_up.measures_with(store, clock, first, hours, 3, 60.0))
    judge = claimed(store, clock, "judge")
    following = catching_up.judges_after(store, clock, judge, hours, 6)
    with store.write() as conn:
        jobs.revise(conn, model_id, [2 * HOUR], clock.now_us())
    with store.write() as conn:
        jobs.finish(conn, judge, clock.now_us())
        assert [catching_up.finish(conn, one, judge, clock.now_us()) for one in following] == [True, False]


def test_whoever_lost_the_first_has_lost_all(
    store: Store, clock: SimulatedClock, model_id: int, hours: Grid
) -> None:
    first = claimed(store, clock, "measure")
    finished(store, clock, catching_up.measures_with(store, clock, first, hours, 3, 60.0))
    judge = claimed(store, clock, "judge")
    clock.advance(61.0)
    assert claimed(store, clock, "judge").window_start_us == judge.window_start_us
    with pytest.raises(LeaseLost), store.write() as conn:
        jobs.finish(conn, judge, clock.now_us())


def test_the_pace_doubles_while_it_is_quick_and_halves_when_it_is_not() -> None:
    times = iter([0.0, 0.1, 1.0, 1.1, 2.0, 2.0 + SECONDS])
    pace = Pace(lambda: next(times))
    seen = []
    for _ in range(3):
        pace.work(lambda: None)
        seen.append(pace.windows)
    assert seen == [2, 4, 2]
    quick = Pace(lambda: 0.0)
    for _ in range(20):
        quick.work(lambda: None)
    assert quick.windows == MOST_WINDOWS


def test_many_windows_at_once_give_the_bytes_of_one_by_one(
    new_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    texts, together = [], []
    judge = Evaluator.judge

    def counted(*args: object) -> tuple[int, int]:
        done = judge(*args)  # type: ignore[arg-type]
        together.append(done[0])
        return done

    monkeypatch.setattr(Evaluator, "judge", counted)
    for most in (1, MOST_WINDOWS):
        monkeypatch.setattr(catching_up, "MOST_WINDOWS", most)
        together.clear()
        app = open_app(new_database("sqlite"))
        run(app, tmp_path)
        texts.append(exported(app))
        app.store.close()
        assert (max(together) > 1) == (most > 1)
    assert texts[0] == texts[1]
