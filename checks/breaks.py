"""A break of the contract or of the data that needs no statistics: it fires at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from checks.series import Family


@dataclass(frozen=True, slots=True)
class Break:
    """`value` and `expected` are in the unit of the metric; `message` says in plain words what is wrong.

    severity: who must hear of it: somebody now (`page`), or the weekly review (`ticket`).
    """

    family: Family
    metric: str
    column: str
    segment: str
    value: float
    expected: float
    message: str
    severity: Literal["page", "ticket"] = "page"
