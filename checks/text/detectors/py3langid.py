"""py3langid, with a model of its own: languages that a user set on the package's are not touched."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from checks.text.detectors.protocol import restricted


class Py3langid:
    name = "py3langid"
    version = metadata.version("py3langid")

    def __init__(self, languages: tuple[str, ...] | None) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._model: Any = LanguageIdentifier.from_model_file(MODEL_FILE)
        self._model.set_languages(restricted(languages, self._model.nb_classes))

    def detect(self, texts: Sequence[str]) -> list[str]:
        return [str(self._model.classify(text)[0]) for text in texts]


def make(languages: tuple[str, ...] | None) -> Py3langid:
    return Py3langid(languages)
