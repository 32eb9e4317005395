"""Which statuses are errors: listed words, and classes of HTTP codes."""

from __future__ import annotations

import numpy as np
import pytest

from checks import drift, quality
from checks.batch import Column
from checks.errors import are_errors
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count, merge
from tests.checks.records import make_batch

STATUS = Column("status", "status", "category", slo_objective=0.99, errors=("5xx", "timeout"))


@pytest.mark.parametrize(
    ("word", "is_error"),
    [
        ("500", True), ("503", True), ("599", True), ("timeout", True),
        ("200", False), ("499", False), ("5", False), ("5000", False), ("5ab", False), ("5٣٣", False),
        ("Timeout", False),
    ],
)  # fmt: skip
def test_a_class_stands_for_its_codes_and_a_word_for_itself(word: str, is_error: bool) -> None:
    assert are_errors([word], ("5xx", "timeout")).tolist() == [is_error]


def counted(values: list[object], plan: Plan) -> Profile:
    batch = make_batch(plan.columns, {"status": values})
    return count(batch, plan, np.zeros(len(batch), np.int64))[0]


def learnt(column: Column) -> Plan:
    learner = Learner((column,))
    learner.add(make_batch((column,), {"status": ["200"] * 90 + ["404"] * 10}))
    return learner.plan()


def test_errors_are_counted_though_the_reference_never_held_them() -> None:
    plan = learnt(STATUS)
    profile = merge(
        counted(["200"] * 7 + ["502", "timeout", None], plan), counted(["503", "404", "200", "200"], plan)
    )
    obs = drift.observe([profile], [0], plan)
    (place,) = (s for s, one in enumerate(obs.series) if one.metric == "slo_error_rate")
    assert (obs.x[0, place], obs.n[0, place]) == (3, 13), (
        "a missing status is no request that went well or wrong"
    )
    assert obs.series[place].family == "service"
    assert quality.breaks(profile, plan) == ()


def test_a_plan_keeps_which_values_are_errors() -> None:
    plan = learnt(STATUS)
    again = Plan.decode(plan.encode())
    assert again.column("status").errors == ("5xx", "timeout")
    assert again == plan


def test_a_plan_without_an_objective_counts_no_errors_and_keeps_its_id() -> None:
    plain = learnt(Column("status", "status", "category"))
    assert not plain.layout.has("status", "errors")
    assert b"errors" not in plain._canonical
    assert not any(one.metric == "slo_error_rate" for one in drift.series_of(plain))
