"""What every request passes on its way in and out: limits of its body, HEAD, headers, counting, the last catch."""

from __future__ import annotations

import logging
import re
from time import perf_counter

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor import telemetry
from monitor.api.problems import TOO_LARGE, problem

log = logging.getLogger(__name__)

requests = telemetry.counter("http_requests", "HTTP requests answered", ("method", "route", "status"))
seconds = telemetry.histogram(
    "http_request_seconds", "Time to answer", ("route",), buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30)
)

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Of a request that is not read to its end nothing more can come on the same connection.
CLOSE = {"Connection": "close"}
# What still comes after an answer that ends the connection: closed over it, the connection would be reset, and the
# answer lost on its way to somebody who was still sending.
LINGER_BYTES = 8 << 20
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """ASGI middleware around the whole application.

    A body longer than `body_bytes` (at addresses that match `long`: `long_bytes`) is refused with 413: at once if its
    length is declared, else as soon as more bytes than that have come. One that has not come after `body_seconds` is
    refused with 408. After an answer that ends the connection, the rest of the body is taken and thrown away for up to
    `linger_seconds`, LINGER_BYTES of it. An exception that nobody caught is logged and answered with a bare 500.
    """

    def __init__(
        self,
        app: ASGIApp,
        body_bytes: int,
        *,
        long: re.Pattern[str] | None = None,
        long_bytes: int = 0,
        body_seconds: float = 30.0,
        linger_seconds: float = 5.0,
    ) -> None:
        self.app = app
        self.body_bytes = body_bytes
        self.long = long
        self.long_bytes = long_bytes
        self.body_seconds = body_seconds
        self.linger_seconds = linger_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        head = method == "HEAD"
        # Every GET is also a HEAD; the routes need not know.
        scope = {**scope, "method": "GET"} if head else dict(scope)
        answered: list[int] = []
        started = perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._answer(scope, receive, sending)
        except Exception:
            # The edge of a request: whatever it was, the next request must find the service standing.
            log.exception("a request failed")
            if answered:
                raise
            await problem(500, "something failed here; it was logged")(scope, receive, sending)
        finally:
            # The template of the route, not the path: paths are unbounded and hold what people typed.
            route = getattr(scope.get("route"), "path_format", None) or "none"
            status = str(answered[0]) if answered else "none"
            requests.labels(method if method in KNOWN_METHODS else "other", route, status).inc()
            seconds.labels(route).observe(perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        longest = self.body_bytes
        if self.long is not None and self.long.fullmatch(scope["path"]):
            longest = self.long_bytes
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        came = 0
        whole = False
        closing = scope.get("http_version") == "1.0" or headers.get("connection", "").lower() == "close"
        until = anyio.current_time() + self.body_seconds

        # What is raised here is raised inside the handler, so that it is told like every other HTTP error.
        async def receiving() -> Message:
            nonlocal came, whole
            if whole:
                return await receive()
            message: Message | None = None
            with anyio.CancelScope(deadline=until):
                message = await receive()
            if message is None:
                raise HTTPException(408, headers=CLOSE)
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if came > longest:
                    raise HTTPException(413, headers=CLOSE)
            return message

        async def lingering(message: Message) -> None:
            nonlocal closing
            if message["type"] == "http.response.start":
                closing = closing or Headers(raw=message["headers"]).get("connection") == "close"
            elif closing and not whole and not message.get("more_body", False) and _has_body(headers):
                await send({**message, "more_body": True})
                await self._linger(receive, until)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        if declared.isascii() and declared.isdigit() and int(declared[:19]) > longest:
            response = problem(413, TOO_LARGE, headers=CLOSE)
            await response(scope, receive, lingering)
        else:
            await self.app(scope, receiving, lingering)

    async def _linger(self, receive: Receive, until: float) -> None:
        """Throw away what comes, until all has come, or as much and as long as we are willing to wait."""
        left = LINGER_BYTES
        with anyio.CancelScope(deadline=min(until, anyio.current_time() + self.linger_seconds)):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
