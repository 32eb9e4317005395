"""A break of the contract or of the data that needs no statistics: it fires at once."""

from __future__ import annotations

from dataclasses import dataclass

from checks.series import Family


@dataclass(frozen=True, slots=True)
class Break:
    """`value` and `expected` are in the unit of the metric; `message` says in plain words what is wrong."""

    family: Family
    metric: str
    column: str
    segment: str
    value: float
    expected: float
    message: str
