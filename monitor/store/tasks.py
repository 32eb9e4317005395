"""Tasks: what somebody asked for that takes longer than a request.

    queued ──claim──▶ running ──finish──▶ succeeded | failed
      ▲  └──cancel──────┼──────────────▶ cancelled
      └───lease lost────┘                  (failed after MAX_ATTEMPTS)

Claiming, leases and fences are those of `runs`: only whoever holds the fence may write progress or a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, case, insert, or_, select, update

from monitor.errors import Conflict, LeaseLost, NotFound
from monitor.store.canonical import json_text
from monitor.store.listing import Key, Page, keyset
from monitor.store.tables import models, tasks

Kind = Literal["back_fill", "dry_run", "replay"]
MAX_ATTEMPTS = 3
# Of one model; more than that waits with whoever asks.
MAX_WAITING = 20
_NOTHING = json_text({"stage": "waiting", "done": 0, "total": None})
_CLAIM_LOCK = 0x7461736B


@dataclass(frozen=True, slots=True)
class Task:
    """A row of `tasks` with the name of its model. `progress`: {stage, done, total}."""

    id: int
    model_id: int
    model: str
    kind: Kind
    request: Mapping[str, Any]
    state: str
    fence: int
    attempt: int
    progress: Mapping[str, Any]
    result: Any
    error: str | None
    author: str
    created_us: int
    started_us: int | None
    finished_us: int | None


def add(
    conn: Connection, model_id: int, kind: Kind, request: Mapping[str, Any], author: str, now_us: int
) -> Task:
    """Queue a task. Conflict if many of this model wait already."""
    waiting = select(tasks.c.id).where(tasks.c.model_id == model_id, tasks.c.state.in_(("queued", "running")))
    if len(conn.execute(waiting.limit(MAX_WAITING)).all()) >= MAX_WAITING:
        raise Conflict(f"{MAX_WAITING} tasks of this model wait already")
    row = {
        "model_id": model_id,
        "kind": kind,
        "request": json_text(request),
        "state": "queued",
        "progress": _NOTHING,
        "author": author,
        "created_us": now_us,
    }
    made = conn.execute(insert(tasks).values(row).returning(tasks.c.id)).scalar_one()
    return get(conn, made)


def get(conn: Connection, task_id: int) -> Task:
    """One task. NotFound if there is none."""
    row = conn.execute(_query().where(tasks.c.id == task_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    return _task(row)


def listed(conn: Connection, model_id: int, after: Key | None = None, limit: int = 100) -> Page:
    """Tasks of a model, newest first."""
    return keyset(conn, _query().where(tasks.c.model_id == model_id), [tasks.c.id], after, limit)


def claimable(conn: Connection, now_us: int) -> bool:
    """Whether a task waits, or was left by a process that is gone."""
    return conn.execute(select(tasks.c.id).where(_due(now_us)).limit(1)).first() is not None


def claim(conn: Connection, owner: str, now_us: int, lease_us: int) -> Task | None:
    """The task that waits longest, for `lease_us`; those that lost their lease too often have failed."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})")
    lost = and_(tasks.c.state == "running", tasks.c.lease_until_us < now_us)
    given_up = update(tasks).where(lost, tasks.c.attempt >= MAX_ATTEMPTS)
    error = "the process that worked on this ended again and again"
    conn.execute(given_up.values(state="failed", error=error, finished_us=now_us))
    found = conn.execute(select(tasks.c.id).where(_due(now_us)).order_by(tasks.c.id).limit(1)).scalar()
    if found is None:
        return None
    conn.execute(
        update(tasks)
        .where(tasks.c.id == found)
        .values(
            state="running",
            fence=tasks.c.fence + 1,
            attempt=tasks.c.attempt + 1,
            owner=owner,
            lease_until_us=now_us + lease_us,
            started_us=case((tasks.c.started_us.is_(None), now_us), else_=tasks.c.started_us),
        )
    )
    return get(conn, found)


def tell(conn: Connection, task: Task, progress: Mapping[str, Any], until_us: int) -> None:
    """Keep the lease and say how far it is. LeaseLost if the task went to another or was cancelled."""
    _settle(conn, task, progress=json_text(progress), lease_until_us=until_us)


def finish(conn: Connection, task: Task, result: object, now_us: int) -> None:
    """The task is done. LeaseLost as above."""
    _settle(conn, task, state="succeeded", result=json_text(result), finished_us=now_us)


def fail(conn: Connection, task: Task, error: str, now_us: int) -> None:
    """It cannot be done. LeaseLost as above."""
    _settle(conn, task, state="failed", error=error, finished_us=now_us)


def give_back(conn: Connection, task: Task) -> None:
    """Not now: it waits again, and this attempt does not count. LeaseLost as above."""
    _settle(conn, task, state="queued", attempt=task.attempt - 1)


def cancel(conn: Connection, task_id: int, now_us: int) -> Task:
    """Stop a task that is not over. NotFound; Conflict if it is over."""
    alive = update(tasks).where(tasks.c.id == task_id, tasks.c.state.in_(("queued", "running")))
    if conn.execute(alive.values(state="cancelled", finished_us=now_us)).rowcount == 0:
        raise Conflict(f"this task is over: {get(conn, task_id).state}")
    return get(conn, task_id)


def _due(now_us: int) -> Any:
    lost = and_(tasks.c.state == "running", tasks.c.lease_until_us < now_us)
    return or_(tasks.c.state == "queued", lost)


def _settle(conn: Connection, task: Task, **values: Any) -> None:
    mine = update(tasks).where(tasks.c.id == task.id, tasks.c.state == "running", tasks.c.fence == task.fence)
    if conn.execute(mine.values(**values)).rowcount == 0:
        raise LeaseLost(f"task {task.id} is no longer this process's")


def _query() -> Any:
    return select(tasks, models.c.name.label("model")).join_from(
        tasks, models, models.c.id == tasks.c.model_id
    )


def _task(row: Row[Any]) -> Task:
    read = {name: json.loads(getattr(row, name)) for name in ("request", "progress")}
    result = None if row.result is None else json.loads(row.result)
    plain = {
        name: getattr(row, name) for name in Task.__slots__ if name not in ("request", "progress", "result")
    }
    return Task(**plain, **read, result=result)
