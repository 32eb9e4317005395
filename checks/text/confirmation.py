"""Confirmation: the second opinion of ftfy on suspected mojibake, and the repair it proposes.

The screen reads every message; ftfy, written by others with other rules, looks at a bounded sample of what the
screen flagged and of what it did not. Two rates come of it: "suspected", counted, and "confirmed", estimated.
Only repairs of the encoding confirm: ftfy also straightens quotes, widths and normal forms, and that is no damage.
"""

from __future__ import annotations

import codecs
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

MOST_SUSPECTED = 2_000
MOST_OTHERS = 500
MOST_SEQUENCES = 10
MOST_CHARACTERS = 20_000  # of one message: ftfy needs time for long ones
_Z = 1.959964  # 95 %
_FROM_UTF8 = frozenset(("utf-8", "utf-8-variants", "decode_inconsistent_utf8"))


@dataclass(frozen=True, slots=True)
class Message:
    """A sampled message: what the screen said of it, and with which rank and probability it was sampled.

    `codec`: what it was attributed to, None if nothing or if it is not suspected.
    """

    text: str
    rank: float
    probability: float
    suspected: bool
    codec: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What ftfy said. Counts are of messages looked at; shares are of all messages, 0..1.

    suspected           share that the screen flagged, of every message
    looked_at           suspected messages that ftfy looked at; of these
    confirmed           it repairs
    outside             it cannot confirm by its nature: their codec is none that it tries
    others_looked_at    messages without suspicion that ftfy looked at; of these
    missed              it repairs
    rate, low, high     share of messages that ftfy would repair, and its 95 % interval
    sequences           ("U+00C3 U+00A9", suspected messages looked at that hold it), the most common first
    """

    suspected: float
    looked_at: int
    confirmed: int
    outside: int
    others_looked_at: int
    missed: int
    rate: float
    low: float
    high: float
    sequences: tuple[tuple[str, int], ...]


def confirm(
    messages: Sequence[Message],
    suspected: float,
    most_suspected: int = MOST_SUSPECTED,
    most_others: int = MOST_OTHERS,
) -> Confirmation:
    """Let ftfy look at the suspected and at the other messages of smallest rank.

    `suspected` is the share of all messages that the screen flagged, known from counting. The confirmed rate is
    suspected · (share confirmed of the suspected) + (1 − suspected) · (share missed of the others), each share
    weighted by 1 / probability (Hájek 1971), each interval Wilson's at Kish's effective size, their sum by the
    method of variance estimates recovery (Zou and Donner 2008). Where none was looked at the share is unknown: it
    adds nothing to the rate and all that it may be to the upper end.
    """
    flagged = _smallest([one for one in messages if one.suspected], most_suspected)
    others = _smallest([one for one in messages if not one.suspected], most_others)
    confirmed = [mended(one.text) is not None for one in flagged]
    outside = sum(
        not sure and not confirmable(one.codec) for sure, one in zip(confirmed, flagged, strict=True)
    )
    missed = [mended(one.text) is not None for one in others]
    share, low, high = _share(confirmed, flagged)
    other, other_low, other_high = _share(missed, others)
    rest = 1.0 - suspected
    rate = suspected * share + rest * other
    below = math.hypot(suspected * (share - low), rest * (other - other_low))
    above = math.hypot(suspected * (high - share), rest * (other_high - other))
    unknown = suspected * (not flagged) + rest * (not others)
    return Confirmation(
        suspected=suspected,
        looked_at=len(flagged),
        confirmed=sum(confirmed),
        outside=outside,
        others_looked_at=len(others),
        missed=sum(missed),
        rate=rate,
        low=max(0.0, rate - below),
        high=min(1.0, rate + above + unknown),
        sequences=_commonest(flagged),
    )


def confirmable(codec: str | None) -> bool:
    """Whether ftfy tries this codec at all; not so koi8-r, cp866, those of East Asia, or no codec."""
    try:
        return codec is not None and codecs.lookup(codec).name in _tried()
    except LookupError:
        return False


def mended(text: str) -> str | None:
    """The text as ftfy would decode it, None where it sees nothing to decode. It looks at the first 20,000
    characters."""
    import ftfy

    found = ftfy.fix_encoding_and_explain(text[:MOST_CHARACTERS], fix_c1_controls=False)
    # C1 controls that were meant as Windows-1252 are a class of their own.
    steps = {step.parameter for step in found.explanation or ()}
    return found.text + text[MOST_CHARACTERS:] if steps & _FROM_UTF8 else None


def repair(text: str, label: str) -> str | None:
    """What ftfy proposes against one class of damage; None if it proposes nothing. Evidence, never applied.

    `label`: a class of ENCODING_CLASSES; ftfy has no cure for classes whose loss is final, nor for other labels.
    """
    cure = _CURES.get(label)
    fixed = None if cure is None else cure(text)
    return None if fixed == text else fixed


def sequences(text: str, codec: str) -> Iterator[str]:
    """The runs of characters that are one UTF-8 sequence each as bytes of a single-byte codec, in order."""
    byte_of = _bytes_of(codec)
    place = 0
    while place < len(text):
        lead = byte_of.get(text[place], 0)
        length = 0 if lead < 0xC2 or lead > 0xF4 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        run = text[place : place + length]
        if length and len(run) == length and all(0x80 <= byte_of.get(c, 0) <= 0xBF for c in run[1:]):
            yield run
            place += length
        else:
            place += 1


def _smallest(messages: Sequence[Message], most: int) -> list[Message]:
    """The messages of smallest rank, with the probability that they had of being among them."""
    ordered = sorted(messages, key=lambda one: (one.rank, one.text))
    if len(ordered) <= most:
        return ordered
    limit = ordered[most].rank
    return [replace(one, probability=min(one.probability, limit)) for one in ordered[:most]]


def _share(hits: Sequence[bool], messages: Sequence[Message]) -> tuple[float, float, float]:
    """The weighted share of hits, and its 95 % interval (Wilson 1927); zeros without messages."""
    if not messages:
        return 0.0, 0.0, 0.0
    weights = [1.0 / one.probability for one in messages]
    total = math.fsum(weights)
    share = math.fsum(weight for weight, hit in zip(weights, hits, strict=True) if hit) / total
    n = total * total / math.fsum(weight * weight for weight in weights)
    spread = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    middle = share + _Z * _Z / (2 * n)
    scale = 1 + _Z * _Z / n
    return (
        share,
        max(0.0, min(share, (middle - spread) / scale)),
        min(1.0, max(share, (middle + spread) / scale)),
    )


def _commonest(messages: Sequence[Message]) -> tuple[tuple[str, int], ...]:
    held: Counter[str] = Counter()
    for one in messages:
        if one.codec is not None:
            held.update(set(sequences(one.text[:MOST_CHARACTERS], one.codec)))
    ordered = sorted(held.items(), key=lambda item: (-item[1], item[0]))[:MOST_SEQUENCES]
    return tuple((" ".join(f"U+{ord(c):04X}" for c in run), count) for run, count in ordered)


@cache
def _bytes_of(codec: str) -> dict[str, int]:
    """The byte of each character beyond ASCII, empty for what is no single-byte codec."""
    try:
        if len(b"\xc3\xa9".decode(codec, "replace")) != 2:
            return {}
    except LookupError:
        return {}
    # Where the codec has no character, readers let the byte through as a C1 control.
    return {bytes([byte]).decode(codec, "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}


@cache
def _tried() -> frozenset[str]:
    from ftfy.chardata import CHARMAP_ENCODINGS

    return frozenset(codecs.lookup(name.removeprefix("sloppy-")).name for name in CHARMAP_ENCODINGS)


def _without_controls(text: str) -> str:
    import ftfy

    return str(ftfy.fixes.remove_control_chars(ftfy.fixes.fix_c1_controls(text)))


def _unescaped(text: str) -> str:
    import ftfy

    return str(ftfy.fixes.unescape_html(text))


_CURES: dict[str, Callable[[str], str | None]] = {
    "mojibake": mended,
    "replacement": mended,
    "control": _without_controls,
    "inner_bom": _without_controls,
    "escape_leftover": _unescaped,
}
