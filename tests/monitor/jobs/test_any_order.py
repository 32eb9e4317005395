"""Any order of work, death, failure, late records and time, as hypothesis draws it."""

from __future__ import annotations

import itertools
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
from sqlalchemy import select

from monitor.clock import SimulatedClock
from monitor.errors import LeaseLost
from monitor.jobs import claim, fail, revise
from monitor.store import models
from monitor.store.engine import Store
from monitor.store.run_states import MOVES, UNFINISHED, Kind
from monitor.store.runs import Run
from monitor.store.tables import runs as table
from tests.monitor.jobs.working import HOUR, START, done, due


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
