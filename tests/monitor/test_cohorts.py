"""From traffic to evidence: thinned samples with unequal weights, late labels, and no alarm for it."""

from __future__ import annotations

from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.performance import cohort
from checks.performance.cohort import Cohort
from checks.performance.detector import Detector, step
from monitor.cohorts import cohort_of, inputs_of
from monitor.contract import parse
from monitor.sampling import bottom_k
from monitor.store import labels, models
from monitor.store.engine import Store
from monitor.store.labels import Label
from monitor.store.samples import Sample
from monitor.watched import Watched
from tests.monitor.test_performance import CONTRACT

BAR, LIMIT = 60.0, 240
MATURE_DAYS = 2.0


def kept_window(rng: np.random.Generator, *, records: int = 400, rise: float = 0.0, size: int = 30) -> Cohort:
    """One window as it is kept: a rare stratum, five times as often wrong, is sampled five times as thickly; labels
    come after a day on average, and those that take longer than two are not there when it is looked at."""
    rare = rng.random(records) < 0.1
    wrong = rng.random(records) < np.where(rare, 0.4, 0.08) + rise
    rank = rng.random(records)
    rows, probability = bottom_k(rank, rare.astype(np.int64), np.array([3 * size, size]))
    in_time = rng.exponential(1.0, len(rows)) < MATURE_DAYS
    return Cohort(
        predicted=["yes"] * len(rows),
        label=[
            ("no" if bad else "yes") if known else None
            for bad, known in zip(wrong[rows].tolist(), in_time.tolist(), strict=True)
        ],
        positive=None,
        score=np.full(len(rows), np.nan),
        weight=1 / probability,
        even=rank[rows] <= probability.min(),
        segment=[()] * len(rows),
        delay_days=np.full(len(rows), np.nan),
    )


RISK = 0.9 * 0.08 + 0.1 * 0.4


def wait(rng: np.random.Generator, tolerated: float, *, even: bool = True, rise: float = 0.0) -> int:
    """Windows until the evidence reaches the bar."""
    detector = Detector()
    for window in range(LIMIT):
        one = kept_window(rng, rise=rise)
        losses = one.where(one.known & one.even if even else one.known).wrong(None).astype(np.float64)
        detector = step(detector, losses, tolerated, window)
        if detector.evidence >= BAR:
            return window + 1
    return LIMIT


def test_false_alarms_are_as_rare_as_agreed_on_thinned_samples_whose_labels_come_late() -> None:
    # The worst case: the error rate is exactly what is tolerated. Cutting waits off only makes them shorter.
    waits = [wait(np.random.default_rng(seed), RISK) for seed in range(20)]
    assert np.mean(waits) >= BAR


def test_counting_all_kept_records_alike_would_alarm_at_once() -> None:
    """What `even` is for: the thickly sampled stratum is oftener wrong."""
    waits = [wait(np.random.default_rng(seed), RISK, even=False) for seed in range(5)]
    assert np.mean(waits) < 10


def test_a_rise_is_found_through_the_same_sample() -> None:
    waits = [wait(np.random.default_rng(seed), RISK + 0.02, rise=0.12) for seed in range(5)]
    assert np.mean(waits) < 12


def test_the_bound_at_release_covers_the_risk_of_the_traffic_not_of_the_sample() -> None:
    windows = [kept_window(np.random.default_rng(seed), records=4_000, size=400) for seed in range(40)]
    made = [cohort.release(window) for window in windows]
    assert np.mean([one.risk >= RISK for one in made]) >= 0.9
    assert np.mean([one.risk for one in made]) < RISK + 0.15


def test_weights_undo_the_strata() -> None:
    rng = np.random.default_rng(3)
    cohorts = [kept_window(rng) for _ in range(200)]
    made = cohort.Release(100, 10, 0.2)
    found = [cohort.realised_metrics(one, made)["error_rate"] for one in cohorts]
    assert np.mean([one.value for one in found]) == pytest.approx(RISK, abs=0.008)
    assert np.mean([one.low <= RISK <= one.high for one in found]) > 0.9


# ----- labels in the store --------------------------------------------------------------------------------------

EVENTS = ("a", "b", "c")
TOLD = st.tuples(st.sampled_from(EVENTS), st.integers(1, 6), st.sampled_from(("spam", "ok")))
names = count()


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(f"sqlite:///{tmp_path_factory.mktemp('labels') / 'labels.db'}")
    made.upgrade()
    return made


@settings(max_examples=40, deadline=None)
@given(
    told=st.lists(TOLD, max_size=12), cuts=st.lists(st.integers(0, 12), max_size=3), until=st.integers(0, 7)
)
def test_a_record_has_the_newest_label_of_its_time_however_often_files_are_read(
    kept_store: Store, told: list[tuple[str, int, str]], cuts: list[int], until: int
) -> None:
    with kept_store.write() as conn:
        watched = spam(models.create(conn, f"spam-{next(names)}", 0).id)
        rows = [Label(event, word, day) for event, day, word in told]
        edges = [0, *sorted(cuts), len(rows)]
        for first, last in pairwise(edges):
            labels.add(conn, watched.id, rows[first:last], 0)
        labels.add(conn, watched.id, rows, 0)  # the whole file again
        found = cohort_of(conn, watched, [sample(event) for event in EVENTS], until)
    expected: list[str | None] = []
    for event in EVENTS:
        own = {day: word for name, day, word in told if name == event and day <= until}
        expected.append(own[max(own)] if own else None)
    assert list(found.label) == expected
    assert found.known.sum() <= len(EVENTS)


def test_a_delay_is_from_the_record_to_its_label_and_unknown_where_nobody_says(kept_store: Store) -> None:
    day = 86_400_000_000
    with kept_store.write() as conn:
        watched = spam(models.create(conn, f"spam-{next(names)}", 0).id)
        labels.add(conn, watched.id, [Label("a", "ok", 3 * day), Label("b", "ok", 0)], 0)
        found = cohort_of(conn, watched, [sample(event, day) for event in EVENTS], 9 * day)
    assert found.delay_days[0] == 2
    assert np.isnan(found.delay_days[1:]).all()
    assert found.delays()["label_delay_days[median]"].value == 2


def test_inputs_are_features_segments_and_what_the_text_was_like() -> None:
    text = CONTRACT.replace(
        "  country:",
        "  length: {role: feature, kind: number}\n  kind: {role: feature, kind: category}\n  country:",
    )
    watched = Watched(1, "spam", parse(text), Path())
    found = inputs_of(watched, [sample("a"), sample("b")])
    assert found.records == 2
    assert found.numbers["score"].tolist() == [0.5, 0.5]
    assert found.numbers["feature length"].tolist() == [7.0, 7.0]
    assert found.words["segment country"] == ["SE", "SE"]
    assert found.words["language"] == ["sv", "sv"]
    assert found.words["encoding"] == ["True", "True"]
    assert found.words["evasion"] == ["False", "False"]
    assert found.words["prediction"] == ["spam", "spam"]
    assert found.words["feature kind"] == [None, None]


def spam(key: int) -> Watched:
    return Watched(key, "spam", parse(CONTRACT), Path())


def sample(event: str, at_us: int = 0) -> Sample:
    return Sample(
        stratum="*",
        event_id=event,
        event_us=at_us,
        rank=0.1,
        inclusion_probability=1.0,
        text=None,
        prediction="spam",
        score=0.5,
        version=None,
        segments={"country": "SE"},
        features={"length": 7.0},
        flags={"language": "sv", "encoding": ["mojibake"], "evasion": []},
    )
