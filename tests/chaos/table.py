"""What a part of the chaos run is given and gives back, and the table it ends in.

    def run(form: Form) -> Iterator[Row]:
        form.say("starting three replicas")
        yield Row("windows lost", figure="0 of 512", bar="0", ok=True)

Every row is yielded as soon as it is known: what a part found before it failed or ran out of time is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Form:
    """How a part is to be run: short (CI) or long, in a folder of its own, from a seed."""

    short: bool
    folder: Path
    seed: int
    part: str = ""

    def say(self, text: str) -> None:
        """One line of progress, on standard error."""
        print(f"  {self.part}: {text}", file=sys.stderr, flush=True)

    def pick(self, short: int, long: int) -> int:
        """The number for this form."""
        return short if self.short else long


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was tried, what was seen, what is asked for, the bare floor in the same run, and if it holds.

    `timed`: the bar is a time or a rate of two idle cores; a slower or busier machine may miss it with nothing wrong.
    """

    what: str
    figure: str
    bar: str
    ok: bool
    floor: str = ""
    timed: bool = False


def table(found: Iterable[tuple[str, Row]], title: str) -> Table:
    """The rows of every part as one table."""
    drawn = Table("part", "what", "seen", "bar", "bare floor", "", title=title, title_justify="left")
    before = ""
    for part, row in found:
        drawn.add_row(part if part != before else "", row.what, row.figure, row.bar, row.floor, _mark(row))
        before = part
    return drawn


def _mark(row: Row) -> str:
    if row.ok:
        return "[green]ok[/]"
    return "[yellow]slow[/]" if row.timed else "[bold red]FAILED[/]"
