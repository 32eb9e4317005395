"""The plan: everything that fixes how to count, learnt from reference records; its hash is the plan id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from checks.batch import Column
from checks.bins import Bins
from checks.layout import (
    CONTENT_BUCKETS,
    DISTINCT_REGISTERS,
    VOCABULARY_BUCKETS,
    Layout,
    category_fields,
    number_fields,
    text_fields,
)
from checks.series import ALL

if TYPE_CHECKING:
    from checks.text import TextPlan

VERSION = 2
NULL_SEGMENT = "null"
OTHER_SEGMENT = "other"
VOCABULARY_SEGMENTS = 5  # besides "*"


@dataclass(frozen=True)
class Facts:
    """What the reference records say of a column's cells; shares are of all records read.

    values            records with a value
    records           records read
    null_share, type_failure_share, absent_share, out_of_range_share   0..1; nulls include sentinels
    distinct          distinct values among the records kept for learning
    longest_run       longest run of one value in time order, scaled up where only some records were kept
    """

    records: int
    values: int
    null_share: float
    type_failure_share: float
    absent_share: float
    out_of_range_share: float
    distinct: int
    longest_run: int


@dataclass(frozen=True)
class NumberPlan:
    """How a number column is counted.

    A finite value v adds `round(clip(v − centre, ±bound) · scale)` to the fixed-point sum; scale is a power
    of two and bound · scale < 2^31, so 2^32 values fit 64 bits. Means are therefore means of clipped
    values; the bound lies eight spreads outside the reference's central 99.8 %.
    """

    bins: Bins
    centre: float
    scale: float
    bound: float


@dataclass(frozen=True)
class CategoryPlan:
    """The reference vocabulary, commonest first, and how often each word was met among the records kept."""

    words: tuple[str, ...]
    mass: tuple[int, ...]

    @cached_property
    def packed(self) -> pa.LargeStringArray:
        """The words as an Arrow array, whose index is the word's cell."""
        return pa.array(self.words, pa.large_string())


@dataclass(frozen=True)
class TextFacts:
    """What the reference messages say: which series of a text column can exist, and groups of lengths.

    languages      names in the text plan's order
    seen           languages met in the reference, commonest first
    pairs          code-switched pairs ("de+tr") met in the reference, commonest first
    length_group   the group of each length bin, for distances
    """

    languages: tuple[str, ...]
    seen: tuple[str, ...]
    pairs: tuple[str, ...]
    length_group: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """How to count the records of one model. Two plans are equal when their `plan_id` is.

    columns      as declared, in contract order
    dimensions   names of the segment columns
    segments     "*" first, then "dimension=value", then "dimension=other" and "dimension=null" of each
    dimension
    segment_records   reference records kept in each segment
    """

    columns: tuple[Column, ...]
    dimensions: tuple[str, ...]
    segments: tuple[str, ...]
    segment_records: tuple[int, ...]
    facts: Mapping[str, Facts]
    numbers: Mapping[str, NumberPlan]
    categories: Mapping[str, CategoryPlan]
    text: Mapping[str, TextPlan]
    text_facts: Mapping[str, TextFacts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.plan_id == other.plan_id

    def __hash__(self) -> int:
        return hash(self.plan_id)

    @cached_property
    def plan_id(self) -> str:
        """SHA-256 of the canonical form, 64 hex digits."""
        return hashlib.sha256(self._canonical).hexdigest()

    @cached_property
    def _canonical(self) -> bytes:
        body = {
            "version": VERSION,
            "columns": [_column_dict(column) for column in self.columns],
            "dimensions": self.dimensions,
            "segments": self.segments,
            "segment_records": self.segment_records,
            "facts": {name: asdict(facts) for name, facts in self.facts.items()},
            "numbers": {name: _number_dict(number) for name, number in self.numbers.items()},
            "categories": {name: asdict(category) for name, category in self.categories.items()},
            "text": {name: text.to_dict() for name, text in self.text.items()},
            "text_facts": {name: asdict(facts) for name, facts in self.text_facts.items()},
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    def encode(self) -> bytes:
        """The plan as bytes: a version byte, the length, and the canonical JSON compressed."""
        raw = self._canonical
        packed: bytes = pa.compress(raw, codec="zstd", asbytes=True)
        return bytes([VERSION]) + len(raw).to_bytes(8, "little") + packed

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        """The plan that `encode` wrote; ValueError for another version."""
        if data[:1] != bytes([VERSION]):
            raise ValueError(f"this is no plan of version {VERSION}: learn the plan again from the reference")
        size = int.from_bytes(data[1:9], "little")
        body = json.loads(pa.decompress(data[9:], decompressed_size=size, codec="zstd", asbytes=True))
        text: dict[str, TextPlan] = {}
        if body["text"]:
            from checks.text import TextPlan

            text = {name: TextPlan.from_dict(raw) for name, raw in body["text"].items()}
        return cls(
            columns=tuple(_column(raw) for raw in body["columns"]),
            dimensions=tuple(body["dimensions"]),
            segments=tuple(body["segments"]),
            segment_records=tuple(body["segment_records"]),
            facts={name: Facts(**raw) for name, raw in body["facts"].items()},
            numbers={name: _number(raw) for name, raw in body["numbers"].items()},
            categories={name: CategoryPlan(**_tuples(raw)) for name, raw in body["categories"].items()},
            text=text,
            text_facts={name: TextFacts(**_tuples(raw)) for name, raw in body["text_facts"].items()},
        )

    def column(self, name: str) -> Column:
        """The declared column of that name; KeyError if there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def segment_index(self) -> Mapping[str, int]:
        return {segment: i for i, segment in enumerate(self.segments)}

    def segments_of(self, dimension: str) -> tuple[str, ...]:
        """The segments of one dimension, other and null among them."""
        return tuple(segment for segment in self.segments if segment.startswith(f"{dimension}="))

    @cached_property
    def layout(self) -> Layout:
        """The cell number of every countable thing."""
        narrow: dict[str, dict[str, int]] = {}
        wide: dict[str, dict[str, int]] = {}
        for column in self.columns:
            if column.kind == "number":
                narrow[column.name] = number_fields(
                    self.numbers[column.name].bins.count, latency=column.role == "latency"
                )
            elif column.kind == "category":
                narrow[column.name] = category_fields(
                    len(self.categories[column.name].words), errors=bool(column.errors)
                )
            else:
                narrow[column.name] = text_fields(
                    len(self.text_facts[column.name].languages),
                    calibrated=self.text[column.name].calibration is not None,
                )
            wide[column.name] = {"distinct": DISTINCT_REGISTERS}
            if column.kind == "text":
                wide[column.name] |= {"contents": CONTENT_BUCKETS, "vocabulary": VOCABULARY_BUCKETS}
        largest = sorted(range(1, len(self.segments)), key=lambda s: (-self.segment_records[s], s))
        return Layout(
            segments=len(self.segments),
            narrow=narrow,
            wide=wide,
            wide_segments={
                "distinct": (0,),
                "contents": (0,),
                "vocabulary": (0, *sorted(largest[:VOCABULARY_SEGMENTS])),
            },
        )


def segment_name(dimension: str, value: str) -> str:
    return f"{dimension}={value}"


def all_segments(dimensions: tuple[str, ...], values: list[tuple[str, str]]) -> tuple[str, ...]:
    """ "*", the given (dimension, value) pairs, and each dimension's other and null, grouped by dimension."""
    names = [ALL]
    for dimension in dimensions:
        own = [
            value for of, value in values if of == dimension and value not in (OTHER_SEGMENT, NULL_SEGMENT)
        ]
        names += [segment_name(dimension, value) for value in (*own, OTHER_SEGMENT, NULL_SEGMENT)]
    return tuple(names)


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}


def _column_dict(column: Column) -> dict[str, Any]:
    """Without what is not declared since plans were first kept: a plan of then keeps its id."""
    raw = asdict(column)
    return raw if column.errors else {name: value for name, value in raw.items() if name != "errors"}


def _column(raw: Mapping[str, Any]) -> Column:
    return Column(**_tuples(raw))


def _number_dict(number: NumberPlan) -> dict[str, Any]:
    return {
        "bins": number.bins.to_dict(),
        "centre": number.centre,
        "scale": number.scale,
        "bound": number.bound,
    }


def _number(raw: Mapping[str, Any]) -> NumberPlan:
    return NumberPlan(Bins.from_dict(raw["bins"]), raw["centre"], raw["scale"], raw["bound"])
