"""The life of a trigger, whatever the order in which reports arrive."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Conflict
from monitor.retraining.lifecycle import RANK, REPORTS, TABLE, State, move, parse
from monitor.store.tables import triggers as table
from monitor.store.triggers import IN_FLIGHT

STATES = st.sampled_from(get_args(State))
ENDED = {state for state in get_args(State) if not TABLE[state]}


def run(*reports: State, start: State = "requested") -> State:
    state = start
    for report in reports:
        moved = move(state, report)
        state = state if isinstance(moved, Conflict) else moved
    return state


def test_the_table_knows_every_state_and_the_database_knows_the_same() -> None:
    assert set(TABLE) == set(RANK) == set(get_args(State))
    allowed = next(str(c.sqltext) for c in table.constraints if c.name == "ck_triggers_state")  # type: ignore[attr-defined]
    assert all(f"'{state}'" in allowed for state in get_args(State))
    assert allowed.count("'") == 2 * len(get_args(State))


def test_in_flight_is_what_the_partial_index_says() -> None:
    (index,) = (index for index in table.indexes if index.name == "uq_triggers_in_flight")
    condition = index.dialect_options["sqlite"]["where"].compile(compile_kwargs={"literal_binds": True})
    assert sorted(str(condition).split("(")[1].rstrip(")").replace("'", "").split(", ")) == sorted(IN_FLIGHT)


def test_every_step_of_the_table_goes_up_in_rank() -> None:
    assert all(RANK[to] > RANK[state] for state, nexts in TABLE.items() for to in nexts)


def test_the_usual_life() -> None:
    assert run("dispatched", "accepted", "running", "succeeded") == "succeeded"


@given(st.permutations(["dispatched", "accepted", "running", "succeeded"]), st.data())
def test_any_order_and_any_repetition_end_the_same(order: list[State], data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(order), max_size=6))
    assert run(*order, *repeated) == "succeeded"


@given(STATES, STATES)
def test_no_report_lowers_the_rank(state: State, to: State) -> None:
    moved = move(state, to)
    assert isinstance(moved, Conflict) or RANK[moved] >= RANK[state]


@given(STATES, STATES)
def test_the_same_report_twice_is_the_same_as_once(state: State, to: State) -> None:
    once = move(state, to)
    if not isinstance(once, Conflict):
        assert move(once, to) == once


@given(STATES)
def test_an_end_stays_an_end(to: State) -> None:
    for end in ENDED:
        moved = move(end, to)
        assert isinstance(moved, Conflict) or moved == end


@given(st.lists(STATES, max_size=12))
def test_only_what_was_asked_for_can_run(path: list[State]) -> None:
    state: State = "proposed"
    asked = False
    for to in path:
        moved = move(state, to)
        if isinstance(moved, Conflict):
            continue
        state = moved
        asked = asked or state == "requested"
        if state in REPORTS:
            assert asked


def test_reports_that_contradict_the_end_are_conflicts() -> None:
    assert isinstance(move("succeeded", "failed"), Conflict)
    assert isinstance(move("vetoed", "accepted"), Conflict)
    assert isinstance(move("rejected", "requested"), Conflict)
    assert isinstance(move("awaiting_approval", "running"), Conflict)


def test_any_report_settles_an_unknown_dispatch() -> None:
    assert {run(report, start="unknown") for report in REPORTS} == set(REPORTS)


def test_a_veto_can_end_when_the_data_is_whole_again() -> None:
    assert move("vetoed", "requested") == "requested"
    assert move("vetoed", "awaiting_approval") == "awaiting_approval"


def test_a_word_that_is_no_state() -> None:
    with pytest.raises(ValueError, match="not a state"):
        parse("sleeping")
