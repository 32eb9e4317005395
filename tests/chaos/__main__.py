"""`python -m tests.chaos [--short] [--only PART …] [--check] [--seed N]`: run the parts and print one table.

Each part is a process of its own with a time limit (see `running`), forked from this one, which has done the imports.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from tests.chaos import light
from tests.chaos.running import Part, run_all
from tests.chaos.table import Form, Row, table


@dataclass(frozen=True)
class Limits:
    """Seconds that a part may take, short (0: long only) and long, and whether nothing may run beside it."""

    short: int
    long: int
    alone: bool = False


# Those that measure rates, latencies or memory run alone. Those before them wait for leases, retries and starts, and a
# neighbour does not bring them near their bars: in the short form two of them run at once, begun in this order, which
# keeps the two apart that need both processors, steps and kills. The test counts that all limits together are five
# minutes at most; sixty in the long form, where one follows the other.
PARTS = {
    "steps": Limits(85, 240),
    "database": Limits(40, 160),
    "stopped": Limits(30, 80),
    "kills": Limits(65, 1400),
    "clocks": Limits(45, 220),
    "storage": Limits(50, 90),
    "receivers": Limits(20, 140),
    "alertmanager": Limits(14, 80),
    "alerts": Limits(6, 50),
    "ingest": Limits(14, 100, alone=True),
    "hostile": Limits(20, 450, alone=True),
    "downtime": Limits(26, 120, alone=True),
    "latency": Limits(48, 140, alone=True),
    "soak": Limits(0, 230, alone=True),  # three days say something, and take minutes
}
AT_ONCE = {"short": 2, "long": 1}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="at most five minutes; without it at most sixty")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--check", action="store_true", help="exit 1 if anything is not as promised")
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="N",
        help="a part may take N times as long (busy machines); above 1, times are shown and fail nothing",
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("CHAOS_PATIENCE", str(options.patience))
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would cost every start of a process seconds
    began = time.monotonic()
    form = "short" if options.short else "long"
    parts = schedule(form, options.seed, options.patience)
    light.warm()
    chosen = [part for part in parts if part.name in options.only]
    found = {part.name: rows for part, rows in run_all(chosen, AT_ONCE[form])}
    rows = [(name, row) for name in PARTS for row in found.get(name, ())]
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table(rows, f"chaos, {form} form, seed {options.seed}, {time.monotonic() - began:.0f} s"))
    failed = sum(not row.ok and not (row.timed and options.patience > 1) for _, row in rows)
    if failed:
        console.print(f"[bold red]{failed} of {len(rows)} rows are not as promised[/]")
    return 1 if failed and options.check else 0


def schedule(form: str, seed: int = 1, patience: float = 1.0) -> list[Part]:
    """The parts of a form in the order in which they begin."""
    limits = {name: limits.short if form == "short" else limits.long for name, limits in PARTS.items()}
    return [
        Part(name, partial(_rows, name, form == "short", seed), limit * patience, PARTS[name].alone)
        for name, limit in limits.items()
        if limit
    ]


def _rows(name: str, short: bool, seed: int, folder: Path) -> Iterator[Row]:
    yield from importlib.import_module(f"tests.chaos.{name}").run(Form(short, folder, seed, name))


if __name__ == "__main__":
    sys.exit(main())
