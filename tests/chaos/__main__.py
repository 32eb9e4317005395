"""`python -m tests.chaos [--short] [--only PART …] [--check] [--seed N]`: run the parts and print one table.

Each part is a process of its own with a time limit. What it started is ended with it, by process id, also what lost
its parent on the way; a part that fails or takes too long is a failed row, and the next one begins.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import psutil
from rich.console import Console

from tests.chaos.table import Form, Row, table

# Seconds that a part may take, short and long. Altogether at most 5 and 60 minutes: the test counts.
PARTS: dict[str, tuple[int, int]] = {
    "kills": (55, 1400),
    "steps": (60, 240),
    "stopped": (20, 80),
    "database": (20, 160),
    "ingest": (8, 100),
    "hostile": (12, 450),
    "receivers": (14, 140),
    "alertmanager": (8, 80),
    "alerts": (3, 50),
    "downtime": (18, 120),
    "latency": (34, 140),
    "clocks": (26, 220),
    "storage": (22, 90),
    "soak": (0, 150),  # long only
}
_PR_SET_CHILD_SUBREAPER = 36


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
    parser.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("CHAOS_PATIENCE", str(options.patience))
    if options.inside:
        return _inside(Form(options.short, Path.cwd(), options.seed, options.inside))
    _adopt_orphans()
    began = time.monotonic()
    found: list[tuple[str, Row]] = []
    for part in options.only:
        limit = round(PARTS[part][0 if options.short else 1] * options.patience)
        if limit:
            found += [(part, row) for row in _outside(part, options.short, options.seed, limit)]
    console = Console(width=None if sys.stdout.isatty() else 160)
    form = "short" if options.short else "long"
    console.print(table(found, f"chaos, {form} form, seed {options.seed}, {time.monotonic() - began:.0f} s"))
    failed = sum(not row.ok and not (row.timed and options.patience > 1) for _, row in found)
    if failed:
        console.print(f"[bold red]{failed} of {len(found)} rows are not as promised[/]")
    return 1 if failed and options.check else 0


def _outside(part: str, short: bool, seed: int, limit: int) -> list[Row]:
    """Run one part as a process; its rows, and one more if it failed or had to be ended."""
    print(f"{part} (at most {limit} s)", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "tests.chaos", "--inside", part, "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would cost every start of a process seconds
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"chaos-{part}-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            command + ["--short"] * short, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        late = threading.Event()
        timer = threading.Timer(limit, _too_late, [late])
        timer.start()
        try:
            assert process.stdout is not None
            rows = [Row(**json.loads(line)) for line in process.stdout if line.startswith("{")]
            code = process.wait()
        finally:
            timer.cancel()
            _end_children()
    if late.is_set():
        rows.append(Row("finishes in time", f"ended after {limit} s", f"{limit} s", ok=False))
    elif code != 0:
        rows.append(Row("runs to its end", f"exit {code}, see above", "exit 0", ok=False))
    print(f"  {part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def _too_late(late: threading.Event) -> None:
    late.set()
    _end_children()


def _inside(form: Form) -> int:
    """The part's own process: its rows as JSON lines on standard output."""
    _adopt_orphans()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library or a child prints is no row
    try:
        for row in importlib.import_module(f"tests.chaos.{form.part}").run(form):
            answers.write(json.dumps(dataclasses.asdict(row)) + "\n")
            answers.flush()
    except Exception:  # noqa: BLE001 - the edge: told, and the next part begins
        traceback.print_exc()
        return 1
    finally:
        _end_children()
    return 0


def _end_children() -> None:
    """End everything that this process started, however far down."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=10)


def _adopt_orphans() -> None:
    """From now on a process whose parent was killed becomes a child of this one, so that it is found and ended."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


if __name__ == "__main__":
    sys.exit(main())
