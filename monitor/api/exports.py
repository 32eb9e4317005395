"""Everything of a model, as files: CSV as it is read, Parquet by a child process that has pyarrow."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from monitor.api.auth import Reader
from monitor.api.context import Context, Served, model_of
from monitor.api.inputs import From, Name, To
from monitor.api.problems import Problem
from monitor.exporting import What, csv, environment

router = APIRouter(prefix="/v1/models/{model}/exports", tags=["exports"])
Format = Annotated[Literal["csv", "parquet"], Query(alias="format", description="csv: UTF-8 with a header")]

CSV, PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"
CHUNK_BYTES = 64 * 1024
# A child with pyarrow holds some 150 MB; more at once would be felt.
_children = threading.BoundedSemaphore(2)


@router.get("/measurements", operation_id="export_measurements", response_class=StreamingResponse)
def export_measurements(
    model: Name,
    served: Served,
    caller: Reader,
    form: Format = "csv",
    from_: From = None,
    to: To = None,
) -> StreamingResponse:
    """Measurements with their verdicts, the latest revision, oldest window first."""
    return _export(served, model, "measurements", form, from_, to)


@router.get("/samples", operation_id="export_samples", response_class=StreamingResponse)
def export_samples(
    model: Name,
    served: Served,
    caller: Reader,
    form: Format = "csv",
    from_: From = None,
    to: To = None,
) -> StreamingResponse:
    """Kept records, redacted, oldest window first. Weigh rates with 1 / inclusion_probability."""
    return _export(served, model, "samples", form, from_, to)


def _export(
    served: Context, model: str, what: What, form: str, from_us: int | None, to_us: int | None
) -> StreamingResponse:
    with served.store.read() as conn:
        row = model_of(conn, model)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{model}-{what}.{form}', safe='')}"
    }
    if form == "csv":
        pieces = csv(served.store, row["id"], what, from_us, to_us)
        return StreamingResponse(pieces, media_type=CSV, headers=headers)
    child = _started(served, row["id"], what, from_us, to_us)
    return StreamingResponse(_read(child), media_type=PARQUET, headers=headers)


def _started(
    served: Context, model_id: int, what: What, from_us: int | None, to_us: int | None
) -> subprocess.Popen[bytes]:
    if not _children.acquire(blocking=False):
        raise Problem(503, "other exports are being written: try again", {"Retry-After": "10"})
    command = [sys.executable, "-m", "monitor.exporting", str(model_id), what]
    command += ["-" if us is None else str(us) for us in (from_us, to_us)]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(served.store)
        )
    except OSError:
        _children.release()
        raise


def _read(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert child.stdout is not None
    try:
        while chunk := child.stdout.read(CHUNK_BYTES):
            yield chunk
        if child.wait() != 0:
            # The status is sent already: cutting the answer short is the only way left to say so.
            raise RuntimeError("the child that writes Parquet ended with an error")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        _children.release()
