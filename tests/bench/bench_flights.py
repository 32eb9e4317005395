"""False alarms and detection on the flight protocol: `python -m tests.bench.bench_flights [streams]`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.baseline import Budget, fit_with_null
from tests.bench import flights
from tests.bench.replay import Replayed, replay

REFERENCE = slice(0, flights.REFERENCE_WEEKS * 7)
MONITORED = slice(flights.REFERENCE_WEEKS * 7, (flights.REFERENCE_WEEKS + flights.MONITORED_WEEKS) * 7)
HALF = flights.MONITORED_WEEKS // 2 * 7
WITHIN = 14
BUDGETS = (14.0, 30.0, 90.0)


@dataclass(frozen=True)
class Outcome:
    """Of one stream: false episodes, false column-alarms, days, and per injection the delay or None."""

    episodes: int
    alarms: int
    days: int
    delays: tuple[int | None, ...]
    threshold: float


def judge(data: flights.Flights, seed: int, days: float, *, injections: bool) -> Outcome:
    rows = flights.stream(data, seed)
    obs = flights.observe(rows)
    fitted = fit_with_null(obs.rows(REFERENCE), flights.CALENDAR, budget=Budget(1, days), seed=seed)
    quiet = replay(fitted.baseline, obs.rows(MONITORED))
    delays: list[int | None] = []
    for kind in flights.INJECTIONS if injections else ():
        changed = flights.observe(flights.inject(rows, kind, seed))
        # Bins come from the reference, which no injection touches: the same series, the same baseline.
        delays.append(_delay(replay(fitted.baseline, changed.rows(MONITORED))))
    monitored = MONITORED.stop - MONITORED.start
    return Outcome(
        len(quiet.episodes), _new_alarms(quiet), monitored, tuple(delays), fitted.baseline.threshold
    )


def _new_alarms(run: Replayed) -> int:
    """Columns that newly went into breach, over all windows."""
    before = np.vstack([np.zeros((1, run.breach.shape[1]), dtype=bool), run.breach[:-1]])
    return int((run.breach & ~before).sum())


def _delay(run: Replayed) -> int | None:
    """Windows from the injection to the first series newly in breach, None if none within 14 days."""
    before = np.vstack([np.zeros((1, run.breach.shape[1]), dtype=bool), run.breach[:-1]])
    fresh = (run.breach & ~before).any(axis=1)[HALF : HALF + WITHIN]
    return int(np.argmax(fresh)) if fresh.any() else None


def interval(values: npt.NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """90 % bootstrap interval of the mean over streams."""
    drawn = np.random.default_rng(seed).choice(values, size=(2_000, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.05, 0.95])
    return float(low), float(high)


def main(streams: int = 36) -> None:
    data = flights.load()
    print(f"{streams} streams of {MONITORED.stop - MONITORED.start} monitored days, no change point")
    print(
        "budget      episodes/day  ratio to the budget (90 % interval)  column-alarms/day  median threshold"
    )
    for days in BUDGETS:
        outcomes = [judge(data, seed, days, injections=days == BUDGETS[-1]) for seed in range(streams)]
        per_day = np.array([one.episodes / one.days for one in outcomes])
        alarms = np.mean([one.alarms / one.days for one in outcomes])
        low, high = interval(per_day * days)
        threshold = np.median([one.threshold for one in outcomes])
        print(
            f"1 per {days:3.0f} d   {per_day.mean():.4f}        "
            f"{per_day.mean() * days:.2f} ({low:.2f}-{high:.2f})                       "
            f"{alarms:.4f}             {threshold:.1f} nats"
        )
    print(f"\ninjection        found within {WITHIN} d  median delay")
    for i, kind in enumerate(flights.INJECTIONS):
        delays = [one.delays[i] for one in outcomes]
        found = [delay for delay in delays if delay is not None]
        median = f"{np.median(found):.1f} d" if found else "-"
        print(f"{kind:16} {len(found) / len(delays):6.0%}             {median}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
