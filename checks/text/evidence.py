"""Evidence: the few characters of a message that show why it was counted, fit for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text import encoding, obfuscation
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES
from checks.text.decoding import as_binary, buffers
from checks.text.display import named, shown
from checks.text.flags import CONFUSABLE, JOINER, LETTER, MARK, SKIN_TONE, VARIATION
from checks.text.plan import TextPlan
from checks.text.reading import Read, read, tagged

ELLIPSIS = "…"


def excerpt(text: bytes, plan: TextPlan, label: str, width: int = 120) -> str | None:
    """At most `width` characters around what a label names, made visible by `reveal`; None if the text does
    not show it.

    `label`: a class of ENCODING_CLASSES or EVASION_CLASSES, a language code, a pair "de+tr", or a term. Line
    feeds and
    tabs become spaces. Letters and their marks are never parted; what was cut is shown by "…".
    """
    message = _read(text)
    hit = _hit(message, plan, label)
    return None if hit is None else _shown(message, hit, width, letters=label == "whole_word_homoglyph")


def around(text: str, place: int, width: int = 120) -> str:
    """At most `width` characters around the character at `place`, made visible as by `excerpt`; "" for no text."""
    message = _read(text.encode("utf-8", "surrogatepass"))
    count = len(message.points.points)
    place = max(0, min(place, count - 1))
    return _shown(message, (place, place + 1), width) if count else ""


def best(texts: Sequence[bytes], plan: TextPlan, label: str, limit: int) -> list[int]:
    """Which texts show a label best, the best first: at most `limit` indices, equal texts once.

    Most hits of a class, most words of a language, most words in the lesser language of a pair, most occurrences of
    a term. Equals stay in the given order; texts that do not show the label, or have none to show, are left out.
    """
    if not texts:
        return []
    batch = read(buffers(as_binary(pa.array(list(texts), pa.large_binary()))), 0, len(texts))
    hits = _hits(batch, plan, label)
    _, first = np.unique(batch.tokens.content_hash, return_index=True)
    unique = np.zeros(len(texts), np.bool_)
    unique[first] = True
    order = np.argsort(-hits, kind="stable")
    return [int(place) for place in order if hits[place] and unique[place]][:limit]


def _hits(batch: Read, plan: TextPlan, label: str) -> npt.NDArray[np.int64]:
    """How often each message shows a label."""
    points, tokens = batch.points, batch.tokens
    if label in ENCODING_CLASSES:
        counts, _ = encoding.count(points, tokens, batch.misread)
        return np.asarray(counts[:, ENCODING_CLASSES.index(label)], np.int64)
    if label in EVASION_CLASSES:
        counts, _ = obfuscation.count(points, tokens, batch.misread.broken, plan.known_words)
        return np.asarray(counts[:, EVASION_CLASSES.index(label)], np.int64)
    if set(label.split("+")) <= set(plan.languages):
        tags = plan.column_to_language[tagged(batch, plan.choice, plan.sources).token]
        wanted = [plan.languages.index(code) for code in label.split("+")]
        return np.asarray(np.min([_per_message(tags == code, batch) for code in wanted], axis=0), np.int64)
    words = _words(label)
    if not len(words):
        return np.array([_text(batch, k).count(label.lower()) for k in range(len(points))], np.int64)
    return _per_message(_said(batch, words), batch)


def _per_message(marked: npt.NDArray[np.bool_], batch: Read) -> npt.NDArray[np.int64]:
    """How many words of each message are marked."""
    return np.diff(np.concatenate([[0], np.cumsum(marked, dtype=np.int64)])[batch.tokens.offsets])


def _read(text: bytes) -> Read:
    return read(buffers(as_binary(pa.array([text], pa.large_binary()))), 0, 1)


def _words(term: str) -> npt.NDArray[np.int64]:
    """The hashes of the words of a term; none for a hashtag or an emoji, which are looked for as they are."""
    read_term = _read(term.encode("utf-8", "surrogatepass"))
    return read_term.tokens.hash if _is_said(term) else read_term.tokens.hash[:0]


def _is_said(term: str) -> bool:
    return term[:1].isalnum()


def _said(batch: Read, words: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where the words of a term follow each other, at the first of them."""
    tokens = batch.tokens
    count = len(tokens.hash)
    message = np.repeat(np.arange(len(batch.points)), np.diff(tokens.offsets))
    found = np.zeros(count, np.bool_)
    starts = np.flatnonzero(tokens.hash == words[0])
    starts = starts[starts + len(words) <= count]
    for step in range(1, len(words)):
        follows = tokens.hash[starts + step] == words[step]
        starts = starts[follows & (message[starts + step] == message[starts])]
    found[starts] = True
    return found


def _term_hit(message: Read, term: str) -> tuple[int, int] | None:
    words, tokens = _words(term), message.tokens
    if len(words):
        at = np.flatnonzero(_said(message, words))
        return (int(tokens.start[at[0]]), int(tokens.end[at[0] + len(words) - 1])) if len(at) else None
    place = _text(message, 0).find(term.lower()) if term else -1
    return (place, place + len(term)) if place >= 0 else None


def _text(batch: Read, k: int) -> str:
    """Message k in lower case, character by character."""
    first, last = batch.points.offsets[k], batch.points.offsets[k + 1]
    return "".join(
        low if len(low := chr(c).lower()) == 1 else chr(c) for c in batch.points.points[first:last]
    )


def _shown(message: Read, hit: tuple[int, int], width: int, *, letters: bool = False) -> str:
    """The message around a hit. `letters`: name those of the hit that only look like Latin ones."""
    # No more than can be shown is looked at: a message may have millions of characters.
    count = len(message.points.points)
    first, last = max(0, hit[0] - 4 * width), min(count, hit[0] + 4 * width)
    points, properties = message.points.points[first:last], message.points.properties[first:last]
    hit = hit[0] - first, min(hit[1], last) - first
    pieces = shown("".join(map(chr, points)))
    if letters:
        for place in range(*hit):
            if properties[place] & CONFUSABLE:
                pieces[place] = named(chr(points[place]))
    pieces = [" " if piece in "\n\t" else piece for piece in pieces]
    return _cut(pieces, properties, hit, width, (first > 0, last < count))


def _hit(message: Read, plan: TextPlan, label: str) -> tuple[int, int] | None:
    """First and one past the last character of the first hit."""
    points, tokens = message.points, message.tokens
    if label in ENCODING_CLASSES:
        counts, marks = encoding.count(points, tokens, message.misread)
        wanted = ENCODING_CLASSES.index(label)
        if label in ("invalid_bytes", "surrogate"):
            marks = np.where(points.points == 0xFFFD, np.uint8(wanted + 1), marks)
        elif label == "replacement" and message.misread.reread[0]:
            marks = np.where(message.misread.broken > 0, np.uint8(wanted + 1), marks)
        return _first_run(marks == wanted + 1) if counts[0, wanted] else None
    if label in EVASION_CLASSES:
        counts, marks = obfuscation.count(points, tokens, message.misread.broken, plan.known_words)
        wanted = EVASION_CLASSES.index(label)
        return _first_run(marks == wanted + 1) if counts[0, wanted] else None
    if set(label.split("+")) <= set(plan.languages):
        return _language_hit(message, plan, label.split("+"))
    return _term_hit(message, label)


def _language_hit(message: Read, plan: TextPlan, wanted: list[str]) -> tuple[int, int] | None:
    """The first word of a language; for a pair, the two words around the first switch."""
    tags = plan.column_to_language[tagged(message, plan.choice, plan.sources).token]
    tokens = message.tokens
    spoken = np.flatnonzero(tags >= 0)
    codes = [plan.languages[tag] for tag in tags[spoken]]
    if len(wanted) == 1:
        for place, code in zip(spoken, codes, strict=True):
            if code == wanted[0]:
                return int(tokens.start[place]), int(tokens.end[place])
        return None
    for k in range(1, len(codes)):
        if codes[k] != codes[k - 1] and {codes[k], codes[k - 1]} == set(wanted):
            return int(tokens.start[spoken[k - 1]]), int(tokens.end[spoken[k]])
    return None


def _first_run(marked: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    places = np.flatnonzero(marked)
    if len(places) == 0:
        return None
    gaps = np.flatnonzero(np.diff(places) > 1)
    return int(places[0]), int(places[gaps[0]] if len(gaps) else places[-1]) + 1


def _cut(
    pieces: list[str],
    properties: npt.NDArray[np.uint32],
    hit: tuple[int, int],
    width: int,
    more: tuple[bool, bool],
) -> str:
    """Grow from the hit to both sides, a cluster at a time, while the result stays within `width`.

    `more` says whether there is text before and behind the pieces.
    """
    starts = [k for k in range(len(pieces)) if k == 0 or not _clings(properties, k)] + [len(pieces)]
    clusters = ["".join(pieces[a:b]) for a, b in pairwise(starts)]
    first = max(k for k, start in enumerate(starts[:-1]) if start <= hit[0])
    last = first + 1
    room = width - len(clusters[first]) - 2 * len(ELLIPSIS)
    while last < len(clusters) and starts[last] < hit[1] and len(clusters[last]) <= room:
        room -= len(clusters[last])
        last += 1
    left = right = True
    while left or right:
        left = first > 0 and len(clusters[first - 1]) <= room
        if left:
            first -= 1
            room -= len(clusters[first])
        right = last < len(clusters) and len(clusters[last]) <= room
        if right:
            room -= len(clusters[last])
            last += 1
    body = "".join(clusters[first:last])
    before, behind = first > 0 or more[0], last < len(clusters) or more[1]
    return (ELLIPSIS if before else "") + body + (ELLIPSIS if behind else "")


def _clings(properties: npt.NDArray[np.uint32], place: int) -> bool:
    """Whether a character belongs to the one before it; a heap of more than eight marks is broken up, to stay
    bounded."""
    bits, before = int(properties[place]), int(properties[place - 1])
    if bits & (MARK | VARIATION | SKIN_TONE | JOINER):
        return place < 8 or any(
            int(properties[k]) & LETTER or not int(properties[k]) & MARK for k in range(place - 8, place)
        )
    return bool(before & JOINER) and not bits & LETTER
