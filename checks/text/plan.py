"""What the text detectors have learnt from reference texts, and what makes their verdicts repeatable."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.text import encoding, lexicon, mojibake, obfuscation, switching
from checks.text.calibration import Calibration
from checks.text.characters import character_table
from checks.text.detectors import NGRAMS
from checks.text.kernels import frozen
from checks.text.language import Sources, sources, word_scores
from checks.text.own_profiles import OwnProfile
from checks.text.profiles import WIDTH, profiles
from checks.text.residual import Residual
from checks.text.vocabulary import hash_table

UND = "und"
UND_LATIN = "und-Latn"


def detector_versions(*, with_lexicon: bool = False) -> dict[str, str]:
    """Everything outside the plan that a verdict depends on. Raises LexiconMissing."""
    return {
        **({"wordfreq": lexicon.version()} if with_lexicon else {}),
        "unicode": character_table().version,
        "langdetect": profiles().version,
        "switching": switching.VERSION,
        "encoding": encoding.VERSION,
        "mojibake": mojibake.VERSION,
        "obfuscation": obfuscation.VERSION,
    }


@dataclass(frozen=True, eq=False)
class TextPlan:
    """How the texts of one column are read; learnt once, then frozen.

    languages   codes; the last two are "und" (no language can be told) and "und-Latn" (Latin script, but no
                language that is known)
    log_prior   float per language: what a message's summed score starts with, in nats; of "und" unused
    evidence    per pair ("de+tr", sorted codes) the nats that the second language must gain before a message
                counts as mixed; pairs never seen mixed are not listed and need `switching.STRANGERS`
    vocabulary  int64[V], sorted: hashes of the known words
    documents   int32[V]: learning texts that hold each word
    witnesses   int64[W], sorted: hashes of (word, text) for the words of a single learning text
    phrases     int64[P], sorted: hashes of the known phrases of two words, hashtags and emoji
    phrase_documents  int32[P]: learning texts that hold each
    total       learning texts
    versions    of detectors and data
    own_profiles  the user's own language profiles, in the order of their names
    lexicon     whether the common words of the languages count
    detector    what the language of a whole message is from: "ngrams", or a name of `detectors`
    residual    how "und-Latn" looks, where the learning texts hold a language of no profile
    calibration  how its mixing errs, where messages were labelled
    flat_counts learning texts per language, and flat_total all, read with no language likelier than another
    """

    languages: tuple[str, ...]
    log_prior: tuple[float, ...]
    evidence: Mapping[str, float]
    vocabulary: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int32]
    witnesses: npt.NDArray[np.int64]
    phrases: npt.NDArray[np.int64]
    phrase_documents: npt.NDArray[np.int32]
    total: int
    versions: Mapping[str, str]
    own_profiles: tuple[OwnProfile, ...] = ()
    lexicon: bool = False
    residual: Residual | None = None
    flat_counts: Mapping[str, int] = field(default_factory=dict)
    flat_total: int = 0
    detector: str = NGRAMS
    calibration: Calibration | None = None

    @cached_property
    def sources(self) -> Sources:
        """What its words are scored by."""
        return sources(self.own_profiles, self.languages if self.lexicon else (), self.residual)

    @property
    def flat_languages(self) -> tuple[str, ...]:
        """All languages that can be told apart, declared or not."""
        return (*profiles().languages, *(profile.name for profile in self.own_profiles), UND, UND_LATIN)

    @property
    def flat_sources(self) -> Sources:
        """What words are scored by where no language is likelier than another."""
        return sources(self.own_profiles, residual=self.residual)

    @cached_property
    def known_words(self) -> npt.NDArray[np.int64]:
        """The whole vocabulary as an open-addressing table."""
        return hash_table(self.vocabulary)

    @cached_property
    def common_words(self) -> npt.NDArray[np.int64]:
        """The words of two learning texts or more, as an open-addressing table."""
        return hash_table(self.vocabulary[self.documents > 1])

    @cached_property
    def rare_words(self) -> npt.NDArray[np.int64]:
        """The words of a single learning text, as an open-addressing table."""
        return hash_table(self.vocabulary[self.documents == 1])

    @cached_property
    def witness_table(self) -> npt.NDArray[np.int64]:
        """`witnesses` as an open-addressing table."""
        return hash_table(self.witnesses)

    @cached_property
    def choice(self) -> switching.Choice:
        """The plan's languages as the decoder wants them."""
        table = word_scores(self.sources).table
        return switching.choice(
            self.languages,
            self.log_prior,
            self.evidence,
            switching.STRANGERS,
            table.languages,
            table.script_of,
        )

    @cached_property
    def column_to_language(self) -> npt.NDArray[np.int16]:
        """int16[65]: index into `languages` of a score column; the last entry, for column -1, is -1."""
        table = word_scores(self.sources).table
        columns = np.full(WIDTH + 1, -1, np.int16)
        for index, language in enumerate(self.languages):
            if language == UND:
                columns[switching.UND_COLUMN] = index
            elif language == UND_LATIN:
                columns[table.generic_latin] = index
            else:
                columns[table.languages.index(language)] = index
        return columns

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical: equal plans give equal dicts."""
        return {
            "languages": list(self.languages),
            "log_prior": list(self.log_prior),
            "evidence": dict(sorted(self.evidence.items())),
            "vocabulary": _packed(np.diff(self.vocabulary, prepend=np.int64(0)).astype("<i8")),
            "documents": _packed(self.documents.astype("<i4")),
            "witnesses": _packed(np.diff(self.witnesses, prepend=np.int64(0)).astype("<i8")),
            "phrases": _packed(np.diff(self.phrases, prepend=np.int64(0)).astype("<i8")),
            "phrase_documents": _packed(self.phrase_documents.astype("<i4")),
            "total": self.total,
            "versions": dict(sorted(self.versions.items())),
            "profiles": [profile.to_dict() for profile in self.own_profiles],
            "lexicon": self.lexicon,
            "detector": self.detector,
            "residual": self.residual.to_dict() if self.residual else None,
            "flat_counts": dict(sorted(self.flat_counts.items())),
            "flat_total": self.flat_total,
            # Left out without one: most plans have none, and their hash does not ask for it.
            **({"calibration": self.calibration.to_dict()} if self.calibration else {}),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> TextPlan:
        """The plan that `to_dict` wrote. Raises KeyError, ValueError for a body that is not one."""
        vocabulary = np.cumsum(_unpacked(body["vocabulary"], "<i8"), dtype=np.int64)
        documents = _unpacked(body["documents"], "<i4").astype(np.int32)
        if len(vocabulary) != len(documents):
            raise ValueError(f"text plan holds {len(vocabulary)} words but {len(documents)} document counts")
        return cls(
            languages=tuple(body["languages"]),
            log_prior=tuple(float(value) for value in body["log_prior"]),
            evidence={pair: float(value) for pair, value in body["evidence"].items()},
            vocabulary=frozen(vocabulary),
            documents=frozen(documents),
            witnesses=frozen(np.cumsum(_unpacked(body["witnesses"], "<i8"), dtype=np.int64)),
            phrases=frozen(np.cumsum(_unpacked(body["phrases"], "<i8"), dtype=np.int64)),
            phrase_documents=frozen(_unpacked(body["phrase_documents"], "<i4").astype(np.int32)),
            total=int(body["total"]),
            versions=dict(body["versions"]),
            own_profiles=tuple(OwnProfile.from_dict(profile) for profile in body["profiles"]),
            lexicon=bool(body["lexicon"]),
            detector=str(body["detector"]),
            residual=Residual.from_dict(body["residual"]) if body["residual"] else None,
            flat_counts={code: int(count) for code, count in body["flat_counts"].items()},
            flat_total=int(body["flat_total"]),
            calibration=Calibration.from_dict(body["calibration"]) if "calibration" in body else None,
        )


def _packed(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 6)).decode("ascii")


def _unpacked(text: str, dtype: str) -> npt.NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)
