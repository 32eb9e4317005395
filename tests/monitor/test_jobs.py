from __future__ import annotations

import itertools
import threading
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert, select

from monitor import jobs
from monitor.clock import SimulatedClock
from monitor.errors import Conflict, DriftglassError, LeaseLost
from monitor.jobs import (
    LONGEST_RETRY_SECONDS,
    MAX_ATTEMPTS,
    MAX_CRASHES,
    MAX_LOST,
    claim,
    fail,
    finish,
    heartbeat,
    materialise,
    retry_seconds,
    revise,
)
from monitor.store import alerts, models, runs, windows
from monitor.store.engine import Store
from monitor.store.runs import MOVES, UNFINISHED, Kind, Run
from monitor.store.tables import runs as table
from monitor.store.tables import series as series_table

HOUR = 3_600_000_000
START = 1_790_000_000_000_000


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture
def model_id(store: Store) -> int:
    with store.write() as conn:
        return models.create(conn, "toxicity", START).id


def due(store: Store, model_id: int, *hours: int, read: bool = False) -> int:
    """Materialise windows that start at these hours."""
    spans = [(hour * HOUR, (hour + 1) * HOUR) for hour in hours]
    with store.write() as conn:
        return materialise(conn, model_id, spans, START, read=read)


def done(store: Store, clock: SimulatedClock, run: Run | None) -> Run:
    """Finish a run."""
    assert run is not None
    with store.write() as conn:
        finish(conn, run, clock.now_us())
    return run


def work(store: Store, clock: SimulatedClock) -> list[tuple[Kind, int, int]]:
    """Do everything there is to do; returns (kind, hour, revision) in the order it was done."""
    order = []
    while run := claim(store, clock, "worker"):
        done(store, clock, run)
        order.append((run.kind, run.window_start_us // HOUR, run.revision))
    return order


def state_of(store: Store, run: Run) -> str:
    with store.read() as conn:
        return str(conn.execute(select(table.c.state).where(table.c.id == run.id)).scalar_one())


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


def test_a_reading_is_never_given_up_for_errors(store: Store, clock: SimulatedClock, model_id: int) -> None:
    due(store, model_id, 0, read=True)
    for _ in range(3 * MAX_ATTEMPTS):
        run = claim(store, clock, "w")
        assert run is not None
        assert run.kind == "read"
        with store.write() as conn:
            fail(conn, run, "the source is away", clock.now_us())
        clock.advance(LONGEST_RETRY_SECONDS)


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


def test_waits_grow_and_are_spread() -> None:
    def run(number: int, attempt: int) -> Run:
        return Run(number, 1, "read", 0, 0, "running", 1, attempt, None, None, 0, None, None, None)

    for attempt, longest in enumerate((5, 20, 80, 320, 600, 600), start=1):
        waits = {retry_seconds(run(number, attempt)) for number in range(50)}
        assert len(waits) == 50
        assert 0.75 * longest <= min(waits) < 0.8 * longest
        assert 0.95 * longest < max(waits) <= longest


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


def test_the_picture_of_states_has_no_way_out_of_the_end() -> None:
    ends = {"superseded"}
    assert not any(state in ends for sources, _ in MOVES.values() for state in sources)
    leavers = {state for sources, _ in MOVES.values() for state in sources}
    assert leavers >= set(UNFINISHED) | {"succeeded", "dead"}


_names = itertools.count()


class Machine(RuleBasedStateMachine):
    """Any order of work, death, failure, late records and time: no window is lost, none counts twice."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.clock = SimulatedClock(START)
        with store.write() as conn:
            self.model_id = models.create(conn, f"model {next(_names)}", START).id
        self.windows = 0
        self.held: list[Run] = []
        self.over: list[Run] = []
        self.effects: Counter[tuple[Kind, int, int]] = Counter()
        self.states: dict[int, str] = {}

    def rows(self) -> list[Run]:
        with self.store.read() as conn:
            query = select(table).where(table.c.model_id == self.model_id).order_by(table.c.id)
            return [Run(**row._mapping) for row in conn.execute(query)]

    @initialize()
    def some_windows(self) -> None:
        self.windows_close(3, read=False)

    @rule(count=st.integers(1, 2), read=st.booleans())
    def windows_close(self, count: int, read: bool) -> None:
        due(self.store, self.model_id, *range(self.windows, self.windows + count), read=read)
        self.windows += count

    @rule(count=st.integers(1, 4))
    def claims(self, count: int) -> None:
        for _ in range(count):
            before = self.rows()
            run = claim(self.store, self.clock, "w", lease_seconds=60, model_id=self.model_id)
            if run is not None:
                self.held.append(run)
                self.nothing_was_skipped(run, before)

    def nothing_was_skipped(self, run: Run, before: list[Run]) -> None:
        # Freeing the lost leases may have given some of the others up: those are over.
        now = {row.id: row.state for row in self.rows()}
        waiting = [
            row
            for row in before
            if row.id != run.id and row.state in UNFINISHED and now[row.id] in UNFINISHED
        ]
        if run.kind == "measure":
            assert not any(row.kind == "read" for row in waiting)
        if run.kind == "judge":
            assert not any(
                row.kind == "judge" and row.window_start_us < run.window_start_us for row in waiting
            )
            assert not any(
                row.kind == "measure" and row.window_start_us == run.window_start_us for row in waiting
            )

    def holds(self, run: Run) -> bool:
        row = next(row for row in self.rows() if row.id == run.id)
        return row.state == "running" and row.fence == run.fence

    @rule(data=st.data(), count=st.integers(1, 4))
    def finishes(self, data: st.DataObject, count: int) -> None:
        for _ in range(min(count, len(self.held))):
            run = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            self.over.append(run)
            mine = self.holds(run)
            try:
                done(self.store, self.clock, run)
            except LeaseLost:
                assert not mine
            else:
                assert mine
                self.effects[(run.kind, run.window_start_us, run.revision)] += 1

    @rule()
    def a_quick_worker_comes_by(self) -> None:
        while run := claim(self.store, self.clock, "quick", model_id=self.model_id):
            done(self.store, self.clock, run)
            self.effects[(run.kind, run.window_start_us, run.revision)] += 1
        self.states = {run.id: run.state for run in self.rows()}  # many moves in one step

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def comes_back_from_the_dead(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.over))
        with pytest.raises(LeaseLost):
            done(self.store, self.clock, run)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fails(self, data: st.DataObject) -> None:
        run = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.over.append(run)
        mine = self.holds(run)
        try:
            with self.store.write() as conn:
                fail(conn, run, "no", self.clock.now_us())
        except LeaseLost:
            assert not mine
        else:
            assert mine

    @rule(data=st.data())
    def late_records_come(self, data: st.DataObject) -> None:
        hours = data.draw(st.sets(st.integers(0, self.windows - 1), min_size=1, max_size=2))
        with self.store.write() as conn:
            again = revise(conn, self.model_id, [hour * HOUR for hour in hours], self.clock.now_us())
        current = [run for run in self.rows() if run.state != "superseded"]
        # Nobody may still be measuring without the late records, or judging by what they change.
        waiting = {"queued", "failed"}
        assert all(
            run.state in waiting
            for run in current
            if run.kind == "measure" and run.window_start_us // HOUR in hours
        )
        assert all(
            run.state in waiting
            for run in current
            if run.kind == "judge" and again and run.window_start_us >= again[0]
        )

    @rule(seconds=st.sampled_from([1, 30, 61, 700]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def states_move_as_drawn(self) -> None:
        allowed = {(source, target) for sources, target in MOVES.values() for source in sources}
        allowed.add(("running", "running"))  # lost and claimed again in one step
        now = {run.id: run.state for run in self.rows()}
        for number, state in self.states.items():
            assert state == now[number] or (state, now[number]) in allowed
        self.states = dict(now)

    @invariant()
    def one_judge_at_a_time_and_no_effect_twice(self) -> None:
        assert sum(run.kind == "judge" and run.state == "running" for run in self.rows()) <= 1
        assert all(count == 1 for count in self.effects.values())

    def teardown(self) -> None:
        """Whatever happened, the work gets done in the end."""
        for _ in range(20):
            self.clock.advance(700)
            self.a_quick_worker_comes_by()
        current = [run for run in self.rows() if run.state != "superseded"]
        assert all(run.state in {"succeeded", "dead"} for run in current)
        for hour in range(self.windows):
            here = sorted(
                run.kind for run in current if run.window_start_us == hour * HOUR and run.kind != "read"
            )
            assert here == ["judge", "measure"]
        assert all(count == 1 for count in self.effects.values())


def test_no_window_is_lost_and_none_counts_twice(store: Store) -> None:
    run_state_machine_as_test(
        lambda: Machine(store),  # type: ignore[arg-type]  # a function is called like the class
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
