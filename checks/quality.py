"""Breaks of the data that need no statistics: what a person would call broken on sight.

The limits are hard on purpose, far from what chance or a changing world does; whatever is closer to normal
is left to the series of `drift`, which are judged against the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from checks.batch import Column
from checks.breaks import Break
from checks.counting import float_of
from checks.layout import UNSEEN_BUCKETS
from checks.plan import Facts, Plan
from checks.profile import Profile
from checks.series import ALL, Family

# Fewer broken cells than this are an accident, whatever their share.
MIN_CELLS = 5
# A share of broken cells above 1 % and three times the reference's is a break.
FLOOR_SHARE = 0.01
TIMES_REFERENCE = 3.0
# A frozen column is called so from this many values on.
MIN_FROZEN = 20
# "Practically impossible" under the reference.
IMPOSSIBLE = 1e-9
# Neighbouring records resemble each other: count a run of equal values as this much shorter than it is.
DEPENDENCE = 5
# A column that only rarely has a value may have none at all.
MOSTLY = 0.5

_CAN_FREEZE = frozenset({"input", "feature", "prediction", "score", "latency"})


@dataclass(frozen=True)
class _Cells:
    """One column in one window: how many cells are of each kind."""

    records: int
    absent: int
    missing: int
    failed: int
    values: int  # numbers: finite ones
    out_of_range: int

    @property
    def present(self) -> int:
        return self.records - self.absent


def breaks(profile: Profile, plan: Plan) -> tuple[Break, ...]:
    """Breaks of every column of a window, in contract order; none for a window without records."""
    if not profile.records:
        return ()
    found: list[Break] = []
    for column in plan.columns:
        cells = _cells(profile, plan, column)
        facts = plan.facts[column.name]
        for check in _CHECKS:
            found.extend(check(profile, plan, column, cells, facts))
    return tuple(found)


def _cells(profile: Profile, plan: Plan, column: Column) -> _Cells:
    def total(field: str) -> int:
        return int(profile.take(plan, column.name, field).sum())

    return _Cells(
        records=profile.records,
        absent=total("absent"),
        missing=total("null") + total("sentinel"),
        failed=total("type_failure"),
        values=total("messages" if column.kind == "text" else "bins"),
        out_of_range=total("out_of_range") if column.kind != "text" else 0,
    )


def _far_above(count: int, of: int, reference_share: float) -> bool:
    return count >= MIN_CELLS and count > of * max(FLOOR_SHARE, TIMES_REFERENCE * reference_share)


def _break(family: Family, metric: str, column: Column, value: float, expected: float, message: str) -> Break:
    return Break(family, metric, column.name, ALL, value, expected, message)


def _absent(profile: Profile, plan: Plan, column: Column, cells: _Cells, facts: Facts) -> Iterator[Break]:
    share = cells.absent / cells.records
    whole = cells.absent == cells.records and facts.absent_share < MOSTLY
    if whole or _far_above(cells.absent, cells.records, facts.absent_share):
        extent = "the input" if whole else f"{cells.absent:,} of {cells.records:,} records of the input"
        message = f"Column {column.name} is missing from {extent}."
        yield _break("schema", "absent", column, share, facts.absent_share, message)


def _all_null(profile: Profile, plan: Plan, column: Column, cells: _Cells, facts: Facts) -> Iterator[Break]:
    if cells.present < MIN_CELLS or cells.missing < cells.present or facts.null_share > MOSTLY:
        return
    # One more null than was seen, so that a reference without any does not make a single null impossible.
    usual = (facts.null_share * facts.records + 1) / (facts.records + 2)
    if cells.present * math.log(usual) < math.log(IMPOSSIBLE):
        message = (
            f"Every value of {column.name} is null ({cells.present:,} records); "
            f"in the reference {_percent(facts.null_share)} were."
        )
        yield _break("quality", "all_null", column, 1.0, facts.null_share, message)


def _failures(profile: Profile, plan: Plan, column: Column, cells: _Cells, facts: Facts) -> Iterator[Break]:
    if _far_above(cells.failed, cells.present, facts.type_failure_share):
        share = cells.failed / cells.present
        kind = {"number": "no numbers", "category": "no words", "text": "no text"}[column.kind]
        message = (
            f"{cells.failed:,} of {cells.present:,} values of {column.name} ({_percent(share)}) are {kind}; "
            f"in the reference {_percent(facts.type_failure_share)} were."
        )
        yield _break("schema", "type_failure", column, share, facts.type_failure_share, message)


def _outside(profile: Profile, plan: Plan, column: Column, cells: _Cells, facts: Facts) -> Iterator[Break]:
    if _far_above(cells.out_of_range, cells.values, facts.out_of_range_share):
        share = cells.out_of_range / cells.values
        if column.range is not None:
            limit = f"outside the declared range {column.range[0]:g} to {column.range[1]:g}"
        else:
            limit = "not among the declared values"
        message = (
            f"{cells.out_of_range:,} of {cells.values:,} values of {column.name} ({_percent(share)}) "
            f"are {limit}; in the reference {_percent(facts.out_of_range_share)} were."
        )
        yield _break("quality", "out_of_range", column, share, facts.out_of_range_share, message)


def _frozen(profile: Profile, plan: Plan, column: Column, cells: _Cells, facts: Facts) -> Iterator[Break]:
    if column.role not in _CAN_FREEZE or facts.distinct < 2 or cells.values < MIN_FROZEN:
        return
    # An hour of day is constant in an hourly window: the reference's longest run says what is normal.
    if cells.values <= 3 * facts.longest_run:
        return
    look = _only_number if column.kind == "number" else _only_word
    only = look(profile, plan, column)
    if only is None:
        return
    name, share = only
    if cells.values / DEPENDENCE * math.log(max(share, 1 / (facts.values + 1))) < math.log(IMPOSSIBLE):
        message = (
            f"{column.name} is frozen: all {cells.values:,} values are {name}, "
            f"as {_percent(share)} of the reference."
        )
        yield _break("quality", "frozen", column, 1.0, share, message)


def _only_number(profile: Profile, plan: Plan, column: Column) -> tuple[str, float] | None:
    """The one value of the window and its share in the reference, None if there are more."""
    cell = plan.layout.first(column.name, "extremes")
    low, high = profile.low.get(cell), profile.high.get(cell)
    if low is None or low != high:
        return None
    number = plan.numbers[column.name].bins
    bins = np.flatnonzero(profile.take(plan, column.name, "bins"))
    # A value that shares its bin with others is at most as frequent as the bin.
    return f"{float_of(low):g}", number.share(int(bins[0]))


def _only_word(profile: Profile, plan: Plan, column: Column) -> tuple[str, float] | None:
    if column.kind == "text":
        return None  # the same message again and again is the duplicate rate's
    known = plan.categories[column.name]
    bins = np.flatnonzero(profile.take(plan, column.name, "bins"))
    if len(bins) != 1:
        return None
    total = sum(known.mass)
    if bins[0] >= len(known.words):
        return f"the same unseen value (one of {UNSEEN_BUCKETS:,} hash buckets)", 0.0
    return f'"{known.words[bins[0]]}"', known.mass[bins[0]] / total


def _percent(share: float) -> str:
    if share == 0:
        return "none"
    return f"{share:.0%}" if share >= 0.1 else f"{share:.2%}" if share >= 1e-4 else "fewer than 0.01%"


_Check = Callable[[Profile, Plan, Column, _Cells, Facts], Iterator[Break]]
_CHECKS: tuple[_Check, ...] = (_absent, _all_null, _failures, _outside, _frozen)
