from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from checks.kitagawa import decompose

Floats = npt.NDArray[np.float64]


def counts(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def test_a_changed_mix_of_steady_segments_is_all_mix() -> None:
    # Nobody changed: a tenth of US and half of IN is toxic. There is more of IN.
    found = decompose(counts(800, 200), counts(80, 100), counts(500, 500), counts(50, 250))
    assert found is not None
    assert found.change == pytest.approx(0.30 - 0.18)
    assert found.within == pytest.approx([0, 0])
    assert found.mix.sum() == pytest.approx(0.12)
    # Both move away from the middle: fewer where little is toxic, more where much is.
    assert (found.mix > 0).all()


def test_a_change_in_one_segment_of_a_steady_mix_is_all_within_it() -> None:
    found = decompose(counts(800, 200), counts(80, 20), counts(400, 100), counts(40, 40))
    assert found is not None
    assert found.mix == pytest.approx([0, 0])
    assert found.within == pytest.approx([0, 0.06])


def test_more_traffic_from_a_segment_like_all_others_adds_nothing() -> None:
    found = decompose(counts(800, 200), counts(80, 20), counts(200, 800), counts(20, 80))
    assert found is not None
    assert found.mix == pytest.approx([0, 0])


def test_the_rates_of_hospitals_that_both_get_better_may_get_worse_together() -> None:
    # Simpson's paradox: every segment falls by two points, and the whole rises.
    found = decompose(counts(900, 100), counts(90, 40), counts(300, 700), counts(24, 266))
    assert found is not None
    assert found.within.sum() == pytest.approx(-0.02)
    assert found.change == pytest.approx(0.29 - 0.13)


def test_a_new_segment_and_one_that_is_gone_are_mix() -> None:
    found = decompose(counts(100, 100, 0), counts(10, 10, 0), counts(100, 0, 100), counts(10, 0, 60))
    assert found is not None
    assert found.within == pytest.approx([0, 0, 0])
    assert found.change == pytest.approx(0.35 - 0.10)


def test_a_side_without_counts_has_no_change() -> None:
    assert decompose(counts(0, 0), counts(0, 0), counts(1, 1), counts(1, 0)) is None
    assert decompose(counts(1, 1), counts(1, 0), counts(0, 0), counts(0, 0)) is None


numbers = arrays(np.float64, 4, elements=st.integers(0, 10_000).map(float))


@given(numbers, numbers, numbers, numbers)
def test_mix_and_within_add_up_exactly(a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    n_before, n_now = np.maximum(a, b), np.maximum(c, d)
    x_before, x_now = np.minimum(a, b), np.minimum(c, d)
    found = decompose(n_before, x_before, n_now, x_now)
    if found is None:
        assert not n_before.sum() or not n_now.sum()
        return
    change = x_now.sum() / n_now.sum() - x_before.sum() / n_before.sum()
    assert found.change == pytest.approx(change, abs=1e-12)
