"""The alert's state machine: its table, its edges, and what holds on every path."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.alerts.state import (
    AT_ONCE,
    FLAP_WINDOWS,
    TABLE,
    Absent,
    AlertState,
    Calmed,
    Close,
    Closed,
    Effect,
    Event,
    Flapping,
    Health,
    Observed,
    Opened,
    Patience,
    Recovering,
    Relapsed,
    Reopen,
    Reopened,
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


def play(*events: Event, patience: Patience = AT_ONCE) -> tuple[AlertState, list[Effect]]:
    state, told = AlertState(), list[Effect]()
    for now, event in enumerate(events):
        state, effects = advance(state, event, now, patience=patience)
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
    assert state == AlertState(seen_us=4, transitions=(0, 3), updated_us=3)


def test_how_many_clean_windows_is_a_parameter() -> None:
    _, told = play(breach(1), calm(2), patience=Patience(clean_windows=1))
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


@pytest.mark.parametrize("health", ["no_data", "error", "stale"])
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


TWO_OF_THREE = Patience(breaches=2, windows=3)


def test_k_of_n_breaches_open_and_fewer_are_pending() -> None:
    state, told = play(breach(1), calm(2), patience=TWO_OF_THREE)
    assert (state.status, told) == ("pending", [])
    state, told = play(breach(1), calm(2), breach(3), patience=TWO_OF_THREE)
    assert (state.status, told) == ("firing", [Opened(3, 2, "ticket")])


def test_a_pending_alert_that_saw_no_second_breach_is_ok_again() -> None:
    state, told = play(breach(1), seen(2), calm(3), patience=TWO_OF_THREE)
    assert state.status == "pending"
    state, told = play(breach(1), seen(2), calm(3), calm(4), breach(5), patience=TWO_OF_THREE)
    assert (state.status, told) == ("pending", [])


def test_a_hard_break_does_not_wait_for_a_second() -> None:
    state, _ = play(seen(1, hard=True), patience=TWO_OF_THREE)
    assert state.status == "firing"


def test_windows_without_data_do_not_count_among_the_n() -> None:
    state, _ = play(breach(1), Absent("no_data"), Absent("no_data"), breach(2), patience=TWO_OF_THREE)
    assert state.status == "firing"


def test_a_window_that_comes_again_changes_nothing() -> None:
    before, _ = play(breach(1), calm(2))
    for again in (breach(1), calm(2), breach(2), seen(2, hard=True), calm(1)):
        assert advance(before, again, 99) == (before, ())


def test_a_revision_of_the_last_window_may_open_what_it_now_shows() -> None:
    _, told = play(calm(1), calm(2), seen(2, hard=True))
    assert told == [Opened(2, 1, "ticket")]
    assert play(calm(1), calm(2), seen(1, hard=True))[1] == []


def test_what_somebody_closes_can_be_reopened_as_it_was() -> None:
    state, told = play(replace(breach(1), named=("a",)), calm(2), Close(2))
    assert (state.status, told[-1]) == ("ok", Closed(2))
    state, effects = advance(state, Reopen(2, "page", 0, 1, 1, ("a",)), 9)
    assert effects == (Reopened(2),)
    assert (state.status, state.severity, state.opened_us, state.named) == ("firing", "page", 1, ("a",))
    assert advance(state, Reopen(2, "page", 0, 1, 1), 10) == (state, ())
    assert play(Close(1))[1] == []


def flaps(times: int, first: int = 1) -> list[Event]:
    """Episodes of one window each, four windows apart."""
    found: list[Event] = []
    for start in range(first, first + 4 * times, 4):
        found += [breach(start), calm(start + 1), calm(start + 2), calm(start + 3)]
    return found


def test_more_than_four_transitions_in_24_windows_is_flapping() -> None:
    state, told = play(*flaps(2))
    assert not state.flapping
    state, told = play(*flaps(3))
    assert state.flapping
    assert [effect for effect in told if isinstance(effect, Flapping)] == [Flapping(9)]


def test_flapping_ends_when_it_is_calm() -> None:
    quiet = [calm(window) for window in range(13, 13 + FLAP_WINDOWS)]
    state, told = play(*flaps(3), *quiet)
    assert not state.flapping
    assert sum(isinstance(effect, Calmed) for effect in told) == 1


def test_what_people_close_does_not_flap() -> None:
    events = [event for window in range(1, 9) for event in (breach(window), Close(window))]
    state, _ = play(*events)
    assert len(state.transitions) == 8, "only the openings"
    state, _ = play(Close(1), Reopen(1, "ticket", 0, 1, 1), Close(1), Reopen(1, "ticket", 0, 1, 1))
    assert state.transitions == ()


class AlertMachine(RuleBasedStateMachine):
    """Any sequence of events: effects and state tell the same story."""

    def __init__(self) -> None:
        super().__init__()
        self.state = AlertState()
        self.window = 0
        self.open = False
        self.clean_in_a_row = 0
        self.opened = self.ended = 0

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
        assert (Resolved in kinds) == (self.open and self.clean_in_a_row == AT_ONCE.clean_windows)
        if Resolved in kinds:
            self.open, self.clean_in_a_row, self.ended = False, 0, self.ended + 1
        if before.severity == "page" and self.open and before.status != "ok":
            assert self.state.severity == "page"
        assert advance(self.state, event, self.window + 1) == (self.state, ()), "the same window again"

    @rule(health=st.sampled_from(["no_data", "error", "stale"]))
    def window_missing(self, health: Health) -> None:
        before = self.state
        self.state, effects = advance(before, Absent(health), self.window)  # type: ignore[arg-type]
        assert effects == ()
        assert replace(self.state, health=before.health, updated_us=before.updated_us) == before

    @rule()
    def somebody_closes(self) -> None:
        self.state, effects = advance(self.state, Close(self.window), self.window)
        assert [type(effect) for effect in effects] == ([Closed] if self.open else [])
        self.ended += int(self.open)
        self.open, self.clean_in_a_row = False, 0

    @rule(severity=st.sampled_from(get_args(Severity)))
    def somebody_reopens(self, severity: Severity) -> None:
        before = self.state
        event = Reopen(self.window, severity, self.window, self.window, self.window)
        self.state, effects = advance(before, event, self.window)
        assert [type(effect) for effect in effects] == ([] if self.open else [Reopened])
        if self.open:
            assert self.state == before
        else:
            self.open, self.opened = True, self.opened + 1

    @invariant()
    def state_tells_the_same_story(self) -> None:
        assert self.state.is_open == self.open
        assert self.opened - self.ended == int(self.open)
        assert self.state.clean_windows == self.clean_in_a_row
        assert self.state.clean_windows < AT_ONCE.clean_windows
        assert (self.state.status == "recovering") == (self.clean_in_a_row > 0)
        assert (self.state.opened_us is None) == (not self.open)
        assert all(age < FLAP_WINDOWS for age in self.state.transitions)
        if self.state.opened_us is not None and self.state.last_us is not None:
            assert self.state.opened_us <= self.state.last_us <= self.window


AlertMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAlertMachine = AlertMachine.TestCase
