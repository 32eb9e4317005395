"""Feedback: what people said of alerts. A row counts for the windows from `from_us` on, until it is undone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from monitor.store.tables import feedback

Verdict = Literal["expected", "false-alarm"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A row of `feedback`."""

    id: int
    model_id: int
    episode_id: int
    verdict: Verdict
    note: str
    author: str
    from_us: int
    undone_from_us: int | None
    undone_by: str | None
    created_us: int

    def counts_at(self, start_us: int) -> bool:
        """Whether it counts for the window that starts at `start_us`."""
        return self.from_us <= start_us and (self.undone_from_us is None or start_us < self.undone_from_us)


def add(
    conn: Connection,
    model_id: int,
    episode_id: int,
    verdict: Verdict,
    note: str,
    author: str,
    from_us: int,
    now_us: int,
) -> None:
    """Keep what somebody said of an episode."""
    row = {
        "model_id": model_id,
        "episode_id": episode_id,
        "verdict": verdict,
        "note": note,
        "author": author,
        "from_us": from_us,
        "created_us": now_us,
    }
    conn.execute(insert(feedback).values(row))


def undo(conn: Connection, feedback_id: int, author: str, from_us: int) -> None:
    """From the window that starts at `from_us` on it does not count any more."""
    row = update(feedback).where(feedback.c.id == feedback_id)
    conn.execute(row.values(undone_from_us=from_us, undone_by=author))


def of_model(conn: Connection, model_id: int) -> list[Feedback]:
    """All feedback on a model's alerts, also what was undone, oldest first."""
    return [Feedback(**row._mapping) for row in conn.execute(_of_model(), {"model": model_id})]


@cache
def _of_model() -> Select[Any]:
    return select(feedback).where(feedback.c.model_id == bindparam("model")).order_by(feedback.c.id)
