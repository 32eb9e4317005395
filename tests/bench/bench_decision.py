"""Deciding: false alarms, power, cost, beside what other monitors would say, in one table.

    python -m tests.bench.bench_decision [--check] [--only PART]... [--streams N]

`flights` needs `../shared/data` (set DRIFTGLASS_DATA for another place) and says so where it is missing; the other
parts make their own data. Fewer streams are quicker and say less.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.bench import flights
from tests.bench.decision import cbpe, cost, demo, explanation, nulls, real_year, samples, shapes
from tests.bench.decision.common import Figure

# Each with the streams it runs over when none are asked for.
PARTS: Mapping[str, tuple[Callable[[int], Iterator[Figure]], int]] = {
    "flights": (real_year.figures, 36),
    "nulls": (nulls.figures, 120),
    "samples": (samples.figures, 4),
    "shapes": (shapes.figures, 2_000),
    "cost": (cost.figures, 1),
    "explanation": (explanation.figures, 100),
    "cbpe": (cbpe.figures, 1),
    "demo": (demo.figures, 20),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --check, 1 where a figure misses its bar."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be repeated")
    parser.add_argument("--streams", type=int, help="streams (histories, repetitions) of each part")
    options = parser.parse_args(argv)
    missed = False
    for name in options.only or PARTS:
        if name == "flights" and not flights.DATA.exists():
            print(f"skipped flights: no data at {flights.DATA}", file=sys.stderr)
            continue
        part, streams = PARTS[name]
        began = time.perf_counter()
        for figure in part(options.streams or streams):
            print(figure.line(110), flush=True)
            missed = missed or figure.missed
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
