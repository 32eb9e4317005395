"""The peers' rules are only worth comparing with if they are theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from checks import evidently_mode
from tests.bench.decision import rules

DAYS, ROWS = 6, 400


@pytest.fixture(scope="module")
def columns() -> dict[str, npt.NDArray[np.generic]]:
    draw = np.random.default_rng(5)
    return {
        "minutes": np.round(draw.gamma(2.0, 20.0, DAYS * ROWS)),
        "flag": draw.integers(0, 3, DAYS * ROWS),
        "word": draw.choice(np.array(["a", "b", "c", "d"]), DAYS * ROWS, p=[0.5, 0.3, 0.15, 0.05]),
    }


@pytest.mark.parametrize(
    ("name", "method"), [("minutes", "wasserstein"), ("flag", "jensenshannon"), ("word", "jensenshannon")]
)
def test_evidentlys_distances_are_those_of_its_own_mode(columns, name: str, method: str) -> None:  # type: ignore[no-untyped-def]
    values, day = columns[name], np.repeat(np.arange(DAYS), ROWS)
    whole = rules.grid(values, day, DAYS)
    found = rules.evidently_distances([whole.rows(slice(0, 4))], [whole.rows(slice(4, None))])
    kind: evidently_mode.Kind = "number" if method == "wasserstein" else "category"
    raw = values if kind == "number" else values.astype(object)
    for at, expected_day in enumerate((4, 5)):
        theirs = evidently_mode.SCORES[method](raw[day < 4], raw[day == expected_day], kind)
        assert found[at, 0] == pytest.approx(theirs, rel=1e-9)


def test_p_values_are_scipys() -> None:
    from scipy import stats

    draw = np.random.default_rng(1)
    first, second = np.round(draw.normal(0, 10, 3_000)), np.round(draw.normal(0.6, 10, 500))
    whole = rules.grid(np.concatenate([first, second]), np.repeat([0, 1], [3_000, 500]), 2)
    p = rules.p_values([whole.rows(slice(0, 1))], [whole.rows(slice(1, 2))])[0, 0]
    assert p == pytest.approx(stats.ks_2samp(first, second, method="asymp").pvalue, rel=0.1)


def test_benjamini_hochberg_takes_every_p_up_to_the_last_below_its_line() -> None:
    draw = np.random.default_rng(2)
    day = np.repeat([0, 1], [2_000, 2_000])
    same = [rules.grid(draw.normal(size=4_000), day, 2) for _ in range(3)]
    moved = [rules.grid(draw.normal(size=4_000) + 0.2 * day, day, 2) for _ in range(2)]
    grids = [*same, *moved]
    alarms = rules.benjamini_hochberg(
        [one.rows(slice(0, 1)) for one in grids], [one.rows(slice(1, 2)) for one in grids]
    )
    assert alarms.tolist() == [[False, False, False, True, True]]


def test_a_category_that_left_its_reference_days_alarms_by_three_sds() -> None:
    draw = np.random.default_rng(3)
    day = np.repeat(np.arange(DAYS), ROWS)
    word = draw.choice(np.array(["a", "b"]), DAYS * ROWS)
    word[day == 5] = np.where(draw.random(ROWS) < 0.3, "c", word[day == 5])
    whole = rules.grid(word, day, DAYS)
    alarms = rules.mean_and_sds([whole.rows(slice(0, 4))], [whole.rows(slice(4, None))])
    assert alarms[:, 0].tolist() == [False, True]
