"""Characters: what Unicode says of each code point.

The property table is generated from the interpreter's own `unicodedata`; its version is part of every text
plan, because
a newer table would call the same message by another name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from checks.text import flags, lookalikes
from checks.text.annotations import SCRIPTS
from checks.text.kernels import frozen
from checks.text.scripts import JOINING_SCRIPTS

CODE_POINTS = 0x110000

_SUSPECT = "?%&\\\ufffd\ufeff"
# Digits and signs that stand for letters; "1", "!" and "|" for i or for l.
LEET_LETTERS = dict(zip("012345789@$!|+", "oizeastbgasiit", strict=True))

# unicodedata has no script property; the first word of a character's name is one.
_SCRIPT_OF_NAME = {
    **{
        script.upper(): index
        for index, script in enumerate(SCRIPTS)
        if script not in ("none", "Han", "other")
    },
    "CJK": SCRIPTS.index("Han"),
    "IDEOGRAPHIC": SCRIPTS.index("Han"),
    "KATAKANA-HIRAGANA": SCRIPTS.index("Katakana"),
}
_OTHER = SCRIPTS.index("other")
_HAN = SCRIPTS.index("Han")
_HANGUL = SCRIPTS.index("Hangul")
_SPACELESS_NAMES = (
    "CJK",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "KATAKANA-HIRAGANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
)
_STYLED_NAMES = (
    "MATHEMATICAL ",
    "FULLWIDTH LATIN ",
    "CIRCLED LATIN ",
    "NEGATIVE CIRCLED LATIN ",
    "PARENTHESIZED LATIN ",
    "SQUARED LATIN ",
    "NEGATIVE SQUARED LATIN ",
    "LATIN LETTER SMALL CAPITAL ",
    "SCRIPT ",
    "BLACK-LETTER CAPITAL ",
    "DOUBLE-STRUCK ",
)
# Soft hyphen, grapheme joiner, fillers, Mongolian separator, zero-width space, word joiner … and a BOM inside
# text.
_ZERO_WIDTH = (
    *(0xAD, 0x34F, 0x115F, 0x1160, 0x180E, 0x200B, 0x3164, 0xFEFF, 0xFFA0),
    *(*range(0x2060, 0x2065), *range(0x206A, 0x2070)),
)
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_EMOJI_RANGES = (
    (0x1F000, 0x1F0FF),
    (0x1F18E, 0x1F19A),
    (0x1F1E6, 0x1F6FF),
    (0x1F780, 0x1FAFF),
    (0x2600, 0x27BF),
    (0x231A, 0x231B),
)
# Assigned blocks that are worth a look-up one by one; the big uniform ones are filled as ranges.
_NAMED_RANGES = (
    (0x0, 0x3400),
    (0xA000, 0xAC00),
    (0xD7B0, 0xD800),
    (0xF900, 0x10000),
    (0x10000, 0x12000),
    (0x16A00, 0x17000),
)
_NAMED_RANGES_HIGH = ((0x1B000, 0x1B200), (0x1D000, 0x1FC00), (0x2F800, 0x2FA20), (0xE0000, 0xE01F0))


@dataclass(frozen=True)
class CharacterTable:
    """What is known of every code point.

    version     of the Unicode data
    properties  uint32[0x110000]: bits of `checks.text.flags`
    lower       uint32[0x110000]: lower-case form, 0 where it is the character itself; curly apostrophes are
                folded
    plain       uint32[0x110000]: the Latin letter that a styled, marked or look-alike letter stands for, 0 if
                none
    folded      uint32[0x110000]: what a word's hash sees: `plain` of a styled letter, in lower case; 0 for a
                character that nobody sees
    combining   uint8[0x110000]: canonical combining class
    composing   int64[K], sorted: pairs `first << 21 | second` that NFC would have composed
    """

    version: str
    properties: npt.NDArray[np.uint32]
    lower: npt.NDArray[np.uint32]
    plain: npt.NDArray[np.uint32]
    folded: npt.NDArray[np.uint32]
    combining: npt.NDArray[np.uint8]
    composing: npt.NDArray[np.int64]


@cache
def character_table() -> CharacterTable:
    """The table of this interpreter's Unicode version, built at the first call (a fraction of a second)."""
    properties = np.zeros(CODE_POINTS, np.uint32)
    lower = np.zeros(CODE_POINTS, np.uint32)
    plain = np.zeros(CODE_POINTS, np.uint32)
    combining = np.zeros(CODE_POINTS, np.uint8)
    _fill_ranges(properties)
    for point in _named():
        character = chr(point)
        name = unicodedata.name(character, "")
        properties[point] |= _properties(point, character, name)
        lowered = character.lower()
        if lowered != character:
            lower[point] = ord(lowered[0])
        if properties[point] & flags.STYLED:
            plain[point] = _styled_plain(name)
        combining[point] = unicodedata.combining(character)
    for apostrophe in "’ʼ＇":
        lower[ord(apostrophe)] = ord("'")
    for point, latin in lookalikes.skeletons().items():
        properties[point] |= flags.CONFUSABLE
        plain[point] = latin
    for point, latin in lookalikes.unmarked().items():
        plain[point] = latin
    properties[list(lookalikes.odd_letters())] |= np.uint32(flags.ODD)
    for letter in lookalikes.LATIN_INSIDE:
        properties[ord(letter)] |= flags.CONFUSABLE
    properties[[ord(sign) for sign in _SUSPECT]] |= flags.SUSPECT
    properties[[ord(sign) for sign in LEET_LETTERS]] |= flags.LEET
    composing = _composing_pairs(properties, combining)
    return CharacterTable(
        unicodedata.unidata_version,
        frozen(properties),
        frozen(lower),
        frozen(plain),
        frozen(_folded(properties, lower, plain)),
        frozen(combining),
        frozen(composing),
    )


def _folded(
    properties: npt.NDArray[np.uint32], lower: npt.NDArray[np.uint32], plain: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint32]:
    seen = np.where(properties & flags.STYLED, plain, np.arange(CODE_POINTS, dtype=np.uint32))
    seen = np.where(lower[seen], lower[seen], seen)
    return np.where(properties & (flags.ZERO_WIDTH | flags.JOINER | flags.VARIATION), np.uint32(0), seen)


def _named() -> Iterator[int]:
    for first, end in (*_NAMED_RANGES, *_NAMED_RANGES_HIGH):
        yield from range(first, end)


def _fill_ranges(properties: npt.NDArray[np.uint32]) -> None:
    han = flags.LETTER | flags.SPACELESS | _HAN
    for first, end in ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2F800), (0x30000, 0x323B0)):
        properties[first:end] = han
    properties[0xAC00:0xD7A4] = flags.LETTER | _HANGUL
    for first, end in ((0xE000, 0xF900), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE)):
        properties[first:end] = flags.PRIVATE
    properties[0xFDD0:0xFDF0] |= flags.NONCHARACTER
    for plane in range(17):
        properties[plane * 0x10000 + 0xFFFE : plane * 0x10000 + 0x10000] |= flags.NONCHARACTER
    for first, last in _EMOJI_RANGES:
        properties[first : last + 1] |= flags.EMOJI
    properties[0x1F1E6:0x1F200] |= flags.REGIONAL
    properties[0x1F3FB:0x1F400] |= flags.SKIN_TONE
    properties[0xFE00:0xFE10] |= flags.VARIATION
    properties[0x180B:0x180E] |= flags.VARIATION
    properties[0xE0100:0xE01F0] |= flags.VARIATION
    properties[0xE0000:0xE0080] |= flags.TAG
    properties[list(_ZERO_WIDTH)] |= flags.ZERO_WIDTH
    properties[list(_BIDI)] |= flags.BIDI
    properties[0x200C:0x200E] |= flags.JOINER


def _properties(point: int, character: str, name: str) -> int:
    category = unicodedata.category(character)
    first_word = name.split(" ", 1)[0]
    bits = 0
    if category[0] == "L":
        bits |= flags.LETTER
    elif category[0] == "M":
        bits |= flags.MARK
        if category != "Mc":
            bits |= flags.STACKING
    elif category == "Nd":
        bits |= flags.DIGIT
    elif category == "Cc" and character not in "\t\n\r":
        bits |= flags.CONTROL
    if category in ("Lu", "Lt"):
        bits |= flags.UPPER
    if category[0] == "Z" or character in "\t\n\r":
        bits |= flags.SPACE
    if unicodedata.bidirectional(character) in ("R", "AL"):
        bits |= flags.RIGHT_TO_LEFT
    if first_word in lookalikes.INTRUDERS and bits & flags.LETTER:
        bits |= flags.CONFUSABLE
    if first_word in JOINING_SCRIPTS:
        bits |= flags.NEEDS_JOINER
    if name.startswith(_STYLED_NAMES) and _styled_plain(name):
        bits |= flags.STYLED
    if category[0] in "LM":
        bits |= _script(name, first_word, category, bits)
        if first_word in _SPACELESS_NAMES or name.startswith(("HALFWIDTH KATAKANA", "IDEOGRAPHIC")):
            bits |= flags.SPACELESS
    if unicodedata.normalize("NFC", character) != character:
        bits |= flags.NOT_NFC
    return bits


def _script(name: str, first_word: str, category: str, bits: int) -> int:
    if name.startswith(("FULLWIDTH LATIN", "HALFWIDTH KATAKANA", "HALFWIDTH HANGUL")):
        return _SCRIPT_OF_NAME[name.split(" ")[1]]
    if bits & flags.STYLED:
        return SCRIPTS.index("Latin")
    if first_word in _SCRIPT_OF_NAME:
        return _SCRIPT_OF_NAME[first_word]
    # Marks of no script of their own (COMBINING …), modifier letters and signs such as µ follow their
    # neighbours.
    if first_word in (
        "COMBINING",
        "MODIFIER",
        "MICRO",
        "OHM",
        "KELVIN",
        "ANGSTROM",
        "VARIATION",
        "SUPERSCRIPT",
        "FEMININE",
        "MASCULINE",
    ):
        return 0
    return _OTHER if category[0] == "L" or first_word not in ("", "COMBINING") else 0


def _styled_plain(name: str) -> int:
    """The letter at the end of "MATHEMATICAL BOLD SMALL A" and the like; 0 for Greek letters and digits."""
    words = name.split(" ")
    letter = words[-1]
    if len(letter) != 1 or not letter.isascii() or "DIGIT" in words:
        return 0
    return ord(letter.lower() if "SMALL" in words else letter)


def _composing_pairs(
    properties: npt.NDArray[np.uint32], combining: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Mark what may compose (NFC_MAYBE) and list the pairs that do, also behind an already composed first."""
    firsts: set[str] = set()
    seconds: set[str] = set()
    for point in _named():
        character = chr(point)
        parts = unicodedata.decomposition(character)
        if not parts or parts[0] == "<" or " " not in parts:
            continue
        first, second = (chr(int(part, 16)) for part in parts.split(" "))
        if unicodedata.normalize("NFC", first + second) == character:
            firsts.update((first, character))
            seconds.add(second)
    properties[combining != 0] |= flags.NFC_MAYBE
    jamo = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))
    properties[[ord(second) for second in seconds] + list(jamo)] |= flags.NFC_MAYBE
    pairs = [
        ord(first) << 21 | ord(second)
        for first in firsts
        for second in seconds
        if unicodedata.normalize("NFC", first + second) != first + second
    ]
    return np.array(sorted(pairs), np.int64)
