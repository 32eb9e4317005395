from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from checks.batch import Column
from checks.learner import MAX_SEGMENTS, MAX_WORDS, Learner
from checks.plan import Plan
from tests.checks.records import make_batch

COLUMNS = (
    Column("country", "segment", "category"),
    Column("amount", "feature", "number", range=(0.0, 10.0)),
    Column("decision", "prediction", "category", values=("ok", "toxic")),
    Column("sender", "unit", "category"),
)


def values(n: int, seed: int = 0) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)
    return {
        "country": pa.array([["IN", "US", "BR", None][i] for i in rng.choice(4, n, p=[0.5, 0.3, 0.1, 0.1])]),
        "amount": pa.array(rng.gamma(2, 2, n)),
        "decision": pa.array([["ok", "toxic", "odd"][i] for i in rng.choice(3, n, p=[0.8, 0.15, 0.05])]),
        "sender": pa.array([f"user-{i}" for i in rng.integers(0, 50, n)]),
    }


def learn(n: int, order: np.ndarray | None = None, size: int = 1000, keep: int = 100_000) -> Plan:
    data = values(n)
    learner = Learner(COLUMNS, segments=("country",), keep=keep)
    order = np.arange(n) if order is None else order
    for first in range(0, n, size):
        rows = order[first : first + size]
        part = {name: array.take(pa.array(rows)) for name, array in data.items()}
        learner.add(make_batch(COLUMNS, part, ids=[f"e{i}" for i in rows], us=rows * 1_000_000))
    return learner.plan()


@pytest.mark.parametrize("keep", [100, 100_000])
def test_the_plan_does_not_depend_on_the_order_or_the_batches(keep: int) -> None:
    shuffled = np.random.default_rng(3).permutation(500)
    plan = learn(500, keep=keep)
    assert learn(500, shuffled, size=17, keep=keep) == plan
    assert learn(499, keep=keep) != plan


def test_a_record_that_comes_twice_is_kept_once() -> None:
    twice = np.concatenate([np.arange(200), np.arange(200)])
    assert learn(400, twice).categories == learn(400, np.arange(200)).categories


def test_a_plan_survives_its_bytes() -> None:
    plan = learn(300)
    again = Plan.decode(plan.encode())
    assert again == plan
    assert again.encode() == plan.encode()
    assert again.columns == plan.columns
    assert again.numbers == plan.numbers
    with pytest.raises(ValueError, match="version"):
        Plan.decode(b"\x09" + plan.encode()[1:])


def test_only_a_category_can_be_a_segment() -> None:
    with pytest.raises(ValueError, match="amount"):
        Learner(COLUMNS, segments=("amount",))


def test_segments_are_the_values_of_the_reference_largest_first() -> None:
    plan = learn(300)
    assert plan.segments[0] == "*"
    assert plan.segments[1:4] == ("country=IN", "country=US", "country=BR")
    assert plan.segments[4:] == ("country=other", "country=null")
    assert plan.segment_records[0] == 300
    assert sum(plan.segment_records[1:]) == 300
    assert plan.segment_records[4] == 0
    assert plan.segment_records[5] > 0


def test_a_value_with_one_record_is_a_segment_while_there_is_room() -> None:
    column = Column("shop", "segment", "category")
    learner = Learner([column], segments=("shop",))
    learner.add(make_batch([column], {"shop": ["big"] * 999 + ["tiny"]}))
    assert "shop=tiny" in learner.plan().segments


def test_at_most_fifty_segments_are_kept_and_the_smallest_go_to_other() -> None:
    column = Column("shop", "segment", "category")
    shops = [f"s{i:03}" for i in range(80) for _ in range(80 - i)]
    learner = Learner([column], segments=("shop",))
    learner.add(make_batch([column], {"shop": shops}))
    plan = learner.plan()
    assert len(plan.segments) == 1 + MAX_SEGMENTS
    assert "shop=s000" in plan.segments
    assert "shop=s079" not in plan.segments
    assert plan.segment_records[plan.segment_index["shop=other"]] == sum(80 - i for i in range(48, 80))


def test_the_vocabulary_is_the_commonest_words_in_a_fixed_order() -> None:
    column = Column("c", "feature", "category")
    learner = Learner([column])
    learner.add(make_batch([column], {"c": ["b", "a", "a", "c", "b", *(f"w{i}" for i in range(2000))]}))
    category = learner.plan().categories["c"]
    assert category.words[:3] == ("a", "b", "c")
    assert category.mass[:3] == (2, 2, 1)
    assert len(category.words) == MAX_WORDS


def test_senders_are_not_remembered() -> None:
    plan = learn(300)
    assert plan.categories["sender"].words == ()
    assert b"user-1" not in plan._canonical


def test_facts_are_shares_of_all_records() -> None:
    plan = learn(500)
    assert plan.facts["country"].null_share == pytest.approx(0.1, abs=0.05)
    assert plan.facts["decision"].out_of_range_share == pytest.approx(0.05, abs=0.03)
    assert plan.facts["amount"].distinct == 500
    assert plan.facts["amount"].longest_run == 1
    assert plan.facts["amount"].out_of_range_share > 0


def test_the_longest_run_follows_time_and_grows_with_what_was_left_out() -> None:
    column = Column("hour", "feature", "number")
    hours = np.repeat(np.arange(10.0), 30)
    shuffled = np.random.default_rng(0).permutation(300)

    def run(keep: int) -> int:
        learner = Learner([column], keep=keep)
        ids = [str(i) for i in shuffled]
        learner.add(make_batch([column], {"hour": hours[shuffled]}, ids=ids, us=shuffled * 1000))
        return learner.plan().facts["hour"].longest_run

    assert run(300) == 30
    assert 30 <= run(100) <= 90


def test_fixed_point_keeps_the_middle_precise_whatever_the_tail() -> None:
    column = Column("x", "feature", "number")
    learner = Learner([column])
    values = np.concatenate([np.random.default_rng(0).normal(1e6, 1, 5000), [1e300]])
    learner.add(make_batch([column], {"x": values}))
    number = learner.plan().numbers["x"]
    assert number.centre == pytest.approx(1e6, abs=1)
    assert math.frexp(number.scale)[0] == 0.5
    assert 1 / number.scale < 1e-6
    assert number.bound * number.scale == 2**31 - 1


def test_a_reference_without_records_still_gives_a_plan() -> None:
    plan = Learner(COLUMNS, segments=("country",)).plan()
    assert plan.segments == ("*", "country=other", "country=null")
    assert plan.numbers["amount"].bins.cuts == ()
    assert Plan.decode(plan.encode()) == plan
