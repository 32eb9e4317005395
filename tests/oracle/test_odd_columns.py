"""Columns as they come on a bad day: what a window of ours says, and beside it what Evidently answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from checks import drift
from checks.baseline import Baseline, Calendar, fit, score
from checks.batch import Column
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import count
from checks.scores import NOTABLE, STATUS
from checks.seasons import DAY_US, WEEK_US
from checks.series import Observations
from monitor.evidently import Answer, EvidentlyProcess, Kind, Request
from tests.checks.records import make_batch

DAYS, ROWS = 84, 400
MONDAY_US = 2_800 * WEEK_US + 4 * DAY_US


@dataclass(frozen=True)
class Watched:
    """A column, its plan and twelve weeks of days as the reference."""

    column: Column
    reference: pa.Array

    @classmethod
    def of(cls, kind: Kind, values: npt.NDArray[Any]) -> Watched:
        assert kind != "text"
        return cls(Column("x", "feature", kind), pa.array(values))

    @cached_property
    def plan(self) -> Plan:
        learner = Learner((self.column,))
        learner.add(make_batch((self.column,), {"x": self.reference}))
        return learner.plan()

    @cached_property
    def baseline(self) -> Baseline:
        return fit(self._observe(self.reference, np.arange(DAYS)), Calendar(DAY_US, "UTC"))

    def says(self, values: Sequence[Any] | pa.Array) -> set[str]:
        """The series that are far from normal in a window of these values."""
        obs = self._observe(values if isinstance(values, pa.Array) else pa.array(values), np.array([DAYS]))
        status = score(self.baseline, obs).status[0]
        assert "error" not in {STATUS[code] for code in status}
        return {one.name for one, code in zip(obs.series, status, strict=True) if code == NOTABLE}

    def _observe(self, values: pa.Array, days: npt.NDArray[np.intp]) -> Observations:
        batch = make_batch((self.column,), {"x": values})
        starts = MONDAY_US + days.astype(np.int64) * DAY_US
        window = starts[np.arange(len(batch)) * len(days) // len(batch)]
        profiles = count(batch, self.plan, window)
        return drift.observe([profiles[start] for start in starts.tolist()], starts.tolist(), self.plan)

    def ask(self, process: EvidentlyProcess, method: str, values: Any) -> Answer:
        (answer,) = process.measure([Request("x", self.column.kind, method, self.reference, values)])
        return answer


@pytest.fixture(scope="module")
def numbers() -> Watched:
    return Watched.of("number", np.random.default_rng(1).normal(50, 10, DAYS * ROWS))


@pytest.fixture(scope="module")
def words() -> Watched:
    draw = np.random.default_rng(2)
    shares = 1 / (3 + np.arange(40))
    return Watched.of(
        "category", draw.choice([f"w{i:02}" for i in range(40)], DAYS * ROWS, p=shares / shares.sum())
    )


@pytest.fixture
def today() -> npt.NDArray[np.float64]:
    return np.random.default_rng(3).normal(50, 10, ROWS)


def test_one_outlier_is_no_drift_and_hides_none(
    numbers: Watched, evidently: EvidentlyProcess, today: npt.NDArray[np.float64]
) -> None:
    outlier = np.append(today[1:], 1e9)
    # A sum takes it as the largest number its plan allows for: worth a mark on the mean, and never an alarm alone.
    assert numbers.says(outlier) <= {"mean(x)"}
    assert numbers.ask(evidently, "wasserstein", outlier).drifted  # one record in four hundred
    moved = np.append(today[1:] + 4, 1e9)
    assert {"jsd(x)", "mean(x)"} <= numbers.says(moved)
    assert not numbers.ask(evidently, "psi", moved).drifted  # all else shares one of its bins


def test_one_infinity_changes_nothing_else(
    numbers: Watched, evidently: EvidentlyProcess, today: npt.NDArray[np.float64]
) -> None:
    infinite = np.append(today[1:], np.inf)
    assert not numbers.says(infinite)
    # Our adapter takes it out: Evidently's own histogram cannot hold it.
    assert numbers.ask(evidently, "jensenshannon", infinite).score == pytest.approx(
        numbers.ask(evidently, "jensenshannon", today[1:]).score
    )


def test_half_the_values_missing_is_said_as_such(
    numbers: Watched, evidently: EvidentlyProcess, today: npt.NDArray[np.float64]
) -> None:
    half = pa.array([None if i % 2 else value for i, value in enumerate(today.tolist())], pa.float64())
    assert numbers.says(half) == {"null_rate(x)"}
    assert not numbers.ask(evidently, "wasserstein", half).drifted  # it looks at what is left


def test_a_constant_category_stays_quiet_until_it_is_not_constant(evidently: EvidentlyProcess) -> None:
    constant = Watched.of("category", np.full(DAYS * ROWS, "only"))
    assert not constant.says(["only"] * ROWS)
    assert not constant.ask(evidently, "jensenshannon", ["only"] * ROWS).drifted
    eight = ["only"] * (ROWS - 8) + ["other"] * 8
    assert "unseen_rate(x)" in constant.says(eight)
    assert not constant.ask(evidently, "jensenshannon", eight).drifted


def test_words_among_numbers_are_failures_of_type(
    numbers: Watched, evidently: EvidentlyProcess, today: npt.NDArray[np.float64]
) -> None:
    mixed = pa.array([*(f"{value:.3f}" for value in today[40:]), *["fifty"] * 40])
    assert numbers.says(mixed) == {"type_failure_rate(x)"}
    answer = numbers.ask(evidently, "wasserstein", mixed)
    assert answer.error is not None
    assert answer.score is None


@pytest.mark.parametrize("rows", [60, 200, 4_000])
def test_a_window_of_another_size_is_no_drift(words: Watched, evidently: EvidentlyProcess, rows: int) -> None:
    few = np.random.default_rng(4).choice(words.reference.to_numpy(zero_copy_only=False), rows)
    assert not {name for name in words.says(few) if name != "volume"}
    # Forty values: chance alone is a distance of 0.1 below about a thousand records.
    assert words.ask(evidently, "jensenshannon", few.tolist()).drifted is (rows < 1_000)
