"""Signatures, verified by the library that receivers use."""

from __future__ import annotations

import json
import time

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from monitor.delivery import cloudevents
from monitor.delivery.signing import Signer, encode_secret
from monitor.errors import UsageError
from tests.monitor.alerting import SECRET

OTHER = encode_secret(b"another secret of some 32 bytes!")
BODY = json.dumps({"excerpt": "gro\u00c3\u0178 \U0001f600 \u0939\u093f"}, ensure_ascii=False)


def test_the_library_accepts_what_we_sign() -> None:
    headers = Signer([SECRET]).headers("msg_1", time.time(), BODY)
    assert Webhook(SECRET).verify(BODY.encode(), headers) == json.loads(BODY)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
def test_it_refuses_anything_that_was_changed(name: str) -> None:
    headers = Signer([SECRET]).headers("msg_1", time.time(), BODY)
    changed = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1),
        "webhook-signature": Signer([OTHER]).headers("msg_1", time.time(), BODY)["webhook-signature"],
    }
    body = BODY + " " if name == "body" else BODY
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers | ({} if name == "body" else {name: changed[name]}))


def test_while_a_secret_is_rotated_either_verifies() -> None:
    headers = Signer([OTHER, SECRET]).headers("msg_1", time.time(), BODY)
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(BODY, headers)


def test_an_old_attempt_is_refused_so_each_attempt_is_signed_anew() -> None:
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(BODY, Signer([SECRET]).headers("msg_1", time.time() - 3600, BODY))


@pytest.mark.parametrize(
    "secrets", [[], [""], ["hunter2"], ["whsec_"], ["whsec_c2hvcnQ="], [SECRET, "whsec_!!!"]]
)
def test_a_secret_that_would_be_weak_is_an_error_that_does_not_repeat_it(secrets: list[str]) -> None:
    with pytest.raises(UsageError, match="openssl rand") as refused:
        Signer(secrets)
    assert "hunter2" not in str(refused.value)


def test_a_cloudevent_has_what_the_specification_asks_for() -> None:
    text = cloudevents.event(
        id="msg_1",
        source=cloudevents.source("a/b c"),
        type="t.v1",
        subject="s",
        time_us=1_500_000,
        data={"x": 1},
    )
    assert json.loads(text) == {
        "specversion": "1.0",
        "id": "msg_1",
        "source": "/driftglass/models/a%2Fb%20c",
        "type": "t.v1",
        "subject": "s",
        "time": "1970-01-01T00:00:01Z",
        "datacontenttype": "application/json",
        "data": {"x": 1},
    }


def test_a_cloudevent_is_never_bad_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        cloudevents.event(id="1", source="/", type="t", subject="s", time_us=0, data={"x": float("nan")})
