"""The flight protocol: false alarms on a real year without a change, detection of four injections, and the peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from checks.baseline import Budget, fit_with_null
from checks.series import Observations
from tests.bench import flights
from tests.bench.decision import rules
from tests.bench.decision.common import Figure, interval, spoken
from tests.bench.replay import replay

BUDGETS = (14.0, 30.0, 90.0)
WITHIN = 14
MOST_FALSE, LEAST_FOUND, MOST_DAYS = 2.0, 0.9, 7.0

Mask = npt.NDArray[np.bool_]


@dataclass
class _Tally:
    """What one policy did, stream by stream."""

    alarms: list[float] = field(default_factory=list)
    alarm_days: list[float] = field(default_factory=list)
    delays: dict[str, list[float]] = field(default_factory=dict)

    def quiet(self, alarms: Mask) -> None:
        self.alarms.append(alarms.sum() / len(alarms))
        self.alarm_days.append(alarms.any(axis=1).mean())

    def changed(self, kind: str, alarms: Mask) -> None:
        """`alarms` are those of the days from the injection on."""
        hits = alarms[:WITHIN].any(axis=1)
        self.delays.setdefault(kind, []).append(float(np.argmax(hits)) if hits.any() else np.inf)

    def found(self, kind: str) -> tuple[float, float]:
        delays = np.array(self.delays[kind])
        return float(np.isfinite(delays).mean()), float(np.median(delays))


def figures(streams: int) -> Iterator[Figure]:
    """At most 36 streams of 12 reference and 12 monitored weeks; nothing was tuned on what they give."""
    data = flights.load()
    ratios: dict[float, list[float]] = {days: [] for days in BUDGETS}
    ours, peers = _Tally(), {name: _Tally() for name in rules.RULES}
    for seed in range(min(streams, 36)):
        rows = flights.stream(data, seed)
        changed = {kind: flights.inject(rows, kind, seed) for kind in flights.INJECTIONS}
        _judge(rows, changed, seed, ratios, ours)
        _compare(rows, changed, peers)
    for days, found in ratios.items():
        what = f"flights: false episodes, budget of one in {days:.0f} days, as a multiple of it"
        yield Figure(f"{what} ({spoken(*interval(found))})", float(np.mean(found)), MOST_FALSE, at_most=True)
    for kind in flights.INJECTIONS:
        share, median = ours.found(kind)
        yield Figure(f"flights: {kind}, found within {WITHIN} days", share, LEAST_FOUND)
        yield Figure(f"flights: {kind}, median delay in days", median, MOST_DAYS, at_most=True)
    for name, tally in {"driftglass": ours, **peers}.items():
        yield Figure(f"flights: {name}: false column alarms a day", float(np.mean(tally.alarms)))
        yield Figure(f"flights: {name}: share of quiet days with an alarm", float(np.mean(tally.alarm_days)))
    for name, tally in peers.items():
        told = ", ".join("{} {:.0%}/{:.1f} d".format(kind, *tally.found(kind)) for kind in flights.INJECTIONS)
        least = min(tally.found(kind)[0] for kind in flights.INJECTIONS)
        yield Figure(f"flights: {name}: least found of {told}", least)


def _judge(
    rows: flights.Stream,
    changed: dict[str, flights.Stream],
    seed: int,
    ratios: dict[float, list[float]],
    ours: _Tally,
) -> None:
    plan = flights.learn(rows)
    obs = flights.observe(rows, plan)
    reference, monitored = (
        obs.rows(slice(0, flights.REFERENCE_DAYS)),
        obs.rows(slice(flights.REFERENCE_DAYS, None)),
    )
    columns = _columns(obs)
    for days in BUDGETS:
        fitted = fit_with_null(reference, flights.CALENDAR, budget=Budget(1, days), seed=seed)
        run = replay(fitted.baseline, monitored, before=reference)
        ratios[days].append(len(run.episodes) / len(monitored.start_us) * days)
    ours.quiet(_by_column(run.alarms, columns))
    before = flights.CHANGE - flights.REFERENCE_DAYS
    for kind, injected in changed.items():
        late = flights.observe(injected, plan, flights.CHANGE, flights.CHANGE + WITHIN)
        windows = joined(monitored.rows(slice(0, before)), late)
        run = replay(fitted.baseline, windows, before=reference)
        ours.changed(kind, run.alarms[before:])


def joined(first: Observations, second: Observations) -> Observations:
    """The windows of one after the other."""
    return Observations(
        first.series,
        np.concatenate([first.start_us, second.start_us]),
        np.vstack([first.n, second.n]),
        np.vstack([first.x, second.x]),
        np.vstack([first.xx, second.xx]),
        {s: np.vstack([first.bins[s], second.bins[s]]) for s in first.bins},
    )


def _columns(obs: Observations) -> npt.NDArray[np.intp]:
    """int[S]: the column of each series, the last for those of whole records."""
    names = (*flights.COLUMNS, "")
    return np.array([names.index(one.column) for one in obs.series], dtype=np.intp)


def _by_column(alarms: Mask, columns: npt.NDArray[np.intp]) -> Mask:
    return np.stack([alarms[:, columns == i].any(axis=1) for i in range(len(flights.COLUMNS))], axis=1)


def _compare(rows: flights.Stream, changed: dict[str, flights.Stream], peers: dict[str, _Tally]) -> None:
    reference, monitored = slice(0, flights.REFERENCE_DAYS), slice(flights.REFERENCE_DAYS, None)
    late = slice(flights.CHANGE, flights.CHANGE + WITHIN)
    plain = _grids(rows)
    for name, rule in rules.RULES.items():
        peers[name].quiet(
            rule([one.rows(reference) for one in plain], [one.rows(monitored) for one in plain])
        )
    for kind, injected in changed.items():
        grids = _grids(injected)
        known, seen = [one.rows(reference) for one in grids], [one.rows(late) for one in grids]
        for name, rule in rules.RULES.items():
            peers[name].changed(kind, rule(known, seen))


def _grids(rows: flights.Stream) -> list[rules.Grid]:
    return [rules.grid(rows.columns[name], rows.window, flights.DAYS) for name in flights.COLUMNS]
