"""Planted incidents and false episodes on simulated streams: `python -m tests.bench.bench_stream [seeds]
[first]`."""

from __future__ import annotations

import sys
import time
from collections import defaultdict

import numpy as np

from checks.baseline import fit_with_null
from tests.bench import simulate
from tests.bench.replay import Episode, replay

WITHIN = 12


def explained(episode: Episode, planted: tuple[simulate.Planted, ...]) -> bool:
    """Whether an incident that can raise this family was on, or only just over, when the episode opened."""
    at = episode.opened + simulate.REFERENCE_HOURS
    return any(one.start <= at < one.end + 3 and episode.family in related(one.incident) for one in planted)


def related(incident: simulate.Incident) -> tuple[str, ...]:
    return ("language", "inputs") if incident.family == "language" else (incident.family,)


def main(seeds: int = 5, first: int = 0) -> None:
    delays: dict[str, list[float]] = defaultdict(list)
    false: list[int] = []
    for seed in range(first, first + seeds):
        planted = simulate.plant(seed)
        obs = simulate.generate(seed, planted)
        began = time.perf_counter()
        fitted = fit_with_null(obs.rows(slice(0, simulate.REFERENCE_HOURS)), simulate.CALENDAR, seed=seed)
        took = time.perf_counter() - began
        monitored = obs.rows(slice(simulate.REFERENCE_HOURS, None))
        episodes = replay(fitted.baseline, monitored).episodes
        wrong = [one for one in episodes if not explained(one, planted)]
        false.append(len(wrong))
        for one in planted:
            start = one.start - simulate.REFERENCE_HOURS
            hits = [
                e.opened - start
                for e in episodes
                if e.family in related(one.incident) and start <= e.opened < start + WITHIN
            ]
            delays[one.incident.name].append(min(hits, default=np.inf))
        print(
            f"seed {seed}: {len(obs.series)} series, fit {took:.1f} s, {fitted.baseline.threshold:.1f} nats, "
            f"{len(episodes)} episodes, false: {[(one.family, one.opened, one.named[:2]) for one in wrong]}"
        )
    print(f"\nfalse episodes in two weeks: {np.mean(false):.2f} on average, at most {max(false)}")
    print("incident              found within 12 h   delay of the median and the slowest (windows)")
    for name, values in delays.items():
        found = np.isfinite(values).mean()
        print(f"{name:22}{found:6.0%}              {np.median(values):.0f}, {max(values):.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
