"""The alert's state machine: its table, its edges, and what holds on every path."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.alerts.state import (
    CLEAN_WINDOWS,
    TABLE,
    Absent,
    AlertState,
    Effect,
    Health,
    Observed,
    Opened,
    Recovering,
    Relapsed,
    Resolved,
    Severity,
    Sight,
    Status,
    Updated,
    advance,
)


def seen(window: int, *, firing: bool = False, clean: bool = False, **other: object) -> Observed:
    event = Observed(firing, clean, severity="ticket", hard=False, since_us=window - 1, window_us=window)
    return replace(event, **other)  # type: ignore[arg-type]


def play(*events: Observed | Absent, clean_windows: int = CLEAN_WINDOWS) -> tuple[AlertState, list[Effect]]:
    state, told = AlertState(), list[Effect]()
    for now, event in enumerate(events):
        state, effects = advance(state, event, now, clean_windows=clean_windows)
        told += effects
    return state, told


def breach(window: int) -> Observed:
    return seen(window, firing=True)


def calm(window: int) -> Observed:
    return seen(window, clean=True)


def test_the_table_has_a_row_for_every_state_and_sight() -> None:
    assert set(TABLE) == {(status, sight) for status in get_args(Status) for sight in get_args(Sight)}


def test_a_breach_opens_at_once() -> None:
    state, told = play(breach(10))
    assert told == [Opened(window_us=10, since_us=9, severity="ticket")]
    assert (state.status, state.since_us, state.opened_us, state.last_us) == ("firing", 9, 10, 10)


def test_a_hard_break_opens_whatever_the_statistics_say() -> None:
    state, told = play(seen(1, clean=True, hard=True))
    assert state.status == "firing"
    assert isinstance(told[0], Opened)


def test_three_clean_windows_resolve() -> None:
    state, told = play(breach(1), calm(2), calm(3), calm(4))
    assert told[1:] == [Recovering(2), Resolved(4)]
    assert state == AlertState(updated_us=3)


def test_how_many_clean_windows_is_a_parameter() -> None:
    _, told = play(breach(1), calm(2), clean_windows=1)
    assert told[1:] == [Resolved(2)]


def test_a_breach_while_recovering_continues_the_episode_without_opening_another() -> None:
    state, told = play(breach(1), calm(2), calm(3), breach(4), calm(5), calm(6))
    assert told[1:] == [Recovering(2), Relapsed(4), Recovering(5)]
    assert (state.opened_us, state.last_us, state.clean_windows) == (1, 4, 2)


def test_a_cusum_that_is_still_high_does_not_hold_a_clean_window_back() -> None:
    both = [seen(window, firing=True, clean=True) for window in (2, 3, 4)]
    state, told = play(breach(1), *both, seen(5, firing=True, clean=True))
    assert told[-1] == Resolved(4)
    assert state.status == "ok", "and it does not open a new episode afterwards"


def test_a_window_that_is_neither_breach_nor_clean_changes_nothing() -> None:
    state, told = play(breach(1), calm(2), seen(3), calm(4))
    assert (state.status, state.clean_windows) == ("recovering", 2)
    assert told[1:] == [Recovering(2)]


@pytest.mark.parametrize("health", ["no_data", "error"])
def test_absence_never_resolves(health: str) -> None:
    silent = [Absent(health)] * 10  # type: ignore[arg-type]
    state, told = play(breach(1), *silent)
    assert (state.status, state.health) == ("firing", health)
    assert len(told) == 1
    state, _ = advance(state, breach(20), 20)
    assert state.health == "fresh"


def test_new_series_update_the_episode_and_are_named_once() -> None:
    first = replace(breach(1), named=("a",))
    second = replace(breach(2), named=("b", "a"))
    state, told = play(first, second, replace(breach(3), named=("a",)))
    assert told[1:] == [Updated(2, ("b",), "ticket", escalated=False)]
    assert state.named == ("a", "b")


def test_a_worse_severity_is_told_and_a_milder_one_does_not_undo_it() -> None:
    state, told = play(breach(1), replace(breach(2), severity="page"), breach(3))
    assert told[1:] == [Updated(2, (), "page", escalated=True)]
    assert state.severity == "page"


class AlertMachine(RuleBasedStateMachine):
    """Any sequence of windows: effects and state tell the same story."""

    def __init__(self) -> None:
        super().__init__()
        self.state = AlertState()
        self.window = 0
        self.open = False
        self.clean_in_a_row = 0
        self.opened = self.resolved = 0

    @rule(
        firing=st.booleans(),
        clean=st.booleans(),
        hard=st.booleans(),
        severity=st.sampled_from(get_args(Severity)),
        named=st.sets(st.sampled_from("abc")),
    )
    def window_judged(
        self, firing: bool, clean: bool, hard: bool, severity: Severity, named: set[str]
    ) -> None:
        self.window += 1
        event = Observed(firing, clean, severity, hard, self.window, self.window, tuple(sorted(named)))
        before = self.state
        self.state, effects = advance(before, event, self.window)
        breached = hard or (firing and not clean)
        kinds = [type(effect) for effect in effects]
        assert (Opened in kinds) == (breached and not self.open)
        assert not (breached and Resolved in kinds)
        assert kinds.count(Opened) + kinds.count(Resolved) <= 1
        if Opened in kinds:
            self.open, self.clean_in_a_row, self.opened = True, 0, self.opened + 1
        elif breached:
            self.clean_in_a_row = 0
        elif clean and self.open:
            self.clean_in_a_row += 1
        assert (Resolved in kinds) == (self.open and self.clean_in_a_row == CLEAN_WINDOWS)
        if Resolved in kinds:
            self.open, self.clean_in_a_row, self.resolved = False, 0, self.resolved + 1
        if before.severity == "page" and self.open and before.status != "ok":
            assert self.state.severity == "page"

    @rule(health=st.sampled_from(["no_data", "error"]))
    def window_missing(self, health: Health) -> None:
        before = self.state
        self.state, effects = advance(before, Absent(health), self.window)  # type: ignore[arg-type]
        assert effects == ()
        assert replace(self.state, health=before.health, updated_us=before.updated_us) == before

    @invariant()
    def state_tells_the_same_story(self) -> None:
        assert (self.state.status != "ok") == self.open
        assert self.opened - self.resolved == int(self.open)
        assert self.state.clean_windows == self.clean_in_a_row
        assert self.state.clean_windows < CLEAN_WINDOWS
        assert (self.state.status == "recovering") == (self.clean_in_a_row > 0)
        assert (self.state.opened_us is None) == (not self.open)
        if self.state.opened_us is not None and self.state.last_us is not None:
            assert self.state.opened_us <= self.state.last_us <= self.window


AlertMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAlertMachine = AlertMachine.TestCase
