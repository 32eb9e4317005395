"""Pausing a model, and letting it go on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from monitor import pausing
from monitor.api import schemas
from monitor.api.context import Served, model_of
from monitor.api.contracts import Manager
from monitor.api.inputs import Name

router = APIRouter(prefix="/v1/models/{model}", tags=["models"])
CatchUp = Annotated[bool, Query(description="judge the windows that closed meanwhile; else they are skipped")]


class Paused(schemas.Schema):
    since: schemas.Time


class Resumed(schemas.Schema):
    since: schemas.Time | None = Field(
        validation_alias="paused_us", description="when the pause began; null: it was not paused"
    )
    skipped: int = Field(description="windows that closed meanwhile and are not judged")


@router.put("/pause", operation_id="pause_model")
def pause_model(model: Name, caller: Manager, served: Served) -> Paused:
    """Read and judge nothing of a model from now on. Records are taken in as ever; put again, it changes nothing."""
    with served.store.write() as conn:
        row = model_of(conn, model, caller)
        since_us = pausing.pause(conn, row["id"], caller.name, served.clock.now_us())
    return Paused.model_validate({"since": since_us})


@router.delete("/pause", operation_id="resume_model")
def resume_model(model: Name, caller: Manager, served: Served, catch_up: CatchUp = False) -> Resumed:
    """Watch a paused model again."""
    with served.store.read() as conn:
        model_of(conn, model, caller)
    done = pausing.resume(served.store, served.clock, model, caller.name, catch_up=catch_up)
    return Resumed.model_validate({"paused_us": None, "skipped": 0} if done is None else done)
