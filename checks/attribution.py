"""Which segment values carry a change: Adtributor (Bhagwan et al., NSDI 2014) over the counts of a window.

For each value v of a dimension, q_v is what the window counted and p_v what it would have counted had the
window's records been spread as the reference's: explanatory power EP_v = (q_v − p_v) / (Q − P), and surprise
S_v = ½·[p ln 2p/(p + q) + q ln 2q/(p + q)] of the shares p = p_v / P and q = q_v / Q.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from checks.series import ALL, Series
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES

if TYPE_CHECKING:
    from checks.baseline import Baseline
    from checks.decision import Finding
    from checks.plan import Plan
    from checks.profile import Profile

# Adtributor's own thresholds: values are taken until they explain so much, each at least so much.
ENOUGH_EXPLAINED = 0.67
LEAST_EXPLAINED = 0.1
# Beyond the paper: a value that explains what its share of the traffic would explain anyway is no explanation,
# nor is one whose counts moved by less than so many standard deviations of a count.
LEAST_ABOVE_SHARE = 0.1
LEAST_DEVIATIONS = 2.0

_COUNTS = {
    "mixed_rate": ("mixed",),
    "unknown_word_rate": ("unknown_messages",),
    "null_rate": ("null", "sentinel"),
    "type_failure_rate": ("type_failure",),
    "non_finite_rate": ("non_finite",),
    "out_of_range_rate": ("out_of_range",),
    "slo_miss_rate": ("over_slo",),
}
_TEXT_BINS = {"length": "length", "script": "script", "language": "language"}


@dataclass(frozen=True, slots=True)
class Share:
    """`segment` ("country=IN") explains `share` of the change (1 = all of it; may exceed 1 where others moved
    the other way), with Adtributor's `surprise` in nats."""

    segment: str
    share: float
    surprise: float


def segments(
    profile: Profile, reference: Profile, plan: Plan, baseline: Baseline, finding: Finding
) -> tuple[Share, ...]:
    """The segment values that carry a finding, dimension with most surprise first, heaviest value first.

    `profile` is the judged window's, `reference` the merged one of all reference windows. Followed is the
    series that leads the finding; () where the change is everywhere as the traffic is, for a finding
    without series, and for repeated messages, of which segments keep no count.
    """
    if not finding.named or not profile.records or not reference.records:
        return ()
    lead = finding.named[0]
    series = baseline.series[lead.series]
    dimensions: dict[str, list[str]] = {}
    for name in plan.segments:
        if name != ALL:
            dimensions.setdefault(name.partition("=")[0], []).append(name)
    found = []
    for names in dimensions.values():
        counts = _counted(series, profile, reference, plan, names)
        if counts is None:
            return ()
        now, before = counts
        total = lead.expected if series.kind == "volume" and series.segment == ALL else float(profile.records)
        normal = before * total / reference.records
        shares = _adtribute(names, now, normal, rising=lead.effect >= 0)
        if shares:
            found.append(shares)
    found.sort(key=lambda shares: -sum(one.surprise for one in shares))
    return tuple(share for shares in found for share in shares)


def _adtribute(
    names: Sequence[str], now: npt.NDArray[np.float64], normal: npt.NDArray[np.float64], *, rising: bool
) -> list[Share]:
    """The values that explain a change of the counts float64[V] from what is normal."""
    change = (now - normal) if rising else (normal - now)
    total = change.sum()
    gains = np.maximum(change, 0).sum()
    # Shares that move between segments leave the total as it was: what grew is then compared with all growth.
    whole = total if total > gains / 2 else gains
    if whole <= 0:
        return []
    power = change / whole
    surprise = _surprise(normal, now)
    telling = power - normal / max(normal.sum(), 1e-300) > LEAST_ABOVE_SHARE
    telling &= (power > LEAST_EXPLAINED) & (change >= LEAST_DEVIATIONS * np.sqrt(normal + 1))
    taken: list[Share] = []
    explained = 0.0
    for i in np.argsort(-surprise, kind="stable"):
        if not telling[i]:
            continue
        taken.append(Share(names[i], float(power[i]), float(surprise[i])))
        explained += power[i]
        if explained > ENOUGH_EXPLAINED:
            break
    return sorted(taken, key=lambda share: (-share.share, share.segment))


def _surprise(normal: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.special import xlogy

    p, q = normal / max(normal.sum(), 1e-300), now / max(now.sum(), 1e-300)
    both = np.maximum(p + q, 1e-300)
    return np.asarray((xlogy(p, 2 * p / both) + xlogy(q, 2 * q / both)) / 2, dtype=np.float64)


def _counted(
    series: Series, profile: Profile, reference: Profile, plan: Plan, names: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """What the series counts in every segment value: now and in the reference, float64[V] each."""
    if series.metric in ("volume", "segment_share"):
        places: tuple[tuple[str, npt.NDArray[np.intp] | None], ...] = (("records", None),)
        column = ""
    else:
        column = series.column
        found = _cells(series, profile, reference, plan)
        if found is None:
            return None
        places = found

    def of(one: Profile) -> npt.NDArray[np.float64]:
        return np.array([_sum(one, plan, column, places, name) for name in names], dtype=np.float64)

    return of(profile), of(reference)


def _sum(
    profile: Profile,
    plan: Plan,
    column: str,
    places: Sequence[tuple[str, npt.NDArray[np.intp] | None]],
    segment: str,
) -> float:
    total = 0.0
    for name, cells in places:
        counts = profile.take(plan, column, name, segment)
        total += float(counts.sum() if cells is None else counts[cells].sum())
    return total


def _cells(
    series: Series, profile: Profile, reference: Profile, plan: Plan
) -> tuple[tuple[str, npt.NDArray[np.intp] | None], ...] | None:
    """Fields and cells of a column whose counts are what the series follows; None where there are none."""
    name, metric = series.column, series.metric
    if metric in _COUNTS:
        return tuple((field, None) for field in _COUNTS[metric])
    if metric == "encoding_rate":
        return (("encoding_messages", np.array([ENCODING_CLASSES.index(series.term)])),)
    if metric == "evasion_rate":
        return (("evasion_messages", np.array([EVASION_CLASSES.index(series.term)])),)
    if metric in ("class_share", "value_share"):
        return (("bins", np.array([plan.categories[name].words.index(series.term)])),)
    if metric == "unseen_rate":
        width = len(profile.take(plan, name, "bins"))
        return (("bins", np.arange(len(plan.categories[name].words), width)),)
    if metric == "language_share":
        return (("language", np.array([plan.text_facts[name].languages.index(series.term)])),)
    if metric in ("pair_rate", "new_pair_rate"):
        return (("pair", _pair_cells(series, plan)),)
    if series.term == "words":
        return None  # words are counted for the largest segments only
    if metric in ("jsd", "mean"):
        field = _TEXT_BINS.get(series.term, "bins")
        return ((field, _grown(name, field, profile, reference, plan)),)
    return None


def _pair_cells(series: Series, plan: Plan) -> npt.NDArray[np.intp]:
    facts = plan.text_facts[series.column]
    count = len(facts.languages)
    known = np.array(list(_known_pairs(facts.languages, facts.pairs)), dtype=np.intp)
    if series.metric == "pair_rate":
        return known[[facts.pairs.index(series.term)]]
    return np.setdiff1d(np.arange(count * count), known)


def _known_pairs(languages: Sequence[str], pairs: Sequence[str]) -> Iterator[int]:
    for pair in pairs:
        first, second = sorted(languages.index(language) for language in pair.split("+"))
        yield first * len(languages) + second


def _grown(name: str, field: str, profile: Profile, reference: Profile, plan: Plan) -> npt.NDArray[np.intp]:
    """The bins whose share grew: a distribution moved to them."""
    now = profile.take(plan, name, field).astype(np.float64)
    before = reference.take(plan, name, field).astype(np.float64)
    return np.flatnonzero(now / max(now.sum(), 1) > before / max(before.sum(), 1))
