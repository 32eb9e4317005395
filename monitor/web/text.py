"""Text that somebody else wrote, shown so that it can neither act nor hide: escaped, isolated, revealed.

<script>            escaped
U+202E, U+200B, …   ⟦U+202E⟧ as a chip: control, format, private, unassigned and other invisible characters
frее (Cyrillic е)   letters of another script than the rest of their word are marked
z̴̛͔̗…               at most three marks stay on a letter, the rest are counted
مرحبا               dir=auto in an isolate: right-to-left text cannot reorder the page around it
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from markupsafe import Markup, escape

MAX_MARKS = 3
# Letters of one writing system that Unicode names differently.
SAME = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "HANGUL": "CJK", "BOPOMOFO": "CJK"}
# Letters that look empty, though their category is "letter".
BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# Scripts whose spelling needs the joiners U+200C and U+200D.
JOINING = frozenset(
    [
        "ARABIC",
        "SYRIAC",
        "DEVANAGARI",
        "BENGALI",
        "GURMUKHI",
        "GUJARATI",
        "ORIYA",
        "TAMIL",
        "TELUGU",
        "KANNADA",
        "MALAYALAM",
        "SINHALA",
    ]
)
_SHOWN = re.compile("⟦U\\+[0-9A-F]{4,6}⟧")


def shown(text: str, limit: int = 400) -> Markup:
    """`text` as safe HTML for the middle of a sentence, cut after `limit` characters (not inside marks)."""
    return Markup('<bdi dir="auto">') + _marked(text, limit) + Markup("</bdi>")


def quoted(text: str, limit: int = 400) -> Markup:
    """`text` as a quotation of its own: like `shown`, with a class to set it apart."""
    return Markup('<bdi dir="auto" class="quoted">') + _marked(text, limit) + Markup("</bdi>")


def foreign(text: str, limit: int = 5) -> tuple[str, ...]:
    """The letters that `shown` marks, for those who cannot see it: "U+0435 CYRILLIC SMALL LETTER IE"."""
    found = dict.fromkeys(letter for word, _ in _words(text) for letter in _strangers(word))
    return tuple(
        f"U+{ord(letter):04X} {unicodedata.name(letter, 'unnamed')}" for letter in list(found)[:limit]
    )


def plain(text: str, limit: int = 400) -> str:
    """`text` for places without markup (a title, an attribute): one line, invisible characters revealed."""
    revealed = (
        f"⟦U+{ord(letter):04X}⟧" if _hidden(text, at) else letter for at, letter in enumerate(text[:limit])
    )
    return "".join(revealed) + ("…" if len(text) > limit else "")


def _marked(text: str, limit: int) -> Markup:
    kept = text[: _cut(text, limit)]
    strangers = {start + at for word, start in _words(kept) for at in _places(word)}
    parts: list[str] = []
    at = 0
    while at < len(kept):
        letter = kept[at]
        if chip := _SHOWN.match(kept, at):
            parts.append(f'<span class="chip">{chip.group()[1:-1]}</span>')
            at = chip.end()
            continue
        if _hidden(kept, at):
            parts.append(f'<span class="chip">U+{ord(letter):04X}</span>')
        elif _is_mark(letter):
            run = _run_of_marks(kept, at)
            parts.append(escape(kept[at : at + min(run, MAX_MARKS)]))
            if run > MAX_MARKS:
                parts.append(f'<span class="chip">+{run - MAX_MARKS} marks</span>')
            at += run
            continue
        elif at in strangers:
            name = unicodedata.name(letter, "unnamed")
            parts.append(f'<mark title="U+{ord(letter):04X} {escape(name)}">{escape(letter)}</mark>')
        else:
            parts.append(escape(letter))
        at += 1
    if len(kept) < len(text):
        parts.append("…")
    # Every part is escaped or written here.
    return Markup("".join(parts))


def _cut(text: str, limit: int) -> int:
    end = min(limit, len(text))
    while 0 < end < len(text) and _is_mark(text[end]):
        end -= 1
    return end


def _run_of_marks(text: str, at: int) -> int:
    end = at
    while end < len(text) and _is_mark(text[end]) and not _hidden(text, end):
        end += 1
    return end - at


@lru_cache(maxsize=4096)
def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in {"Mn", "Me"}


def _hidden(text: str, at: int) -> bool:
    letter = text[at]
    if letter.isascii():
        return not letter.isprintable()
    if letter in BLANK_LETTERS:
        return True
    category = unicodedata.category(letter)
    if category in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return True
    selector = "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"
    if category != "Cf" and not selector:
        return False
    return not _belongs(letter, text[at - 1 : at], text[at + 1 : at + 2])


def _belongs(letter: str, before: str, after: str) -> bool:
    """Joiners and selectors that spelling or an emoji needs."""
    if letter == "\ufe0f":
        return bool(before) and unicodedata.category(before) in {"So", "Sm", "Po", "Nd"}
    if letter == "\u200d" and before and after:
        pictures = unicodedata.category(before) in {"So", "Sk", "Mn"} and unicodedata.category(after) == "So"
        return pictures or _script(before) in JOINING
    return letter == "\u200c" and bool(before) and _script(before) in JOINING


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The first word of a character's name: LATIN, CYRILLIC, …, and MATHEMATICAL or FULLWIDTH too."""
    name = unicodedata.name(letter, "").partition(" ")[0]
    return SAME.get(name, name)


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Runs of letters and their marks, each with where it starts."""
    start = None
    for at, letter in enumerate(text):
        inside = letter.isalpha() or (start is not None and unicodedata.category(letter)[0] == "M")
        if inside and start is None:
            start = at
        elif not inside and start is not None:
            yield text[start:at], start
            start = None
    if start is not None:
        yield text[start:], start


def _places(word: str) -> list[int]:
    """Where `word` has letters that are not of its script; of two equally common ones LATIN is its own."""
    if word.isascii():
        return []
    scripts = [_script(letter) if letter.isalpha() else "" for letter in word]
    counted = Counter(script for script in scripts if script)
    if len(counted) < 2:
        return []
    most = max(counted, key=lambda script: (counted[script], script == "LATIN"))
    return [at for at, script in enumerate(scripts) if script not in {"", most}]


def _strangers(word: str) -> list[str]:
    return [word[at] for at in _places(word)]
