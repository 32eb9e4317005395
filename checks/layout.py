"""Where each count of a model lives: every countable thing has an integer cell number, fixed by the plan.

The cells of one segment lie together, column after column ("narrow" fields); behind the last segment lie the
"wide" fields (hashed vocabularies, distinct counters), which only some segments have. A profile is then
nothing but sparse vectors over cell numbers, and merging needs to know nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.bins import LOG_BINS
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS
from checks.text.calibration import LEVELS

# Cells of whole records come first, so the records of segment s are cell `s * narrow_width`.
RECORD_FIELDS: Mapping[str, int] = {"records": 1, "duplicates": 1}
RECORDS = ""  # the name of the column of whole records

UNSEEN_BUCKETS = 1024
DISTINCT_REGISTERS = 4096
CONTENT_BUCKETS = 1 << 18
VOCABULARY_BUCKETS = 1 << 15
LENGTH_BINS = 77  # see `tally.length_bins`
CODEC_CELLS = 64  # one for each of text.mojibake.CODECS, and room: one more must move no other cell

# States follow the bins in the order of `Cell`, so a kernel adds `state - 1` to the number of bins.
_STATES = ("null", "sentinel", "type_failure", "absent")
_SUMS = ("sum", "square_high", "square_low")


@dataclass(frozen=True, slots=True)
class Field:
    """A run of `width` cells. `start` counts from the segment's first cell, or from 0 for a wide field."""

    start: int
    width: int
    wide: bool


def number_fields(bins: int, latency: bool) -> dict[str, int]:
    """Widths of a number column's fields, in order."""
    names = (*_STATES, "non_finite", "zero", "negative", "out_of_range", *_SUMS, "under_sum", "over_sum")
    fields = {"bins": bins, **dict.fromkeys(names, 1), "extremes": 1}
    if latency:
        fields |= {"over_slo": 1, "log_bins": LOG_BINS}
    return fields


def category_fields(words: int, errors: bool = False) -> dict[str, int]:
    """Widths of a category column's fields, in order: vocabulary, hash buckets of unseen words, states.

    `errors`, the records whose value is an error, is counted where a contract says which values are.
    """
    fields = {"bins": words + UNSEEN_BUCKETS, **dict.fromkeys((*_STATES, "out_of_range"), 1)}
    return fields | {"errors": 1} if errors else fields


def text_fields(languages: int, calibrated: bool = False) -> dict[str, int]:
    """Widths of a text column's fields, in order; `pair` is languages × languages, the lower index first.

    `mixed_level`, of the messages that could mix, is counted where a calibration needs it.
    """
    counters = ("mixed", "language_tokens", "tagged", "switches", "cmi", "worded", "unknown_messages")
    return {
        **dict.fromkeys(_STATES, 1),
        "messages": 1,
        "length": LENGTH_BINS,
        **dict.fromkeys(_SUMS, 1),
        "script": len(SCRIPTS),
        "language": languages,
        "pair": languages * languages,
        "encoding_messages": len(ENCODING_CLASSES),
        "encoding_count": len(ENCODING_CLASSES),
        "codec": CODEC_CELLS,
        "evasion_messages": len(EVASION_CLASSES),
        "evasion_count": len(EVASION_CLASSES),
        **dict.fromkeys((*counters, "words", "unknown_words"), 1),
        **({"mixed_level": LEVELS} if calibrated else {}),
    }


class Layout:
    """Cell numbers for the given columns and segments.

    `narrow` and `wide` give, per column, the width of each field in order; a wide field is kept for
    `wide_segments[field]` only (indices of segments, "*" is 0).
    """

    def __init__(
        self,
        segments: int,
        narrow: Mapping[str, Mapping[str, int]],
        wide: Mapping[str, Mapping[str, int]],
        wide_segments: Mapping[str, Sequence[int]],
    ) -> None:
        self.segments = segments
        self._fields: dict[tuple[str, str], Field] = {}
        self._wide_segments = {name: tuple(kept) for name, kept in wide_segments.items()}
        place = 0
        for column, name, width in _walk({RECORDS: RECORD_FIELDS, **narrow}):
            self._fields[column, name] = Field(place, width, wide=False)
            place += width
        self.narrow_width = place
        place *= segments
        self.narrow_size = place
        for column, name, width in _walk(wide):
            self._fields[column, name] = Field(place, width, wide=True)
            place += width * len(self._wide_segments[name])
        self.size = place
        if self.size >= 1 << 31:
            raise ValueError(
                f"{len(narrow)} columns in {segments} segments need {self.size} cells, more than 2^31: "
                "watch fewer columns or segments"
            )

    def field(self, column: str, name: str) -> Field:
        """The field of a column; KeyError where the column's kind has none of that name."""
        return self._fields[column, name]

    def has(self, column: str, name: str) -> bool:
        return (column, name) in self._fields

    def first(self, column: str, name: str, segment: int = 0) -> int:
        """The number of the field's first cell in a segment; KeyError where that segment does not keep it."""
        field = self._fields[column, name]
        if not field.wide:
            return segment * self.narrow_width + field.start
        kept = self._wide_segments[name]
        if segment not in kept:
            raise KeyError(f"{name} of {column} is not kept for segment {segment}")
        return field.start + kept.index(segment) * field.width

    def kept(self, name: str) -> tuple[int, ...]:
        """The segments for which a wide field is kept."""
        return self._wide_segments[name]


def _walk(widths: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, str, int]]:
    for column, fields in widths.items():
        for name, width in fields.items():
            yield column, name, width
