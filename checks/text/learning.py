"""Learning a text plan: how common each language is, and which words are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.characters import as_binary, buffers
from checks.text.plan import UND, UND_LATIN, TextPlan, detector_versions
from checks.text.profiles import WIDTH, profiles
from checks.text.reading import Read, batches, tagged
from checks.text.switching import UND_COLUMN, choice
from checks.text.vocabulary import document_frequencies, merge_frequencies

PRIOR_WEIGHT = 16.0  # of log(share of words) against a message's summed score
LEAST_SHARE = 0.005  # of a language that was never seen: a long enough message still overcomes it
ROUNDS = 4
PRIOR_TEXTS = 20_000  # texts that the prior is learnt from


def learn(
    texts: pa.Array | pa.ChunkedArray, languages: tuple[str, ...] | None = None, seed: int = 0
) -> TextPlan:
    """A plan from reference texts. It depends on which texts there are, not on their order.

    `languages` restricts what is told apart (codes of langdetect's profiles; others raise ValueError);
    without it all 55
    are. The prior is the share of words of each language, found by expectation-maximisation from a flat
    start; more than
    20,000 different texts are thinned by a hash that `seed` salts. With no texts the prior is flat and no
    word is known.
    """
    table = profiles()
    chosen = _checked(languages, table.languages)
    named = (*chosen, UND, UND_LATIN)
    read = list(batches(buffers(as_binary(texts))))
    total = sum(int((np.diff(batch.points.offsets) > 0).sum()) for batch in read)
    words, documents = merge_frequencies(
        [document_frequencies(batch.tokens.offsets, batch.tokens.hash, batch.tokens.kind) for batch in read]
    )
    log_prior = _flat(len(named))
    kept = _thinned(read, seed)
    for _ in range(ROUNDS if read else 0):
        counted = _language_words(read, kept, named, log_prior)
        log_prior = _log_prior(counted, named)
    return TextPlan(named, log_prior, words, documents, total, detector_versions())


def _checked(languages: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if languages is None:
        return known
    wanted = {_ALIASES.get(language, (language,)) for language in languages}
    codes = sorted({code for alias in wanted for code in alias} - {UND, UND_LATIN})
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise ValueError(f"no profile for language {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(codes)


# What people write for the codes of the profiles.
_ALIASES: dict[str, tuple[str, ...]] = {
    "zh": ("zh-cn", "zh-tw"),
    "nb": ("no",),
    "nn": ("no",),
    "fil": ("tl",),
    "iw": ("he",),
}


def _flat(count: int) -> tuple[float, ...]:
    return (0.0,) * count


def _thinned(read: list[Read], seed: int) -> list[npt.NDArray[np.bool_]]:
    """Which messages of each batch the prior is learnt from: all, or those of the smallest salted content
    hashes."""
    salt = np.uint64((seed * 2 + 1) & 0xFFFFFFFFFFFFFFFF)
    ranks = [
        (batch.tokens.content_hash.astype(np.uint64) * salt)
        ^ (batch.tokens.content_hash.astype(np.uint64) >> np.uint64(7))
        for batch in read
    ]
    distinct = np.unique(np.concatenate(ranks)) if ranks else np.zeros(0, np.uint64)
    if len(distinct) <= PRIOR_TEXTS:
        return [np.ones(len(rank), np.bool_) for rank in ranks]
    return [rank < distinct[PRIOR_TEXTS] for rank in ranks]


def _language_words(
    read: list[Read], kept: list[npt.NDArray[np.bool_]], named: tuple[str, ...], log_prior: tuple[float, ...]
) -> npt.NDArray[np.int64]:
    table = profiles()
    among = choice(named, log_prior, table.languages, table.script_of)
    counted = np.zeros(WIDTH, np.int64)
    for batch, keep in zip(read, kept, strict=True):
        tags = tagged(batch, among).token
        counted += np.bincount(
            tags[(tags >= 0) & np.repeat(keep, np.diff(batch.tokens.offsets))], minlength=WIDTH
        )
    return counted


def _log_prior(counted: npt.NDArray[np.int64], named: tuple[str, ...]) -> tuple[float, ...]:
    table = profiles()
    columns = {
        **{language: column for column, language in enumerate(table.languages)},
        UND: UND_COLUMN,
        UND_LATIN: table.generic_latin,
    }
    words = np.array([counted[columns[language]] for language in named], np.float64)
    shares = (words + 0.5) / (words.sum() + 0.5 * len(words))
    # Rounded to what the decoder resolves, so that the plan is the same on every machine.
    return tuple(round(float(PRIOR_WEIGHT * np.log(max(share, LEAST_SHARE))), 3) for share in shares)
