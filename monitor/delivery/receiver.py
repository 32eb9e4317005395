"""A receiver on loopback that checks every webhook as a stranger would: for the demo, and for tests.

It verifies signatures with the `standardwebhooks` library, keeps what it got, and can report back like a
pipeline does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx

MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One verified request: the CloudEvent, and the headers with lower-case names."""

    id: str
    type: str
    event: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver says to a verified request."""

    status: int = 204
    headers: Mapping[str, str] | None = None


Responder = Callable[[Received], Answer]


class Receiver:
    """A running server; use it as a context manager. `received` and `rejected` grow while it runs.

    `respond` decides what a verified request is answered (204 unless given). It runs in the server's thread,
    so it may already call back. An unverified request gets 401 and is only counted with its reason in
    `rejected`.
    """

    def __init__(self, secret: str, respond: Responder | None = None) -> None:
        from standardwebhooks import Webhook

        self.received: list[Received] = []
        self.rejected: list[str] = []
        self._webhook = Webhook(secret)
        self._respond = respond or (lambda _: Answer())
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def wait_for(self, count: int, timeout_seconds: float = 5.0) -> bool:
        """Whether at least `count` verified requests have arrived within the time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.received) >= count, timeout_seconds)

    def of_type(self, type: str) -> list[Received]:
        """What arrived of one CloudEvents type, in order."""
        return [received for received in tuple(self.received) if received.type == type]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Verify one request, keep it, and answer."""
        from standardwebhooks.webhooks import WebhookVerificationError

        try:
            event = self._webhook.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            self.rejected.append(str(error))
            return Answer(401)
        received = Received(headers["webhook-id"], str(event.get("type")), event, headers)
        with self._arrived:
            self.received.append(received)
            self._arrived.notify_all()
        return self._respond(received)


def call_back(
    request: Received, states: Sequence[str] = ("accepted", "running"), run_id: str = "run-1"
) -> list[int]:
    """Report states to a retraining request's callback address, as its pipeline would; returns the HTTP
    statuses.
    """
    callback = request.event["data"]["callback"]
    headers = {"authorization": f"Bearer {callback['token']}"}
    with httpx.Client(trust_env=False, timeout=10.0) as client:
        return [
            client.post(callback["url"], json={"state": state, "run_id": run_id}, headers=headers).status_code
            for state in states
        ]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            if length > MAX_BODY_BYTES:
                self._answer(Answer(413))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(receiver.take(self.rfile.read(length), headers))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in (answer.headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """What arrives is in `received` and `rejected`; the terminal belongs to the demo."""

    return Handler
