"""The text detectors: speed beside langdetect and ftfy, and accuracy on real messages, in one run.

    python -m tests.bench.bench_text [--check] [--sample 600] [--only PART]

Reads `../shared/data` (set DRIFTGLASS_DATA for another place) and says so where it is missing. Speed is processor
time of one core, medians of three repeats; peers read a random subset. The accuracy figures are of development
data: constants were chosen with a view of them, so expect somewhat less elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from checks import text

PARTS = (
    "speed",
    "languages",
    "mixing",
    "calibration",
    "encoding",
    "evasion",
    "robustness",
    "vocabulary",
    "campaigns",
    "memory",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --check, 1 where a figure misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--sample", type=int, default=600, help="messages that the slow peers read")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="this part of the table alone; may be repeated"
    )
    options = parser.parse_args(argv)
    data = Path(os.environ.get("DRIFTGLASS_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not data.is_dir():
        print(f"skipped: no data at {data}", file=sys.stderr)
        return 0
    text.warm_up()
    missed = False
    for name in options.only or PARTS:
        for figure in import_module(f"tests.bench.text.{name}").figures(data, options.sample):
            print(figure.line(84), flush=True)
            missed = missed or figure.missed
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
