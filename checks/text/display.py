"""Making visible what text hides: for people who look at evidence. Light: no numpy, no kernel, safe in the
API process."""

from __future__ import annotations

import re
import unicodedata

from checks.text.scripts import JOINING_SCRIPTS

_WORD = re.compile(r"[^\W\d_]+")
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters and marks by category, yet blank
_KEPT = frozenset("\n\t")
_EUROPEAN = frozenset(("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"))


def reveal(text: str) -> str:
    """The text with invisible, control and disguised characters made visible, e.g. "\\u200b" as "⟦U+200B⟧".

    Letters of another script inside a word show their code point too: "frее" becomes "fr⟦е U+0435⟧⟦е
    U+0435⟧". Joiners
    that spelling needs (Persian, Hindi, emoji), line feeds and tabs stay as they are. Escaping for HTML is
    not done here.
    """
    return "".join(shown(text))


def shown(text: str) -> list[str]:
    """How `reveal` shows each character of the text."""
    pieces = [_visible(text, place) for place in range(len(text))]
    for word in _WORD.finditer(text):
        if word.group().isascii():
            continue
        for place in _foreign(word.group()):
            pieces[word.start() + place] = named(word.group()[place])
    return pieces


def named(character: str) -> str:
    """A visible character with its code point: "⟦е U+0435⟧"."""
    return f"⟦{character} U+{ord(character):04X}⟧"


def _visible(text: str, place: int) -> str:
    character = text[place]
    if (character.isascii() and character.isprintable()) or character in _KEPT:
        return character
    category = unicodedata.category(character)
    point = ord(character)
    hidden = category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or character in _HIDDEN or _noncharacter(point)
    if character in "\u200c\u200d" and _joins(text, place):
        return character
    if 0xE0100 <= point <= 0xE01EF or 0xFE00 <= point <= 0xFE0F:
        hidden = not _selects(text[max(place - 1, 0) : place])
    return f"⟦U+{point:04X}⟧" if hidden else character


def _noncharacter(point: int) -> bool:
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point < 0xFDF0


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands beside a letter of a joining script, or between two emoji."""
    before, after = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
    if JOINING_SCRIPTS & {_first_word(neighbour) for neighbour in (before, after) if neighbour}:
        return True
    return bool(before and after) and _is_emoji(before) and _is_emoji(after)


def _selects(before: str) -> bool:
    """Whether a variation selector has something to vary there: a symbol, a digit, a sign, a Han character."""
    if not before:
        return False
    return unicodedata.category(before) in ("So", "Sm", "Po", "Nd") or _first_word(before) in (
        "CJK",
        "MYANMAR",
    )


def _is_emoji(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk") or character == "\ufe0f"


def _first_word(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]


def _foreign(word: str) -> list[int]:
    """Places of the letters that are not of the word's main script, where letters of look-alike scripts are
    mixed."""
    scripts = [_first_word(character) for character in word]
    present = {script for script in scripts if script in _EUROPEAN}
    if len(present) < 2:
        return []
    main = max(sorted(present), key=lambda script: (scripts.count(script), script == "LATIN"))
    return [place for place, script in enumerate(scripts) if script in present and script != main]
