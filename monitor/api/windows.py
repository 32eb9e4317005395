"""Windows, what was measured in them, which records were kept, and what could not be read."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from monitor.api import schemas
from monitor.api.auth import needs
from monitor.api.context import Served, model_of, paged
from monitor.api.inputs import PAGE, Cursor, From, Id, Limit, Name, To, Word, keyed
from monitor.store import listing

router = APIRouter(prefix="/v1/models/{model}", tags=["windows"], dependencies=[needs("read")])

WindowState = Literal["open", "measured", "judged", "reference", "error"]
Status = Literal["ok", "notable", "breach", "insufficient", "learning", "error"]


@router.get("/windows", operation_id="list_windows")
def list_windows(
    model: Name,
    served: Served,
    from_: From = None,
    to: To = None,
    state: WindowState | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Window]:
    """Windows whose start lies in [from, to), newest first."""
    with served.store.read() as conn:
        model_id = model_of(conn, model)["id"]
        rows = listing.windows(
            conn, model_id, from_us=from_, to_us=to, state=state, after=keyed(cursor, int), limit=limit
        )
    return paged(schemas.Window, rows)


@router.get("/measurements", operation_id="list_measurements")
def list_measurements(
    model: Name,
    served: Served,
    series_id: Id = None,
    metric: Word = None,
    column: Word = None,
    segment: Word = None,
    term: Word = None,
    family: Word = None,
    status: Annotated[Status | None, Query(description="verdict; leave out to see unjudged ones too")] = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Measurement]:
    """Measurements with their verdicts, of windows whose start lies in [from, to), newest first."""
    with served.store.read() as conn:
        rows = listing.measurements(
            conn,
            model_of(conn, model)["id"],
            series_id=series_id,
            metric=metric,
            column=column,
            segment=segment,
            term=term,
            family=family,
            status=status,
            from_us=from_,
            to_us=to,
            after=keyed(cursor, int, int),
            limit=limit,
        )
    return paged(schemas.Measurement, rows)


@router.get("/samples", operation_id="list_samples")
def list_samples(
    model: Name,
    served: Served,
    stratum: Word = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Sample]:
    """Kept records of windows whose start lies in [from, to), newest window first."""
    with served.store.read() as conn:
        model_id = model_of(conn, model)["id"]
        rows = listing.samples(
            conn,
            model_id,
            stratum=stratum,
            from_us=from_,
            to_us=to,
            after=keyed(cursor, int, int),
            limit=limit,
        )
    return paged(schemas.Sample, rows)


@router.get("/quarantine", operation_id="list_quarantine")
def list_quarantine(
    model: Name,
    served: Served,
    reason: Word = None,
    column: Word = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Quarantined]:
    """What was set aside and why, newest first."""
    with served.store.read() as conn:
        model_id = model_of(conn, model)["id"]
        rows = listing.quarantine(
            conn, model_id, reason=reason, column=column, after=keyed(cursor, int), limit=limit
        )
    return paged(schemas.Quarantined, rows)
