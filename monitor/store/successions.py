"""Successions: which baseline judges from which window on. A window keeps its baseline when it is judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import baselines, successions


@dataclass(frozen=True, slots=True)
class Succession:
    """A row of `successions`; `fitted` is JSON (`rebasing.Fitted`)."""

    model_id: int
    from_us: int
    baseline_id: int
    fitted: str
    reason: str
    created_us: int


def put(
    conn: Connection,
    model_id: int,
    from_us: int,
    baseline_id: int,
    fitted: Mapping[str, object],
    reason: str,
    now_us: int,
) -> None:
    """Let a baseline judge from the window that starts at `from_us` on; a second one from there replaces it."""
    statement = insert_on(conn, successions).values(
        {
            "model_id": model_id,
            "from_us": from_us,
            "baseline_id": baseline_id,
            "fitted": json_text(fitted),
            "reason": reason,
            "created_us": now_us,
        }
    )
    names = ("baseline_id", "fitted", "reason", "created_us")
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id", "from_us"],
            set_={name: statement.excluded[name] for name in names},
        )
    )


def everyone(conn: Connection, model_id: int, plan_id: str) -> list[Succession]:
    """Every baseline of a model under a plan, in the order in which they counted."""
    given = {"model": model_id, "plan": plan_id}
    return [Succession(**row._mapping) for row in conn.execute(_everyone(), given)]


@cache
def _everyone() -> Select[Any]:
    return (
        select(successions)
        .join(baselines, baselines.c.id == successions.c.baseline_id)
        .where(successions.c.model_id == bindparam("model"), baselines.c.plan_id == bindparam("plan"))
        .order_by(successions.c.from_us)
    )
