"""Which series a plan has, and their sufficient statistics read from profiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from checks.batch import Column, Role
from checks.cardinality import distinct_contents
from checks.counting import buckets_of
from checks.layout import CONTENT_BUCKETS, DISTINCT_REGISTERS, UNSEEN_BUCKETS, VOCABULARY_BUCKETS
from checks.plan import Plan
from checks.profile import Profile
from checks.series import ALL, Family, Kind, Observations, Series
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS

FAMILY_OF_ROLE: dict[Role, Family] = {
    "input": "inputs",
    "feature": "inputs",
    "segment": "inputs",
    "version": "inputs",
    "unit": "inputs",
    "prediction": "predictions",
    "score": "predictions",
    "latency": "service",
    "status": "service",
}
# Columns whose distribution is watched; the others are labels of a record, not what the model sees or says.
_WATCHED: frozenset[Role] = frozenset({"input", "feature", "prediction", "score", "latency"})
# A new build or a new sender is no news.
_ALWAYS_NEW: frozenset[Role] = frozenset({"version", "unit"})

MAX_WORD_BINS = 64
MAX_CLASSES = 20
MAX_SEGMENT_CLASSES = 10
# The commonest values of a category that have a series of their own: a change from one value to another, or to
# one, shows there weeks before the distance of the whole column is sure of it.
MAX_VALUES = 10
MAX_VALUE_SERIES = 150
# All class shares of all segments together; beyond this fewer classes are followed in each segment.
MAX_CLASS_SERIES = 150
# Hashed words with a bin of their own in the distribution of words.
TOPIC_BUCKETS = 100

Slots = tuple[int, ...]
_NOTHING = 0  # the slot that is always 0


def series_of(plan: Plan) -> tuple[Series, ...]:
    """Every series that can exist for this plan, in the order of `Observations`."""
    return _reading(plan).series


def labels(plan: Plan, series: Series) -> tuple[str, ...]:
    """What a person calls each bin of a distribution series; KeyError for a series without bins."""
    return _reading(plan).labels[series]


def observe(profiles: Iterable[Profile], start_us: Sequence[int], plan: Plan) -> Observations:
    """The statistics of one profile per window, in the order of `start_us`.

    The profiles are gone through once, so a generator may decode them one by one. ValueError where a
    profile is of another plan, or their number is not that of `start_us`.
    """
    reading = _reading(plan)
    windows = len(start_us)
    table = np.zeros((windows, reading.slots), np.int64)
    repeated = np.zeros((windows, len(reading.text_columns)), np.float64)
    seen = 0
    for w, profile in enumerate(profiles):
        if profile.plan_id != plan.plan_id:
            raise ValueError(
                f"a profile of plan {profile.plan_id[:12]} cannot be read by plan {plan.plan_id[:12]}"
            )
        seen += 1
        if w < windows:
            reading.fill(profile, table[w], repeated[w])
    if seen != windows:
        raise ValueError(f"{seen} profiles for {windows} windows")
    return reading.observations(np.asarray(start_us, np.int64), table, repeated)


def observe_segments(profile: Profile, plan: Plan, segments: Sequence[str]) -> Observations:
    """The statistics of one profile as if each of the segments were all its traffic: row i is `segments[i]`.

    Only series of segment `*` mean anything in it; those that no segment keeps counts of (words, repeated messages,
    duplicates) have nothing to count. KeyError for a segment that the plan does not have.
    """
    reading = _reading(plan)
    width = plan.layout.narrow_width
    place = {name: i for i, name in enumerate(plan.segments)}
    table = np.zeros((len(segments), reading.slots), np.int64)
    for row, name in enumerate(segments):
        reading.fill_segment(profile, place[name] * width, width, table[row])
    nothing = np.zeros((len(segments), len(reading.text_columns)), np.float64)
    return reading.observations(np.zeros(len(segments), np.int64), table, nothing)


@lru_cache(maxsize=16)
def _reading(plan: Plan) -> _Reading:
    reading = _Reading(plan)
    _add_records(reading, plan)
    for column in plan.columns:
        _add_column(reading, plan, column)
    _add_segments(reading, plan)
    return reading


@dataclass(frozen=True)
class _Mean:
    """Where a mean's sums are, and the fixed-point form they are in."""

    sums: tuple[int, int, int]  # slots of sum, square_high, square_low
    centre: float
    scale: float


@dataclass
class _Entry:
    series: Series
    x: Slots = (_NOTHING,)
    n: Slots = (_NOTHING,)
    mean: _Mean | None = None
    bins: Slots = ()
    repeated: int | None = None  # index into text columns: x is estimated, not counted


@dataclass
class _Reading:
    """Maps cells of a profile to slots of a small table, and slots to series.

    A slot is a sum of cells that some series needs; a cell belongs to one slot at most.
    """

    plan: Plan
    slots: int = 1  # slot 0 stays 0
    entries: list[_Entry] = field(default_factory=list)
    labels: dict[Series, tuple[str, ...]] = field(default_factory=dict)
    text_columns: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._slot_of = np.full(self.plan.layout.size, -1, np.int32)  # -1: no series needs the cell

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(entry.series for entry in self.entries)

    def slot(
        self, column: str, name: str, segment: int = 0, offset: int = 0, width: int | None = None
    ) -> int:
        """The slot of the sum of a field's cells, or of `width` of them from `offset`."""
        layout = self.plan.layout
        width = layout.field(column, name).width - offset if width is None else width
        first = layout.first(column, name, segment) + offset
        return self._claim(np.arange(first, first + width))

    def slots_of(self, column: str, name: str, group: Sequence[int], segment: int = 0) -> Slots:
        """A slot for each group of a field's cells; `group[i]` ≥ 0 is the group of cell i."""
        first = self.plan.layout.first(column, name, segment)
        groups = np.asarray(group)
        base = self.slots
        self._slot_of[first : first + len(groups)] = base + groups
        self.slots += int(groups.max()) + 1
        return tuple(range(base, self.slots))

    def _claim(self, cells: npt.NDArray[np.int64]) -> int:
        self._slot_of[cells] = self.slots
        self.slots += 1
        return self.slots - 1

    def join(self, column: str, names: Sequence[str]) -> int:
        """One slot for the sum of several fields."""
        cells = [self.plan.layout.first(column, name) for name in names]
        return self._claim(np.array(cells))

    def fill(self, profile: Profile, row: npt.NDArray[np.int64], repeated: npt.NDArray[np.float64]) -> None:
        slots = self._slot_of[profile.add.cells]
        used = slots >= 0
        np.add.at(row, slots[used], profile.add.values[used])
        for i, column in enumerate(self.text_columns):
            repeated[i] = repeated_messages(profile, self.plan, column)

    def fill_segment(self, profile: Profile, first: int, width: int, row: npt.NDArray[np.int64]) -> None:
        """As `fill`, with the cells of one segment, `width` from `first`, in the place of those of all traffic."""
        cells, values = profile.add.cells, profile.add.values
        span = slice(*np.searchsorted(cells, [first, first + width]))
        slots = self._slot_of[cells[span] - first]
        used = slots >= 0
        np.add.at(row, slots[used], values[span][used])

    def observations(
        self,
        start_us: npt.NDArray[np.int64],
        table: npt.NDArray[np.int64],
        repeated: npt.NDArray[np.float64],
    ) -> Observations:
        x = _sums(table, [entry.x for entry in self.entries])
        n = _sums(table, [entry.n for entry in self.entries])
        xx = np.zeros_like(x)
        bins = {}
        for s, entry in enumerate(self.entries):
            if entry.mean is not None:
                x[:, s], xx[:, s] = _moments(table, n[:, s], entry.mean)
            elif entry.bins:
                bins[s] = table[:, list(entry.bins)]
            elif entry.repeated is not None:
                x[:, s] = np.minimum(repeated[:, entry.repeated], n[:, s])
        return Observations(self.series, start_us, n, x, xx, bins)

    def rate(
        self, metric: str, column: str, family: Family, x: Slots, n: Slots, term: str = "", segment: str = ALL
    ) -> None:
        self.entries.append(_Entry(_series(metric, column, "rate", family, term, segment), x=x, n=n))

    def distribution(
        self, metric: str, column: str, family: Family, bins: Slots, names: Sequence[str], term: str = ""
    ) -> None:
        entry = _Entry(_series(metric, column, "distribution", family, term), n=bins, bins=bins)
        self.entries.append(entry)
        self.labels[entry.series] = tuple(names)

    def mean(
        self, column: str, family: Family, n: Slots, centre: float, scale: float, term: str = ""
    ) -> None:
        sums = tuple(self.slot(column, name) for name in ("sum", "square_high", "square_low"))
        series = _series("mean", column, "mean", family, term)
        self.entries.append(_Entry(series, n=n, mean=_Mean((sums[0], sums[1], sums[2]), centre, scale)))


def repeated_messages(profile: Profile, plan: Plan, column: str) -> float:
    """Messages of a text column beyond the first of each distinct content: an estimate, in whole messages.

    Distinct contents by linear counting on 2^18 hash buckets (standard error 0.15 % of the messages), above a
    million of them by HyperLogLog (1.6 %). Never negative, never all messages.
    """
    messages = int(profile.take(plan, column, "messages")[0])
    cells = profile.registers.cells
    start = plan.layout.first(column, "contents")
    low, high = np.searchsorted(cells, [start, start + CONTENT_BUCKETS])
    registers = profile.registers.dense(plan.layout.first(column, "distinct"), DISTINCT_REGISTERS)
    distinct = distinct_contents(int(high - low), CONTENT_BUCKETS, registers)
    return float(max(messages - round(min(distinct, messages)), 0))


def _series(metric: str, column: str, kind: Kind, family: Family, term: str, segment: str = ALL) -> Series:
    return Series(metric, column, segment, term, kind, family)


def _sums(table: npt.NDArray[np.int64], slots: Sequence[Slots]) -> npt.NDArray[np.float64]:
    flat = np.concatenate([np.array(own, np.intp) for own in slots])
    heads = np.cumsum([0, *(len(own) for own in slots[:-1])])
    return np.add.reduceat(table[:, flat], heads, axis=1).astype(np.float64)


def _moments(
    table: npt.NDArray[np.int64], n: npt.NDArray[np.float64], mean: _Mean
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum and sum of squares in the column's unit, from fixed-point sums about the centre."""
    total, high, low = (table[:, slot].astype(np.float64) for slot in mean.sums)
    deviation = total / mean.scale
    squares = (high * 2.0**31 + low) / mean.scale / mean.scale
    return mean.centre * n + deviation, mean.centre**2 * n + 2 * mean.centre * deviation + squares


def _add_records(reading: _Reading, plan: Plan) -> None:
    records, duplicates = reading.slot("", "records"), reading.slot("", "duplicates")
    reading.entries.append(_Entry(_series("volume", "", "volume", "volume", ""), x=(records,), n=(records,)))
    reading.rate("duplicate_id_rate", "", "quality", (duplicates,), (records, duplicates))


def _add_column(reading: _Reading, plan: Plan, column: Column) -> None:
    missing = reading.join(column.name, ("null", "sentinel"))
    failed = reading.slot(column.name, "type_failure")
    if column.kind == "number":
        values = _add_number(reading, plan, column)
    elif column.kind == "category":
        values = _add_category(reading, plan, column)
    else:
        values = _add_text(reading, plan, column)
    reading.rate("null_rate", column.name, "quality", (missing,), (*values, failed, missing))
    reading.rate("type_failure_rate", column.name, "quality", (failed,), (*values, failed))


def _add_number(reading: _Reading, plan: Plan, column: Column) -> Slots:
    name, family = column.name, FAMILY_OF_ROLE[column.role]
    number = plan.numbers[name]
    groups = reading.slots_of(name, "bins", number.bins.group)
    non_finite = reading.slot(name, "non_finite")
    if column.role in _WATCHED and plan.facts[name].values:
        reading.distribution("jsd", name, family, groups, number.bins.group_labels())
        if plan.facts[name].distinct > 1:
            reading.mean(name, family, groups, number.centre, number.scale)
    reading.rate("non_finite_rate", name, "quality", (non_finite,), (*groups, non_finite))
    if column.range is not None:
        reading.rate("out_of_range_rate", name, "quality", (reading.slot(name, "out_of_range"),), groups)
    if column.role == "latency" and column.slo_ms is not None:
        reading.rate("slo_miss_rate", name, "service", (reading.slot(name, "over_slo"),), groups)
    return (*groups, non_finite)


def _word_groups(plan: Plan, name: str) -> tuple[list[int], list[str]]:
    """The group of each cell of a category's bins, and their names: common words, rare ones, unseen ones."""
    words = plan.categories[name].words
    own = min(len(words), MAX_WORD_BINS)
    names = list(words[:own])
    group = list(range(own)) + [own] * (len(words) - own)
    if len(words) > own:
        names.append("other known values")
    group += [len(names)] * UNSEEN_BUCKETS
    return group, [*names, "unseen values"]


def _add_category(reading: _Reading, plan: Plan, column: Column) -> Slots:
    name, family = column.name, FAMILY_OF_ROLE[column.role]
    group, names = _word_groups(plan, name)
    values = reading.slots_of(name, "bins", group)
    if column.role in _WATCHED and plan.facts[name].values:
        reading.distribution("jsd", name, family, values, names)
    if column.role not in _ALWAYS_NEW:
        reading.rate("unseen_rate", name, family, values[-1:], values)
    if column.values is not None:
        reading.rate("out_of_range_rate", name, "quality", (reading.slot(name, "out_of_range"),), values)
    if column.errors:
        reading.rate("slo_error_rate", name, "service", (reading.slot(name, "errors"),), values)
    if column.role == "prediction":
        for word, slot in zip(_classes(plan, name), values, strict=False):
            reading.rate("class_share", name, "predictions", (slot,), values, word)
    elif column.role in _WATCHED:
        for word, slot in zip(_followed_values(plan, name), values, strict=False):
            reading.rate("value_share", name, family, (slot,), values, word)
    return values


def _followed_values(plan: Plan, name: str) -> tuple[str, ...]:
    """The commonest values, fewer where the contract has many categories."""
    others = sum(
        column.kind == "category" and column.role in _WATCHED and column.role != "prediction"
        for column in plan.columns
    )
    return plan.categories[name].words[: max(1, min(MAX_VALUES, MAX_VALUE_SERIES // max(others, 1)))]


def _classes(plan: Plan, name: str) -> tuple[str, ...]:
    return plan.categories[name].words[:MAX_CLASSES]


def _add_text(reading: _Reading, plan: Plan, column: Column) -> Slots:
    name, facts = column.name, plan.text_facts[column.name]
    messages = (reading.slot(name, "messages"),)
    if plan.facts[name].values:
        lengths = reading.slots_of(name, "length", facts.length_group)
        reading.distribution("jsd", name, "inputs", lengths, _length_labels(facts.length_group), "length")
        reading.mean(name, "inputs", messages, 0.0, 1.0, "length")
        scripts = reading.slots_of(name, "script", range(len(SCRIPTS)))
        reading.distribution("jsd", name, "language", scripts, SCRIPTS, "script")
    languages = reading.slots_of(name, "language", range(len(facts.languages)))
    if plan.facts[name].values:
        reading.distribution("jsd", name, "language", languages, facts.languages, "language")
    followed = dict.fromkeys((*facts.seen, *(column.languages or ())))
    for language in followed:
        if language in facts.languages:
            slot = languages[facts.languages.index(language)]
            reading.rate("language_share", name, "language", (slot,), languages, language)
    reading.rate("mixed_rate", name, "language", (reading.slot(name, "mixed"),), messages)
    _add_pairs(reading, plan, column, messages)
    for i, term in enumerate(ENCODING_CLASSES):
        slot = reading.slot(name, "encoding_messages", offset=i, width=1)
        reading.rate("encoding_rate", name, "encoding", (slot,), messages, term)
    for i, term in enumerate(EVASION_CLASSES):
        slot = reading.slot(name, "evasion_messages", offset=i, width=1)
        reading.rate("evasion_rate", name, "evasion", (slot,), messages, term)
    if plan.facts[name].values:
        _add_topics(reading, plan, name)
    unknown, worded = reading.slot(name, "unknown_messages"), reading.slot(name, "worded")
    reading.rate("unknown_word_rate", name, "vocabulary", (unknown,), (worded,))
    reading.entries.append(
        _Entry(
            _series("duplicate_text_rate", name, "rate", "quality", ""),
            n=messages,
            repeated=len(reading.text_columns),
        )
    )
    reading.text_columns.append(name)
    return messages


def _add_topics(reading: _Reading, plan: Plan, name: str) -> None:
    """What the messages are about: the document frequencies of the commonest hashed words, and of all others.

    Words share messages, so the counts vary more than a multinomial; the null of the reference windows says how
    much. Which words moved is told from the sample: the plan keeps no spellings.
    """
    text = plan.text[name]
    bucket = buckets_of(text.vocabulary, VOCABULARY_BUCKETS)
    frequency = np.bincount(bucket, weights=text.documents, minlength=VOCABULARY_BUCKETS)
    common = np.lexsort((np.arange(VOCABULARY_BUCKETS), -frequency))[:TOPIC_BUCKETS]
    common = common[frequency[common] > 0]
    if not len(common):
        return
    group = np.full(VOCABULARY_BUCKETS, len(common))
    group[common] = np.arange(len(common))
    labels = [*(f"word {rank}" for rank in range(1, len(common) + 1)), "other words"]
    bins = reading.slots_of(name, "vocabulary", group.tolist())
    reading.distribution("jsd", name, "vocabulary", bins, labels, "words")


def _add_pairs(reading: _Reading, plan: Plan, column: Column, messages: Slots) -> None:
    name, facts = column.name, plan.text_facts[column.name]
    count = len(facts.languages)
    place = {language: i for i, language in enumerate(facts.languages)}
    group = np.full(count * count, len(facts.pairs))
    for i, pair in enumerate(facts.pairs):
        a, b = sorted(place[language] for language in pair.split("+"))
        group[a * count + b] = i
    slots = reading.slots_of(name, "pair", group.tolist())
    for pair, slot in zip(facts.pairs, slots, strict=False):
        reading.rate("pair_rate", name, "language", (slot,), messages, pair)
    reading.rate("new_pair_rate", name, "language", slots[len(facts.pairs) :], messages)


def _length_labels(group: Sequence[int]) -> list[str]:
    from checks.tally import length_bin_starts

    starts = length_bin_starts()
    first = [starts[group.index(g)] for g in range(max(group) + 1)]
    return [f"{low}–{high - 1}" for low, high in pairwise(first)] + [f"≥ {first[-1]}"]


def _add_segments(reading: _Reading, plan: Plan) -> None:
    everything = next(entry.x for entry in reading.entries if entry.series.metric == "volume")
    predictions = [
        column.name for column in plan.columns if column.role == "prediction" and column.kind == "category"
    ]
    room = MAX_CLASS_SERIES // max(len(predictions) * (len(plan.segments) - 1), 1)
    for s, segment in enumerate(plan.segments):
        if s == 0 or (segment.endswith("=null") and not plan.segment_records[s]):
            continue  # nulls that the reference never had are followed by the column's null rate
        records = (reading.slot("", "records", s),)
        reading.rate("segment_share", "", "inputs", records, everything, segment=segment)
        if not plan.segment_records[s]:
            continue
        series = _series("volume", "", "volume", "volume", "", segment)
        reading.entries.append(_Entry(series, x=records, n=records))
        for name in predictions:
            group, _ = _word_groups(plan, name)
            values = reading.slots_of(name, "bins", group, s)
            followed = _classes(plan, name)[: max(1, min(room, MAX_SEGMENT_CLASSES))]
            for word, slot in zip(followed, values, strict=False):
                reading.rate("class_share", name, "predictions", (slot,), values, word, segment)
