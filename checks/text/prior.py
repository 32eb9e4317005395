"""What reference texts say of languages: how common each is, which are mixed, and whether one is spoken that no profile
fits.

Expectation-maximisation from a flat start: decode, count, decode again with what was counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.language import Sources, word_scores
from checks.text.own_profiles import folded
from checks.text.plan import UND, UND_LATIN
from checks.text.profiles import WIDTH, Profiles
from checks.text.reading import Read, tagged
from checks.text.residual import (
    LEAST_SHARE as LEAST_RESIDUAL,
)
from checks.text.residual import (
    LEAST_WORDS,
    Residual,
    Spoken,
    learnt_from,
    strangers,
)
from checks.text.switching import STRANGERS, UND_COLUMN, Choice, choice

PRIOR_WEIGHT = (
    6.0  # of log(share of words) against a message's summed score, whose n-grams overlap and so overstate
)
LEAST_SHARE = 0.003  # of a language that was never seen: a long enough message still overcomes it
UNKNOWN_LATIN = -16.0  # nats against und-Latn where nothing was learnt
LEAST_LOG_PRIOR = round(PRIOR_WEIGHT * math.log(LEAST_SHARE), 3)
ROUNDS = 6
LEAST_TOKENS = 3  # words of a message that say something of its language
RESIDUAL_ROUNDS = 3  # after each of the two times that the residual language is learnt
LEAST_EVIDENCE = 0.5  # nats that a pair must show which is mixed all the time
FIRST_EVIDENCE = 8.0  # nats that any pair must show in the first round


@dataclass(frozen=True)
class Prior:
    """What a message is read with.

    languages, log_prior, evidence as in TextPlan; otherwise: nats that a pair which is not in `evidence` must gain;
    words_by: what words are scored by
    """

    languages: tuple[str, ...]
    log_prior: tuple[float, ...]
    evidence: dict[str, float]
    otherwise: float
    words_by: Sources

    @property
    def table(self) -> Profiles:
        return word_scores(self.words_by).table

    @property
    def choice(self) -> Choice:
        table = self.table
        return choice(
            *(self.languages, self.log_prior, self.evidence, self.otherwise),
            *(table.languages, table.script_of),
        )

    @property
    def columns(self) -> dict[str, int]:
        """The score column of each language."""
        named = {language: column for column, language in enumerate(self.table.languages)}
        return {**named, UND: UND_COLUMN, UND_LATIN: self.table.generic_latin}

    def strangers(self, spoken: Spoken, columns: Sequence[int]) -> list[int]:
        """Those of `columns` whose words are of another language than theirs."""
        unlisted = word_scores(self.words_by).known.unlisted[self.table.generic_latin]
        return strangers(spoken, columns, self.table, int(unlisted))


def flat(languages: tuple[str, ...], words_by: Sources, otherwise: float = STRANGERS) -> Prior:
    """No language likelier than another; `und-Latn` only where a residual language is known or nothing comes near."""
    unknown = UNKNOWN_LATIN if words_by.residual is None else 0.0
    log_prior = tuple(unknown if language == UND_LATIN else 0.0 for language in languages)
    return Prior(languages, log_prior, {}, otherwise, words_by)


def learn_prior(
    read: Sequence[Read],
    kept: Sequence[npt.NDArray[np.bool_]],
    languages: tuple[str, ...],
    words_by: Sources,
    *,
    certain: frozenset[str],
) -> Prior:
    """The prior of some texts. `kept`: bool[n] per batch, which of its messages are looked at.

    certain: languages that are there because the user says so; words that were read as another one may turn out to be
    of the residual language.
    """
    prior = flat(languages, words_by, FIRST_EVIDENCE)
    if not any(keep.any() for keep in kept):
        return replace(prior, otherwise=STRANGERS)
    prior = _rounds(ROUNDS, prior, read, kept)
    spoken = spoken_words(read, kept, prior)
    latin = prior.table.script_of[SCRIPTS.index("Latin")]
    doubtful = [
        prior.columns[code] for code in languages if code not in certain and code not in (UND, UND_LATIN)
    ]
    unknown = prior.table.generic_latin
    strange = prior.strangers(spoken, [c for c in doubtful if latin[c]] + [unknown])
    per_column = spoken.counts.sum(axis=0)
    pool = sorted({*strange, unknown})
    words = int(per_column[pool].sum())
    if not strange or words < max(LEAST_WORDS, LEAST_RESIDUAL * per_column[latin].sum()):
        return prior
    prior = _with_residual(prior, learnt_from(spoken, pool), strange, words / int(per_column.sum()))
    prior = _rounds(RESIDUAL_ROUNDS, prior, read, kept)
    again = spoken_words(read, kept, prior)
    prior = replace(prior, words_by=replace(prior.words_by, residual=learnt_from(again, [unknown])))
    return _rounds(RESIDUAL_ROUNDS, prior, read, kept)


def _with_residual(prior: Prior, residual: Residual, strange: Sequence[int], share: float) -> Prior:
    """The residual language is as common as its words; the languages that they were taken for are not there."""
    gone = {code for code, column in prior.columns.items() if column in strange}
    now = {
        **dict(zip(prior.languages, prior.log_prior, strict=True)),
        **{code: _log(LEAST_SHARE) for code in gone},
        UND_LATIN: _log(share),
    }
    return replace(
        prior,
        log_prior=tuple(now[language] for language in prior.languages),
        words_by=replace(prior.words_by, residual=residual),
    )


def _rounds(count: int, prior: Prior, read: Sequence[Read], kept: Sequence[npt.NDArray[np.bool_]]) -> Prior:
    for _ in range(count):
        words, pairs = _decoded(read, kept, prior)
        prior = replace(
            prior,
            log_prior=_log_prior(words, prior),
            evidence=_evidence(pairs, prior),
            otherwise=STRANGERS,
        )
    return prior


def _decoded(
    read: Sequence[Read], kept: Sequence[npt.NDArray[np.bool_]], prior: Prior
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Words per column, int64[64]; messages per first and second column, int64[64, 64], pure ones included."""
    words = np.zeros(WIDTH, np.int64)
    pairs = np.zeros(WIDTH * WIDTH, np.int64)
    among = prior.choice
    for batch, keep in zip(read, kept, strict=True):
        tags = tagged(batch, among, prior.words_by)
        counted = (tags.token >= 0) & np.repeat(keep, np.diff(batch.tokens.offsets))
        words += np.bincount(tags.token[counted], minlength=WIDTH)
        spoken = keep & (tags.counts[:, 0] >= 2)
        first = tags.language[spoken].astype(np.int64)
        second = np.where(tags.second[spoken] < 0, first, tags.second[spoken])
        pairs += np.bincount(first * WIDTH + second, minlength=WIDTH * WIDTH)
    return words, pairs.reshape(WIDTH, WIDTH)


def spoken_words(read: Sequence[Read], kept: Sequence[npt.NDArray[np.bool_]], prior: Prior) -> Spoken:
    """The different words of the kept messages in Latin letters, and what they were read as."""
    among, scores = prior.choice, word_scores(prior.words_by)
    latin = SCRIPTS.index("Latin")
    texts: dict[int, str] = {}
    counts: dict[int, npt.NDArray[np.int64]] = {}
    rows: dict[int, npt.NDArray[np.int16]] = {}
    for batch, keep in zip(read, kept, strict=True):
        tokens = batch.tokens
        tags = tagged(batch, among, prior.words_by)
        said = (tags.token >= 0) & (tokens.script == latin) & np.repeat(keep, np.diff(tokens.offsets))
        places = np.flatnonzero(said)
        words, first, of = np.unique(tokens.hash[places], return_index=True, return_inverse=True)
        per_word = np.zeros((len(words), WIDTH), np.int64)
        np.add.at(per_word, (of, tags.token[places].astype(np.int64)), 1)
        with scores.lock:
            scored = scores.rows[scores.of(batch.points, tokens)[places[first]]]
        for k, word in enumerate(words.tolist()):
            if word in counts:
                counts[word] += per_word[k]
                continue
            place = places[first[k]]
            letters = batch.points.points[tokens.start[place] : tokens.end[place]]
            texts[word] = folded("".join(map(chr, letters)))
            counts[word], rows[word] = per_word[k], scored[k]
    order = sorted(counts)
    return Spoken(
        [texts[word] for word in order],
        np.array(order, np.int64),
        np.array([counts[word] for word in order], np.int64).reshape(-1, WIDTH),
        np.array([rows[word] for word in order], np.int16).reshape(-1, WIDTH),
    )


def heard(read: Sequence[Read], prior: Prior) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which messages speak which column's language, bool[n, 64], and which are of three words or more, bool[n]."""
    among = prior.choice
    tags = [tagged(batch, among, prior.words_by) for batch in read]
    first = np.concatenate([tag.language for tag in tags])
    second = np.concatenate([tag.second for tag in tags])
    told = np.concatenate([tag.counts[:, 0] for tag in tags]) >= LEAST_TOKENS
    speaks = np.zeros((len(first), WIDTH), np.bool_)
    speaks[np.arange(len(first)), first] = True
    speaks[np.flatnonzero(second >= 0), second[second >= 0]] = True
    return speaks, told


def _log(share: float) -> float:
    # Rounded to what the decoder resolves, so that the plan is the same on every machine.
    return round(PRIOR_WEIGHT * math.log(max(share, LEAST_SHARE)), 3)


def _log_prior(words: npt.NDArray[np.int64], prior: Prior) -> tuple[float, ...]:
    columns = prior.columns
    counts = [int(words[columns[language]]) for language in prior.languages]
    total = sum(counts) + 0.5 * len(counts)
    return tuple(_log((count + 0.5) / total) for count in counts)


def _evidence(pairs: npt.NDArray[np.int64], prior: Prior) -> dict[str, float]:
    """Where one message in three mixes two languages, a word may do; where hardly any does, it is chance.

    Five nats per unit of the log-odds of mixing among the messages of either language; the pseudo-count
    stands for a stream of which little is known.
    """
    columns = prior.columns
    needed: dict[str, float] = {}
    messages = pairs.sum(axis=1)
    for one, two in combinations(sorted(set(prior.languages) - {UND}), 2):
        a, b = columns[one], columns[two]
        mixed = int(pairs[a, b] + pairs[b, a])
        if mixed:
            rest = int(messages[a] + messages[b]) - mixed
            value = -5.0 * math.log((mixed + 0.25) / (rest + 48.0)) - 5.0
            if value < STRANGERS:
                needed[f"{one}+{two}"] = round(max(value, LEAST_EVIDENCE), 3)
    return needed
