"""How common words are in some forty languages, from the optional package wordfreq.

wordfreq's lists are read where texts are counted, only those of the languages asked for, and kept as hashes.
"""

from __future__ import annotations

from importlib import metadata, util

import numpy as np

from checks.text.known_words import WordList, hashes_of

COMMONEST = 30_000  # words of a list; those beyond are one in a hundred words of a text
CURE = "the lexicon needs wordfreq, which is not installed: pip install 'driftglass[lexicon]'"
# Codes of the profiles whose lists have another name. Scripts without spaces are cut in pairs here: no list fits.
_NAMES = {"no": "nb", "tl": "fil", "hr": "sh"}
_WITHOUT_SPACES = ("ja", "ko", "th", "zh-cn", "zh-tw")


class LexiconMissing(ImportError):
    """The lexicon is asked for and wordfreq is not installed."""

    def __init__(self) -> None:
        super().__init__(CURE)


def is_installed() -> bool:
    """Whether wordfreq is there; does not load it."""
    return util.find_spec("wordfreq") is not None


def version() -> str:
    """Of wordfreq and its lists. Raises LexiconMissing."""
    try:
        return metadata.version("wordfreq")
    except metadata.PackageNotFoundError as error:
        raise LexiconMissing from error


def word_list(language: str) -> WordList | None:
    """The commonest words of a language (a profile's code), None if wordfreq has no list that fits.

    Raises LexiconMissing.
    """
    if not is_installed():
        raise LexiconMissing
    import wordfreq

    name = _NAMES.get(language, language)
    if language in _WITHOUT_SPACES or name not in wordfreq.available_languages("small"):
        return None
    words: list[str] = []
    shares: list[float] = []
    for centibels, bucket in enumerate(wordfreq.get_frequency_list(name, "small")):
        words += bucket
        shares += [10 ** (-centibels / 100)] * len(bucket)
    wordfreq.get_frequency_list.cache_clear()  # it would keep the words of every language as strings, 100 MB
    hashes, at = hashes_of(words[:COMMONEST])
    return WordList(hashes, np.array(shares)[at])
