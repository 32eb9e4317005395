from __future__ import annotations

import numpy as np
import pytest

from checks.contributions import contributions, joined
from checks.distances import jsd_terms
from checks.drift import series_of
from tests.checks.countries import learn, profile_of, records

SHARES, TOXIC = {"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1}


def test_neighbouring_ranges_that_moved_the_same_way_are_one_line() -> None:
    labels = ["< 1", "[1, 3)", "= 3", "[3, 7.5)", "> 9"]
    before, now = np.array([0.0, 0.3, 0.3, 0.3, 0.1]), np.array([0.0, 0.1, 0.1, 0.5, 0.3])
    terms = jsd_terms(before, now)
    found = joined(labels, before, now, terms / terms.sum())
    assert {one.label for one in found} == {"below 3", "from 3"}
    assert sum(one.share for one in found) == pytest.approx(1.0)
    assert sum(one.now - one.before for one in found) == pytest.approx(0.0)


def test_names_are_never_joined() -> None:
    found = joined(
        ["web", "app", "fax"], np.array([0.5, 0.3, 0.2]), np.array([0.8, 0.1, 0.1]), np.array([0.6, 0.3, 0.1])
    )
    assert [one.label for one in found] == ["web", "app", "fax"]


def test_older_people_are_told_by_their_ages() -> None:
    plan, reference, _ = learn()
    older = profile_of(records(SHARES, TOXIC, age=36.0), plan)
    mean = next(one for one in series_of(plan) if one.metric == "mean" and one.column == "age")
    found = contributions(older, reference, plan, mean)
    assert sum(one.share for one in found) == pytest.approx(1.0)
    more = next(one for one in found if one.now > one.before)
    assert more.label.startswith("from 3")
    assert more.now == pytest.approx(1 - sum(one.now for one in found if one is not more), abs=1e-9)


def test_the_values_of_a_category_are_told_by_name() -> None:
    plan, reference, _ = learn()
    worse = profile_of(records(SHARES, {"US": 0.3, "IN": 0.3, "FR": 0.3}), plan)
    distance = next(one for one in series_of(plan) if one.metric == "jsd" and one.column == "decision")
    found = contributions(worse, reference, plan, distance)
    assert {one.label for one in found[:2]} == {"toxic", "ok"}


def test_what_has_no_distribution_or_did_not_move_has_no_bins() -> None:
    plan, reference, _ = learn()
    volume = next(one for one in series_of(plan) if one.metric == "volume")
    distance = next(one for one in series_of(plan) if one.metric == "jsd")
    assert contributions(reference, reference, plan, volume) == ()
    assert contributions(reference, reference, plan, distance) == ()
