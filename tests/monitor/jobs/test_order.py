"""What is queued for a closed window, and in which order it is done."""

from __future__ import annotations

import threading
from collections import Counter

from monitor import jobs
from monitor.clock import SimulatedClock
from monitor.errors import DriftglassError
from monitor.jobs import claim, finish, materialise
from monitor.store import models, runs, windows
from monitor.store.engine import Store
from monitor.store.runs import Run
from tests.monitor.jobs.working import HOUR, START, done, due, work


def test_one_read_for_all_then_each_window_is_measured_and_judged(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    assert due(store, model_id, 0, 1, 2, read=True) == 7
    assert work(store, clock) == [
        ("read", 2, 0),
        *(("measure", 0, 0), ("judge", 0, 0)),
        *(("measure", 1, 0), ("judge", 1, 0)),
        *(("measure", 2, 0), ("judge", 2, 0)),
    ]


def test_materialising_again_makes_nothing_twice_and_moves_the_mark(store: Store, model_id: int) -> None:
    assert due(store, model_id, 0, 1) == 4
    assert due(store, model_id, 0, 1, 2) == 2
    with store.read() as conn:
        assert models.by_id(conn, model_id).materialised_until_us == 3 * HOUR
        assert [window.start_us for window in windows.between(conn, model_id, 0, 9 * HOUR)] == [
            0,
            HOUR,
            2 * HOUR,
        ]
    due(store, model_id, 1)
    with store.read() as conn:
        assert models.by_id(conn, model_id).materialised_until_us == 3 * HOUR


def test_measuring_waits_for_the_reading(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0, read=True)
    reading = claim(store, clock, "a")
    assert reading is not None
    assert reading.kind == "read"
    assert claim(store, clock, "b") is None
    done(store, clock, reading)
    measuring = claim(store, clock, "b")
    assert measuring is not None
    assert measuring.kind == "measure"


def test_windows_are_measured_side_by_side_but_judged_in_order(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0, 1, 2)
    first, second, third = (claim(store, clock, "w", kinds=["measure"]) for _ in range(3))
    done(store, clock, third)
    done(store, clock, second)
    assert claim(store, clock, "w", kinds=["judge"]) is None  # the first is still being measured
    done(store, clock, first)
    judging = claim(store, clock, "w", kinds=["judge"])
    assert judging is not None
    assert judging.window_start_us == 0
    assert claim(store, clock, "w", kinds=["judge"]) is None  # one at a time
    done(store, clock, judging)
    following = claim(store, clock, "w", kinds=["judge"])
    assert following is not None
    assert following.window_start_us == HOUR


def test_models_do_not_wait_for_each_other(store: Store, clock: SimulatedClock, model_id: int) -> None:
    with store.write() as conn:
        other = models.create(conn, "spam", START).id
    due(store, model_id, 0)
    due(store, other, 0)
    for one in (model_id, other):
        done(store, clock, claim(store, clock, "w", model_id=one))
    judging = {run.model_id for _ in range(2) if (run := claim(store, clock, "w")) is not None}
    assert judging == {model_id, other}


def test_readings_of_a_model_follow_each_other(store: Store, clock: SimulatedClock, model_id: int) -> None:
    def queue(hour: int) -> int:
        with store.write() as conn:
            return jobs.queue_read(conn, model_id, hour * HOUR, clock.now_us())

    assert (queue(0), queue(0), queue(1)) == (1, 0, 0)  # one that waits serves all
    first = claim(store, clock, "a")
    assert queue(1) == 1  # one under way may have passed over what has come since
    assert claim(store, clock, "b") is None
    done(store, clock, first)
    second = done(store, clock, claim(store, clock, "b"))
    assert queue(1) == 1  # the same row once more
    third = done(store, clock, claim(store, clock, "b"))
    assert (third.id, third.attempt, third.fence) == (second.id, 1, second.fence + 1)


def test_the_newest_windows_are_measured_first_if_that_is_wanted(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    due(store, model_id, 0)
    work(store, clock)
    with store.write() as conn:
        spans = [(hour * HOUR, (hour + 1) * HOUR) for hour in range(1, 5)]
        materialise(conn, model_id, spans, clock.now_us(), read=False, newest_first=True)
    assert [(kind, hour) for kind, hour, _ in work(store, clock)] == [
        *(("measure", hour) for hour in (4, 3, 2, 1)),
        *(("judge", hour) for hour in (1, 2, 3, 4)),
    ]


def test_windows_that_are_skipped_say_why_and_need_no_work(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    with store.write() as conn:
        assert (
            jobs.skip(conn, model_id, [(0, HOUR), (HOUR, 2 * HOUR)], "only the last window is caught up") == 2
        )
    due(store, model_id, 2)
    assert work(store, clock) == [("measure", 2, 0), ("judge", 2, 0)]
    with store.read() as conn:
        found = windows.between(conn, model_id, 0, 9 * HOUR)
    assert [(one.state, one.reason) for one in found] == [
        ("skipped", "only the last window is caught up"),
        ("skipped", "only the last window is caught up"),
        ("open", None),
    ]


def test_threads_share_the_work_and_do_each_piece_once(
    store: Store, clock: SimulatedClock, model_id: int
) -> None:
    with store.write() as conn:
        other = models.create(conn, "spam", START).id
    due(store, model_id, *range(12))
    due(store, other, *range(12))
    finished: list[Run] = []
    errors: list[DriftglassError] = []

    def worker() -> None:
        try:
            while run := claim(store, clock, threading.current_thread().name):
                with store.write() as conn:
                    finish(conn, run, clock.now_us())
                    finished.append(run)
        except DriftglassError as error:
            errors.append(error)

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(store, clock)  # a thread may find nothing to do while another holds what it would wait for
    assert errors == []
    assert Counter(run.id for run in finished).most_common(1)[0][1] == 1
    for one in (model_id, other):
        judged = [run.window_start_us for run in finished if (run.model_id, run.kind) == (one, "judge")]
        assert judged == sorted(judged)
    with store.read() as conn:
        assert runs.counts(conn) == {("measure", "succeeded"): 24, ("judge", "succeeded"): 24}
