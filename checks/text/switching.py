"""Code-switching: which languages a message is in, word by word.

A message is decoded with at most two languages. Words of different scripts cannot be of the same language
(Japanese and
Chinese apart), so the choice between languages is made within the script of most words; a second script makes
the
message mixed by itself, if there are enough words of it that are not mere names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.flags import TOKEN_CAPITAL
from checks.text.kernels import frozen, kernel
from checks.text.profiles import STEPS, WIDTH

VERSION = "3"
# In steps of the n-gram scores (29 to the nat).
ADVANTAGE = int(1.0 * STEPS)  # what a word must be better by in the second language before it counts for it
SWITCH = int(3.0 * STEPS)  # cost of a switch point
EVIDENCE = int(4.0 * STEPS)  # what the second language must gain over one language alone
STRANGERS = (
    16.0  # nats that two languages must show which were never seen mixed; the best of 54 gains some by chance
)
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

UND_COLUMN = WIDTH - 1  # in the kernels: a language that no allowed profile can be

# Languages so close that words of one in a text of the other are noise, not a mixture. The label is the likeliest of
# them; where they cannot be told apart (Bosnian has no profile of langdetect's, but may have one of the user's) the
# margin is small.
RELATED: tuple[tuple[str, ...], ...] = (
    ("no", "da", "sv"),
    ("cs", "sk"),
    ("hr", "bs", "sr", "sl"),
    ("bg", "mk"),
    ("hi", "mr", "ne"),
    ("ar", "fa", "ur"),
    ("af", "nl"),
    ("zh-cn", "zh-tw", "ja"),
    ("lt", "lv"),
    ("et", "fi"),
    ("id", "ms", "tl"),
    ("ca", "es"),
)


@dataclass(frozen=True)
class Choice:
    """Which columns of the score table a plan allows, and how likely each is before a word is read.

    prior     int32[64], in steps of a score; FORBIDDEN for a column that is not allowed
    group     int8[64]: group of scripts that a column is written in, -1 for one that is not allowed
    evidence  int32[64, 64], symmetric: steps that a second language must gain over the first alone
    """

    prior: npt.NDArray[np.int32]
    group: npt.NDArray[np.int8]
    evidence: npt.NDArray[np.int32]


def choice(
    languages: Sequence[str],
    log_prior: Sequence[float],
    evidence: Mapping[str, float],
    otherwise: float,
    all_languages: Sequence[str],
    script_of: npt.NDArray[np.bool_],
) -> Choice:
    """The choice among `languages`; `und-Latn` is the column after the last language, `und` has none.

    log_prior: per language, in nats of a message's summed score. evidence: nats that a pair ("de+tr") must
    gain to be believed, `otherwise` for pairs that are not in it. script_of: bool[len(SCRIPTS), 64].
    """
    prior = np.full(WIDTH, FORBIDDEN, np.int32)
    group = np.full(WIDTH, -1, np.int8)
    columns = {language: column for column, language in enumerate(all_languages)}
    columns["und-Latn"] = len(all_languages)
    for language, value in zip(languages, log_prior, strict=True):
        if language in columns:
            column = columns[language]
            prior[column] = round(value * STEPS)
            group[column] = GROUP_OF_SCRIPT[int(np.flatnonzero(script_of[:, column])[0])]
    needed = np.full((WIDTH, WIDTH), round(otherwise * STEPS), np.int32)
    for pair, value in evidence.items():
        one, two = (columns[language] for language in pair.split("+"))
        needed[one, two] = needed[two, one] = round(value * STEPS)
    for members in RELATED:
        kin = [columns[member] for member in members if member in columns]
        needed[np.ix_(kin, kin)] = -FORBIDDEN
    np.fill_diagonal(needed, -FORBIDDEN)
    return Choice(frozen(prior), frozen(group), frozen(needed))


@dataclass(frozen=True)
class Tags:
    """The languages of some messages, as columns of the score table (UND_COLUMN for und, -1 for none).

    language, second int16[n]; margin float32[n] nats; counts int32[n, 3]: language tokens, those of the
    commonest
    language, switch points; token int16[T]
    """

    language: npt.NDArray[np.int16]
    second: npt.NDArray[np.int16]
    margin: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int32]
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
    longest = int(np.diff(offsets).max()) if count else 0
    made = Tags(
        np.full(count, UND_COLUMN, np.int16),
        np.full(count, -1, np.int16),
        np.zeros(count, np.float32),
        np.zeros((count, 3), np.int32),
        np.full(words, -1, np.int16),
    )
    scratch = np.zeros((5, longest), np.int32)
    _tag(
        *(ids, rows, offsets, scripts, kinds),
        *(among.prior, among.group, among.evidence),
        scratch,
        *(made.language, made.second, made.margin, made.counts, made.token),
    )
    return made


@kernel
def _best(total, prior, groups, group):  # type: ignore[no-untyped-def]
    """The column of a group with the highest total + prior, -1 if the group has none; and its lead over the
    next."""
    best, top, lead = -1, np.int64(0), np.int64(-1)
    for column in range(WIDTH):
        if groups[column] != group:
            continue
        value = np.int64(total[column]) + prior[column]
        if best < 0:
            best, top = column, value
        elif value > top:
            best, top, lead = column, value, value - top
        elif lead < 0 or top - value < lead:
            lead = top - value
    return best, max(lead, np.int64(0))


@kernel
def _totals(rows, words, total):  # type: ignore[no-untyped-def]
    total[:] = 0
    for word in words:
        row = rows[word]
        for column in range(WIDTH):
            total[column] += np.int32(row[column])


@kernel
def _partner(rows, words, fresh, main, prior, groups, evidence, gain):  # type: ignore[no-untyped-def]
    """The column that explains best what `main` explains badly, -1 if none can gain enough."""
    gain[:] = 0
    for k in range(len(words)):
        if not fresh[k]:
            continue
        row = rows[words[k]]
        bar = np.int32(row[main]) + ADVANTAGE
        for column in range(WIDTH):
            more = np.int32(row[column]) - bar
            gain[column] += more if more > 0 else 0
    best, top = -1, np.int64(0)
    for column in range(WIDTH):
        value = np.int64(gain[column]) + min(0, prior[column] - prior[main]) - evidence[main, column]
        if groups[column] == groups[main] and value > top:
            best, top = column, value
    return best


@kernel
def _best_beside(rows, words, other, prior, groups, evidence, gain):  # type: ignore[no-untyped-def]
    """The column that, together with `other`, explains the words best."""
    gain[:] = 0
    for word in words:
        row = rows[word]
        beside = row[other]
        for column in range(WIDTH):
            gain[column] += np.int32(max(row[column], beside))
    best, top = -1, np.int64(0)
    for column in range(WIDTH):
        if groups[column] != groups[other] or evidence[column, other] == -FORBIDDEN:
            continue
        value = np.int64(gain[column]) + prior[column]
        if best < 0 or value > top:
            best, top = column, value
    return best


@kernel
def _viterbi(rows, words, main, other, back, path):  # type: ignore[no-untyped-def]
    """The best path of two languages through the words: 0 main, 1 other."""
    here, there = np.int64(0), np.int64(-SWITCH)  # of the best path that ends in main, in other
    for k in range(len(words)):
        more = np.int64(rows[words[k], other]) - np.int64(rows[words[k], main])
        # Bit 0: where main came from, bit 1: where other came from.
        back[k] = (1 if there - SWITCH > here else 0) | (0 if here - SWITCH > there else 2)
        here, there = max(here, there - SWITCH), max(there, here - SWITCH) + more
    state = 1 if there > here else 0
    for k in range(len(words) - 1, -1, -1):
        path[k] = state
        state = back[k] >> state & 1


@kernel
def _gained(rows, words, fresh, main, other, path):  # type: ignore[no-untyped-def]
    """What a path gains over main alone; a word said again proves nothing new."""
    won, state = np.int64(0), 0
    for k in range(len(words)):
        if path[k] != state:
            won -= SWITCH
            state = path[k]
        if state and fresh[k]:
            won += np.int64(rows[words[k], other]) - np.int64(rows[words[k], main])
    return won


@kernel
def _members(ids, scripts, first, last, group, stamp, stamps, places, words, fresh):  # type: ignore[no-untyped-def]
    """The words of a message that are written in a group of scripts: places, rows, and which are said for the first
    time (`stamps` holds the last `stamp` of each row); returns how many."""
    found = 0
    for t in range(first, last):
        if ids[t] >= 0 and GROUP_OF_SCRIPT[scripts[t]] == group:
            places[found], words[found] = t, ids[t]
            fresh[found] = 1 if stamps[ids[t]] != stamp else 0
            stamps[ids[t]] = stamp
            found += 1
    return found


@kernel
def _two(rows, words, fresh, main, prior, groups, evidence, gain, back, path):  # type: ignore[no-untyped-def]
    """The main and, if the evidence suffices, the second language of some words; `path` says which word is of which."""
    path[:] = 0
    other = _partner(rows, words, fresh, main, prior, groups, evidence, gain)
    if other < 0:
        return main, -1
    # With the partner known, another main language may fit the rest better.
    beside = _best_beside(rows, words, other, prior, groups, evidence, gain)
    _viterbi(rows, words, beside, other, back, path)
    won = _gained(rows, words, fresh, beside, other, path)
    if won + min(0, prior[other] - prior[beside]) < evidence[beside, other]:
        path[:] = 0
        return main, -1
    return beside, other


@kernel
def _tag(  # type: ignore[no-untyped-def]
    ids,
    rows,
    offsets,
    scripts,
    kinds,
    prior,
    groups,
    evidence,
    scratch,
    language,
    second,
    margin,
    counts,
    tags,
):
    per_group = np.zeros(GROUPS, np.int64)
    total = np.zeros(WIDTH, np.int32)
    stamps = np.full(len(rows), -1, np.int32)
    places, words, fresh, back, path = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for message in range(len(offsets) - 1):
        first, last = offsets[message], offsets[message + 1]
        per_group[:] = 0
        for t in range(first, last):
            group = GROUP_OF_SCRIPT[scripts[t]]
            if ids[t] >= 0 and group >= 0:
                per_group[group] += 1
        group = np.argmax(per_group)
        if per_group[group] == 0:
            continue
        n = _members(ids, scripts, first, last, group, message, stamps, places, words, fresh)
        _totals(rows, words[:n], total)
        main, lead = _best(total, prior, groups, group)
        other = -1
        path[:n] = 0
        if main >= 0:
            margin[message] = lead / STEPS
            main, other = _two(
                rows, words[:n], fresh[:n], main, prior, groups, evidence, total, back[:n], path[:n]
            )
        else:
            main = UND_COLUMN
        per_group[group] = 0
        extra = np.argmax(per_group)
        # Names, brands and one word said again in another script do not make a mixture: two plain words do, or
        # four capitalised ones.
        different = _different(ids, scripts, kinds, first, last, extra, message, stamps)
        foreign = different >= 4 and per_group[extra] > path[:n].sum()
        for k in range(n):
            tags[places[k]] = other if path[k] and not foreign else main
        if foreign:
            n = _members(ids, scripts, first, last, extra, message, stamps, places, words, fresh)
            _totals(rows, words[:n], total)
            other, _ = _best(total, prior, groups, extra)
            other = UND_COLUMN if other < 0 else other
            for k in range(n):
                tags[places[k]] = other
        language[message], second[message] = _count(tags[first:last], main, other, counts[message])


@kernel
def _different(ids, scripts, kinds, first, last, group, message, stamps):  # type: ignore[no-untyped-def]
    """Twice the different words of a group of scripts, a capitalised one counting half."""
    total = 0
    for t in range(first, last):
        if ids[t] >= 0 and GROUP_OF_SCRIPT[scripts[t]] == group and stamps[ids[t]] != message:
            stamps[ids[t]] = message
            total += 1 if kinds[t] & TOKEN_CAPITAL else 2
    return total


@kernel
def _count(tags, main, other, counts):  # type: ignore[no-untyped-def]
    """Fill language tokens, dominant tokens and switches; returns the dominant and the second language."""
    mains, others, changes, previous = 0, 0, 0, -1
    for k in range(len(tags)):
        if tags[k] < 0:
            continue
        if tags[k] == main:
            mains += 1
        else:
            others += 1
        if previous >= 0 and tags[k] != previous:
            changes += 1
        previous = tags[k]
    counts[0], counts[1], counts[2] = mains + others, max(mains, others), changes
    if others > mains:
        main, other = other, main
        mains, others = others, mains
    return main, other if others > 0 else -1
