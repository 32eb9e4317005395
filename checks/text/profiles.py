"""The n-gram profiles that ship in `langdetect`, as one table: what each language's letters, pairs and
triples look like.

langdetect keeps capitals apart; here counts are lower-cased and merged. Its own folding of characters is kept
(Han by
frequency class, kana and Hangul as one letter each, two spellings of Romanian letters …), or its counts would
not fit.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.characters import CODE_POINTS, character_table
from checks.text.flags import LETTER, MARK, SCRIPT_MASK
from checks.text.kernels import frozen

if TYPE_CHECKING:
    from checks.text.own_profiles import OwnProfile

WIDTH = 64  # columns of a row: one cache line of bytes; a language each, then generic Latin; the last is und's, empty
FLOOR = 4e-5  # added to every share: an n-gram that a language never showed is no proof against it
LEAST_SHARE = (
    1e-4  # nine profiles go ten times deeper than the rest: what only they list would speak for them
)
STEPS = 25.0  # quantisation: one nat of score is 25 steps; the largest weighted score, 9.9, still fits a byte
ORDERS = 3  # letters, pairs and triples
ORDER_WEIGHTS = (0.3, 0.7, 1.0)
WORD_LETTERS = 40  # letters of a word that are looked at; more would overflow a score and say nothing new

_SCRIPT_LANGUAGES: dict[str, tuple[str, ...]] = {
    "Cyrillic": ("bg", "mk", "ru", "uk"),
    "Greek": ("el",),
    "Arabic": ("ar", "fa", "ur"),
    "Hebrew": ("he",),
    "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("bn",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Thai": ("th",),
    "Han": ("ja", "zh-cn", "zh-tw"),
    "Hiragana": ("ja",),
    "Katakana": ("ja",),
    "Hangul": ("ko",),
}


@dataclass(frozen=True)
class Profiles:
    """langdetect's profiles, ready for look-up.

    version    of langdetect
    languages  the profiles' codes, in alphabetical order, then the user's own: the first columns of `scores`
    fold       uint32[0x110000]: a character as langdetect counts it, lower-cased; 0 where it is not part of a
               word
    keys       int64[K], a power of two: open addressing by `gram_key`, 0 is free
    rows       int32[K]: row of `scores`
    grams      the n-gram of each row of `scores`
    scores     uint8[rows, 64]: weight · log((share + FLOOR) / FLOOR) · STEPS per n-gram and language
    script_of  bool[len(SCRIPTS), 64]: the languages that are written in a script; generic Latin counts as one
    """

    version: str
    languages: tuple[str, ...]
    fold: npt.NDArray[np.uint32]
    keys: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    grams: tuple[str, ...]
    scores: npt.NDArray[np.uint8]
    script_of: npt.NDArray[np.bool_]

    @property
    def generic_latin(self) -> int:
        """The column of Latin-script text of no language in particular: the mean of all Latin-script
        profiles."""
        return len(self.languages)


@cache
def profiles() -> Profiles:
    """The table of langdetect's profiles, built at the first call (about a second) and kept."""
    counts = _counts()
    languages = tuple(sorted(counts))
    script_of = _script_of(languages)
    grams = sorted(set().union(*(table for table, _ in counts.values())))
    index = {gram: row for row, gram in enumerate(grams)}
    shares = np.zeros((len(grams), WIDTH), np.float64)
    for column, language in enumerate(languages):
        table, totals = counts[language]
        for gram, count in table.items():
            share = count / totals[len(gram) - 1]
            if len(gram) == 1 or share >= LEAST_SHARE:
                shares[index[gram], column] = share
    latin = [column for column in range(len(languages)) if script_of[SCRIPTS.index("Latin"), column]]
    shares[:, len(languages)] = shares[:, latin].mean(axis=1)
    keys, rows = hashed(grams)
    return Profiles(
        metadata.version("langdetect"),
        languages,
        frozen(_fold()),
        frozen(keys),
        frozen(rows),
        tuple(grams),
        frozen(_scores(shares, grams)),
        frozen(script_of),
    )


def with_own(own: Sequence[OwnProfile]) -> Profiles:
    """langdetect's profiles and the user's own, in the order of their names; without any the same as `profiles()`.

    A share is (max(count - discount, 0) + discount x kinds x background) / total, the background being the mean share
    of langdetect's languages of the same script: absolute discounting (Ney, Essen and Kneser 1994). ValueError for two
    of one name, or for more than there are columns for.
    """
    table = profiles()
    if not own:
        return table
    own = sorted(own, key=lambda profile: profile.name)
    languages = (*table.languages, *(profile.name for profile in own))
    check_own(own)
    known = set(table.grams)
    grams = [*table.grams, *sorted(set().union(*(profile.grams for profile in own)) - known)]
    scores = np.zeros((len(grams), WIDTH), np.uint8)
    first = len(table.languages)
    scores[: len(table.grams), :first] = table.scores[:, :first]
    scores[: len(table.grams), len(languages)] = table.scores[:, table.generic_latin]
    script_of = np.zeros_like(table.script_of)
    script_of[:, :first] = table.script_of[:, :first]
    script_of[:, len(languages)] = table.script_of[:, table.generic_latin]
    weights = np.array([ORDER_WEIGHTS[len(gram) - 1] for gram in table.grams])[:, None]
    shares = FLOOR * np.expm1(table.scores[:, :first] / (STEPS * weights))
    orders = np.array([len(gram) - 1 for gram in grams])
    index = {gram: row for row, gram in enumerate(grams)}
    for column, profile in enumerate(own, start=first):
        script = SCRIPTS.index(profile.script)
        script_of[script, column] = True
        kin = table.script_of[script, :first]
        background = np.zeros(len(grams))
        if kin.any():
            background[: len(table.grams)] = shares[:, kin].mean(axis=1)
        counts = np.zeros(len(grams))
        counts[[index[gram] for gram in profile.grams]] = list(profile.grams.values())
        discount = np.array(profile.discounts())[orders]
        kinds, totals = np.array(profile.kinds)[orders], np.array(profile.totals)[orders]
        share = (np.maximum(counts - discount, 0) + discount * kinds * background) / np.maximum(totals, 1)
        scores[:, column] = _scores(share[:, None], grams)[:, 0]
    keys, rows = hashed(grams)
    return replace(
        table,
        languages=languages,
        keys=frozen(keys),
        rows=frozen(rows),
        grams=tuple(grams),
        scores=frozen(scores),
        script_of=frozen(script_of),
    )


def check_own(own: Sequence[OwnProfile]) -> None:
    """ValueError for two profiles of one name, or for more than there are columns for."""
    names = [profile.name for profile in own]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two language profiles are named {twice[0]}; name one of them otherwise")
    room = WIDTH - len(profiles().languages) - 2
    if len(names) > room:
        raise ValueError(
            f"{len(names)} own language profiles ({', '.join(names)}); at most {room} can be told apart"
        )


def _scores(shares: npt.NDArray[np.float64], grams: Sequence[str]) -> npt.NDArray[np.uint8]:
    weights = np.array([ORDER_WEIGHTS[len(gram) - 1] for gram in grams])[:, None]
    scores = np.rint(np.minimum(weights * np.log((shares + FLOOR) / FLOOR) * STEPS, 255))
    return np.asarray(scores, np.uint8)


def gram_key(gram: str) -> int:
    """The n-gram packed into 63 bits: 21 for each of up to three characters."""
    key = 0
    for character in gram:
        key = key << 21 | ord(character)
    return key


def _counts() -> dict[str, tuple[dict[str, int], list[int]]]:
    """Per language: lower-cased n-grams with their counts, and how many n-grams of each order were seen."""
    found: dict[str, tuple[dict[str, int], list[int]]] = {}
    for file in resources.files("langdetect").joinpath("profiles").iterdir():
        if "." in file.name or file.name.startswith("_"):
            continue
        profile = json.loads(file.read_text(encoding="utf-8"))
        merged: dict[str, int] = defaultdict(int)
        for gram, count in profile["freq"].items():
            lowered = gram.lower()
            if len(lowered) == len(gram):
                merged[lowered] += count
        found[profile["name"]] = (merged, profile["n_words"])
    return found


def _script_of(languages: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    table = np.zeros((len(SCRIPTS), WIDTH), np.bool_)
    elsewhere: set[str] = set()
    for script, written in _SCRIPT_LANGUAGES.items():
        elsewhere.update(written)
        for language in written:
            table[SCRIPTS.index(script), languages.index(language)] = True
    for column, language in enumerate(languages):
        table[SCRIPTS.index("Latin"), column] = language not in elsewhere
    table[SCRIPTS.index("Latin"), len(languages)] = True
    return table


def _fold() -> npt.NDArray[np.uint32]:
    from langdetect.utils.ngram import NGram

    characters = character_table()
    fold = np.zeros(CODE_POINTS, np.uint32)
    letters = np.flatnonzero(characters.properties & (LETTER | MARK))
    # Only these blocks are folded by langdetect; the rest of the letters stand for themselves, in lower case.
    lowered = np.where(characters.lower[letters] > 0, characters.lower[letters], letters)
    fold[letters] = lowered
    han_or_hangul = np.isin(
        characters.properties[letters] & SCRIPT_MASK, [SCRIPTS.index("Han"), SCRIPTS.index("Hangul")]
    )
    fold[0xAC00:0xD7A4] = 0xAC00
    fold[letters[(letters < 0x3400) & ~han_or_hangul]] = [
        ord(NGram.normalize(chr(letter)).lower()[0])
        for letter in letters[(letters < 0x3400) & ~han_or_hangul]
    ]
    fold[0x1EA0:0x1EFA] = 0x1EC3
    for character, representative in NGram.CJK_MAP.items():
        fold[ord(character)] = ord(representative)
    fold[fold == ord(" ")] = 0
    return fold


def hashed(grams: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    size = 1 << (2 * len(grams) - 1).bit_length()
    keys, rows = [0] * size, [0] * size
    for row, gram in enumerate(grams):
        key = gram_key(gram)
        slot = slot_of(key, size)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], rows[slot] = key, row
    return np.array(keys, np.int64), np.array(rows, np.int32)


def slot_of(key: int, size: int) -> int:
    """Where the search for a key starts; the kernels do the same in 64-bit arithmetic."""
    mixed = (key * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    return (mixed >> 40) & (size - 1)
