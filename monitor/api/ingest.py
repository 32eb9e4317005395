"""Where records and labels are sent.

    POST /v1/models/{model}/records   application/x-ndjson · application/json (an object, a list, {"records": [...]})
                                      KServe's logger: CloudEvents in binary or structured mode
    POST /v1/models/{model}/labels    the same, without CloudEvents

An answer of 200 says that everything accepted is committed. What cannot be used is set aside, record by record, and
never keeps the others out. Sending the same again is safe: it is found by its event id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy import select

from monitor.api import schemas
from monitor.api.auth import needs
from monitor.api.context import Context, Served
from monitor.api.inputs import Name
from monitor.api.problems import Problem
from monitor.api.receiving import MAX_RECORDS, NOTED, Outcome, Receiver, Target, unpacked
from monitor.contract import Contract, PushSource, parse
from monitor.errors import ContractError, NoSuchModel
from monitor.sources import inferences, intake
from monitor.sources.inferences import Event
from monitor.sources.intake import Refusal, Refused
from monitor.store import contracts
from monitor.store.inbox import Limits
from monitor.store.tables import models

router = APIRouter(prefix="/v1/models/{model}", tags=["ingest"])

# Requests that are worked on at once: parsing holds the interpreter, and the store takes one writer at a time.
AT_ONCE = 2
# Bodies that have come and are not done with, all together.
WAITING_BYTES = 32 << 20
BUSY = Problem(503, "too much is being sent at once; send it again", {"Retry-After": "1"})

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"


class Quarantined(schemas.Schema):
    """A record that cannot be used."""

    index: Annotated[int, Field(ge=0, description="its place in the request, from 0")]
    reason: str
    column: str | None


class Received(schemas.Schema):
    """What became of the records of a request: all of `accepted` are kept, whatever happens next."""

    accepted: int
    duplicates: Annotated[int, Field(description="sent before, with the same id and content: not kept twice")]
    quarantined: Annotated[list[Quarantined], Field(description=f"the first {NOTED:,} that cannot be used")]
    quarantined_count: Annotated[int, Field(description="all that cannot be used")]


class Door:
    """What the requests of one process share: room for bodies, the contracts, and what was received lately."""

    def __init__(self, served: Context, limits: Limits) -> None:
        self._served = served
        self._receiver = Receiver(served.store, served.clock, limits)
        self._contracts: dict[int, Contract] = {}
        self._lock = threading.Lock()
        self._waiting = 0
        self.workers = anyio.CapacityLimiter(AT_ONCE)

    def records(self, model: str, request: _Sent) -> Outcome:
        """Take records, or halves of inferences."""
        target = self._target(model)
        if not isinstance(target.contract.source, PushSource):
            raise Problem(409, "the records of this model are not pushed: see `source` of its contract")
        if request.events is None:
            return self._receiver.records(target, request.raws())
        return self._receiver.events(target, request.events(self._served.clock.now_us()))

    def labels(self, model: str, request: _Sent) -> Outcome:
        """Take labels."""
        target = self._target(model)
        if target.contract.labels is None:
            raise Problem(409, "the contract of this model has no `labels`, which say what they are called")
        if request.events is not None:
            raise unsupported()
        return self._receiver.labels(target, request.raws())

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """A function that asks for room for so many bytes more (Problem 503 if there is none), until the end."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            with self._lock:
                if self._waiting + size > WAITING_BYTES:
                    raise BUSY
                self._waiting += size
            taken += size

        try:
            yield take
        finally:
            with self._lock:
                self._waiting -= taken

    def _target(self, model: str) -> Target:
        with self._served.store.read() as conn:
            row = conn.execute(
                select(models.c.id, models.c.contract_id).where(models.c.name == model)
            ).one_or_none()
            if row is None or row.contract_id is None:
                raise NoSuchModel("there is no such model")
            contract = self._contracts.get(row.contract_id)
            body = None if contract is not None else contracts.current(conn, row.id).body
        if contract is None:
            assert body is not None
            try:
                contract = parse(body)
            except ContractError as error:
                raise Problem(
                    409, "the contract of this model is of another release; register it again"
                ) from error
            self._contracts[row.contract_id] = contract
        return Target(row.id, contract)


class _Sent:
    """A body and how it is to be read; `events` is None where it holds plain records. Problem 415 for other kinds."""

    def __init__(self, request: Request) -> None:
        self.body = b""
        self._encoding = request.headers.get("content-encoding", "").strip().lower()
        self._kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._headers = dict(request.headers)
        self.events: Callable[[int], list[Event | Refused]] | None = None
        if self._kind in (CLOUD_EVENT, CLOUD_EVENTS):
            self.events = self._structured
        elif "ce-type" in request.headers:
            self.events = self._binary
        elif self._kind not in (JSON, *NDJSON):
            raise unsupported()

    def raws(self) -> list[bytes]:
        body = unpacked(self.body, self._encoding)
        # One more than may come is enough to be refused.
        return _some(intake.elements(body) if self._kind == JSON else intake.lines(body))

    def _binary(self, now_us: int) -> list[Event | Refused]:
        body = unpacked(self.body, self._encoding)
        return [_event(0, body, lambda raw: inferences.from_headers(self._headers, raw, now_us))]

    def _structured(self, now_us: int) -> list[Event | Refused]:
        raws = _some(intake.elements(unpacked(self.body, self._encoding)))
        return [
            _event(index, raw, lambda one: inferences.from_document(one, now_us))
            for index, raw in enumerate(raws)
        ]


def _event(index: int, raw: bytes, read: Callable[[bytes], Event]) -> Event | Refused:
    try:
        return read(raw)
    except Refusal as refusal:
        return Refused(index, refusal.reason, refusal.column, raw)


def _some(found: Iterator[bytes]) -> list[bytes]:
    return list(islice(found, MAX_RECORDS + 1))


def unsupported() -> Problem:
    """415 naming what is taken."""
    return Problem(
        415,
        f"this address takes {NDJSON[0]} and {JSON}",
        {"Accept": ", ".join((NDJSON[0], JSON, CLOUD_EVENT, CLOUD_EVENTS))},
    )


def _body(*kinds: str) -> dict[str, object]:
    """The body of an operation for the OpenAPI document."""
    schema = {"type": "string", "format": "binary"}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


async def _received(request: Request, work: Callable[[_Sent], Outcome]) -> Received:
    door: Door = request.app.state.ingest
    sent = _Sent(request)
    body = bytearray()
    with door.room() as take:
        async for chunk in request.stream():
            take(len(chunk))
            body += chunk
        sent.body = bytes(body)
        del body
        outcome = await to_thread.run_sync(work, sent, limiter=door.workers)
    return Received(
        accepted=outcome.accepted,
        duplicates=outcome.duplicates,
        quarantined=[
            Quarantined(index=one.index, reason=one.reason, column=one.column)
            for one in outcome.refused[:NOTED]
        ],
        quarantined_count=len(outcome.refused),
    )


@router.post(
    "/records",
    operation_id="send_records",
    dependencies=[needs("ingest")],
    openapi_extra=_body(NDJSON[0], JSON, CLOUD_EVENT, CLOUD_EVENTS),
)
async def send_records(model: Name, request: Request, served: Served) -> Received:
    """Records of a model whose contract has `source: {type: push}`: one JSON object each, with its id and time."""
    door: Door = request.app.state.ingest
    return await _received(request, lambda sent: door.records(model, sent))


@router.post(
    "/labels",
    operation_id="send_labels",
    dependencies=[needs("ingest")],
    openapi_extra=_body(NDJSON[0], JSON),
)
async def send_labels(model: Name, request: Request, served: Served) -> Received:
    """Labels of records, with the names that `labels` of the contract gives their fields."""
    door: Door = request.app.state.ingest
    return await _received(request, lambda sent: door.labels(model, sent))
