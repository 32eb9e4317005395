"""langdetect, seeded and with its profiles in a fixed order: the same label on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata, resources
from typing import Any

from checks.text.detectors.protocol import UND, restricted


class Langdetect:
    """A factory of its own: the seed that a user gave to langdetect's own is not touched."""

    name = "langdetect"
    version = metadata.version("langdetect")

    def __init__(self, languages: tuple[str, ...] | None) -> None:
        from langdetect.detector_factory import DetectorFactory
        from langdetect.lang_detect_exception import LangDetectException

        folder = resources.files("langdetect").joinpath("profiles")
        files = sorted(
            (file for file in folder.iterdir() if "." not in file.name), key=lambda file: file.name
        )
        self._factory: Any = DetectorFactory()
        self._factory.load_json_profile(
            [file.read_text(encoding="utf-8") for file in files if not file.name.startswith("_")]
        )
        self._factory.seed = 0
        self._error: type[Exception] = LangDetectException
        allowed = restricted(languages, self._factory.langlist)
        self._prior = None if allowed is None else dict.fromkeys(allowed, 1.0)

    def detect(self, texts: Sequence[str]) -> list[str]:
        return [self._label(text) for text in texts]

    def _label(self, text: str) -> str:
        detector = self._factory.create()
        if self._prior is not None:
            detector.set_prior_map(self._prior)
        detector.append(text)
        try:
            found: str = detector.detect()
        except self._error:  # it found nothing that it knows
            return UND
        return UND if found == "unknown" else found


def make(languages: tuple[str, ...] | None) -> Langdetect:
    return Langdetect(languages)
