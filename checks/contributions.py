"""Which bins of a distribution moved: what each adds to the Jensen-Shannon divergence, in words a person reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from checks.distances import jsd_terms
from checks.series import ALL, Series

if TYPE_CHECKING:
    from checks.plan import Plan
    from checks.profile import Profile

Floats = npt.NDArray[np.float64]

# Series that a moved distribution is behind.
_OF_A_DISTRIBUTION = ("jsd", "mean", "above_median_share")
_NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?|-?inf)"
_RANGES = (
    (re.compile(rf"< {_NUMBER}"), lambda found: (None, found[1])),
    (re.compile(rf"(?:>|≥) {_NUMBER}"), lambda found: (found[1], None)),
    (re.compile(rf"= {_NUMBER}"), lambda found: (found[1], found[1])),
    (re.compile(rf"\[{_NUMBER}, {_NUMBER}\)"), lambda found: (found[1], found[2])),
    (re.compile(rf"{_NUMBER}–{_NUMBER}"), lambda found: (found[1], found[2])),
)


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin, or neighbours that moved the same way: `label` in words; its part of the values before and now, 0..1; and
    its `share` of the divergence, 0..1."""

    label: str
    before: float
    now: float
    share: float


def contributions(profile: Profile, reference: Profile, plan: Plan, series: Series) -> tuple[Bin, ...]:
    """The bins of the distribution that a series is of, what adds most to its JSD first; shares sum to 1.

    () for a series of no distribution, for words (which the plan keeps no spelling of), and where a side is empty or
    nothing moved. Segments are not looked at: the bins are those of all traffic.
    """
    from checks.drift import labels, observe, series_of

    if series.metric not in _OF_A_DISTRIBUTION or series.term == "words":
        return ()
    key = ("jsd", series.column, series.term, ALL)
    known = series_of(plan)
    s = next(
        (i for i, one in enumerate(known) if (one.metric, one.column, one.term, one.segment) == key), None
    )
    if s is None:
        return ()
    before, now = observe([reference, profile], [0, 1], plan).bins[s].astype(np.float64)
    if not before.sum() or not now.sum():
        return ()
    terms = jsd_terms(before, now)
    if terms.sum() <= 0:
        return ()
    return joined(labels(plan, known[s]), before / before.sum(), now / now.sum(), terms / terms.sum())


def joined(labels: Sequence[str], before: Floats, now: Floats, share: Floats) -> tuple[Bin, ...]:
    """Bins float64[B] as lines to read: neighbouring ranges that moved the same way are one; largest share first."""
    lines: list[Bin] = []
    span: tuple[str | None, str | None] | None = None
    for label, was, is_, part in zip(labels, before.tolist(), now.tolist(), share.tolist(), strict=True):
        own = _span(label)
        last = lines[-1] if lines else None
        if last and span and own and (is_ > was) == (last.now > last.before):
            span = (span[0], own[1])
            lines[-1] = Bin(_words(span), last.before + was, last.now + is_, last.share + part)
        else:
            span = own
            lines.append(Bin(_words(own) if own else label, was, is_, part))
    return tuple(sorted((one for one in lines if one.share > 0), key=lambda one: -one.share))


def _span(label: str) -> tuple[str | None, str | None] | None:
    """Low and high of a range of numbers, None on the open side; None for a name."""
    for pattern, ends in _RANGES:
        if found := pattern.fullmatch(label):
            return ends(found)
    return None


def _words(span: tuple[str | None, str | None]) -> str:
    low, high = span
    if low is None or high is None:
        return (
            f"below {high}"
            if low is None and high is not None
            else f"from {low}"
            if low is not None
            else "all"
        )
    return low if low == high else f"{low} to {high}"
