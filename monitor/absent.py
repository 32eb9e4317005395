"""Declared columns that the data do not have: nothing is measured of them, so somebody must be told.

Where a column was there in the reference and is gone, a break of the schema raises an alert. One that was never
there has nothing to break.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from monitor.errors import UsageError
from monitor.store import models, parts, plans, windows

if TYPE_CHECKING:
    from checks.plan import Plan
    from checks.profile import Profile
    from monitor.contract import Contract
    from monitor.sources import Page


@dataclass
class Presence:
    """Which columns the pages of a reading had, page by page.

    named   columns that a page has, whatever is in them
    filled  those with a value in a record at least
    """

    records: int = 0
    named: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)

    def add(self, page: Page) -> None:
        """Take in a page; one without a record says nothing."""
        if not len(page.rows):
            return
        self.records += len(page.rows)
        for name in page.table.schema.names:
            self.named.add(name)
            if name not in self.filled and page.table.column(name).null_count < len(page.rows):
                self.filled.add(name)

    def missing(self, plan: Plan) -> dict[str, str]:
        """A sentence for each column of the plan that no record had; none for a reading without records.

        A column that is there and empty counts if it was empty in the reference too: JSON Lines leave out what they
        have no value for, and some columns seldom have one.
        """
        if not self.records:
            return {}
        said = {}
        for name in (column.name for column in plan.columns):
            if name not in self.named:
                said[name] = _sentence(name, f"none of the {self.records:,} records read has it")
            elif name not in self.filled and _never_filled(plan, name):
                said[name] = _sentence(name, f"none of the {self.records:,} records read has a value in it")
        return said


def learnt(plan: Plan) -> dict[str, str]:
    """The kind of each column that a plan counts, by name."""
    return {column.name: column.kind for column in plan.columns}


def changed_since(learnt: Mapping[str, str], contract: Contract) -> str | None:
    """Why records cannot be counted by what was learnt: the contract has not all of its columns, or as another kind.

    None if they can. A column that the contract has besides is only not measured: `not_learnt`.
    """
    declared = {name: spec.kind for name, spec in contract.column_specs.items()}
    gone = [name for name in learnt if name not in declared]
    other = [name for name, kind in learnt.items() if declared.get(name, kind) != kind]
    told = [("no longer declared", gone), ("of another kind", other), ("new", not_learnt(learnt, contract))]
    if not gone and not other:
        return None
    how = "; ".join(f"{what}: {', '.join(names)}" for what, names in told if names)
    return (
        f"the columns of the contract are not those that were learnt here ({how}): give a new --database to learn "
        "them, what was measured stays in the old one; or take the change back"
    )


def not_learnt(learnt: Mapping[str, str], contract: Contract) -> list[str]:
    """Columns that the contract declares since its model was learnt."""
    return [name for name in contract.column_specs if name not in learnt]


def require_learnt(learnt: Mapping[str, str], contract: Contract) -> None:
    """UsageError where the contract has lost a column by which records are counted."""
    why = changed_since(learnt, contract)
    if why is not None:
        raise UsageError(f"{contract.model}: {why}")


def refusal(conn: Connection, contract: Contract) -> str | None:
    """Why a contract must not count for its model, by what the store has learnt of it; None if it may.

    Decodes nothing: it is asked where nothing heavy is loaded. What an earlier release learnt is not known here, and
    is found when the model is read next.
    """
    model = models.named(conn, contract.model)
    known = None if model is None else plans.columns(conn, model.id)
    return None if known is None else changed_since(known, contract)


def told(plan: Plan, contract: Contract, presence: Presence, where: str = "") -> dict[str, str]:
    """A sentence for each declared column of which nothing is measured: it was not learnt, or no record had it.

    `where` says what was read, in front of the second kind.
    """
    said = {
        column: f"column {column} is declared since the model was learnt: nothing is measured of it; "
        "to learn it, give a new --database"
        for column in not_learnt(learnt(plan), contract)
    }
    return said | {column: where + sentence for column, sentence in presence.missing(plan).items()}


def in_newest_window(conn: Connection, model_id: int) -> tuple[int, list[str]] | None:
    """The start of the newest window with records, and the columns that none of them had; None before the first.

    As `Presence.missing`, but from what the store has counted. ValueError, KeyError for a plan of another release.
    """
    from checks.plan import Plan
    from checks.profile import Profile

    body = plans.current(conn, model_id)
    newest = windows.newest_with_records(conn, model_id)
    if body is None or newest is None:
        return None
    plan = Plan.decode(body)
    lacking: set[str] | None = None
    for _, counted in parts.bodies_between(conn, model_id, plan.plan_id, newest.start_us, newest.end_us):
        profile = Profile.decode(counted)
        if not profile.records:
            continue  # nothing but duplicates
        here = _lacking(profile, plan)
        lacking = here if lacking is None else lacking & here
        if not lacking:
            break
    return newest.start_us, [column.name for column in plan.columns if column.name in (lacking or ())]


def columns_of_everyone(conn: Connection) -> list[tuple[str, int, list[str]]]:
    """(model, start of its newest window, columns that none of its records had), for models that lack some."""
    found = []
    for model in models.everyone(conn):
        try:
            newest = in_newest_window(conn, model.id)
        except (ValueError, KeyError):  # of another release: told of where it is read
            continue
        if newest is not None and newest[1]:
            found.append((model.name, *newest))
    return found


def _lacking(profile: Profile, plan: Plan) -> set[str]:
    def total(column: str, field: str) -> int:
        return int(profile.take(plan, column, field).sum())

    return {
        column.name
        for column in plan.columns
        if total(column.name, "absent") == profile.records
        or (_never_filled(plan, column.name) and total(column.name, "null") == profile.records)
    }


def _never_filled(plan: Plan, column: str) -> bool:
    facts = plan.facts[column]
    return facts.values == 0 and facts.type_failure_share == 0


def _sentence(column: str, what: str) -> str:
    return (
        f"column {column} is declared, and {what}: nothing is measured of it; see `driftglass check-contract`"
    )
