"""What people say of alerts: that a change is expected, or that an alert was false."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy import Connection

from monitor import feedback
from monitor.api import schemas
from monitor.api.auth import Principal, needs
from monitor.api.context import Served
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import Number, json_only
from monitor.errors import Conflict, NotFound, UsageError
from monitor.store import alerts
from monitor.store import feedback as stored

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
Actor = Annotated[Principal, needs("act")]


@router.post(
    "/{alert}/feedback",
    operation_id="give_feedback",
    status_code=201,
    response_model=schemas.Feedback,
    dependencies=[Depends(json_only)],
)
def give_feedback(
    alert: Number, order: schemas.NewFeedback, caller: Actor, once: Once, served: Served
) -> Response:
    """Say that a change is expected, or that an alert was false: what is normal moves, and the alert closes."""

    def work(conn: Connection, now_us: int) -> Made:
        episode = alerts.get(conn, alert)
        caller.require(episode.model)
        feedback.give(conn, alert, order.verdict, order.note, caller.name, now_us)
        (said,) = (
            one
            for one in stored.of_model(conn, episode.model_id)
            if one.episode_id == alert and one.undone_from_us is None
        )
        return Made(201, schemas.Feedback.model_validate(said), {"Location": f"/v1/alerts/{alert}"})

    return once.make(served, caller, work)


@router.delete("/{alert}/feedback", operation_id="undo_feedback", status_code=204)
def undo_feedback(alert: Number, caller: Actor, served: Served) -> None:
    """Take it back, from the next window on. The alert is open again, unless another of its family has opened since."""
    with served.store.write() as conn:
        caller.require(alerts.get(conn, alert).model)
        try:
            feedback.undo(conn, alert, caller.name, served.clock.now_us())
        except NotFound:
            raise
        except UsageError as error:
            raise Conflict("nothing that counts was said of this alert: there is nothing to undo") from error
