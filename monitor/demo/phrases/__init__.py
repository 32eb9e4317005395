"""What people write, per language: one text file each, so that a native speaker can correct it without code.

A file has sections; each line of a section is a phrase, the commonest first. `{item}`, `{city}`, `{name}`,
`{day}` and `{n}` in a phrase are filled with entries of the sections of that name (`{n}`: a number). Lines
that start with `#` are comments.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES: tuple[str, ...] = ("en", "es", "de", "fr", "pt", "tr", "ru", "hi", "ar", "ja")

SECTIONS = ("greetings", "sentences", "comments", "rude", "closings", "items", "cities", "names", "days")


@dataclass(frozen=True)
class Phrasebook:
    """The phrases of one language, in NFC; each section as in the file."""

    language: str
    greetings: tuple[str, ...]
    sentences: tuple[str, ...]
    comments: tuple[str, ...]
    rude: tuple[str, ...]
    closings: tuple[str, ...]
    items: tuple[str, ...]
    cities: tuple[str, ...]
    names: tuple[str, ...]
    days: tuple[str, ...]

    @property
    def glue(self) -> str:
        """What stands between sentences."""
        return "" if self.language == "ja" else " "

    @property
    def cased(self) -> bool:
        """Whether its letters have case."""
        return self.language not in ("hi", "ar", "ja")


@cache
def phrasebook(language: str) -> Phrasebook:
    """The phrases of one of `LANGUAGES`. Raises ValueError if a section is unknown, repeated or empty."""
    text = (Path(__file__).parent / f"{language}.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in unicodedata.normalize("NFC", text).splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            if name not in SECTIONS or name in sections:
                raise ValueError(f"{language}.txt: unknown or repeated section {line}")
            current = sections[name] = []
        elif line and not line.startswith("#"):
            current.append(line)
    if missing := [name for name in SECTIONS if not sections.get(name)]:
        raise ValueError(f"{language}.txt: nothing in {', '.join(missing)}")
    return Phrasebook(language, **{name: tuple(phrases) for name, phrases in sections.items()})
