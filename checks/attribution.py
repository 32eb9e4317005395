"""Which segment values carry a change, and whether it is a change of their mix or within them.

Counts (records, and how they divide into segments) are attributed by Adtributor (Bhagwan et al., NSDI 2014): for each
value v of a dimension, q_v is what the window counted and p_v what it would have counted had its records been spread
as the reference's; explanatory power EP_v = (q_v − p_v) / (Q − P), surprise S_v = ½·[p ln 2p/(p + q) + q ln 2q/(p + q)]
of the shares p = p_v / P and q = q_v / Q.

Levels (rates, means, and how far a distribution moved) are attributed by Kitagawa's decomposition (`kitagawa`), since a
count mixes a segment's traffic with what changed in it; surprise is then the log-likelihood ratio per record for a
change in v that differs from that of all other values. See docs/decisions/019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from checks.kitagawa import Decomposition, decompose
from checks.series import ALL, Observations, Series

if TYPE_CHECKING:
    from checks.baseline import Baseline
    from checks.decision import Finding
    from checks.plan import Plan
    from checks.profile import Profile

Floats = npt.NDArray[np.float64]

# Adtributor's own thresholds: values are taken until they explain so much, each at least so much.
ENOUGH_EXPLAINED = 0.67
LEAST_EXPLAINED = 0.1
# Beyond the paper: a value that explains what its share of the traffic would explain anyway is no explanation,
# nor is one whose counts moved by less than so many standard deviations of a count.
LEAST_ABOVE_SHARE = 0.1
LEAST_DEVIATIONS = 3.0
# Of changes that are everywhere the same, so many may blame some value of some dimension.
FALSE_BLAME = 0.01


@dataclass(frozen=True, slots=True)
class Share:
    """`segment` ("country=IN") explains `share` of the change (1 = all of it; may exceed 1 where others moved
    the other way), with its `surprise` in nats."""

    segment: str
    share: float
    surprise: float


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of a change is that the values of `dimension` have other parts of the traffic than before.

    share         of the change, 1 = all of it; the rest is change within the values. Below 0 or above 1 where the two
                  moved against each other
    segment       the value whose part of the traffic adds most to it, which was `before` and is `now` (0..1)
    sure          that part changed by more than chance changes some value's
    """

    dimension: str
    share: float
    segment: str
    before: float
    now: float
    sure: bool


def segments(
    profile: Profile, reference: Profile, plan: Plan, baseline: Baseline, finding: Finding
) -> tuple[Share, ...]:
    """The segment values that carry a finding, dimension with most surprise first, heaviest value first.

    `profile` is the judged window's, `reference` the merged one of all reference windows. Followed is the
    series that leads the finding; () where the change is everywhere as the traffic is, for a finding
    without series, and for words and repeated messages, of which segments keep no count.
    """
    if not finding.named or not profile.records or not reference.records:
        return ()
    lead = finding.named[0]
    series = baseline.series[lead.series]
    dimensions = _dimensions(plan)
    if series.metric in ("volume", "segment_share"):
        found = []
        whole = series.kind == "volume" and series.segment == ALL
        total = lead.expected if whole else float(profile.records)
        for names in dimensions.values():
            now, before = _records(profile, plan, names), _records(reference, plan, names)
            found.append(_adtribute(names, now, before * total / reference.records, rising=lead.effect >= 0))
    else:
        least = _least_z(sum(map(len, dimensions.values())))
        found = [
            _levelled(names, moved, least)
            for names, moved in _moved(profile, reference, plan, series, lead.effect)
        ]
    found = sorted(filter(None, found), key=lambda shares: -sum(one.surprise for one in shares))
    return tuple(share for shares in found for share in shares)


def mixes(
    profile: Profile, reference: Profile, plan: Plan, baseline: Baseline, finding: Finding
) -> tuple[Mix, ...]:
    """For each dimension, how much of the leading rate or mean of all traffic is a changed mix; most first.

    () where `segments` is, and for records and series of a single segment, which have no level of their own.
    """
    if not finding.named or not profile.records or not reference.records:
        return ()
    lead = finding.named[0]
    series = baseline.series[lead.series]
    if series.kind not in ("rate", "mean") or series.segment != ALL:
        return ()
    found = []
    least = _least_z(sum(map(len, _dimensions(plan).values())))
    for names, moved in _moved(profile, reference, plan, series, lead.effect):
        parts = moved.parts
        i = int(np.argmax(moved.side * parts.mix))
        found.append(
            Mix(
                dimension=names[i].partition("=")[0],
                share=float(parts.mix.sum() / parts.change),
                segment=names[i],
                before=float(parts.before[i]),
                now=float(parts.now[i]),
                sure=bool(abs(moved.z_mix[i]) >= least),
            )
        )
    return tuple(sorted(found, key=lambda mix: (-mix.share, mix.dimension)))


def _dimensions(plan: Plan) -> dict[str, list[str]]:
    dimensions: dict[str, list[str]] = {}
    for name in plan.segments:
        if name != ALL:
            dimensions.setdefault(name.partition("=")[0], []).append(name)
    return dimensions


def _least_z(values: int) -> float:
    """What a value's z must reach, two-sided, for as many values as could be blamed (Bonferroni)."""
    return NormalDist().inv_cdf(1 - FALSE_BLAME / 2 / max(values, 1))


# ----- counts -----------------------------------------------------------------------------------------------


def _records(profile: Profile, plan: Plan, names: Sequence[str]) -> Floats:
    return np.array([profile.take(plan, "", "records", name).sum() for name in names], dtype=np.float64)


def _adtribute(names: Sequence[str], now: Floats, normal: Floats, *, rising: bool) -> list[Share]:
    """The values that explain a change of the counts float64[V] from what is normal."""
    change = (now - normal) if rising else (normal - now)
    whole = _whole(change)
    if whole <= 0:
        return []
    power = change / whole
    telling = power - normal / max(normal.sum(), 1e-300) > LEAST_ABOVE_SHARE
    telling &= (power > LEAST_EXPLAINED) & (change >= LEAST_DEVIATIONS * np.sqrt(normal + 1))
    return _taken(names, power, _surprise(normal, now), telling)


def _whole(change: Floats) -> float:
    """What is to be explained: the total, or all growth where what moves between values leaves the total as it was."""
    total, gains = float(change.sum()), float(np.maximum(change, 0).sum())
    return total if total > gains / 2 else gains


def _taken(
    names: Sequence[str], power: Floats, surprise: Floats, telling: npt.NDArray[np.bool_]
) -> list[Share]:
    """Adtributor's choice: telling values by surprise until enough is explained; the heaviest first."""
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


def _surprise(normal: Floats, now: Floats) -> Floats:
    from scipy.special import xlogy

    p, q = normal / max(normal.sum(), 1e-300), now / max(now.sum(), 1e-300)
    both = np.maximum(p + q, 1e-300)
    return np.asarray((xlogy(p, 2 * p / both) + xlogy(q, 2 * q / both)) / 2, dtype=np.float64)


# ----- levels -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Moved:
    """A change of a level over the V values of a dimension. `side` is +1 for a rise; z_within says by how many
    standard deviations a value changed otherwise than the rest, z_mix that its part of the traffic changed."""

    parts: Decomposition
    side: float
    z_within: Floats
    z_mix: Floats
    records: float


def _moved(
    profile: Profile, reference: Profile, plan: Plan, series: Series, effect: float
) -> Iterator[tuple[list[str], _Moved]]:
    """Every dimension along which the series has a level and moved to the side of `effect`."""
    from checks.drift import observe_segments, series_of

    whole = replace(series, segment=ALL)
    place = {one: s for s, one in enumerate(series_of(plan))}
    if whole not in place:
        return
    s = place[whole]
    for names in _dimensions(plan).values():
        now, before = (observe_segments(one, plan, names) for one in (profile, reference))
        level_now, level_before = _level(now, before, s)
        parts = decompose(level_before.n, level_before.x, level_now.n, level_now.x)
        side = 1.0 if effect >= 0 or series.kind == "distribution" else -1.0
        if parts is None or parts.change * side <= 0:
            continue
        z_within, z_mix = _deviations(parts, level_before, level_now, series.kind == "rate")
        yield names, _Moved(parts, side, z_within, z_mix, float(level_now.n.sum()))


@dataclass(frozen=True, eq=False)
class _Level:
    """n, Σx and Σx² of every value, float64[V]."""

    n: Floats
    x: Floats
    xx: Floats


def _level(now: Observations, before: Observations, s: int) -> tuple[_Level, _Level]:
    kind = now.series[s].kind
    if kind != "distribution":
        pair = [_Level(one.n[:, s], one.x[:, s], one.x[:, s] if kind == "rate" else one.xx[:, s])
                for one in (now, before)]  # fmt: skip
        return pair[0], pair[1]
    counts_now, counts_before = (one.bins[s].astype(np.float64) for one in (now, before))
    # How much a record speaks for the window and against the reference: its mean rises by the PSI of all traffic.
    weight = _log_shares(counts_now.sum(axis=0)) - _log_shares(counts_before.sum(axis=0))
    pair = [_Level(c.sum(axis=1), c @ weight, c @ np.square(weight)) for c in (counts_now, counts_before)]
    return pair[0], pair[1]


def _log_shares(counts: Floats) -> Floats:
    padded = counts + 0.5
    return np.asarray(np.log(padded / padded.sum()))


def _deviations(parts: Decomposition, before: _Level, now: _Level, rate: bool) -> tuple[Floats, Floats]:
    weight = (parts.before + parts.now) / 2
    change = parts.level_now - parts.level_before
    if rate:
        # As if all had changed alike; one event more or less is no deviation.
        alike = np.clip(parts.level_before + float(weight @ change), 0, 1)
        variance_now = alike * (1 - alike) + 1 / np.maximum(now.n, 1)
        variance_before = parts.level_before * (1 - parts.level_before)
    else:
        variance_now, variance_before = _variance(now), _variance(before)
    variance = variance_now / np.maximum(now.n, 1) + variance_before / np.maximum(before.n, 1)
    rest = np.maximum(1 - weight, 1e-12)
    of_rest = (weight @ change - weight * change) / rest
    variance_of_rest = (np.square(weight) @ variance - np.square(weight) * variance) / np.square(rest)
    sd = np.sqrt(np.maximum(variance + variance_of_rest, 1e-300))
    z_within = np.where((now.n > 0) & (before.n > 0), (change - of_rest) / sd, 0.0)
    chance = weight * (1 - weight) + 1 / max(now.n.sum(), 1)
    z_mix = (parts.now - parts.before) / np.sqrt(chance * (1 / now.n.sum() + 1 / before.n.sum()))
    return z_within, z_mix


def _variance(level: _Level) -> Floats:
    """Of single values, pooled over the segments: one that is small knows its own badly."""
    n = np.maximum(level.n, 1)
    within = level.xx - np.square(level.x) / n
    return np.full(len(n), max(float(within.sum()), 0.0) / max(float(level.n.sum()), 1.0))


def _levelled(names: Sequence[str], moved: _Moved, least_z: float) -> list[Share]:
    """The values that add more to the change than their part of the traffic would, and not by chance."""
    parts = moved.parts
    added = moved.side * (parts.mix + parts.within)
    whole = _whole(added)
    power = added / whole
    telling = (power > LEAST_EXPLAINED) & (power - (parts.before + parts.now) / 2 > LEAST_ABOVE_SHARE)
    by_mix = (np.abs(moved.z_mix) >= least_z) & (moved.side * parts.mix > LEAST_EXPLAINED * whole)
    by_change = moved.side * moved.z_within >= least_z
    telling &= by_mix | by_change
    z = np.maximum(np.where(by_change, np.abs(moved.z_within), 0), np.where(by_mix, np.abs(moved.z_mix), 0))
    return _taken(names, power, np.square(z) / 2 / max(moved.records, 1), telling)
