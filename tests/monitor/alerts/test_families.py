"""Severity, and which breaks explain which drifts."""

from __future__ import annotations

from typing import get_args

import pytest

from checks.series import Family
from monitor.alerts.families import BREAKS, DRIFTS, PAGING, Breaker, inhibitor, severity


def test_every_family_named_here_exists() -> None:
    assert {*BREAKS, *DRIFTS, *PAGING} <= set(get_args(Family))


def test_only_breaks_the_service_and_proven_harm_page() -> None:
    assert {f for f in get_args(Family) if severity(f) == "page"} == {
        "schema",
        "volume",
        "encoding",
        "quality",
        "service",
        "performance",
    }


@pytest.mark.parametrize("family", sorted(DRIFTS))
def test_a_drift_that_began_with_the_break_is_explained_by_it(family: str) -> None:
    assert (
        inhibitor(family, since_us=100, open_breaks=[Breaker("encoding", 100)], window_length_us=10)
        == "encoding"
    )


@pytest.mark.parametrize(("since_us", "cause"), [(90, "encoding"), (89, None), (500, "encoding")])
def test_a_drift_may_seem_one_window_older_than_its_cause_but_not_more(
    since_us: int, cause: str | None
) -> None:
    assert inhibitor("vocabulary", since_us, [Breaker("encoding", 100)], 10) == cause


@pytest.mark.parametrize("family", ["evasion", "performance", "service", "encoding", "schema"])
def test_nothing_explains_what_is_not_a_drift(family: str) -> None:
    assert inhibitor(family, 100, [Breaker("volume", 100)], 10) is None


def test_evasion_explains_nothing() -> None:
    assert inhibitor("language", 100, [Breaker("evasion", 100)], 10) is None


def test_of_several_breaks_the_more_fundamental_is_named() -> None:
    breaks = [Breaker("quality", 100), Breaker("encoding", 100), Breaker("schema", 100)]
    assert inhibitor("inputs", 100, breaks, 10) == "schema"
    assert inhibitor("inputs", 100, list(reversed(breaks)), 10) == "schema"
    assert inhibitor("inputs", 100, [Breaker("schema", 200), *breaks[:2]], 10) == "encoding", (
        "schema broke later"
    )


def test_without_an_open_break_nothing_is_inhibited() -> None:
    assert inhibitor("language", 100, [], 10) is None
