"""Code-switching: which languages a message is in, word by word, and the measures of how they are mixed.

A message is decoded with at most two languages. Words of different scripts cannot be of the same language
(Japanese and
Chinese apart), so the choice between languages is made within the script of most words; a second script makes
the
message mixed by itself, if there are enough words of it that are not mere names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.flags import TOKEN_CAPITAL
from checks.text.kernels import frozen, kernel
from checks.text.profiles import STEPS, WIDTH

VERSION = "1"
# In steps of the n-gram scores (29 to the nat).
ADVANTAGE = int(1.0 * STEPS)  # what a word must be better by in the second language before it counts for it
SWITCH = int(3.0 * STEPS)  # cost of a switch point
EVIDENCE = int(4.0 * STEPS)  # what the second language must gain over one language alone
FORBIDDEN = -(1 << 30)

_GROUPS = (
    ("Latin",),
    ("Cyrillic",),
    ("Greek",),
    ("Arabic",),
    ("Hebrew",),
    ("Devanagari",),
    ("Bengali",),
    ("Gurmukhi",),
    ("Gujarati",),
    ("Tamil",),
    ("Telugu",),
    ("Kannada",),
    ("Malayalam",),
    ("Thai",),
    ("Han", "Hiragana", "Katakana"),
    ("Hangul",),
    ("Armenian", "Georgian", "Ethiopic", "other"),
)
GROUP_OF_SCRIPT = np.full(len(SCRIPTS), -1, np.int8)
for _group, _names in enumerate(_GROUPS):
    for _name in _names:
        GROUP_OF_SCRIPT[SCRIPTS.index(_name)] = _group
GROUPS = len(_GROUPS)

UND_COLUMN = WIDTH - 1  # in the kernels: language that no allowed profile can be

# Languages so close that words of one in a text of the other are noise, not a mixture.
_KIN: tuple[tuple[str, ...], ...] = (
    ("no", "da", "sv"),
    ("cs", "sk"),
    ("hr", "sl"),
    ("bg", "mk"),
    ("hi", "mr", "ne"),
    ("ar", "fa", "ur"),
    ("af", "nl"),
    ("zh-cn", "zh-tw", "ja"),
    ("lt", "lv"),
    ("et", "fi"),
    ("id", "tl"),
    ("ca", "es"),
)


@dataclass(frozen=True)
class Choice:
    """Which columns of the score table a plan allows, and how likely each is before a word is read.

    prior  int32[64], steps of a score; column_group int8[64], -1 for columns that are not allowed; kin
           int8[64]
    """

    prior: npt.NDArray[np.int32]
    column_group: npt.NDArray[np.int8]
    kin: npt.NDArray[np.int8]


def choice(
    languages: Sequence[str],
    log_prior: Sequence[float],
    all_languages: Sequence[str],
    script_of: npt.NDArray[np.bool_],
) -> Choice:
    """The choice among `languages`; `und-Latn` is the column after the last language, `und` has none.

    log_prior: per language, in nats of a message's summed score. script_of: bool[len(SCRIPTS), 64].
    """
    prior = np.full(WIDTH, FORBIDDEN, np.int32)
    group = np.full(WIDTH, -1, np.int8)
    kin = np.full(WIDTH, -1, np.int8)
    columns = {language: column for column, language in enumerate(all_languages)}
    columns["und-Latn"] = len(all_languages)
    for language, value in zip(languages, log_prior, strict=True):
        if language not in columns:
            continue
        column = columns[language]
        prior[column] = round(value * STEPS)
        group[column] = GROUP_OF_SCRIPT[int(np.flatnonzero(script_of[:, column])[0])]
    for index, members in enumerate(_KIN):
        for member in members:
            kin[columns[member]] = index
    return Choice(frozen(prior), frozen(group), frozen(kin))


@dataclass(frozen=True)
class Tags:
    """The languages of some messages, as columns of the score table (`UND_COLUMN` for und, -1 for none).

    language, second int16[n]; margin float32[n] nats; language_tokens, dominant_tokens, switches int32[n];
    token int16[T]
    """

    language: npt.NDArray[np.int16]
    second: npt.NDArray[np.int16]
    margin: npt.NDArray[np.float32]
    language_tokens: npt.NDArray[np.int32]
    dominant_tokens: npt.NDArray[np.int32]
    switches: npt.NDArray[np.int32]
    token: npt.NDArray[np.int16]


def tag(
    ids: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int16],
    offsets: npt.NDArray[np.int64],
    scripts: npt.NDArray[np.uint8],
    kinds: npt.NDArray[np.uint16],
    among: Choice,
) -> Tags:
    """Decode every message. `ids` and `rows` are those of `language.WordScores`, the rest those of
    `tokens.Tokens`."""
    count, words = len(offsets) - 1, len(ids)
    made = Tags(
        np.full(count, UND_COLUMN, np.int16),
        np.full(count, -1, np.int16),
        np.zeros(count, np.float32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.full(words, -1, np.int16),
    )
    longest = int(np.diff(offsets).max()) if count else 0
    _tag(
        ids,
        rows,
        offsets,
        scripts,
        kinds,
        among.prior,
        among.column_group,
        among.kin,
        np.zeros((longest, 2), np.uint8),
        made.language,
        made.second,
        made.margin,
        made.language_tokens,
        made.dominant_tokens,
        made.switches,
        made.token,
    )
    return made


@kernel
def _best(total, prior, column_group, group):  # type: ignore[no-untyped-def]
    """The column of a group with the highest total + prior, -1 if the group has none; and its lead over the
    next."""
    best, lead, top = -1, np.int64(0), np.int64(0)
    found = False
    for column in range(WIDTH):
        if column_group[column] != group:
            continue
        value = np.int64(total[column]) + prior[column]
        if best < 0:
            best, top = column, value
        elif value > top:
            best, lead, top, found = column, value - top, value, True
        elif not found or top - value < lead:
            lead, found = top - value, True
    return best, lead


@kernel
def _totals(ids, rows, first, last, groups, scripts, group, total):  # type: ignore[no-untyped-def]
    total[:] = 0
    for t in range(first, last):
        if ids[t] >= 0 and groups[scripts[t]] == group:
            row = rows[ids[t]]
            for column in range(WIDTH):
                total[column] += np.int32(row[column])


@kernel
def _partner(ids, rows, first, last, groups, scripts, kinds, group, main, prior, column_group, kin, gain):  # type: ignore[no-untyped-def]
    """The column that explains best what `main` explains badly, -1 if there is no other one."""
    gain[:] = 0
    for t in range(first, last):
        if ids[t] < 0 or groups[scripts[t]] != group:
            continue
        row = rows[ids[t]]
        bar = np.int32(row[main]) + ADVANTAGE
        shift = 1 if kinds[t] & TOKEN_CAPITAL else 0
        for column in range(WIDTH):
            more = np.int32(row[column]) - bar
            gain[column] += (more if more > 0 else 0) >> shift
    best, top = -1, np.int64(0)
    for column in range(WIDTH):
        if column == main or column_group[column] != group or (kin[column] >= 0 and kin[column] == kin[main]):
            continue
        value = np.int64(gain[column]) + min(0, prior[column] - prior[main])
        if best < 0 or value > top:
            best, top = column, value
    return best, top


@kernel
def _viterbi(ids, rows, first, last, groups, scripts, kinds, group, main, other, back, tags):  # type: ignore[no-untyped-def]
    """Tag the words of a group with two languages; returns what the path gains over `main` alone."""
    here, there = (
        np.int64(0),
        np.int64(-SWITCH),
    )  # of the best path that ends in main, in other; main alone is 0
    for t in range(first, last):
        if ids[t] < 0 or groups[scripts[t]] != group:
            continue
        more = np.int64(rows[ids[t], other]) - np.int64(rows[ids[t], main])
        if kinds[t] & TOKEN_CAPITAL:
            more >>= 1
        back[t - first, 0] = 1 if there - SWITCH > here else 0
        back[t - first, 1] = 0 if here - SWITCH > there else 1
        stay = max(here, there - SWITCH)
        there = max(there, here - SWITCH) + more
        here = stay
    state = 1 if there > here else 0
    won = max(here, there)
    for t in range(last - 1, first - 1, -1):
        if ids[t] < 0 or groups[scripts[t]] != group:
            continue
        tags[t] = other if state else main
        state = back[t - first, state]
    return won


@kernel
def _tag_one(ids, rows, first, last, groups, scripts, kinds, group, column, tags):  # type: ignore[no-untyped-def]
    for t in range(first, last):
        if ids[t] >= 0 and groups[scripts[t]] == group:
            tags[t] = column


@kernel
def _tag(  # type: ignore[no-untyped-def]
    ids,
    rows,
    offsets,
    scripts,
    kinds,
    prior,
    column_group,
    kin,
    back,
    language,
    second,
    margin,
    counted,
    dominant,
    switches,
    tags,
):
    groups = GROUP_OF_SCRIPT
    per_group = np.zeros(GROUPS, np.int64)
    names = np.zeros(GROUPS, np.int64)
    total = np.zeros(WIDTH, np.int32)
    gain = np.zeros(WIDTH, np.int32)
    for message in range(len(offsets) - 1):
        first, last = offsets[message], offsets[message + 1]
        per_group[:] = 0
        names[:] = 0
        for t in range(first, last):
            group = groups[scripts[t]]
            if ids[t] >= 0 and group >= 0:
                per_group[group] += 1
                names[group] += 1 if kinds[t] & TOKEN_CAPITAL else 0
        group, extra = 0, -1
        for g in range(1, GROUPS):
            if per_group[g] > per_group[group]:
                group = g
        if per_group[group] == 0:
            continue
        for g in range(GROUPS):
            if g != group and per_group[g] > 0 and (extra < 0 or per_group[g] > per_group[extra]):
                extra = g
        _totals(ids, rows, first, last, groups, scripts, group, total)
        main, lead = _best(total, prior, column_group, group)
        other = -1
        if main >= 0:
            margin[message] = lead / STEPS
            other, value = _partner(
                ids, rows, first, last, groups, scripts, kinds, group, main, prior, column_group, kin, gain
            )
            if other >= 0 and value >= EVIDENCE:
                # With the partner known, another main language may fit the rest better.
                refined, _ = _best_beside(
                    ids, rows, first, last, groups, scripts, group, other, prior, column_group, kin, gain
                )
                main = refined if refined >= 0 else main
                handicap = min(0, prior[other] - prior[main])
                won = _viterbi(ids, rows, first, last, groups, scripts, kinds, group, main, other, back, tags)
                if won + handicap < EVIDENCE:
                    other = -1
            else:
                other = -1
        else:
            main = UND_COLUMN
        if other < 0:
            _tag_one(ids, rows, first, last, groups, scripts, kinds, group, main, tags)
            # Names and brands of another script do not make a mixture: two plain words do, or four
            # capitalised ones.
            if extra >= 0 and 2 * per_group[extra] - names[extra] >= 4:
                _totals(ids, rows, first, last, groups, scripts, extra, total)
                other, _ = _best(total, prior, column_group, extra)
                if other < 0:
                    other = UND_COLUMN
                _tag_one(ids, rows, first, last, groups, scripts, kinds, extra, other, tags)
        _count(tags, first, last, message, main, other, language, second, counted, dominant, switches)


@kernel
def _best_beside(ids, rows, first, last, groups, scripts, group, other, prior, column_group, kin, gain):  # type: ignore[no-untyped-def]
    """The column that, together with `other`, explains the words of a group best."""
    gain[:] = 0
    for t in range(first, last):
        if ids[t] < 0 or groups[scripts[t]] != group:
            continue
        row = rows[ids[t]]
        beside = row[other]
        for column in range(WIDTH):
            gain[column] += np.int32(max(row[column], beside))
    best, top = -1, np.int64(0)
    for column in range(WIDTH):
        if (
            column == other
            or column_group[column] != group
            or (kin[column] >= 0 and kin[column] == kin[other])
        ):
            continue
        value = np.int64(gain[column]) + prior[column]
        if best < 0 or value > top:
            best, top = column, value
    return best, top


@kernel
def _count(tags, first, last, message, main, other, language, second, counted, dominant, switches):  # type: ignore[no-untyped-def]
    mains, others, changes, previous = 0, 0, 0, -1
    for t in range(first, last):
        if tags[t] < 0:
            continue
        if tags[t] == main:
            mains += 1
        else:
            others += 1
        if previous >= 0 and tags[t] != previous:
            changes += 1
        previous = tags[t]
    language[message] = main if mains >= others else other
    if mains > 0 and others > 0:
        second[message] = other if mains >= others else main
    counted[message] = mains + others
    dominant[message] = max(mains, others)
    switches[message] = changes
