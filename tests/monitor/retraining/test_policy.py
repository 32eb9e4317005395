"""When to retrain: every guard in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from monitor.retraining.policy import Decision, Episode, Policy, Span, decide, exclusions

POLICY = Policy(frozenset({"vocabulary", "language"}), persists_windows=3, cooldown_us=100, approval=False)
DRIFT = Episode(1, "vocabulary", since_us=990, opened_us=1000, last_us=1020, windows=3, is_open=True)
BREAK = Episode(2, "encoding", since_us=1010, opened_us=1010, last_us=1010, windows=1, is_open=True)
NOW = 1020


def decided(
    episode: Episode = DRIFT,
    *others: Episode,
    policy: Policy = POLICY,
    in_flight: str | None = None,
    last: int | None = None,
) -> Decision:
    decision = decide(policy, episode, others, in_flight, last, NOW)
    assert decision is not None
    return decision


def guards(decision: Decision) -> list[tuple[str, bool]]:
    return [(guard.guard, guard.passed) for guard in decision.guards]


def test_a_drift_that_persists_is_a_reason_to_retrain() -> None:
    decision = decided()
    assert decision.outcome == "request"
    assert decision.reason == "vocabulary changed and stayed so for 3 windows"
    assert guards(decision) == [
        ("persistence", True),
        ("data_quality", True),
        ("cooldown", True),
        ("in_flight", True),
        ("approval", True),
    ]


def test_other_families_are_none_of_its_business() -> None:
    assert decide(POLICY, replace(DRIFT, family="inputs"), [], None, None, NOW) is None


@pytest.mark.parametrize("change", [{"windows": 2}, {"last_us": 1010}])
def test_a_young_or_passing_episode_waits(change: dict[str, int]) -> None:
    decision = decided(replace(DRIFT, **change))  # type: ignore[arg-type]
    assert decision.outcome == "wait"
    assert guards(decision) == [("persistence", False)]


@pytest.mark.parametrize("family", ["schema", "encoding", "volume", "quality"])
def test_an_open_break_is_a_veto(family: str) -> None:
    decision = decided(DRIFT, replace(BREAK, family=family))
    assert decision.outcome == "vetoed"
    assert decision.reason == f"the data is broken: {family} broke at the same time"
    assert guards(decision)[-1] == ("data_quality", False)


@pytest.mark.parametrize("family", ["evasion", "service", "performance", "inputs"])
def test_what_does_not_break_data_is_no_veto(family: str) -> None:
    assert decided(DRIFT, replace(BREAK, family=family)).outcome == "request"


def test_a_break_that_is_over_is_left_out_of_training_instead() -> None:
    over = replace(BREAK, is_open=False)
    assert decided(DRIFT, over).outcome == "request"
    assert exclusions(DRIFT, [over], 10) == (Span(1010, 1020, "encoding break"),)


def test_an_episode_that_a_break_explains_is_vetoed_though_the_break_is_over() -> None:
    decision = decided(replace(DRIFT, inhibited_by="encoding"), replace(BREAK, is_open=False))
    assert decision.outcome == "vetoed"
    assert "encoding broke, and that explains this change" in decision.reason


def test_a_break_is_never_itself_a_reason_to_retrain() -> None:
    policy = replace(POLICY, families=frozenset({"encoding"}))
    assert decided(replace(DRIFT, family="encoding"), policy=policy).outcome == "vetoed"


@pytest.mark.parametrize(
    ("last", "outcome"), [(None, "request"), (920, "request"), (921, "wait"), (1020, "wait")]
)
def test_the_cooldown_starts_with_the_last_trigger_that_left(
    last: int | None, outcome: Literal["wait", "request"]
) -> None:
    assert decided(last=last).outcome == outcome


def test_one_trigger_in_flight_holds_the_next() -> None:
    decision = decided(in_flight="trg_1")
    assert decision.outcome == "wait"
    assert decision.reason == "trigger trg_1 is still in flight"


def test_a_person_is_asked_only_when_every_other_guard_passed() -> None:
    careful = replace(POLICY, approval=True)
    assert decided(policy=careful).outcome == "ask"
    assert guards(decided(policy=careful))[-1] == ("approval", False)
    assert decided(DRIFT, BREAK, policy=careful).outcome == "vetoed"
    assert decided(policy=careful, in_flight="trg_1").outcome == "wait"


def test_a_veto_comes_before_what_would_pass_by_itself() -> None:
    assert decided(DRIFT, BREAK, in_flight="trg_1", last=NOW).outcome == "vetoed"


def test_exclusions_are_the_windows_of_overlapping_breaks_in_order() -> None:
    early = replace(BREAK, id=3, family="volume", since_us=900, last_us=985, is_open=False)
    touching = replace(BREAK, id=4, family="volume", since_us=950, last_us=995, is_open=False)
    attack = replace(BREAK, id=5, family="evasion")
    assert exclusions(DRIFT, [BREAK, attack, touching, early], 10) == (
        Span(950, 1005, "volume break"),
        Span(1010, 1020, "encoding break"),
    )
