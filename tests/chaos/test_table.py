"""The harness itself: its time is bounded, and a part that fails is seen and ends nothing else."""

from __future__ import annotations

import io

from rich.console import Console

from tests.chaos.__main__ import AT_ONCE, schedule
from tests.chaos.running import longest
from tests.chaos.table import Row, table

BEFORE_SECONDS = 10  # imports


def test_all_parts_together_stay_within_five_and_sixty_minutes() -> None:
    assert BEFORE_SECONDS + longest(schedule("short"), AT_ONCE["short"]) <= 5 * 60
    assert BEFORE_SECONDS + longest(schedule("long"), AT_ONCE["long"]) <= 60 * 60


def test_a_row_that_does_not_hold_is_marked() -> None:
    shown = io.StringIO()
    rows = [("kills", Row("lost", "0", "0", ok=True)), ("kills", Row("double", "2", "0", ok=False))]
    Console(file=shown, width=120).print(table(rows, "chaos"))
    lost, double = (line for line in shown.getvalue().splitlines() if "lost" in line or "double" in line)
    assert "ok" in lost
    assert "FAILED" in double
