"""Codes of languages: those that can be told apart, and what people write for them. Loads no compiler."""

from __future__ import annotations

from functools import cache
from importlib import resources

# What people write for the codes of the profiles.
ALIASES: dict[str, tuple[str, ...]] = {
    "zh": ("zh-cn", "zh-tw"),
    "nb": ("no",),
    "nn": ("no",),
    "fil": ("tl",),
    "iw": ("he",),
}


@cache
def languages() -> frozenset[str]:
    """The codes of langdetect's profiles."""
    found = resources.files("langdetect").joinpath("profiles").iterdir()
    return frozenset(file.name for file in found if "." not in file.name and not file.name.startswith("_"))


def is_known(code: str) -> bool:
    """Whether texts of this language can be told apart: a profile's code, one that people write for it, und."""
    return code in languages() or code in ALIASES or code in ("und", "und-Latn")
