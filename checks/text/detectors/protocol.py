"""What a detector of languages is, how one is found by its name, and what its labels become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module, util
from typing import Protocol

NGRAMS = "ngrams"  # the detector that needs nothing else
_PACKAGES = {
    "langdetect": "langdetect",
    "lingua": "lingua-language-detector",
    "py3langid": "py3langid",
    "pycld2": "pycld2",
}
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
UND = "und"

# What other detectors say for the codes of the profiles. Malay is not told from Indonesian, nor Bosnian, Serbian in
# Latin letters and Montenegrin from Croatian: no short message shows which it is.
_CODES = {
    "zh": "zh-cn",
    "zh-hans": "zh-cn",
    "zh-sg": "zh-cn",
    "zh-hant": "zh-tw",
    "zh-hk": "zh-tw",
    "nb": "no",
    "nn": "no",
    "fil": "tl",
    "iw": "he",
    "in": "id",
    "ms": "id",
    "bs": "hr",
    "sr": "hr",
    "sh": "hr",
}


class Detector(Protocol):
    """Labels whole messages. The same message gives the same label, whatever stands beside it.

    name, version   say in a plan what its labels are from
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...

    def detect(self, texts: Sequence[str]) -> list[str]:
        """A code ("en", "zh-cn" …) for each text, "und" where none can be told; never raises for a text."""
        ...


class DetectorMissing(ImportError):
    """The package or the function of a detector is not there; the message says how to get it."""


class DetectorFailed(RuntimeError):
    """A function of the user's raised an error for a message."""


def is_known(name: str) -> bool:
    """Whether `name` can be a detector: "ngrams", one of the packages, or "package.module:function"."""
    return name == NGRAMS or name in _PACKAGES or _FUNCTION.fullmatch(name) is not None


def missing(name: str) -> str | None:
    """What is missing for a detector and how to get it, None if nothing is. Loads no package."""
    if name == NGRAMS:
        return None
    module = name if name in _PACKAGES else name.partition(":")[0]
    try:
        found = util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if found:
        return None
    if name in _PACKAGES:
        return f"{name} is not installed: pip install {_PACKAGES[name]} (or 'driftglass[detectors]')"
    return f"there is no module {module} to import; install its package where driftglass runs"


@cache
def load(name: str, languages: tuple[str, ...] | None) -> Detector:
    """A detector, restricted to `languages` (codes of the profiles) where it can be, else of all that it knows.

    Raises DetectorMissing, ValueError for a name that is none.
    """
    if not is_known(name) or name == NGRAMS:
        raise ValueError(
            f"no detector {name}: write {', '.join(sorted(_PACKAGES))} or package.module:function"
        )
    cure = missing(name)
    if cure is not None:
        raise DetectorMissing(cure)
    if name not in _PACKAGES:
        from checks.text.detectors.own import Own

        return Own(name)
    made: Detector = import_module(f"checks.text.detectors.{name}").make(languages)
    return made


def label_all(detector: Detector, texts: Sequence[str]) -> list[str]:
    """The detector's labels in the codes of the profiles; "und" for a text without a letter."""
    spoken = [place for place, text in enumerate(texts) if any(map(str.isalpha, text))]
    labels = [UND] * len(texts)
    # Lone surrogates are no characters: most packages cannot take them.
    clean = [texts[place].encode("utf-8", "surrogatepass").decode("utf-8", "replace") for place in spoken]
    for place, code in zip(spoken, detector.detect(clean), strict=True):
        labels[place] = profile_code(code)
    return labels


def profile_code(code: str) -> str:
    """The code that the profiles have for what a detector says: "zh_Hans" is "zh-cn", "nb" is "no", "pt-BR" is "pt"."""
    code = code.strip().lower().replace("_", "-")
    if code in ("zh-cn", "zh-tw") or code in _CODES:
        return _CODES.get(code, code)
    base = code.partition("-")[0]
    return _CODES.get(base, base) or UND


def restricted(languages: tuple[str, ...] | None, known: Sequence[str]) -> list[str] | None:
    """Those of a detector's own codes that stand for the declared languages; None if fewer than two do."""
    if languages is None:
        return None
    own = sorted(code for code in known if profile_code(code) in languages)
    return own if len(own) >= 2 else None
