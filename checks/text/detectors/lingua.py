"""lingua in its high-accuracy mode. Its models take a gigabyte of memory if it may be any of its 75 languages."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from checks.text.detectors.protocol import UND, restricted


class Lingua:
    name = "lingua"
    version = metadata.version("lingua-language-detector")

    def __init__(self, languages: tuple[str, ...] | None) -> None:
        from lingua import Language, LanguageDetectorBuilder

        codes = {language.iso_code_639_1.name.lower(): language for language in Language.all()}
        allowed = restricted(languages, list(codes))
        builder = (
            LanguageDetectorBuilder.from_all_languages()
            if allowed is None
            else LanguageDetectorBuilder.from_languages(*(codes[code] for code in allowed))
        )
        self._detector = builder.build()

    def detect(self, texts: Sequence[str]) -> list[str]:
        found = [self._detector.detect_language_of(text) for text in texts]
        return [UND if language is None else language.iso_code_639_1.name.lower() for language in found]


def make(languages: tuple[str, ...] | None) -> Lingua:
    return Lingua(languages)
