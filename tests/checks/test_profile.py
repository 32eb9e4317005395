"""A profile counts what it says, and merges to the same bytes however its records are cut and ordered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import profile
from checks.batch import Batch, Column, absent
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count, empty, merge, merge_all, with_duplicates
from tests.checks.records import HOUR_US, make_batch

COLUMNS = (
    Column("country", "segment", "category"),
    Column("tier", "segment", "category"),
    Column("text", "input", "text", languages=("en", "es")),
    Column("x", "feature", "number", range=(-1.0, 2.0)),
    Column("decision", "prediction", "category", values=("ok", "toxic")),
    Column("latency", "latency", "number", slo_ms=100.0),
)
MESSAGES = (
    "the parcel came late again and nobody answers the phone",
    "donde esta mi pedido, llevo tres dias esperando en casa",
    "thank you so much for the quick help yesterday",
    "Ğ¿Ñ€Ğ¸Ğ²ĞµÑ‚ broken letters here",
    "frее mоney nоw",  # Cyrillic letters inside
    "zero\u200bwidth",
    "",
    None,
)
RECORDS = 80
WINDOWS = 3


@cache
def pool() -> tuple[dict[str, pa.Array], np.ndarray]:
    """80 records with every kind of cell, and the window of each."""
    rng = np.random.default_rng(11)
    x = [float(v) for v in rng.normal(size=RECORDS)]
    words = [f"{v:.3f}" for v in x]
    words[:8] = ["0", "-0", "nan", "oops", "inf", "1e300", "-1e300", "2"]
    values = {
        "country": pa.array([["IN", "US", "BR", None, "other"][i] for i in rng.integers(0, 5, RECORDS)]),
        "tier": pa.array([["free", "paid"][i] for i in rng.integers(0, 2, RECORDS)]),
        "text": pa.array([MESSAGES[i] for i in rng.integers(0, len(MESSAGES), RECORDS)]),
        "x": pa.array(words),
        "decision": pa.array([["ok", "toxic", "new", "-"][i] for i in rng.integers(0, 4, RECORDS)]),
        "latency": pa.array(rng.lognormal(4, 1, RECORDS), mask=rng.random(RECORDS) < 0.1),
    }
    return values, rng.integers(0, WINDOWS, RECORDS) * HOUR_US


@cache
def learnt() -> Plan:
    learner = Learner(COLUMNS, segments=("country", "tier"))
    learner.add(records(range(0, RECORDS, 2))[0])
    return learner.plan()


def records(rows: Sequence[int]) -> tuple[Batch, np.ndarray]:
    values, window = pool()
    index = np.asarray(rows, np.int64)
    part = {name: array.take(pa.array(index)) for name, array in values.items()}
    return make_batch(COLUMNS, part, ids=[str(i) for i in index]), window[index]


def counted(rows: Sequence[int]) -> dict[int, Profile]:
    batch, window = records(rows)
    return count(batch, learnt(), window)


def whole(rows: Sequence[int]) -> Profile:
    """All windows in one."""
    return merge_all([empty(learnt()), *counted(rows).values()])


row_lists = st.lists(st.integers(0, RECORDS - 1), max_size=60)


@settings(max_examples=25, deadline=None)
@given(row_lists, st.randoms(use_true_random=False), st.integers(1, 20))
def test_any_partition_in_any_order_gives_the_same_bytes(rows: list[int], random: object, size: int) -> None:
    expected = counted(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    parts: dict[int, list[Profile]] = {}
    for first in range(0, len(shuffled), size):
        for start, part in counted(shuffled[first : first + size]).items():
            parts.setdefault(start, []).append(part)
    merged = {start: merge_all(some) for start, some in parts.items()}
    assert {start: one.encode() for start, one in merged.items()} == {
        start: one.encode() for start, one in expected.items()
    }


@settings(max_examples=15, deadline=None)
@given(row_lists, row_lists, row_lists)
def test_merging_is_associative_and_commutative_and_the_empty_profile_changes_nothing(
    a: list[int], b: list[int], c: list[int]
) -> None:
    one, two, three = whole(a), whole(b), whole(c)
    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == merge_all([three, one, two])
    assert merge(one, two).encode() == merge(two, one).encode()
    assert merge(one, empty(learnt())).encode() == one.encode()


@settings(max_examples=15, deadline=None)
@given(row_lists)
def test_a_profile_survives_its_bytes(rows: list[int]) -> None:
    one = whole(rows)
    assert Profile.decode(one.encode()) == one
    assert Profile.decode(one.encode()).records == len(rows)


def test_profiles_of_different_plans_do_not_merge() -> None:
    learner = Learner(COLUMNS)
    other = empty(learner.plan())
    with pytest.raises(ValueError, match="different plans"):
        merge(whole([1]), other)
    with pytest.raises(ValueError, match="at least one"):
        merge_all([])


def test_bytes_of_another_version_or_damaged_ones_are_refused() -> None:
    data = whole([1, 2, 3]).encode()
    with pytest.raises(ValueError, match="version"):
        Profile.decode(b"\x07" + data[1:])
    with pytest.raises(ValueError, match="damaged"):
        Profile.decode(data[:-9] + b"\x00" * 9)


def test_an_empty_batch_has_no_windows() -> None:
    batch, window = records([])
    assert count(batch, learnt(), window) == {}


def test_duplicates_are_counted_beside_the_records() -> None:
    one = merge_all([whole([1, 2]), with_duplicates(learnt(), 3), with_duplicates(learnt(), 0)])
    assert (one.records, one.duplicates) == (2, 3)


def numbers_plan(values: Sequence[float], **limits: object) -> tuple[Plan, tuple[Column, ...]]:
    columns = (Column("x", "feature", "number", **limits),)  # type: ignore[arg-type]
    learner = Learner(columns)
    learner.add(make_batch(columns, {"x": pa.array(values, pa.float64())}))
    return learner.plan(), columns


def only(plan: Plan, columns: Sequence[Column], values: object) -> Profile:
    batch = make_batch(columns, {columns[0].name: values})
    (found,) = count(batch, plan, batch.event_us * 0).values()
    return found


def total(found: Profile, plan: Plan, field: str, column: str = "x") -> int:
    return int(found.take(plan, column, field).sum())


def test_every_state_of_a_number_is_counted() -> None:
    plan, columns = numbers_plan([0.0, 1.0, 2.0, 3.0], range=(0.0, 2.0))
    found = only(plan, columns, ["1", None, "N/A", "x", "inf", "0", "-0", "-1", "2.5", "nan"])
    fields = ("bins", "null", "sentinel", "type_failure", "non_finite", "zero", "negative", "out_of_range")
    assert [total(found, plan, field) for field in fields] == [5, 1, 2, 1, 1, 2, 1, 2]
    assert found.records == 10


def test_an_absent_column_is_counted_as_absent() -> None:
    plan, columns = numbers_plan([0.0, 1.0])
    batch = make_batch(columns, {"x": [1.0, 2.0]})
    gone = Batch(batch.event_ids, batch.event_hash, batch.event_us, {"x": absent("number", 2)})
    (found,) = count(gone, plan, batch.event_us * 0).values()
    assert total(found, plan, "absent") == 2
    assert total(found, plan, "bins") == 0


floats = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=80, deadline=None)
@given(st.lists(floats, min_size=1, max_size=30), st.lists(floats, min_size=1, max_size=30))
def test_every_number_is_in_the_bin_a_plain_search_finds(reference: list[float], values: list[float]) -> None:
    plan, columns = numbers_plan(reference)
    found = only(plan, columns, pa.array(values))
    bins = plan.numbers["x"].bins
    places = np.array(bins.bin_of)[np.searchsorted(bins.cuts, values, "right")]
    assert found.take(plan, "x", "bins").tolist() == np.bincount(places, minlength=bins.count).tolist()


@pytest.mark.parametrize("shape", ["normal", "lognormal", "pareto", "poisson", "negative tail"])
def test_every_grid_finds_the_bins_of_many_numbers(shape: str) -> None:
    rng = np.random.default_rng(2)
    values = {
        "normal": rng.normal(size=20_000),
        "lognormal": rng.lognormal(0, 3, 20_000),
        "pareto": rng.pareto(0.5, 20_000),
        "poisson": rng.poisson(400, 20_000).astype(float),
        "negative tail": -rng.lognormal(0, 3, 20_000),
    }[shape]
    plan, columns = numbers_plan(values[:10_000].tolist())
    found = only(plan, columns, pa.array(values))
    bins = plan.numbers["x"].bins
    places = np.array(bins.bin_of)[np.searchsorted(bins.cuts, values, "right")]
    assert found.take(plan, "x", "bins").tolist() == np.bincount(places, minlength=bins.count).tolist()


def test_sums_are_exact_fixed_point_numbers_and_extremes_are_the_values_own() -> None:
    plan, columns = numbers_plan(np.random.default_rng(0).normal(50, 10, 500).tolist())
    number = plan.numbers["x"]
    values = np.array([48.25, 50.5, 1e9, -1e9, 61.0])
    found = only(plan, columns, pa.array(values))
    q = [round(min(max(v - number.centre, -number.bound), number.bound) * number.scale) for v in values]
    assert total(found, plan, "sum") == sum(q)
    assert total(found, plan, "square_high") * 2**31 + total(found, plan, "square_low") == sum(
        v * v for v in q
    )
    assert total(found, plan, "over_sum") == q[2]
    assert total(found, plan, "under_sum") == q[3]
    cell = plan.layout.first("x", "extremes")
    from checks.counting import float_of

    assert float_of(found.low.get(cell) or 0) == -1e9
    assert float_of(found.high.get(cell) or 0) == 1e9


def test_sums_that_cancel_leave_no_entry_behind() -> None:
    plan, columns = numbers_plan([-1.0, -1.0, 1.0, 1.0, 0.0])
    assert plan.numbers["x"].centre == 0.0
    parts = [only(plan, columns, [1.0]), only(plan, columns, [-1.0])]
    assert merge_all(parts).encode() == only(plan, columns, [1.0, -1.0]).encode()
    assert merge_all(parts).add.get(plan.layout.first("x", "sum")) is None


def test_a_latency_is_counted_on_log_bins_and_against_its_objective() -> None:
    plan = learnt()
    found = whole(range(RECORDS))
    latency = pool()[0]["latency"].drop_null().to_numpy()
    assert total(found, plan, "over_slo", "latency") == (latency > 100).sum()
    assert total(found, plan, "log_bins", "latency") == len(latency)


def test_known_words_have_cells_and_unseen_ones_share_hash_buckets() -> None:
    columns = (Column("c", "feature", "category"),)
    learner = Learner(columns)
    learner.add(make_batch(columns, {"c": ["a", "a", "b"]}))
    plan = learner.plan()
    found = only(plan, columns, ["a", "zzz", "b", "a", "zzz", None, "N/A"])
    bins = found.take(plan, "c", "bins")
    assert bins[:2].tolist() == [2, 1]
    assert sorted(bins[2:][bins[2:] > 0].tolist()) == [2]
    assert total(found, plan, "null", "c") == total(found, plan, "sentinel", "c") == 1


def test_segments_cut_the_same_records_once_per_dimension() -> None:
    plan, found = learnt(), whole(range(RECORDS))
    countries = pool()[0]["country"].to_pylist()
    for segment, value in (("country=IN", "IN"), ("country=null", None), ("country=other", "other")):
        assert found.take(plan, "", "records", segment)[0] == countries.count(value)
    for field in ("bins", "null", "type_failure", "zero"):
        parts = [found.take(plan, "x", field, segment) for segment in plan.segments_of("tier")]
        assert np.sum(parts, axis=0).tolist() == found.take(plan, "x", field).tolist()


def test_a_value_the_reference_never_had_counts_as_other() -> None:
    values, _ = pool()
    part = {name: array.slice(0, 4) for name, array in values.items()} | {"country": pa.array(["ZZ"] * 4)}
    batch = make_batch(COLUMNS, part)
    (found,) = count(batch, learnt(), batch.event_us * 0).values()
    assert found.take(learnt(), "", "records", "country=other")[0] == 4


def test_messages_are_counted_by_length_script_language_and_class() -> None:
    plan, found = learnt(), whole(range(RECORDS))
    messages = [text for text in pool()[0]["text"].to_pylist() if text]
    assert total(found, plan, "messages", "text") == len(messages)
    for field in ("length", "script", "language"):
        assert total(found, plan, field, "text") == len(messages)
    assert total(found, plan, "sum", "text") == sum(map(len, messages))
    assert total(found, plan, "sentinel", "text") == pool()[0]["text"].to_pylist().count("")
    from checks.text.annotations import EVASION_CLASSES

    hidden = found.take(plan, "text", "evasion_messages")[EVASION_CLASSES.index("zero_width")]
    assert hidden == sum("\u200b" in text for text in messages)


def test_mojibake_is_counted_by_the_codec_it_is_consistent_with() -> None:
    from checks.text.mojibake import CODECS

    plan, found = learnt(), whole(range(RECORDS))
    counts = found.take(plan, "text", "codec")
    broken = sum("Ğ¿" in text for text in pool()[0]["text"].to_pylist() if text)
    assert {CODECS[i]: int(counts[i]) for i in np.flatnonzero(counts)} == {"cp1254": broken}
    assert len(CODECS) <= len(counts)


def test_the_vocabulary_counts_each_word_once_per_message_for_all_and_the_largest_segments() -> None:
    columns = (Column("text", "input", "text", languages=("en",)), Column("shop", "segment", "category"))
    learner = Learner(columns, segments=("shop",))
    texts = ["red red apples", "green apples", "red wine"]
    learner.add(make_batch(columns, {"text": texts, "shop": ["a", "b", "a"]}))
    plan = learner.plan()
    batch = make_batch(columns, {"text": texts, "shop": ["a", "b", "a"]})
    (found,) = count(batch, plan, batch.event_us * 0).values()
    everywhere = found.take(plan, "text", "vocabulary")
    assert sorted(everywhere[everywhere > 0].tolist()) == [1, 1, 2, 2]
    parts = found.take(plan, "text", "vocabulary", "shop=a") + found.take(
        plan, "text", "vocabulary", "shop=b"
    )
    assert parts.tolist() == everywhere.tolist()


def test_distinct_values_are_estimated_per_window() -> None:
    plan, columns = numbers_plan([0.0, 1.0])
    values = np.repeat(np.arange(3000.0), 2)
    found = only(plan, columns, pa.array(values))
    assert found.distinct(plan, "x") == pytest.approx(3000, rel=0.07)


def test_given_annotations_are_used_as_they_are() -> None:
    from checks.text import annotate

    batch, window = records(range(20))
    notes = annotate(batch.columns["text"].values, learnt().text["text"])  # type: ignore[union-attr]
    assert profile.count(batch, learnt(), window, {"text": notes}) == counted(range(20))
