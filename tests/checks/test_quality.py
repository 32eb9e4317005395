from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from checks.batch import Batch, Column, absent
from checks.breaks import Break
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count, empty
from checks.quality import breaks
from tests.checks.records import make_batch

NUMBER = (Column("x", "feature", "number"),)
CATEGORY = (Column("c", "feature", "category"),)


def learn(columns: Sequence[Column], values: object) -> Plan:
    learner = Learner(columns)
    learner.add(make_batch(columns, {columns[0].name: values}))
    return learner.plan()


def found(plan: Plan, values: object) -> tuple[Break, ...]:
    return breaks(window(plan, make_batch(plan.columns, {plan.columns[0].name: values})), plan)


def window(plan: Plan, batch: Batch) -> Profile:
    (one,) = count(batch, plan, batch.event_us * 0).values()
    return one


def normal(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return learn(NUMBER, normal(1000))


def test_a_window_like_the_reference_has_no_break(plan: Plan) -> None:
    assert found(plan, normal(200, 1)) == ()
    assert breaks(empty(plan), plan) == ()


def test_a_missing_column_is_a_break_of_the_schema(plan: Plan) -> None:
    batch = make_batch(plan.columns, {"x": normal(30)})
    gone = Batch(batch.event_ids, batch.event_hash, batch.event_us, {"x": absent("number", 30)})
    (one,) = breaks(window(plan, gone), plan)
    assert (one.family, one.metric, one.column, one.value) == ("schema", "absent", "x", 1.0)
    assert one.message == "Column x is missing from the input."


def test_a_column_missing_from_one_of_two_files_is_named_with_its_extent(plan: Plan) -> None:
    batch = make_batch(plan.columns, {"x": normal(30)})
    gone = Batch(batch.event_ids, batch.event_hash, batch.event_us, {"x": absent("number", 30)})
    from checks.profile import merge

    (one,) = breaks(merge(window(plan, gone), window(plan, batch)), plan)
    assert "30 of 60 records" in one.message


def test_nothing_but_nulls_is_a_break_where_the_reference_had_values(plan: Plan) -> None:
    (one,) = found(plan, pa.nulls(20, pa.float64()))
    assert (one.family, one.metric) == ("quality", "all_null")
    assert one.message == "Every value of x is null (20 records); in the reference none were."


def test_nothing_but_nulls_is_no_break_in_a_sparse_column_or_a_tiny_window(plan: Plan) -> None:
    sparse = learn(NUMBER, pa.array(normal(1000), mask=np.arange(1000) % 10 < 8))
    assert found(sparse, pa.nulls(50, pa.float64())) == ()
    assert found(plan, pa.nulls(2, pa.float64())) == ()


def test_a_sentinel_for_every_value_is_all_null_too(plan: Plan) -> None:
    assert [one.metric for one in found(plan, ["N/A"] * 20)] == ["all_null"]


def test_words_in_a_number_column_are_a_break_above_one_in_a_hundred(plan: Plan) -> None:
    words = [f"{v}" for v in normal(200)]
    assert found(plan, [*words, "oops"]) == ()
    (one,) = found(plan, [*words, *["oops"] * 10])
    assert (one.family, one.metric) == ("schema", "type_failure")
    assert one.value == pytest.approx(10 / 210)
    assert "10 of 210 values of x (4.76%) are no numbers" in one.message


def test_a_reference_with_failures_of_its_own_raises_the_limit() -> None:
    words = [f"{v}" for v in normal(900)] + ["oops"] * 100
    plan = learn(NUMBER, words)
    assert found(plan, [f"{v}" for v in normal(80)] + ["oops"] * 20) == ()
    assert [one.metric for one in found(plan, [f"{v}" for v in normal(50)] + ["oops"] * 50)] == [
        "type_failure"
    ]


def test_values_outside_a_declared_range_are_a_break() -> None:
    plan = learn((Column("x", "feature", "number", range=(-5.0, 5.0)),), normal(1000))
    (one,) = found(plan, np.append(normal(90), [50.0] * 10))
    assert (one.family, one.metric) == ("quality", "out_of_range")
    assert "outside the declared range -5 to 5" in one.message


def test_words_outside_the_declared_ones_are_a_break() -> None:
    plan = learn((Column("c", "prediction", "category", values=("ok", "toxic")),), ["ok", "toxic"] * 100)
    (one,) = found(plan, ["ok", "toxic"] * 45 + ["allowed"] * 10)
    assert one.metric == "out_of_range"
    assert "not among the declared values" in one.message


def test_a_number_that_stands_still_is_frozen(plan: Plan) -> None:
    (one,) = found(plan, [0.25] * 40)
    assert (one.family, one.metric) == ("quality", "frozen")
    assert one.message.startswith("x is frozen: all 40 values are 0.25")
    assert found(plan, [0.25] * 10) == ()
    assert found(plan, [0.25] * 39 + [0.5]) == ()


def test_a_constant_column_is_not_frozen() -> None:
    assert found(learn(NUMBER, [3.0] * 100), [3.0] * 100) == ()


def test_a_common_value_may_fill_a_small_window_but_not_a_large_one() -> None:
    rng = np.random.default_rng(0)
    plan = learn(CATEGORY, [["common", "rare"][i] for i in (rng.random(2000) < 0.3).astype(int)])
    assert found(plan, ["common"] * 40) == ()
    (one,) = found(plan, ["common"] * 500)
    assert one.message.startswith('c is frozen: all 500 values are "common"')


def test_the_hour_is_constant_in_an_hourly_window_by_nature() -> None:
    plan = learn(NUMBER, np.repeat(np.arange(24.0), 100))
    assert plan.facts["x"].longest_run == 100
    assert found(plan, [7.0] * 120) == ()


def test_an_unseen_value_everywhere_is_frozen() -> None:
    plan = learn(CATEGORY, ["a", "b", "c", "d"] * 100)
    (one,) = found(plan, ["zzz"] * 60)
    assert one.metric == "frozen"
    assert one.expected == 0.0


def test_labels_of_a_record_may_stand_still() -> None:
    plan = learn((Column("build", "version", "category"),), ["v1", "v2"] * 100)
    assert found(plan, ["v2"] * 300) == ()


def test_one_broken_column_leaves_the_others_alone() -> None:
    columns = (*NUMBER, *CATEGORY)
    learner = Learner(columns)
    words = [["a", "b"][i % 2] for i in range(500)]
    learner.add(make_batch(columns, {"x": normal(500), "c": words}))
    plan = learner.plan()
    batch = make_batch(columns, {"x": pa.nulls(100, pa.float64()), "c": words[:100]})
    assert [(one.column, one.metric) for one in breaks(window(plan, batch), plan)] == [("x", "all_null")]
