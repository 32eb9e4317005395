"""The receiver that the demo and the tests trust must itself refuse what it should."""

from __future__ import annotations

import time

import httpx

from monitor.delivery.receiver import MAX_BODY_BYTES, Answer, Receiver
from monitor.delivery.signing import Signer
from tests.monitor.alerting import SECRET

BODY = '{"type": "t.v1", "text": "\u0939\u093f"}'


def post(url: str, body: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(url, content=body.encode(), headers=headers, trust_env=False)


def test_it_keeps_what_verifies_and_refuses_the_rest() -> None:
    signed = Signer([SECRET]).headers("msg_1", time.time(), BODY)
    with Receiver(SECRET) as receiver:
        assert post(receiver.url, BODY, signed).status_code == 204
        assert post(receiver.url, BODY + " ", signed).status_code == 401
        assert post(receiver.url, BODY, {}).status_code == 401
        assert receiver.wait_for(1)
        assert not receiver.wait_for(2, timeout_seconds=0.05)
    assert [(r.id, r.event["text"]) for r in receiver.of_type("t.v1")] == [("msg_1", "\u0939\u093f")]
    assert receiver.of_type("other") == []
    assert receiver.rejected == ["No matching signature found", "Missing required headers"]


def test_it_answers_as_it_is_told() -> None:
    signed = Signer([SECRET]).headers("msg_1", time.time(), BODY)
    with Receiver(SECRET, lambda received: Answer(503, {"retry-after": "3"})) as receiver:
        answer = post(receiver.url, BODY, signed)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


def test_it_reads_no_giant() -> None:
    with Receiver(SECRET) as receiver:
        assert post(receiver.url, "x" * (MAX_BODY_BYTES + 1), {}).status_code == 413
    assert receiver.received == []
