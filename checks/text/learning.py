"""Learning a text plan: how common each language is, and which words are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.text import spots
from checks.text.calibration import calibrate_by
from checks.text.codes import ALIASES
from checks.text.decoding import Messages, as_binary, buffers
from checks.text.detectors import NGRAMS
from checks.text.detectors.labels import version_of
from checks.text.kernels import frozen
from checks.text.language import sources
from checks.text.own_profiles import OwnProfile
from checks.text.plan import UND, UND_LATIN, TextPlan, detector_versions
from checks.text.prior import flat, heard, learn_prior
from checks.text.profiles import check_own, profiles
from checks.text.reading import Read, annotate, batches
from checks.text.vocabulary import (
    Frequencies,
    document_frequencies,
    merge_frequencies,
    merge_phrases,
    spot_frequencies,
)

PRIOR_TEXTS = 20_000  # texts that the prior is learnt from


def learn(
    texts: Messages,
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
    read = list(batches(buffers(as_binary(texts))))
    total = sum(int((np.diff(batch.points.offsets) > 0).sum()) for batch in read)
    found = merge_frequencies([document_frequencies(batch.tokens) for batch in read])
    phrases = merge_phrases([_phrases(batch) for batch in read], total)
    kept = _thinned(read, seed)
    certain = frozenset(named) if languages is not None else frozenset(names)
    prior = learn_prior(read, kept, named, words_by, certain=certain)
    made = TextPlan(
        named,
        prior.log_prior,
        prior.evidence,
        found.words,
        frozen(found.documents.astype(np.int32)),
        found.witnesses(),
        phrases.words,
        frozen(phrases.documents.astype(np.int32)),
        total,
        {**detector_versions(with_lexicon=lexicon), **labelled_by},
        words_by.own,
        lexicon,
        prior.words_by.residual,
        detector=detector,
    )
    return replace(made, **_heard(read, kept, made))


def calibrated(plan: TextPlan, texts: Messages, mixed: npt.NDArray[np.bool_]) -> TextPlan:
    """The plan with a calibration of its share of mixed messages.

    `texts`: labelled messages; `mixed` bool[n]: whether each truly uses two languages. They should be drawn at random
    from mixed and from other messages of the same source. Raises CalibrationError, see `calibration.calibrate`.
    """
    return replace(plan, calibration=calibrate_by(annotate(as_binary(texts), plan), mixed))


def _heard(read: list[Read], kept: list[npt.NDArray[np.bool_]], plan: TextPlan) -> dict[str, Any]:
    """`flat_counts` and `flat_total` of the texts that the prior is learnt from."""
    if not read:
        return {}
    prior = flat(plan.flat_languages, plan.flat_sources)
    speaks, told = heard(read, prior)
    told &= np.concatenate(kept)
    counts = {code: int(speaks[told, prior.columns[code]].sum()) for code in prior.languages}
    return {"flat_counts": {code: n for code, n in counts.items() if n}, "flat_total": int(told.sum())}


def _phrases(batch: Read) -> Frequencies:
    points, tokens = batch.points, batch.tokens
    found = [spots.phrases(points, tokens), spots.markers(points, tokens, batch.misread.broken)]
    return spot_frequencies(spots.together(found), tokens.content_hash)


def _checked(languages: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if languages is None:
        return known
    wanted = {ALIASES.get(language, (language,)) for language in languages}
    codes = sorted({code for alias in wanted for code in alias} - {UND, UND_LATIN})
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise ValueError(f"no profile for language {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(codes)


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
