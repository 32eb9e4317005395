"""Attacks that the benchmark makes from clean lines: one word or a few of a line, written to be read by people only."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

Attack = Callable[[str, random.Random], str | None]

# What people write for letters, most of it seen in spam; no attack generator agrees with another on more.
_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}
_CYRILLIC = dict(zip("aceopxyisjhdqwbkmtnABCEHIJKMOPSTXY", "асеорхуіѕјһԁԛԝвкмтпАВСЕНІЈКМОРЅТХУ", strict=True))
_INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\u180e\u2063"


def generators(data: Path, known: Collection[str]) -> dict[str, tuple[str, Attack]]:
    """Name of the attack: the class that should be found, and what makes it (None: not of this line).

    `known` holds the reference's words in lower case: what is judged against them is made of them.
    """
    folder = data / "encoding"
    listed = _confusables(folder / "ucd" / "confusables.txt")
    common = {a: [c for c in b if _script(c) in ("CYRILLIC", "GREEK", "ARMENIAN")] for a, b in listed.items()}
    return {
        "one letter of Cyrillic, Greek, Armenian (UTS #39)": ("mixed_script", _swap(common, 0, 1)),
        "one letter of any script of UTS #39": ("mixed_script", _swap(listed, 0, 1)),
        "a known word all in Cyrillic look-alikes": ("whole_word_homoglyph", _of(known, _whole_word)),
        "visual neighbours (VIPER), a fifth of the letters": (
            "whole_word_homoglyph",
            _neighbours(folder, 0.2),
        ),
        "visual neighbours (VIPER), two fifths of the letters": (
            "whole_word_homoglyph",
            _neighbours(folder, 0.4),
        ),
        "an invisible character in a word": ("zero_width", _invisible),
        "a word overridden to run backwards": ("bidi_control", _backwards),
        "text hidden in tag characters": ("tag_characters", _tags),
        "bytes hidden in variation selectors": ("variation_selectors", _selectors),
        "stacked marks": ("stacked_marks", _zalgo),
        "mathematical letters": ("styled_letters", _styled(0x1D41A, 0x1D400)),
        "full-width letters": ("styled_letters", _styled(0xFF41, 0xFF21)),
        "circled letters": ("styled_letters", _styled(0x24D0, 0x24B6)),
        "leetspeak of known words": ("leetspeak", _of(known, _leet)),
        "known words spaced out": ("spaced_letters", _of(known, _spaced)),
        "a letter drawn out": ("elongation", _drawn_out),
    }


def _script(character: str) -> str:
    return unicodedata.name(character, "?").split(" ")[0]


def _confusables(file: Path) -> dict[str, list[str]]:
    """ASCII letter → letters of other scripts that UTS #39 takes for it."""
    found: dict[str, list[str]] = {}
    for line in file.read_text("utf-8-sig").splitlines():
        fields = [part.strip() for part in line.split("#")[0].split(";")]
        if len(fields) < 3 or " " in fields[0] or " " in fields[1]:
            continue
        source, target = chr(int(fields[0], 16)), chr(int(fields[1], 16))
        letter = target.isascii() and target.isalpha() and source.isalpha() and source.isprintable()
        if letter and _script(source) not in ("LATIN", "MATHEMATICAL", "FULLWIDTH", "?"):
            found.setdefault(target, []).append(source)
    return found


def _word(line: str, pick: random.Random, at_least: int = 4) -> tuple[str, str, str] | None:
    """What stands before a word of ASCII letters, the word, what stands behind it."""
    words = line.split(" ")
    places = [
        k for k, word in enumerate(words) if word.isascii() and word.isalpha() and len(word) >= at_least
    ]
    if not places:
        return None
    k = pick.choice(places)
    before, behind = " ".join(words[:k]), " ".join(words[k + 1 :])
    return before + " " * bool(before), words[k], " " * bool(behind) + behind


def _of_a_word(change: Callable[[str, random.Random], str | None], at_least: int = 4) -> Attack:
    def attack(line: str, pick: random.Random) -> str | None:
        parts = _word(line, pick, at_least)
        changed = change(parts[1], pick) if parts else None
        return f"{parts[0]}{changed}{parts[2]}" if parts and changed else None

    return attack


def _of(known: Collection[str], change: Callable[[str, random.Random], str | None]) -> Attack:
    return _of_a_word(lambda word, pick: change(word, pick) if word.lower() in known else None)


def _swap(alike: Mapping[str, list[str]], share: float, least: int) -> Attack:
    def change(word: str, pick: random.Random) -> str | None:
        places = [k for k, letter in enumerate(word) if alike.get(letter)]
        count = max(least, round(share * len(word)))
        if len(places) < count:
            return None
        letters = list(word)
        for k in pick.sample(places, count):
            letters[k] = pick.choice(alike[letters[k]])
        return "".join(letters)

    return _of_a_word(change)


def _whole_word(word: str, _: random.Random) -> str | None:
    return "".join(map(_CYRILLIC.__getitem__, word)) if set(word) <= set(_CYRILLIC) else None


def _neighbours(folder: Path, share: float) -> Attack:
    alike: dict[str, list[str]] = {}
    for line in (folder / "viper_selected.neighbors").read_text("utf-8").splitlines()[1:]:
        fields = line.split("\t")
        if len(fields) >= 2 and fields[0].strip() and fields[1].strip():
            alike[fields[0].strip()] = [c for c in fields[1].split() if not c.isascii()]

    def attack(line: str, pick: random.Random) -> str | None:
        changed = "".join(
            pick.choice(alike[c]) if alike.get(c) and pick.random() < share else c for c in line
        )
        return changed if changed != line else None

    return attack


@_of_a_word
def _invisible(word: str, pick: random.Random) -> str:
    k = pick.randrange(1, len(word))
    return word[:k] + pick.choice(_INVISIBLE) + word[k:]


@_of_a_word
def _backwards(word: str, _: random.Random) -> str:
    return f"\u202e{word[::-1]}\u202c"


@_of_a_word
def _tags(word: str, _: random.Random) -> str:
    return word + "".join(chr(0xE0000 + ord(letter)) for letter in word)


@_of_a_word
def _selectors(word: str, pick: random.Random) -> str:
    hidden = (pick.choice([0xFE00, 0xE0100]) + pick.randrange(16) for _ in word)
    return word + "".join(map(chr, hidden))


@_of_a_word
def _zalgo(word: str, pick: random.Random) -> str:
    return "".join(
        letter + "".join(chr(pick.randrange(0x300, 0x34F)) for _ in range(pick.randint(3, 8)))
        for letter in word
    )


def _styled(small: int, capital: int) -> Attack:
    return _of_a_word(
        lambda word, _: "".join(
            chr(small + ord(letter) - 97 if letter.islower() else capital + ord(letter) - 65)
            for letter in word
        )
    )


def _leet(word: str, pick: random.Random) -> str | None:
    places = [k for k, letter in enumerate(word) if letter in _LEET]
    if not places:
        return None
    letters = list(word)
    for k in pick.sample(places, min(len(places), pick.randint(1, 2))):
        letters[k] = pick.choice(_LEET[letters[k]])
    return "".join(letters)


def _spaced(word: str, pick: random.Random) -> str:
    return pick.choice((" ", ".", "-", "*", "_", "  ")).join(word)


@_of_a_word
def _drawn_out(word: str, pick: random.Random) -> str:
    k = pick.randrange(len(word))
    return word[:k] + word[k] * pick.randint(4, 8) + word[k + 1 :]
