"""Learning a text plan: how common each language is, and which words are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text import spots
from checks.text.decoding import as_binary, buffers
from checks.text.detectors import NGRAMS
from checks.text.detectors.labels import version_of
from checks.text.kernels import frozen
from checks.text.language import Sources, sources, word_scores
from checks.text.own_profiles import OwnProfile
from checks.text.plan import UND, UND_LATIN, TextPlan, detector_versions
from checks.text.profiles import WIDTH, Profiles, check_own, profiles
from checks.text.reading import Read, batches, tagged
from checks.text.switching import STRANGERS, UND_COLUMN, Choice, choice
from checks.text.vocabulary import (
    Frequencies,
    document_frequencies,
    merge_frequencies,
    merge_phrases,
    spot_frequencies,
)

PRIOR_WEIGHT = (
    6.0  # of log(share of words) against a message's summed score, whose n-grams overlap and so overstate
)
LEAST_SHARE = 0.003  # of a language that was never seen: a long enough message still overcomes it
UNKNOWN_LATIN = -16.0  # nats against und-Latn where nothing was learnt
ROUNDS = 6
PRIOR_TEXTS = 20_000  # texts that the prior is learnt from
LEAST_EVIDENCE = 0.5  # nats that a pair must show which is mixed all the time
FIRST_EVIDENCE = 8.0  # nats that any pair must show in the first round


def learn(
    texts: pa.Array | pa.ChunkedArray,
    languages: tuple[str, ...] | None = None,
    seed: int = 0,
    *,
    own_profiles: Sequence[OwnProfile] = (),
    lexicon: bool = False,
    detector: str = NGRAMS,
) -> TextPlan:
    """A plan from reference texts. It depends on which texts there are, not on their order.

    `languages` restricts what is told apart (codes of langdetect's profiles; others raise ValueError);
    without it all 55
    are. The prior is the share of words of each language, found by expectation-maximisation from a flat
    start; more than
    20,000 different texts are thinned by a hash that `seed` salts. With no texts the prior is flat and no
    word is known.

    `own_profiles` (at most 7) are told apart beside them, named in `languages` or not; more, or two of one name, raise
    ValueError. `lexicon` counts how common each word is in each language, where wordfreq has a list; raises
    LexiconMissing where wordfreq is not installed. `detector`: what labels whole messages, see `detectors`; raises
    ValueError for a name that is none, DetectorMissing where it is not there.
    """
    check_own(own_profiles)
    names = {profile.name for profile in own_profiles}
    known = (*profiles().languages, *sorted(names))
    chosen = _checked(languages and (*languages, *names), known)
    named = (*chosen, UND, UND_LATIN)
    labelled_by = version_of(detector, named)
    words_by = sources(own_profiles, chosen if lexicon else ())
    table = word_scores(words_by).table
    read = list(batches(buffers(as_binary(texts))))
    total = sum(int((np.diff(batch.points.offsets) > 0).sum()) for batch in read)
    found = merge_frequencies([document_frequencies(batch.tokens) for batch in read])
    phrases = merge_phrases([_phrases(batch) for batch in read], total)
    log_prior = tuple(UNKNOWN_LATIN if language == UND_LATIN else 0.0 for language in named)
    evidence: dict[str, float] = {}
    otherwise = FIRST_EVIDENCE
    kept = _thinned(read, seed)
    for _ in range(ROUNDS if total else 0):
        among = choice(named, log_prior, evidence, otherwise, table.languages, table.script_of)
        spoken, pairs = _decoded(read, kept, among, words_by)
        log_prior = _log_prior(spoken, named, table)
        evidence, otherwise = _evidence(pairs, named, table), STRANGERS
    return TextPlan(
        named,
        log_prior,
        evidence,
        found.words,
        frozen(found.documents.astype(np.int32)),
        found.witnesses(),
        phrases.words,
        frozen(phrases.documents.astype(np.int32)),
        total,
        {**detector_versions(with_lexicon=lexicon), **labelled_by},
        words_by.own,
        lexicon,
        detector=detector,
    )


def _phrases(batch: Read) -> Frequencies:
    points, tokens = batch.points, batch.tokens
    found = [spots.phrases(points, tokens), spots.markers(points, tokens, batch.misread.broken)]
    return spot_frequencies(spots.together(found), tokens.content_hash)


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


def _decoded(
    read: list[Read], kept: list[npt.NDArray[np.bool_]], among: Choice, words_by: Sources
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Words per column, int64[64]; messages per first and second column, int64[64, 64], pure ones included."""
    words = np.zeros(WIDTH, np.int64)
    pairs = np.zeros(WIDTH * WIDTH, np.int64)
    for batch, keep in zip(read, kept, strict=True):
        tags = tagged(batch, among, words_by)
        counted = (tags.token >= 0) & np.repeat(keep, np.diff(batch.tokens.offsets))
        words += np.bincount(tags.token[counted], minlength=WIDTH)
        spoken = keep & (tags.counts[:, 0] >= 2)
        first = tags.language[spoken].astype(np.int64)
        second = np.where(tags.second[spoken] < 0, first, tags.second[spoken])
        pairs += np.bincount(first * WIDTH + second, minlength=WIDTH * WIDTH)
    return words, pairs.reshape(WIDTH, WIDTH)


def _columns(table: Profiles) -> dict[str, int]:
    named = {language: column for column, language in enumerate(table.languages)}
    return {**named, UND: UND_COLUMN, UND_LATIN: table.generic_latin}


def _log_prior(words: npt.NDArray[np.int64], named: tuple[str, ...], table: Profiles) -> tuple[float, ...]:
    columns = _columns(table)
    counts = np.array([words[columns[language]] for language in named], np.float64)
    shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    # Rounded to what the decoder resolves, so that the plan is the same on every machine.
    return tuple(round(float(PRIOR_WEIGHT * np.log(max(share, LEAST_SHARE))), 3) for share in shares)


def _evidence(pairs: npt.NDArray[np.int64], named: tuple[str, ...], table: Profiles) -> dict[str, float]:
    """Where one message in three mixes two languages, a word may do; where hardly any does, it is chance.

    Five nats per unit of the log-odds of mixing among the messages of either language; the pseudo-count
    stands for a stream of which little is known.
    """
    columns = _columns(table)
    needed: dict[str, float] = {}
    messages = pairs.sum(axis=1)
    for one, two in combinations(sorted(set(named) - {UND}), 2):
        a, b = columns[one], columns[two]
        mixed = int(pairs[a, b] + pairs[b, a])
        if mixed:
            rest = int(messages[a] + messages[b]) - mixed
            value = -5.0 * math.log((mixed + 0.25) / (rest + 48.0)) - 5.0
            if value < STRANGERS:
                needed[f"{one}+{two}"] = round(max(value, LEAST_EVIDENCE), 3)
    return needed
