from __future__ import annotations

import math

import numpy as np
import pytest

from checks.cardinality import distinct_contents, hyperloglog, linear
from checks.counting import register_codes, registers_of


def registers(values: int) -> np.ndarray:
    hashes = np.arange(values, dtype=np.int64)
    index, rank = registers_of(hashes)
    out = np.zeros((1, 4096), np.uint8)
    order = np.arange(values, dtype=np.int32)
    register_codes(order, index, rank, order, np.array([0, values]), True, out)
    return out[0]


@pytest.mark.parametrize("values", [1, 100, 5_000, 20_000, 300_000])
def test_hyperloglog_is_within_four_standard_errors(values: int) -> None:
    assert hyperloglog(registers(values)) == pytest.approx(values, rel=4 * 1.04 / math.sqrt(4096))


def test_no_values_are_no_distinct_values() -> None:
    assert hyperloglog(np.zeros(4096, np.uint8)) == 0
    assert linear(0, 100) == 0


def test_linear_counting_corrects_for_collisions() -> None:
    rng = np.random.default_rng(5)
    occupied = len(np.unique(rng.integers(0, 1 << 14, 10_000)))
    assert occupied < 8_000
    assert linear(occupied, 1 << 14) == pytest.approx(10_000, rel=0.02)


def test_a_full_table_is_left_to_hyperloglog() -> None:
    assert linear(100, 100) == math.inf
    assert distinct_contents(100, 100, registers(5_000)) == pytest.approx(5_000, rel=0.07)
