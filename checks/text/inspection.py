"""Looking at messages without a service: one table of what each is, one summary of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text import mixing
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS, Annotations
from checks.text.decoding import Messages, as_binary
from checks.text.learning import learn
from checks.text.mojibake import CODECS
from checks.text.plan import TextPlan
from checks.text.reading import annotate
from checks.text.summary import Gatherer, Summary

# As many rows are read at once; the annotations of more would only fill the memory.
ROWS = 50_000


@dataclass(frozen=True, eq=False)
class Inspection:
    """`table`: a row per message, in order (see `table_of`). `summary`: all of them. `plan`: how they were read."""

    table: pa.Table
    summary: Summary
    plan: TextPlan


def inspect(
    messages: Iterable[str | bytes | None] | pa.Array | pa.ChunkedArray,
    *,
    plan: TextPlan | None = None,
    languages: Sequence[str] | None = None,
) -> Inspection:
    """Language, code-switching, encoding damage, evasion and vocabulary of messages.

    `messages`: a list (or pandas Series, numpy array) of str, bytes and None, or any Arrow array of strings or
    bytes; nulls and invalid UTF-8 are welcome. With a `plan` (`text.learn`) they are read as it says; without
    one it is learnt on the messages themselves, which `summary.learnt_here` says: shares are then sharpest,
    but "unknown" words are those that no other message has, and two inspections cannot be compared. `languages`
    restricts what such a plan tells apart; with a `plan` it is an error.

    No messages give an empty table. Raises TypeError for anything that is no text, ValueError for a language
    without a profile.
    """
    if plan is not None and languages is not None:
        raise ValueError("a plan fixes its languages: give `plan` or `languages`, not both")
    texts = to_binary(messages)
    declared = None if languages is None else tuple(languages)
    read_by = plan or learn(texts, declared)
    gatherer = Gatherer(read_by, declared, learnt_here=plan is None)
    tables = []
    for start in range(0, len(texts), ROWS):
        part = texts.slice(start, ROWS)
        notes = annotate(part, read_by)
        gatherer.add(part, notes)
        tables.append(table_of(notes, read_by))
    table = pa.concat_tables(tables) if tables else table_of(annotate(texts, read_by), read_by)
    return Inspection(table, gatherer.summary(), read_by)


def to_binary(messages: Messages) -> pa.LargeBinaryArray:
    """Messages in any form as one Arrow array of bytes. Raises TypeError for what is no text."""
    if isinstance(messages, pa.ChunkedArray):
        messages = messages.combine_chunks()
    return _arrow(messages) if isinstance(messages, pa.Array) else as_binary(messages)


def _arrow(messages: pa.Array) -> pa.LargeBinaryArray:
    kind = messages.type
    if pa.types.is_dictionary(kind):
        messages, kind = messages.dictionary_decode(), kind.value_type
    if pa.types.is_null(kind):
        return messages.cast(pa.large_binary())
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return messages.cast(pa.binary()).cast(pa.large_binary())
    if not any(
        is_text(kind)
        for is_text in (
            *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
            *(pa.types.is_binary, pa.types.is_large_binary),
        )
    ):
        raise TypeError(f"expected strings or bytes, found an Arrow array of {kind}")
    return as_binary(messages)


def table_of(notes: Annotations, plan: TextPlan) -> pa.Table:
    """Annotations as a table that needs no decoding.

    chars           code points
    script          of most letters
    language        a code, "und", "und-Latn"; null where there is no text
    second          the other language of a mixed message, else null
    margin          nats between the best two languages of the whole message
    mixed           whether it has words of two languages
    cmi, c_u        0..100 (see `mixing`)
    encoding        names of ENCODING_CLASSES;  evasion  names of EVASION_CLASSES
    codec           what mojibake is consistent with having been read as, else null
    words           words;  unknown_words  those that the plan does not know
    """
    n, t, p = notes.language_tokens, notes.dominant_tokens, notes.switches
    return pa.table(
        {
            "chars": pa.array(notes.chars),
            "script": _named(SCRIPTS, notes.script.astype(np.int16)),
            "language": _named(plan.languages, notes.language),
            "second": _named(plan.languages, notes.second),
            "margin": pa.array(notes.margin),
            "mixed": pa.array(notes.mixed),
            "cmi": pa.array(mixing.cmi(n, t)),
            "c_u": pa.array(mixing.c_u(n, t, p)),
            "encoding": _listed(ENCODING_CLASSES, notes.encoding_counts),
            "codec": _named(CODECS, notes.codec.astype(np.int16)),
            "evasion": _listed(EVASION_CLASSES, notes.evasion_counts),
            "words": pa.array(notes.words),
            "unknown_words": pa.array(notes.unknown_words),
        }
    )


def _named(names: Sequence[str], codes: npt.NDArray[np.int16]) -> pa.StringArray:
    """The name of each code, null for −1."""
    return pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))


def _listed(names: Sequence[str], counts: npt.NDArray[np.int32]) -> pa.ListArray:
    """The names of the classes that a message shows, in their order."""
    rows, classes = np.nonzero(counts)
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=len(counts)), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(names, pa.string()).take(pa.array(classes)))
