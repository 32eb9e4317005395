"""Erasing a person's records by their ids."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from monitor.api import schemas
from monitor.api.auth import Principal, needs
from monitor.api.context import Served, model_of
from monitor.api.inputs import Name

router = APIRouter(prefix="/v1/models/{model}", tags=["records"])
RecordId = Annotated[
    str, Path(max_length=1024, description="the event id, as it was sent or stands in the source")
]


class Erased(schemas.Schema):
    """Where the record was found, as numbers of rows; all are 0 where it was not, or is no longer."""

    inbox: int
    halves: int
    samples: int
    labels: int
    quarantine: int
    examples: int
    messages: int


@router.delete("/records/{id:path}", operation_id="erase_record")
def erase_record(
    model: Name, id: RecordId, served: Served, caller: Annotated[Principal, needs("manage")]
) -> Erased:
    """Erase a record wherever it is kept: text, labels, examples, and messages that show it.

    The audit log keeps only that it was done. A record of this id is not kept again.
    """
    from monitor.erasing import erase

    with served.store.read() as conn:
        model_of(conn, model, caller)
    return Erased.model_validate(erase(served.store, served.clock, model, [id], caller.name))
