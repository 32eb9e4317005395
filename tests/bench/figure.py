"""A line of a benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table; `bar` is the least (or, with `at_most`, the most) that is asked, None for no bar."""

    what: str
    value: float
    bar: float | None = None
    at_most: bool = False

    @property
    def missed(self) -> bool:
        """Whether the bar is not reached; a value that is no number reaches none."""
        if self.bar is None:
            return False
        return not (self.value <= self.bar if self.at_most else self.value >= self.bar)

    def line(self, width: int) -> str:
        """The line, with `width` columns for what it says."""
        bar = "" if self.bar is None else f"{'≤' if self.at_most else '≥'} {self.bar:g}"
        return f"{self.what:{width}} {self.value:14.4f}  {bar:8} {'MISSED' if self.missed else ''}"
