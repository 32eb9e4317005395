"""pycld2, Google's Compact Language Detector 2. It cannot be restricted, and refuses control characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from checks.text.detectors.protocol import UND


class Pycld2:
    name = "pycld2"
    version = metadata.version("pycld2")

    def __init__(self) -> None:
        import pycld2

        self._cld: Any = pycld2

    def detect(self, texts: Sequence[str]) -> list[str]:
        return [self._label(text) for text in texts]

    def _label(self, text: str) -> str:
        plain = text if text.isprintable() else "".join(map(_acceptable, text))
        try:
            found = self._cld.detect(plain, bestEffort=True)[2][0][1]
        except self._cld.error:  # refused all the same, as not valid UTF-8
            return UND
        return UND if found == "un" else str(found)


def _acceptable(character: str) -> str:
    """Control characters, surrogates, noncharacters and their like become spaces."""
    return " " if unicodedata.category(character).startswith("C") else character


def make(languages: tuple[str, ...] | None) -> Pycld2:
    return Pycld2()
