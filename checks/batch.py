"""Records as columns with roles: what every count starts from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Role = Literal["input", "feature", "prediction", "score", "latency", "segment", "version", "unit", "status"]
ColumnKind = Literal["text", "number", "category"]


class Cell(IntEnum):
    """Why a cell has or has not a value."""

    VALUE = 0
    NULL = 1
    SENTINEL = 2  # "", "nan", "N/A", "-" and the like: a null that somebody wrote as a word
    TYPE_FAILURE = 3  # there is something, but not of the column's kind
    ABSENT = 4  # the column itself is missing from this piece of input


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column. `range` and `values` are hard limits that a person wrote, else None."""

    name: str
    role: Role
    kind: ColumnKind
    values: tuple[str, ...] | None = None
    range: tuple[float, float] | None = None
    languages: tuple[str, ...] | None = None
    detector: str = "ngrams"  # text: what labels whole messages, see checks.text.detectors
    slo_ms: float | None = None  # latency: the threshold of the objective, milliseconds
    slo_objective: float | None = None  # share of requests that must stay below it, or be no error, 0..1
    errors: tuple[str, ...] = ()  # status: values that are errors; "5xx" stands for 500 to 599


@dataclass(frozen=True)
class Numbers:
    """float64[n] values and uint8[n] state (`Cell`).

    A value is NaN where the state is not VALUE; NaN and ±inf may also be VALUE: they are the non-finite ones.
    """

    values: npt.NDArray[np.float64]
    state: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Categories:
    """int32[n] codes into `words` (-1 where state is not VALUE) and uint8[n] state."""

    codes: npt.NDArray[np.int32]
    words: tuple[str, ...]
    state: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Texts:
    """large_binary[n] bytes as they came (maybe no UTF-8; null where state is not VALUE), uint8[n] state."""

    values: pa.LargeBinaryArray
    state: npt.NDArray[np.uint8]


Cells = Numbers | Categories | Texts


@dataclass(frozen=True)
class Batch:
    """n records of one model. Every array has length n.

    columns       every declared column, in contract order
    event_ids     utf8 bytes of each event id (large_binary[n], never null)
    event_hash    int64[n], first 8 bytes of blake2b(event id): the key for de-duplication and sampling
    event_us      int64[n], event time in microseconds UTC
    """

    event_ids: pa.LargeBinaryArray
    event_hash: npt.NDArray[np.int64]
    event_us: npt.NDArray[np.int64]
    columns: Mapping[str, Cells]

    def __len__(self) -> int:
        return len(self.event_us)

    def where(self, keep: npt.NDArray[np.bool_]) -> Batch:
        """The records where `keep` (bool[n]) is true, in order; the words of categories stay."""
        if keep.all():
            return self
        chosen = pa.array(keep)
        columns: dict[str, Cells] = {}
        for name, cells in self.columns.items():
            if isinstance(cells, Numbers):
                columns[name] = Numbers(cells.values[keep], cells.state[keep])
            elif isinstance(cells, Categories):
                columns[name] = Categories(cells.codes[keep], cells.words, cells.state[keep])
            else:
                columns[name] = Texts(cells.values.filter(chosen), cells.state[keep])
        return Batch(self.event_ids.filter(chosen), self.event_hash[keep], self.event_us[keep], columns)


# Words that people and programs write for "no value". "NA" is Namibia and "none" may be a class: not here.
SENTINELS: frozenset[str] = frozenset(
    {"", "nan", "NaN", "NAN", "null", "NULL", "None", "n/a", "N/A", "#N/A", "<NA>", "-", "--"}
)
_SENTINEL_BYTES = pa.array(sorted(word.encode() for word in SENTINELS), pa.large_binary())
_DECIMAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INFINITE = r"(?i)^[+-]?inf(inity)?$"


def numbers(array: pa.Array | pa.ChunkedArray) -> Numbers:
    """An Arrow column as numbers: float64 is not copied, other numbers and booleans are cast, words parsed.

    A word that is no decimal number is a type failure, a word of `SENTINELS` a sentinel; "inf" is a
    (non-finite) value. Integers beyond 2^53 are rounded. Anything else (dates, lists) is a type failure.
    Empty in, empty out.
    """
    array = _one_array(array)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _numbers_of_dictionary(array)
    if pa.types.is_float64(kind):
        return _plain_numbers(array)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _plain_numbers(array.cast(pa.float64(), safe=False))
    if pa.types.is_boolean(kind):
        return _plain_numbers(array.cast(pa.uint8()).cast(pa.float64()))
    if _is_words(kind):
        return _parsed_numbers(array)
    return Numbers(np.full(len(array), np.nan), _states(array, Cell.TYPE_FAILURE))


def categories(array: pa.Array | pa.ChunkedArray, values: Collection[str] | None = None) -> Categories:
    """An Arrow column as codes into its distinct words; dictionary arrays keep their codes.

    Numbers become the words Arrow writes for them (1.0 and 1 are both "1"), booleans "true" and "false".
    A word of `SENTINELS` is a sentinel unless it is one of the declared `values`. Invalid UTF-8 and nested
    values are type failures. Words of the dictionary that no cell uses stay in `words`.
    """
    array = _one_array(array)
    if not pa.types.is_dictionary(array.type):
        if pa.types.is_nested(array.type):
            return Categories(np.full(len(array), -1, np.int32), (), _states(array, Cell.TYPE_FAILURE))
        array = _plain_words(array).dictionary_encode()
    plain = _plain_dictionary(array.dictionary)
    if plain is not None and not array.indices.null_count:
        codes = array.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        return Categories(codes, plain, np.zeros(len(array), np.uint8))
    words: list[str] = []
    place: dict[str, int] = {}
    code_of, state_of = [], []
    for word in _decoded(array.dictionary):
        if isinstance(word, Cell):
            code, state = -1, word
        elif word.strip() in SENTINELS and word not in (values or ()):
            code, state = -1, Cell.SENTINEL
        else:
            code, state = place.setdefault(word, len(words)), Cell.VALUE
            if code == len(words):
                words.append(word)
        code_of.append(code)
        state_of.append(state)
    indices, null = _indices(array)
    # One more entry for null cells, whose index is set to the last place.
    codes = np.array([*code_of, -1], np.int32)[indices]
    states = np.array([*state_of, Cell.NULL], np.uint8)[indices]
    if null is not None:
        states[null] = Cell.NULL
    return Categories(codes, tuple(words), states)


def texts(array: pa.Array | pa.ChunkedArray) -> Texts:
    """An Arrow column as the bytes of its messages, not validated; not copied where Arrow allows.

    A message that is nothing but white space and a word of `SENTINELS` is a sentinel. Numbers, dates and
    nested values in a text column are type failures.
    """
    array = _one_array(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not _is_words(array.type):
        return Texts(pa.nulls(len(array), pa.large_binary()), _states(array, Cell.TYPE_FAILURE))
    raw = _bytes(array)
    state = _states(raw, Cell.VALUE)
    sentinel = _is_sentinel(raw)
    if sentinel.any():
        state[sentinel] = Cell.SENTINEL
        raw = pc.if_else(pa.array(sentinel), pa.scalar(None, pa.large_binary()), raw)
    return Texts(raw, state)


def absent(kind: ColumnKind, length: int) -> Cells:
    """The cells of a declared column that a piece of input does not have."""
    state = np.full(length, Cell.ABSENT, np.uint8)
    if kind == "number":
        return Numbers(np.full(length, np.nan), state)
    if kind == "category":
        return Categories(np.full(length, -1, np.int32), (), state)
    return Texts(pa.nulls(length, pa.large_binary()), state)


def _one_array(array: Any) -> Any:
    if not isinstance(array, pa.ChunkedArray):
        return array
    if array.num_chunks == 1:
        return array.chunk(0)
    if pa.types.is_dictionary(array.type):
        array = array.unify_dictionaries()
    return array.combine_chunks()


def _is_words(kind: Any) -> bool:
    # The checkers of pyarrow know no common word for "bytes or characters of any layout".
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary_view(kind)
    )


def _states(array: Any, present: Cell) -> npt.NDArray[np.uint8]:
    state = np.full(len(array), present, np.uint8) if present else np.zeros(len(array), np.uint8)
    if array.null_count:
        state[array.is_null().to_numpy(zero_copy_only=False)] = Cell.NULL
    return state


def _plain_numbers(array: Any) -> Numbers:
    # to_numpy copies only where there are nulls, and writes NaN for them.
    return Numbers(array.to_numpy(zero_copy_only=False), _states(array, Cell.VALUE))


def _bytes(array: Any) -> Any:
    kind = array.type
    if pa.types.is_string_view(kind):
        array = array.cast(pa.large_string())
    elif pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        array = array.cast(pa.large_binary())
    return array.cast(pa.large_binary())


def _trimmed(raw: Any) -> Any:
    # The kernel takes characters but works byte by byte, so bytes that are no UTF-8 pass through it unharmed.
    return pc.ascii_trim_whitespace(raw.view(pa.large_string())).view(pa.large_binary())


def _is_sentinel(raw: Any) -> npt.NDArray[np.bool_]:
    # Only short cells can be sentinels: trimming every message would copy them all.
    lengths = pc.fill_null(pc.binary_length(raw), 1 << 30).to_numpy(zero_copy_only=False)
    out = np.zeros(len(raw), np.bool_)
    short = np.flatnonzero(lengths <= 16)
    if len(short):
        few = _trimmed(raw.take(pa.array(short)))
        out[short] = pc.is_in(few, value_set=_SENTINEL_BYTES).to_numpy(zero_copy_only=False)
    return out


def _parsed_numbers(array: Any) -> Numbers:
    raw = _bytes(array)
    words = _trimmed(raw)
    state = _states(raw, Cell.VALUE)
    present = state == Cell.VALUE
    sentinel = pc.fill_null(pc.is_in(words, value_set=_SENTINEL_BYTES), False).to_numpy(zero_copy_only=False)
    decimal = pc.or_(pc.match_substring_regex(words, _DECIMAL), pc.match_substring_regex(words, _INFINITE))
    numeric = pc.fill_null(decimal, False)
    state[present & ~numeric.to_numpy(zero_copy_only=False)] = Cell.TYPE_FAILURE
    state[present & sentinel] = Cell.SENTINEL
    kept = pc.if_else(numeric, words, pa.scalar(None, pa.large_binary()))
    return Numbers(kept.cast(pa.large_string()).cast(pa.float64()).to_numpy(zero_copy_only=False), state)


def _numbers_of_dictionary(array: Any) -> Numbers:
    distinct = numbers(array.dictionary)
    indices, null = _indices(array)
    values = np.append(distinct.values, np.nan)[indices]
    states = np.append(distinct.state, np.uint8(Cell.NULL))[indices]
    if null is not None:
        values[null] = np.nan
        states[null] = Cell.NULL
    return Numbers(values, states)


def _indices(array: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_] | None]:
    """The codes of a dictionary array (after the last: null), and where it is null (None: nowhere)."""
    indices = array.indices
    if not indices.null_count:
        return indices.to_numpy(zero_copy_only=False), None
    null = indices.is_null().to_numpy(zero_copy_only=False)
    filled = pc.fill_null(indices.cast(pa.int64()), len(array.dictionary))
    return filled.to_numpy(zero_copy_only=False), null


def _plain_words(array: Any) -> Any:
    kind = array.type
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if _is_words(kind):
        return _bytes(array)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        # There are few distinct numbers in a category: write each of them once.
        encoded = array.dictionary_encode()
        words = encoded.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(encoded.indices, words).dictionary_decode()
    return array.cast(pa.string())


def _plain_dictionary(dictionary: Any) -> tuple[str, ...] | None:
    """The words of a dictionary of distinct words, none of which is missing or broken; else None."""
    if dictionary.null_count or not (
        pa.types.is_string(dictionary.type) or pa.types.is_large_string(dictionary.type)
    ):
        return None
    try:
        words = tuple(dictionary.to_pylist())
    except UnicodeDecodeError:
        return None
    if len(set(words)) < len(words) or not SENTINELS.isdisjoint(map(str.strip, words)):
        return None
    return words


def _decoded(dictionary: Any) -> list[str | Cell]:
    """Each word of a dictionary, or why it is none."""
    if not _is_words(dictionary.type):
        dictionary = dictionary.cast(pa.string())
    decoded: list[str | Cell] = []
    for raw in _bytes(dictionary).to_pylist():
        try:
            decoded.append(Cell.NULL if raw is None else raw.decode())
        except UnicodeDecodeError:
            decoded.append(Cell.TYPE_FAILURE)
    return decoded
