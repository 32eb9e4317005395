"""Reading texts by a plan: every detector over whole batches of messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text import encoding, mojibake, obfuscation, switching
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, Annotations
from checks.text.decoding import Buffers, Messages, Points, as_binary, buffers, decode
from checks.text.detectors import NGRAMS
from checks.text.detectors.labels import relabelled
from checks.text.language import BATCH_CHARACTERS, Sources, word_scores
from checks.text.plan import TextPlan
from checks.text.tokens import Tokens, tokenise
from checks.text.vocabulary import count_unknown

_MOJIBAKE = ENCODING_CLASSES.index("mojibake")


@dataclass(frozen=True)
class Read:
    """A batch of messages, decoded and cut into words."""

    points: Points
    misread: mojibake.Mojibake
    tokens: Tokens


def batches(source: Buffers) -> Iterator[Read]:
    """All messages in order, about 130,000 characters at a time: as much as a processor's cache holds."""
    sizes = np.cumsum(source.end - source.start)
    first, count = 0, len(sizes)
    while first < count:
        done = sizes[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(sizes, done + BATCH_CHARACTERS, side="right")))
        yield read(source, first, last)
        first = last


def read(source: Buffers, first: int, last: int) -> Read:
    """Messages first … last - 1."""
    points = decode(source, first, last)
    misread = mojibake.find(points)
    return Read(points, misread, tokenise(points, misread.broken))


def tagged(batch: Read, choice: switching.Choice, among: Sources) -> switching.Tags:
    """The languages of a batch. Raises LexiconMissing where `among` asks for one that is not installed."""
    tokens, scores = batch.tokens, word_scores(among)
    with scores.lock:
        ids = scores.of(batch.points, tokens)
        return switching.tag(ids, scores.rows, tokens.offsets, tokens.script, tokens.kind, choice)


def annotate(texts: Messages, plan: TextPlan) -> Annotations:
    """What the detectors say of each message.

    `texts`: any list or Arrow array of strings or bytes; nulls and empty messages have language -1 and zero counts;
    invalid UTF-8
    is counted, never an error. The same message gives the same row whatever stands beside it.
    """
    messages = as_binary(texts)
    notes = _joined([_annotated(batch, plan) for batch in batches(buffers(messages))])
    return notes if plan.detector == NGRAMS else relabelled(messages, notes, plan)


def _annotated(batch: Read, plan: TextPlan) -> Annotations:
    points, tokens, misread = batch.points, batch.tokens, batch.misread
    damage, _ = encoding.count(points, tokens, misread)
    evasion, _ = obfuscation.count(points, tokens, misread.broken, plan.known_words)
    tags = tagged(batch, plan.choice, plan.sources)
    damaged = _bits(damage)
    words = np.zeros(len(points), np.int32)
    unknown = np.zeros(len(points), np.int32)
    count_unknown(
        *(tokens.offsets, tokens.hash, tokens.kind, tokens.content_hash),
        *(plan.common_words, plan.rare_words, plan.witness_table),
        *(words, unknown),
    )
    chars = np.diff(points.offsets).astype(np.int32)
    to_language = plan.column_to_language
    return Annotations(
        chars=chars,
        script=tokens.message_script,
        language=np.where(chars > 0, to_language[tags.language], -1).astype(np.int16),
        second=to_language[tags.second],
        margin=tags.margin,
        mixed=tags.second >= 0,
        language_tokens=tags.counts[:, 0].copy(),
        dominant_tokens=tags.counts[:, 1].copy(),
        switches=tags.counts[:, 2].copy(),
        encoding=damaged,
        encoding_counts=damage,
        codec=np.where((damage[:, _MOJIBAKE] > 0) & misread.utf8, misread.codec, -1).astype(np.int8),
        evasion=_bits(evasion),
        evasion_counts=evasion,
        words=words,
        unknown_words=unknown,
        content_hash=tokens.content_hash,
        token_offsets=tokens.offsets,
        token_hash=tokens.hash,
        token_language=to_language[tags.token],
    )


def _bits(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.uint32]:
    places = np.uint32(1) << np.arange(counts.shape[1], dtype=np.uint32)
    return np.asarray(((counts > 0) * places).sum(axis=1), np.uint32)


def _joined(parts: list[Annotations]) -> Annotations:
    if not parts:
        return _nothing()
    if len(parts) == 1:
        return parts[0]
    shift = np.cumsum([0, *(len(part.token_hash) for part in parts)])
    offsets = [np.zeros(1, np.int64)]
    offsets += [part.token_offsets[1:] + base for part, base in zip(parts, shift, strict=False)]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Annotations.__dataclass_fields__
        if name != "token_offsets"
    }
    return Annotations(**joined, token_offsets=np.concatenate(offsets))


def _nothing() -> Annotations:
    return Annotations(
        chars=np.zeros(0, np.int32),
        script=np.zeros(0, np.uint8),
        language=np.zeros(0, np.int16),
        second=np.zeros(0, np.int16),
        margin=np.zeros(0, np.float32),
        mixed=np.zeros(0, np.bool_),
        language_tokens=np.zeros(0, np.int32),
        dominant_tokens=np.zeros(0, np.int32),
        switches=np.zeros(0, np.int32),
        encoding=np.zeros(0, np.uint32),
        encoding_counts=np.zeros((0, len(ENCODING_CLASSES)), np.int32),
        codec=np.zeros(0, np.int8),
        evasion=np.zeros(0, np.uint32),
        evasion_counts=np.zeros((0, len(EVASION_CLASSES)), np.int32),
        words=np.zeros(0, np.int32),
        unknown_words=np.zeros(0, np.int32),
        content_hash=np.zeros(0, np.int64),
        token_offsets=np.zeros(1, np.int64),
        token_hash=np.zeros(0, np.int64),
        token_language=np.zeros(0, np.int16),
    )
