from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from checks.batch import Categories, Cell, Numbers, Texts, absent, categories, numbers, texts

V, N, S, F = Cell.VALUE, Cell.NULL, Cell.SENTINEL, Cell.TYPE_FAILURE


def test_float64_without_nulls_is_not_copied() -> None:
    array = pa.array([1.0, 2.0])
    assert numbers(array).values.ctypes.data == array.buffers()[1].address


def test_a_float_that_is_no_number_is_a_value_and_a_null_is_not() -> None:
    cells = numbers(pa.array([1.5, None, math.nan, -math.inf]))
    assert cells.state.tolist() == [V, N, V, V]
    assert np.isnan(cells.values[1:3]).all()


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([1, None, -3], pa.int32()), [1.0, math.nan, -3.0]),
        (pa.array([True, False]), [1.0, 0.0]),
        (pa.array([1, 2], pa.decimal128(5, 2)), [1.0, 2.0]),
        (pa.array([0.5], pa.float32()), [0.5]),
        (pa.array([7, 8, 9])[1:], [8.0, 9.0]),
        (pa.chunked_array([[1.0], [2.0, 3.0]]), [1.0, 2.0, 3.0]),
        (pa.chunked_array([], pa.float64()), []),
    ],
)
def test_every_kind_of_number_becomes_a_float(array: pa.Array, values: list[float]) -> None:
    np.testing.assert_array_equal(numbers(array).values, np.array(values))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
)
def test_words_are_parsed_as_numbers(kind: pa.DataType) -> None:
    words = ["1.5", " -2e3 ", "+.5", "inf", "1,5", "0x10", "", " ", "N/A", "nan", "abc", None]
    cells = numbers(pa.array(words).cast(kind))
    assert cells.state.tolist() == [V, V, V, V, F, F, S, S, S, S, F, N]
    assert cells.values[:4].tolist() == [1.5, -2000.0, 0.5, math.inf]
    assert np.isnan(cells.values[4:]).all()


def test_bytes_that_are_no_text_are_type_failures_of_a_number_and_a_category() -> None:
    raw = pa.array([b"1", b"\xff\xfe"])
    assert numbers(raw).state.tolist() == [V, F]
    cells = categories(raw)
    assert cells.state.tolist() == [V, F]
    assert cells.codes.tolist() == [0, -1]


def test_a_dictionary_of_words_is_parsed_once_per_word() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["4", "x"]))
    cells = numbers(array)
    assert cells.state.tolist() == [V, F, N, V]
    assert cells.values[[0, 3]].tolist() == [4.0, 4.0]


def test_dates_and_lists_are_type_failures() -> None:
    for array in (pa.array([0, None], pa.timestamp("us")), pa.array([[1], None])):
        assert numbers(array).state.tolist() == [F, N]
        assert texts(array).state.tolist() == [F, N]
    assert categories(pa.array([[1], None])).state.tolist() == [F, N]


def words_of(cells: Categories) -> list[str | None]:
    return [cells.words[code] if code >= 0 else None for code in cells.codes]


def test_categories_are_codes_into_distinct_words() -> None:
    cells = categories(pa.array(["a", "b", None, "", "a", "None"]))
    assert words_of(cells) == ["a", "b", None, None, "a", None]
    assert cells.state.tolist() == [V, V, N, S, V, S]


def test_the_codes_of_a_dictionary_column_are_kept() -> None:
    array = pa.array(["b", "a", "b"]).dictionary_encode()
    cells = categories(array)
    assert cells.words == ("b", "a")
    assert cells.codes.tolist() == [0, 1, 0]
    assert cells.state.tolist() == [V, V, V]


def test_a_dictionary_with_repeated_broken_and_missing_words() -> None:
    words = pa.array([b"a", b"\xff", b"a", b" nan ", None])
    cells = categories(pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, 4, None]), words))
    assert words_of(cells) == ["a", None, "a", None, None, None]
    assert cells.state.tolist() == [V, F, V, S, N, N]


def test_chunks_with_different_dictionaries_are_one_column() -> None:
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", None, "c"]).dictionary_encode()]
    assert words_of(categories(pa.chunked_array(chunks))) == ["a", "b", "b", None, "c"]


def test_a_word_of_the_contract_is_a_value_even_if_it_looks_like_none() -> None:
    array = pa.array(["-", "+"])
    assert categories(array).state.tolist() == [S, V]
    assert categories(array, ("+", "-")).state.tolist() == [V, V]


def test_numbers_in_a_category_are_words_and_whole_floats_lose_their_point() -> None:
    assert words_of(categories(pa.array([1, 2]))) == ["1", "2"]
    assert words_of(categories(pa.array([1.0, 2.5, None]))) == ["1", "2.5", None]
    assert words_of(categories(pa.array([True]))) == ["true"]


def test_messages_keep_their_bytes_and_lose_only_what_is_none() -> None:
    cells = texts(pa.array([b"hi \xff", b" \t", b"null", None, b"nan, said grandma"]))
    assert cells.values.to_pylist() == [b"hi \xff", None, None, None, b"nan, said grandma"]
    assert cells.state.tolist() == [V, S, S, N, V]
    assert cells.values.type == pa.large_binary()


def test_text_that_comes_as_numbers_is_a_type_failure() -> None:
    cells = texts(pa.array([1, None]))
    assert cells.state.tolist() == [F, N]
    assert cells.values.null_count == 2


def test_a_dictionary_of_messages_is_spelt_out() -> None:
    assert texts(pa.array(["x", "y", "x"]).dictionary_encode()).values.to_pylist() == [b"x", b"y", b"x"]


def test_an_absent_column_has_no_values_of_any_kind() -> None:
    number, category, text = absent("number", 2), absent("category", 2), absent("text", 2)
    assert isinstance(number, Numbers)
    assert isinstance(category, Categories)
    assert isinstance(text, Texts)
    for cells in (number, category, text):
        assert cells.state.tolist() == [Cell.ABSENT, Cell.ABSENT]
    assert category.codes.tolist() == [-1, -1]
    assert text.values.null_count == 2
