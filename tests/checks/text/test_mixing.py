"""Measures of mixing against the check vector and their corner cases."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.text import mixing

# EN EN HI HI U U HI HI EN EN EN HI HI: 11 language tokens (5 EN, 6 HI), 3 switch points.
EN, HI, NONE = 0, 1, -1
TAGS = np.array([EN, EN, HI, HI, NONE, NONE, HI, HI, EN, EN, EN, HI, HI], np.int16)
OFFSETS = np.array([0, len(TAGS)], np.int64)
N, DOMINANT, SWITCHES = np.array([11]), np.array([6]), np.array([3])
COUNTS = np.array([5, 6])


def counts(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


def test_check_vector() -> None:
    assert mixing.cmi(N, DOMINANT)[0] == pytest.approx(45.4545, abs=1e-4)
    assert mixing.c_u(N, DOMINANT, SWITCHES)[0] == pytest.approx(36.3636, abs=1e-4)
    assert mixing.m_index(COUNTS) == pytest.approx(0.983607, abs=1e-6)
    assert mixing.language_entropy(COUNTS) == pytest.approx(0.994030, abs=1e-6)
    assert mixing.i_index(N, SWITCHES) == pytest.approx(0.3)
    assert mixing.spans(OFFSETS, TAGS).tolist() == [2, 4, 3, 2]
    assert mixing.burstiness(counts(2, 4, 3, 2)) == pytest.approx(-0.5366, abs=1e-4)


def test_a_message_of_one_language_is_not_mixed() -> None:
    assert mixing.cmi(counts(5, 0), counts(5, 0)).tolist() == [0.0, 0.0]
    assert mixing.c_u(counts(5, 0), counts(5, 0), counts(0, 0)).tolist() == [0.0, 0.0]
    assert mixing.c_corpus(counts(5, 0), counts(5, 0), counts(0, 0)) == 0.0


def test_corpus_index_of_two_messages() -> None:
    # 100/2 · (½ · (1 − (6 − 3)/11) + ½ · (1 − 4/4) + 5/6 · 1)
    expected = 50 * (0.5 * (1 - 3 / 11) + 5 / 6)
    assert mixing.c_corpus(counts(11, 4), counts(6, 4), counts(3, 0)) == pytest.approx(expected)


def test_switches_are_pooled_within_messages() -> None:
    assert mixing.i_index(counts(3, 1, 0), counts(1, 0, 0)) == pytest.approx(0.5)
    assert mixing.i_index(counts(1, 0), counts(0, 0)) is None
    tags = np.array([EN, EN, HI, HI], np.int16)
    assert mixing.spans(counts(0, 2, 4), tags).tolist() == [2, 2]
    assert mixing.spans(counts(0, 2, 4), np.array([EN, EN, EN, EN], np.int16)).tolist() == [2, 2]


def test_undefined_is_none() -> None:
    nothing = counts()
    assert mixing.c_corpus(nothing, nothing, nothing) is None
    assert mixing.m_index(counts(0, 0)) is None
    assert mixing.language_entropy(counts(0, 0)) is None
    assert mixing.burstiness(counts(3)) is None
    assert mixing.span_entropy(nothing) is None
    assert mixing.memory(counts(1, 2)) is None
    assert mixing.memory(counts(2, 2, 2)) is None
    assert mixing.spans(counts(0, 2), np.array([NONE, NONE], np.int16)).tolist() == []


def test_memory_and_span_entropy() -> None:
    assert mixing.memory(counts(1, 2, 3, 4)) == pytest.approx(1.0)
    assert mixing.memory(counts(1, 4, 1, 4, 1)) == pytest.approx(-1.0)
    assert mixing.span_entropy(counts(2, 2, 2)) == 0.0
    assert mixing.span_entropy(counts(1, 2)) == pytest.approx(1.0)


def test_m_index_keeps_its_scale_when_a_language_is_rare() -> None:
    assert mixing.m_index(counts(10)) == 0.0
    assert mixing.m_index(counts(10, 0)) == 0.0
    assert mixing.m_index(counts(5, 5)) == pytest.approx(1.0)
    assert mixing.m_index(counts(5, 5, 0)) == pytest.approx(0.5)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(any))
def test_evenness_and_entropy_stay_in_range(values: list[int]) -> None:
    m, entropy = mixing.m_index(counts(*values)), mixing.language_entropy(counts(*values))
    assert m is not None
    assert entropy is not None
    assert -1e-12 <= m <= 1 + 1e-12
    assert 0 <= entropy <= math.log2(len(values)) + 1e-12
