"""What the baseline of a model is fitted to, window by window: when it is renewed, and what never enters it.

    reference      renewed                          fitted to
    fixed, file    when feedback begins or ends     its windows, and those of false alarms
    trailing       with the first window of a week  the span before it
    any, after a   when two weeks lie behind the    the time since the change, until it is as long as the
    change that    change, then every week          reference was (trailing: the span, cut at the change)
    is expected

Windows of an episode are left out, unless a person said that it was a false alarm, or expected. Everything is
a function of the window to be judged and of rows in the store: any process comes to the same baseline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from checks.series import Observations, Series
from monitor.recent import Changed
from monitor.store.alerts import CLEAN, EpisodeRow
from monitor.store.feedback import Feedback
from monitor.windows import Grid

DAY_US = 86_400_000_000
# Every weekday twice: less would call a weekend unheard-of.
ENOUGH_US = 14 * DAY_US

Span = tuple[int, int]


@dataclass(frozen=True)
class Fitted:
    """What a baseline was fitted to. `spans` are [from, to); `since_us` is the expected change that it begins with
    (0: none); `feedback` the rows that were taken in.
    """

    spans: tuple[Span, ...] = ()
    since_us: int = 0
    feedback: tuple[int, ...] = ()
    left_out: tuple[Changed, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """JSON-safe."""
        return {
            "spans": [list(span) for span in self.spans],
            "since_us": self.since_us,
            "feedback": list(self.feedback),
            "left_out": [[one.from_us, one.to_us, sorted(one.series)] for one in self.left_out],
        }

    @classmethod
    def decode(cls, text: str) -> Fitted:
        """Of the JSON of `to_dict`, or of {}: the first baseline of a model."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            tuple((first, last) for first, last in raw.get("spans", ())),
            raw.get("since_us", 0),
            tuple(raw.get("feedback", ())),
            tuple(Changed(first, last, frozenset(series)) for first, last, series in raw.get("left_out", ())),
        )


@dataclass(frozen=True)
class Known:
    """What the choice depends on: the reference that the model began with [from, to), the length of a trailing one
    (None: it does not trail), every episode, all feedback, and the series of the plan.
    """

    first: Span
    trailing_us: int | None
    episodes: Sequence[EpisodeRow]
    feedback: Sequence[Feedback]
    series: tuple[Series, ...]


def wanted(
    known: Known, start_us: int, in_force: Fitted, in_force_us: int, grid: Grid, zone: str
) -> Fitted | None:
    """What the baseline that judges the window at `start_us` is to be fitted to; None if the one in force stays.

    `in_force_us` is the first window that the one in force judged.
    """
    taken = taken_in(known, start_us)
    since_us = max((_episode(known, one).since_us for one in taken if one.verdict == "expected"), default=0)
    ids = tuple(one.id for one in taken)
    length_us = known.first[1] - known.first[0]
    full_us = since_us + max(length_us, ENOUGH_US)
    grows = bool(since_us) and (not in_force.spans or in_force.spans[0][1] < full_us)
    moves = known.trailing_us is not None or grows
    if ids == in_force.feedback and not (moves and in_force_us < week_start(start_us, zone)):
        return None
    if known.trailing_us is not None:
        spans = [(max(start_us - known.trailing_us, since_us), start_us)]
    elif since_us:
        spans = [(since_us, min(start_us, full_us))]
    else:
        spans = [known.first]
    if known.trailing_us is None:
        spans += _false_alarms(known, taken, spans[0], since_us, grid)
    spans = [(grid.window_start(first), last) for first, last in spans]
    marked = {one.episode_id for one in taken}
    left_out = tuple(
        Changed(one.since_us, _last_us(one, start_us), touched(one, known.series))
        for one in known.episodes
        if one.opened_us < start_us and one.id not in marked
    )
    overlapping = tuple(
        one for one in left_out if any(one.from_us < last and one.to_us >= first for first, last in spans)
    )
    found = Fitted(tuple(spans), since_us, ids, overlapping)
    return None if _mostly_left_out(found, len(known.series)) else found


def reason(before: Fitted, now: Fitted) -> str:
    """Why a baseline is fitted anew, for the audit log."""
    if now.feedback != before.feedback:
        return "a person said what is normal, or took it back: feedback " + (
            ", ".join(str(one) for one in now.feedback) or "none"
        )
    return "a new week of the reference"


def taken_in(known: Known, start_us: int) -> list[Feedback]:
    """The feedback that shapes the baseline of this window: an expected change only once it lasted two weeks."""
    return [
        one
        for one in known.feedback
        if one.counts_at(start_us)
        and (one.verdict == "false-alarm" or start_us - _episode(known, one).since_us >= ENOUGH_US)
    ]


def began(known: Known, start_us: int, before_us: int | None) -> list[EpisodeRow]:
    """The episodes that feedback closed before this window and after the one before it."""
    said = [
        one
        for one in known.feedback
        if one.counts_at(start_us) and (before_us is None or not one.counts_at(before_us))
    ]
    return [found for one in said if (found := _episode(known, one)).close_reason != CLEAN]


def quiet(known: Known, start_us: int, in_force: Fitted) -> tuple[int, ...]:
    """Places of the series that are expected to be different and that the baseline in force does not know so yet."""
    found: set[int] = set()
    for one in known.feedback:
        if one.verdict == "expected" and one.counts_at(start_us) and one.id not in in_force.feedback:
            found |= touched(_episode(known, one), known.series)
    return tuple(sorted(found))


def touched(episode: EpisodeRow, series: Sequence[Series]) -> frozenset[int]:
    """Places of the series that an episode concerns: what it names, and the rest of its family on the same columns.

    All of the family where it names none.
    """
    moved = json.loads(episode.attributes).get("moved", ())
    columns = {one["column"] for one in moved}
    return frozenset(
        s
        for s, one in enumerate(series)
        if one.family == episode.family and (not columns or one.column in columns)
    )


def without(obs: Observations, left_out: Sequence[Changed]) -> Observations:
    """The observations with nothing of the series of each span in its windows.

    A volume cannot be unknown in a fit, so where one is concerned the whole window goes.
    """
    volumes = {s for s, one in enumerate(obs.series) if one.kind == "volume"}
    keep = np.ones(len(obs.start_us), np.bool_)
    n, x, xx = obs.n.copy(), obs.x.copy(), obs.xx.copy()
    bins = {s: counts.copy() for s, counts in obs.bins.items()}
    for one in left_out:
        rows: npt.NDArray[np.bool_] = (obs.start_us >= one.from_us) & (obs.start_us <= one.to_us)
        if volumes & set(one.series):
            keep &= ~rows
        for s in one.series:
            n[rows, s] = x[rows, s] = xx[rows, s] = 0.0
            if s in bins:
                bins[s][rows] = 0
    blanked = replace(obs, n=n, x=x, xx=xx, bins=bins)
    return blanked if keep.all() else blanked.rows(np.flatnonzero(keep))


def week_start(us: int, zone: str) -> int:
    """The Monday midnight before (or at) a moment, in a time zone; microseconds UTC."""
    local = datetime.fromtimestamp(us // 1_000_000, UTC).astimezone(ZoneInfo(zone))
    monday = (local - timedelta(days=local.weekday())).date()
    midnight = datetime(monday.year, monday.month, monday.day, tzinfo=ZoneInfo(zone))
    return int(midnight.timestamp()) * 1_000_000


def _episode(known: Known, said: Feedback) -> EpisodeRow:
    return next(one for one in known.episodes if one.id == said.episode_id)


def _last_us(episode: EpisodeRow, start_us: int) -> int:
    """The last window that an episode spoils: all of them while it is open."""
    if episode.closed_us is None or episode.closed_us >= start_us:
        return start_us
    return episode.last_us


def _false_alarms(
    known: Known, taken: Collection[Feedback], base: Span, since_us: int, grid: Grid
) -> list[Span]:
    """The windows of false alarms beyond the reference itself, in order, none of them twice."""
    found: list[Span] = []
    reached = base[1]
    marked = sorted(
        (_episode(known, one) for one in taken if one.verdict == "false-alarm"), key=lambda e: e.since_us
    )
    for episode in marked:
        first = max(grid.window_start(episode.since_us), reached, since_us)
        last = grid.window_end(episode.last_us)
        if first < last:
            found.append((first, last))
            reached = last
    return found


def _mostly_left_out(fitted: Fitted, size: int) -> bool:
    """Whether more than half of the time is left out for some series: too little to fit it anew."""
    total = sum(last - first for first, last in fitted.spans)
    lost = np.zeros(size)
    for one in fitted.left_out:
        inside = sum(max(0, min(last, one.to_us) - max(first, one.from_us)) for first, last in fitted.spans)
        lost[sorted(one.series)] += inside
    return bool((lost > total / 2).any())
