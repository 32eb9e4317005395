"""What takes longer than a request: back-fills, dry runs, replays. Asked for with 202, done by a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response
from sqlalchemy import Connection

from monitor.api import schemas
from monitor.api.auth import Principal, Reader, needs
from monitor.api.context import Served, model_of, paged
from monitor.api.contracts import Manager, checked
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import PAGE, Cursor, Limit, Name, Number, json_only, keyed
from monitor.api.problems import Problem
from monitor.errors import NotFound
from monitor.store import audit, contracts, tasks

router = APIRouter(prefix="/v1/models/{model}", tags=["tasks"])
Actor = Annotated[Principal, needs("act")]
ASKED: dict[str, Any] = {
    "status_code": 202,
    "response_model": schemas.TaskDetail,
    "dependencies": [Depends(json_only)],
}


@router.post("/back-fills", operation_id="create_back_fill", **ASKED)
def create_back_fill(
    model: Name, order: schemas.NewBackFill, caller: Manager, once: Once, served: Served
) -> Response:
    """Read a span again at the source and take in what was missing; windows that change are judged again."""
    if order.from_ >= order.to:
        raise Problem(422, "the span is empty: `to` must be after `from`")
    wanted = {"from_us": order.from_, "to_us": order.to}

    def work(conn: Connection, now_us: int) -> Made:
        return _queued(conn, model, "back_fill", wanted, caller, now_us)

    return once.make(served, caller, work)


@router.post("/dry-runs", operation_id="create_dry_run", **ASKED)
def create_dry_run(
    model: Name, order: schemas.NewDryRun, caller: Manager, once: Once, served: Served
) -> Response:
    """Run a contract over the history that is there: the alarms it would have raised. Nothing is kept or sent."""
    if order.from_ is not None and order.to is not None and order.from_ >= order.to:
        raise Problem(422, "the span is empty: `to` must be after `from`")
    wanted = {"body": order.body, "from_us": order.from_, "to_us": order.to}

    def work(conn: Connection, now_us: int) -> Made:
        before = contracts.current(conn, model_of(conn, model)["id"])
        checked(order.body, model, Path(before.base_path))
        return _queued(conn, model, "dry_run", wanted, caller, now_us)

    return once.make(served, caller, work)


@router.post("/replays", operation_id="create_replay", **ASKED)
def create_replay(
    model: Name, order: schemas.NewReplay, caller: Actor, once: Once, served: Served
) -> Response:
    """Make the verdicts of a window again from the store and compare every number."""
    wanted = {"window_us": order.window_start, "series": order.series}

    def work(conn: Connection, now_us: int) -> Made:
        return _queued(conn, model, "replay", wanted, caller, now_us)

    return once.make(served, caller, work)


@router.get("/tasks", operation_id="list_tasks")
def list_tasks(
    model: Name, served: Served, caller: Reader, cursor: Cursor = None, limit: Limit = PAGE
) -> schemas.Page[schemas.Task]:
    """Back-fills, dry runs and replays, newest first."""
    with served.store.read() as conn:
        page = tasks.listed(conn, model_of(conn, model)["id"], keyed(cursor, int), limit)
    return paged(schemas.Task, page)


@router.get("/tasks/{task}", operation_id="get_task")
def get_task(
    model: Name, task: Number, served: Served, caller: Reader, response: Response
) -> schemas.TaskDetail:
    """How far it is, and what came out. While it is not over, `Retry-After` says when to ask again."""
    with served.store.read() as conn:
        found = _of(conn, model, task)
    if found.finished_us is None:
        response.headers["Retry-After"] = "2"
    return schemas.TaskDetail.model_validate(found)


@router.delete("/tasks/{task}", operation_id="cancel_task")
def cancel_task(model: Name, task: Number, served: Served, caller: Manager) -> schemas.TaskDetail:
    """Stop a task that is not over; 409 if it is."""
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        _of(conn, model, task)
        return schemas.TaskDetail.model_validate(tasks.cancel(conn, task, now_us))


def _of(conn: Connection, model: str, task: int) -> tasks.Task:
    found = tasks.get(conn, task)
    if found.model != model:
        raise NotFound("there is no such task")
    return found


def _queued(
    conn: Connection, model: str, kind: tasks.Kind, wanted: dict[str, Any], caller: Principal, now_us: int
) -> Made:
    task = tasks.add(conn, model_of(conn, model)["id"], kind, wanted, caller.name, now_us)
    told = {name: value for name, value in wanted.items() if name != "body"}
    audit.append(conn, caller.name, f"task.{kind}", f"task/{task.id}", told, now_us)
    where = f"/v1/models/{quote(model, safe='')}/tasks/{task.id}"
    return Made(202, schemas.TaskDetail.model_validate(task), {"Location": where, "Retry-After": "2"})
