from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from checks import drift
from checks.batch import Column
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count, empty, merge_all, with_duplicates
from checks.series import Series
from tests.checks import countries
from tests.checks.records import HOUR_US, make_batch

COLUMNS = (
    Column("country", "segment", "category"),
    Column("x", "feature", "number", range=(-3.0, 3.0)),
    Column("decision", "prediction", "category", values=("ok", "toxic")),
    Column("score", "score", "number"),
    Column("latency", "latency", "number", slo_ms=150.0),
    Column("build", "version", "category"),
)


def values(n: int, seed: int) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)
    return {
        "country": pa.array([["IN", "US"][i] for i in rng.integers(0, 2, n)]),
        "x": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
        "decision": pa.array([["ok", "toxic", "odd"][i] for i in rng.choice(3, n, p=[0.7, 0.2, 0.1])]),
        "score": pa.array(rng.beta(2, 2, n)),
        "latency": pa.array(rng.lognormal(4.5, 0.5, n)),
        "build": pa.array(["v1"] * n),
    }


def learn(columns: Sequence[Column], data: dict[str, object], segments: tuple[str, ...] = ()) -> Plan:
    learner = Learner(columns, segments=segments)
    learner.add(make_batch(columns, data))
    return learner.plan()


@pytest.fixture(scope="module")
def plan() -> Plan:
    return learn(COLUMNS, values(2000, 1), ("country",))


def profile_of(plan: Plan, data: dict[str, object]) -> Profile:
    batch = make_batch(plan.columns, data)
    (found,) = count(batch, plan, batch.event_us * 0).values()
    return found


def find(plan: Plan, name: str) -> int:
    return [series.name for series in drift.series_of(plan)].index(name)


def test_series_are_those_the_plan_can_have(plan: Plan) -> None:
    names = {series.name for series in drift.series_of(plan)}
    assert {
        "volume",
        "duplicate_id_rate",
        "null_rate(x)",
        "type_failure_rate(x)",
        "non_finite_rate(x)",
        "out_of_range_rate(x)",
        "jsd(x)",
        "mean(x)",
        "jsd(decision)",
        "unseen_rate(decision)",
        "out_of_range_rate(decision)",
        "class_share(decision):toxic",
        "slo_miss_rate(latency)",
        "volume[country=IN]",
        "segment_share[country=IN]",
        "segment_share[country=other]",
        "class_share(decision)[country=US]:ok",
    } <= names
    assert not names & {
        "jsd(country)",
        "unseen_rate(build)",
        "out_of_range_rate(score)",
        "volume[country=other]",
        "segment_share[country=null]",
    }
    assert len(names) == len(drift.series_of(plan))


def test_families_follow_the_role(plan: Plan) -> None:
    families = {series.name: series.family for series in drift.series_of(plan)}
    assert families["jsd(x)"] == "inputs"
    assert families["jsd(score)"] == families["unseen_rate(decision)"] == "predictions"
    assert families["mean(latency)"] == families["slo_miss_rate(latency)"] == "service"
    assert families["null_rate(latency)"] == "quality"


def test_observations_are_what_a_plain_count_gives(plan: Plan) -> None:
    data = values(500, 2)
    found = merge_all([profile_of(plan, data), with_duplicates(plan, 5)])
    seen = drift.observe([found], [HOUR_US], plan)
    x = data["x"].drop_null().to_numpy()
    decision, latency = data["decision"].to_pylist(), data["latency"].to_numpy()
    country = data["country"].to_pylist()

    def pair(name: str) -> tuple[float, float]:
        s = find(plan, name)
        return seen.x[0, s], seen.n[0, s]

    assert pair("volume") == (500, 500)
    assert pair("duplicate_id_rate") == (5, 505)
    assert pair("null_rate(x)") == (500 - len(x), 500)
    assert pair("class_share(decision):toxic") == (decision.count("toxic"), 500)
    assert pair("out_of_range_rate(decision)") == (decision.count("odd"), 500)
    assert pair("out_of_range_rate(x)") == ((np.abs(x) > 3).sum(), len(x))
    assert pair("slo_miss_rate(latency)") == ((latency > 150).sum(), 500)
    assert pair("segment_share[country=IN]") == (country.count("IN"), 500)
    both = sum(c == "US" and d == "ok" for c, d in zip(country, decision, strict=True))
    assert pair("class_share(decision)[country=US]:ok") == (both, country.count("US"))
    mean = find(plan, "mean(x)")
    assert seen.x[0, mean] == pytest.approx(x.sum(), abs=1e-5)
    assert seen.xx[0, mean] == pytest.approx((x**2).sum(), rel=1e-6)
    bins = seen.bins[find(plan, "jsd(x)")][0]
    assert bins.sum() == seen.n[0, find(plan, "jsd(x)")] == len(x)
    assert len(bins) == len(drift.labels(plan, drift.series_of(plan)[find(plan, "jsd(x)")]))
    assert seen.start_us.tolist() == [HOUR_US]


def test_many_windows_at_once_are_each_window_alone(plan: Plan) -> None:
    profiles = [profile_of(plan, values(50 + i, i)) for i in range(4)] + [empty(plan)]
    together = drift.observe(iter(profiles), range(5), plan)
    for w, one in enumerate(profiles):
        alone = drift.observe([one], [w], plan)
        rows = together.rows(slice(w, w + 1))
        for a, b in ((alone.x, rows.x), (alone.n, rows.n), (alone.xx, rows.xx)):
            np.testing.assert_array_equal(a, b)
        for s, bins in alone.bins.items():
            np.testing.assert_array_equal(bins, rows.bins[s])


def test_an_empty_window_observes_nothing(plan: Plan) -> None:
    seen = drift.observe([empty(plan)], [0], plan)
    assert not seen.n.any()
    assert not seen.x.any()


def test_profiles_of_another_plan_or_number_are_refused(plan: Plan) -> None:
    other = learn(COLUMNS, values(10, 9))
    with pytest.raises(ValueError, match="cannot be read"):
        drift.observe([empty(other)], [0], plan)
    with pytest.raises(ValueError, match="2 profiles for 1 windows"):
        drift.observe([empty(plan), empty(plan)], [0], plan)


def test_an_unseen_word_moves_the_distribution_and_its_own_rate(plan: Plan) -> None:
    data = values(100, 3) | {"decision": pa.array(["brand new"] * 100)}
    seen = drift.observe([profile_of(plan, data)], [0], plan)
    assert seen.x[0, find(plan, "unseen_rate(decision)")] == 100
    bins = seen.bins[find(plan, "jsd(decision)")][0]
    assert bins[-1] == 100
    assert bins[:-1].sum() == 0


def test_a_column_the_reference_never_had_a_value_for_has_no_distribution() -> None:
    columns = (Column("x", "feature", "number"), Column("c", "feature", "category"))
    plan = learn(columns, {"x": pa.nulls(5, pa.float64()), "c": pa.array(["a"] * 5)})
    names = {series.name for series in drift.series_of(plan)}
    assert "jsd(x)" not in names
    assert "mean(x)" not in names
    assert {"null_rate(x)", "jsd(c)"} <= names


def test_rare_words_share_a_bin() -> None:
    columns = (Column("c", "feature", "category"),)
    words = [f"w{i:03}" for i in range(100) for _ in range(100 - i)]
    plan = learn(columns, {"c": words})
    series = Series("jsd", "c", "*", "", "distribution", "inputs")
    names = drift.labels(plan, series)
    assert len(names) == drift.MAX_WORD_BINS + 2
    assert names[-2:] == ("other known values", "unseen values")
    seen = drift.observe([profile_of(plan, {"c": words})], [0], plan)
    assert seen.bins[find(plan, "jsd(c)")][0][-2] == sum(100 - i for i in range(drift.MAX_WORD_BINS, 100))


def test_common_values_of_a_category_have_a_share_each() -> None:
    columns = (Column("c", "feature", "category"), Column("country", "segment", "category"))
    words = [f"w{i:03}" for i in range(30) for _ in range(60 - i)]
    plan = learn(columns, {"c": words, "country": words})
    shares = [series for series in drift.series_of(plan) if series.metric == "value_share"]
    assert [(one.column, one.term, one.family) for one in shares] == [
        ("c", f"w{i:03}", "inputs") for i in range(drift.MAX_VALUES)
    ]
    now = ["w000"] * 7 + ["w001"] * 2 + ["never seen"]
    seen = drift.observe([profile_of(plan, {"c": now, "country": now})], [0], plan)
    s = find(plan, "value_share(c):w000")
    assert (seen.x[0, s], seen.n[0, s]) == (7, 10)


def test_fewer_values_are_followed_where_there_are_many_categories() -> None:
    columns = tuple(Column(f"c{i}", "feature", "category") for i in range(50))
    words = pa.array([f"w{i}" for i in range(20)])
    plan = learn(columns, {column.name: words for column in columns})
    shares = [series for series in drift.series_of(plan) if series.metric == "value_share"]
    assert len(shares) == drift.MAX_VALUE_SERIES


ENGLISH = (
    "the parcel came late again and nobody answers the phone at the shop",
    "thank you so much for the quick help with my order yesterday",
    "where is my refund, I have been waiting for it since last week",
)


@pytest.fixture(scope="module")
def text_plan() -> Plan:
    return learn((Column("text", "input", "text", languages=("en", "es")),), {"text": ENGLISH * 40})


def test_text_has_series_of_language_encoding_evasion_and_vocabulary(text_plan: Plan) -> None:
    names = {series.name for series in drift.series_of(text_plan)}
    assert {
        "jsd(text):length",
        "mean(text):length",
        "jsd(text):script",
        "jsd(text):language",
        "language_share(text):en",
        "language_share(text):es",
        "mixed_rate(text)",
        "new_pair_rate(text)",
        "encoding_rate(text):mojibake",
        "evasion_rate(text):zero_width",
        "unknown_word_rate(text)",
        "duplicate_text_rate(text)",
        "null_rate(text)",
    } <= names


def test_text_series_count_messages(text_plan: Plan) -> None:
    messages = [ENGLISH[0], ENGLISH[1], "zero\u200bwidth words in the shop", None]
    seen = drift.observe([profile_of(text_plan, {"text": messages})], [0], text_plan)

    def pair(name: str) -> tuple[float, float]:
        s = find(text_plan, name)
        return seen.x[0, s], seen.n[0, s]

    assert pair("evasion_rate(text):zero_width") == (1, 3)
    assert pair("null_rate(text)") == (1, 4)
    assert pair("mean(text):length") == (sum(len(m) for m in messages if m), 3)
    assert pair("unknown_word_rate(text)") == (1, 3)
    for name in ("length", "script", "language"):
        assert seen.bins[find(text_plan, f"jsd(text):{name}")][0].sum() == 3


def test_repeated_messages_are_those_beyond_the_first(text_plan: Plan) -> None:
    messages = [f"message number {i} about the order" for i in range(150)] + [ENGLISH[0]] * 50
    seen = drift.observe([profile_of(text_plan, {"text": messages})], [0], text_plan)
    repeated = find(text_plan, "duplicate_text_rate(text)")
    assert seen.n[0, repeated] == 200
    assert seen.x[0, repeated] == pytest.approx(49, abs=2)


def test_every_distribution_has_as_many_labels_as_bins(text_plan: Plan, plan: Plan) -> None:
    for one in (text_plan, plan):
        seen = drift.observe([empty(one)], [0], one)
        for s, bins in seen.bins.items():
            assert len(drift.labels(one, drift.series_of(one)[s])) == bins.shape[1]


def test_pairs_of_the_reference_have_series_and_the_others_one_in_common(text_plan: Plan) -> None:
    from dataclasses import replace

    facts = replace(text_plan.text_facts["text"], pairs=("en+es",))
    plan = replace(text_plan, text_facts={"text": facts})
    languages = list(facts.languages)
    en, es, und = (languages.index(name) for name in ("en", "es", "und"))
    batch = make_batch(plan.columns, {"text": list(ENGLISH)})
    from checks.text import annotate

    notes = annotate(batch.columns["text"].values, plan.text["text"])  # type: ignore[union-attr]
    notes = replace(
        notes, language=np.array([es, en, en], np.int16), second=np.array([en, es, und], np.int16)
    )
    (found,) = count(batch, plan, batch.event_us * 0, {"text": notes}).values()
    seen = drift.observe([found], [0], plan)
    assert seen.x[0, find(plan, "pair_rate(text):en+es")] == 2
    assert seen.x[0, find(plan, "new_pair_rate(text)")] == 1


@pytest.mark.parametrize("dimension", ["country", "client"])
def test_the_rows_of_a_dimension_add_up_to_all_traffic(dimension: str) -> None:
    plan, profile, _ = countries.learn()
    names = [name for name in plan.segments if name.startswith(f"{dimension}=")]
    rows, whole = drift.observe_segments(profile, plan, names), drift.observe([profile], [0], plan)
    for s, one in enumerate(whole.series):
        if one.segment != "*" or one.metric in ("volume", "segment_share", "duplicate_id_rate"):
            continue
        assert rows.n[:, s].sum() == pytest.approx(whole.n[0, s]), one.name
        assert rows.x[:, s].sum() == pytest.approx(whole.x[0, s]), one.name
        assert rows.xx[:, s].sum() == pytest.approx(whole.xx[0, s]), one.name
        if s in whole.bins:
            assert np.array_equal(rows.bins[s].sum(axis=0), whole.bins[s][0]), one.name


def test_a_segment_that_the_plan_does_not_have_is_an_error() -> None:
    plan, profile, _ = countries.learn()
    with pytest.raises(KeyError, match="country=XX"):
        drift.observe_segments(profile, plan, ["country=XX"])
