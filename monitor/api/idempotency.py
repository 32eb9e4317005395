"""`Idempotency-Key` on what creates: the same request again gets the same bytes and creates nothing.

    def create_thing(order: Order, caller: Caller, once: Once, served: Served) -> Response:
        return once.make(served, caller, lambda conn, now_us: Made(201, schemas.Thing(…), {"Location": …}))

The answer is kept for 24 hours in the transaction that creates. The same key with another body is a 422.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection

from monitor.api.auth import Principal
from monitor.api.context import Context
from monitor.api.problems import Problem
from monitor.store import idempotency

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="the same key with the same body within 24 hours gets the same answer and creates nothing",
    ),
]


@dataclass(frozen=True, slots=True)
class Made:
    """What a request created: the status, the body, and headers such as Location and ETag."""

    status: int
    body: BaseModel
    headers: Mapping[str, str] = field(default_factory=dict)


class Repeatable:
    """One request that may be repeated."""

    def __init__(self, route: str, key: str | None, body: bytes) -> None:
        self._route = route
        self._key = key
        self._body_sha256 = hashlib.sha256(body).hexdigest()

    def make(self, served: Context, caller: Principal, work: Callable[[Connection, int], Made]) -> Response:
        """Do `work` in a transaction and answer with what it made, or with what it made the first time.

        Errors are not kept: they changed nothing. Raises Problem 422 for a key that came with another body.
        """
        now_us = served.clock.now_us()
        with served.store.write() as conn:
            if self._key is None:
                made = work(conn, now_us)
                return _response(made.status, made.headers, _bytes(made.body))
            request = idempotency.Request(caller.identity, self._route, self._key, self._body_sha256)
            idempotency.lock(conn, request)
            known = idempotency.find(conn, request, now_us)
            if known is None:
                made = work(conn, now_us)
                known = idempotency.Answer(made.status, made.headers, _bytes(made.body), self._body_sha256)
                idempotency.keep(conn, request, known, now_us)
        if not compare_digest(known.body_sha256, self._body_sha256):
            raise Problem(422, "this Idempotency-Key came with another body before")
        return _response(known.status, known.headers, known.body)


async def _repeatable(request: Request, key: Key = None) -> Repeatable:
    return Repeatable(f"{request.method} {request.url.path}", key, await request.body())


Once = Annotated[Repeatable, Depends(_repeatable)]


def _bytes(body: BaseModel) -> bytes:
    return body.model_dump_json().encode()


def _response(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    return Response(body, status, headers=dict(headers), media_type="application/json")
