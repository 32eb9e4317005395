"""Receivers on loopback that take nothing but what the published protocols allow.

Slack     incoming webhooks and the limits of Block Kit:
          https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
          https://docs.slack.dev/reference/block-kit/blocks, /messaging/formatting-message-text
PagerDuty Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview, /docs/send-alert-event
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Reply = tuple[int, dict[str, str], str]
ROUTING_KEY = "R0" + "1a2B3c4D5e" * 3  # 32 characters, as PagerDuty makes them


class Refused(Exception):
    """What the receiver answers 400 with."""


class Loopback:
    """A receiver: `taken` are the requests that were right, `refused` the reasons of the others."""

    def __init__(self, path: str, take: Callable[[Any], Reply]) -> None:
        self.taken: list[Any] = []
        self.refused: list[str] = []
        self.next: list[Reply] = []  # answers that come before any look at the request
        self._path, self._take = path, take
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers, text = outer._answer(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if self.next:
            return self.next.pop(0)
        try:
            if path != self._path:
                return 404, {}, "no_service"
            given = {name.lower(): value for name, value in headers.items()}
            if given.get("content-type", "").partition(";")[0] != "application/json":
                raise Refused("the content type is not application/json")
            message = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
            reply = self._take(message)
        except (Refused, ValueError) as error:
            self.refused.append(str(error))
            return 400, {}, str(error)
        self.taken.append(message)
        return reply

    def __enter__(self) -> Loopback:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def slack() -> Loopback:
    """An incoming webhook."""
    return Loopback("/services/T0000/B0000/s3cr3t-webhook", take_slack)


def pagerduty() -> Loopback:
    """The endpoint of the Events API; it knows one routing key."""
    return Loopback("/v2/enqueue", _take_pagerduty)


def take_slack(message: Any) -> Reply:
    _need(isinstance(message, dict), "invalid_payload")
    _need(set(message) <= {"text", "blocks"}, "invalid_payload: unknown fields")
    _need(bool(message.get("text")), "no_text")
    _plain(message["text"])
    blocks = message.get("blocks", [])
    _need(1 <= len(blocks) <= 50, "invalid_blocks: 1 to 50")
    for block in blocks:
        match block["type"]:
            case "header":
                _text(block["text"], {"plain_text"}, 150)
            case "section":
                _text(block["text"], {"mrkdwn", "plain_text"}, 3000)
            case "context":
                _need(1 <= len(block["elements"]) <= 10, "invalid_blocks: 1 to 10 elements")
                for element in block["elements"]:
                    _text(element, {"mrkdwn", "plain_text"}, 3000)
            case _:
                raise Refused("invalid_blocks: type")
    return 200, {}, "ok"


def _text(text: Any, types: set[str], limit: int) -> None:
    _need(text["type"] in types, "invalid_blocks: text type")
    length = len(text["text"].encode("utf-16-le")) // 2
    _need(1 <= length <= limit, f"invalid_blocks: {length} characters, at most {limit}")
    if text["type"] == "mrkdwn":
        _need(set(text) <= {"type", "text", "verbatim"}, "invalid_blocks: mrkdwn fields")
        _plain(re.sub(r"<https?://[^<>|\s]+\|[^<>|]+>", "", text["text"]))
    else:
        _need(set(text) <= {"type", "text", "emoji"}, "invalid_blocks: plain_text fields")


def _plain(text: str) -> None:
    rest = re.sub(r"&(amp|lt|gt);", "", text)
    _need(not set(rest) & set("&<>"), f"text that is not escaped: {rest!r}")


_EVENT = {
    "routing_key",
    "event_action",
    "dedup_key",
    "payload",
    "client",
    "client_url",
    "links",
    "images",
}
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


def _take_pagerduty(event: Any) -> Reply:
    _need(len(json.dumps(event).encode()) <= 512 * 1024, "the event is larger than 512 KB")
    _need(set(event) <= _EVENT, f"unknown fields: {set(event) - _EVENT}")
    _need(event.get("routing_key") == ROUTING_KEY, "Invalid routing key")
    action = event.get("event_action")
    _need(
        action in ("trigger", "acknowledge", "resolve"),
        "event_action must be trigger, acknowledge or resolve",
    )
    _need(1 <= len(event.get("dedup_key", "")) <= 255, "dedup_key must have 1 to 255 characters")
    if action == "trigger":
        payload = event["payload"]
        _need(set(payload) <= _PAYLOAD, f"unknown fields: {set(payload) - _PAYLOAD}")
        _need(1 <= len(payload.get("summary", "")) <= 1024, "payload.summary must have 1 to 1024 characters")
        _need(bool(payload.get("source")), "payload.source is missing or blank")
        _need(
            payload.get("severity") in ("critical", "error", "warning", "info"), "payload.severity is unknown"
        )
        datetime.fromisoformat(payload["timestamp"])
        _need(isinstance(payload.get("custom_details", {}), dict), "custom_details is no object")
        for link in event.get("links", []):
            _need(set(link) <= {"href", "text"} and link["href"].startswith("http"), "a link needs href")
    success = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
    return 202, {"content-type": "application/json"}, json.dumps(success)


def _need(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(reason)


def _no_constant(word: str) -> Any:
    raise Refused(f"{word} is no JSON")
