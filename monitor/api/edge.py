"""What every request passes on its way in and out: body limit, HEAD, headers, counting, the last catch."""

from __future__ import annotations

import logging
from time import perf_counter

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
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """ASGI middleware around the whole application.

    A body longer than `body_bytes` is refused with 413: at once if its length is declared, else as soon as
    more bytes than that have come. An exception that nobody caught is logged and answered with a bare 500.
    """

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self.app = app
        self.body_bytes = body_bytes

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
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared[:19]) > self.body_bytes:
            response = problem(413, TOO_LARGE, headers={"Connection": "close"})
            await response(scope, receive, send)
            return
        came = 0

        async def receiving() -> Message:
            nonlocal came
            message = await receive()
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                if came > self.body_bytes:
                    # Raised inside the handler, so that it is told like every other HTTP error.
                    raise HTTPException(413)
            return message

        await self.app(scope, receiving, send)
