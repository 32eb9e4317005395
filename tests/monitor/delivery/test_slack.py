"""Notifications as Slack takes them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.message import Notification, compose
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.slack import SlackChannel, escape
from monitor.delivery.channels.words import cut, pieces, units
from monitor.delivery.post import Poster
from monitor.errors import DeliveryError
from tests.monitor.alerting import CONTEXT
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery.messages import message_of
from tests.monitor.delivery.protocols import Loopback, slack, take_slack

LOOPBACK = Allowed.parse(["127.0.0.1"])


def channel(receiver: Loopback) -> SlackChannel:
    return SlackChannel(Poster(receiver.url, LOOPBACK))


def deliver(receiver: Loopback, notification: Notification) -> int:
    out = channel(receiver)
    return out.send(message_of(out.body(notification, "k1", 0)), 0)


def test_a_notification_is_taken_and_says_everything() -> None:
    with slack() as receiver:
        assert deliver(receiver, compose("opened", CONTEXT, SUBJECT)) == 200
    (message,) = receiver.taken
    assert message["text"] == "toxicity: encoding changed"
    texts = "\n".join(block["text"]["text"] for block in message["blocks"] if "text" in block)
    assert "*Owner:* trust-and-safety" in texts
    assert "<https://drift.example.com/alerts/12|Open the alert>" in texts
    assert "<https://runbooks.example.com/toxicity|Runbook>" in texts
    assert "ein gro\u00c3\u0178er Fehler" in texts
    assert "3.1%" in texts


def test_no_text_can_call_somebody_or_hide_a_link() -> None:
    hostile = Example("m<1>", "<!channel>", "<https://evil.example|your bank> & <@U123>")
    subject = replace(SUBJECT, examples=(hostile,), attributes=Attributes(sentences=("<!here> a<b",)))
    with slack() as receiver:
        assert deliver(receiver, compose("opened", replace(CONTEXT, owner="<!everyone>"), subject)) == 200
    sent = json.dumps(receiver.taken[0])
    assert "&lt;!channel&gt;" in sent
    for call in ("<!", "<@", "<https://evil"):
        assert call not in sent


def test_long_notifications_stay_within_the_limits() -> None:
    sentences = tuple(f"sentence {number} " + "&" * 900 for number in range(40))
    owner = "\U0001f600" * 4000
    subject = replace(SUBJECT, attributes=Attributes(hard=("<" * 4000, "x" * 9000), sentences=sentences))
    with slack() as receiver:
        assert deliver(receiver, compose("opened", replace(CONTEXT, owner=owner), subject)) == 200
    assert receiver.refused == []


@settings(deadline=None)
@given(
    text=st.text(alphabet=st.characters(codec="utf-8"), max_size=300),
    event=st.sampled_from(["opened", "resolved"]),
)
def test_any_text_is_taken(text: str, event: str) -> None:
    subject = replace(SUBJECT, examples=(Example(text, text, text),), attributes=Attributes(hard=(text,)))
    notification = compose(
        "opened" if event == "opened" else "resolved", replace(CONTEXT, owner=text), subject
    )
    body = SlackChannel(Poster("http://127.0.0.1:9/", LOOPBACK)).body(notification, "k", 0)
    assert take_slack(json.loads(body))[0] == 200


def test_too_fast_is_told_with_the_time_to_wait() -> None:
    with slack() as receiver:
        receiver.next = [(429, {"retry-after": "30"}, "rate_limited")]
        with pytest.raises(DeliveryError) as refused:
            deliver(receiver, compose("opened", CONTEXT, SUBJECT))
    assert (refused.value.permanent, refused.value.retry_after_seconds) == (False, 30.0)


def test_the_webhook_s_secret_is_in_no_error() -> None:
    with slack() as receiver:
        receiver.next = [(404, {}, "no_service")]
        with pytest.raises(DeliveryError) as refused:
            deliver(receiver, compose("opened", CONTEXT, SUBJECT))
    assert "s3cr3t" not in str(refused.value)


@settings(deadline=None)
@given(text=st.text(), limit=st.integers(1, 50))
def test_what_is_cut_fits_and_says_so(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert units(short) <= limit
    assert short == text or short.endswith("…")


@settings(deadline=None)
@given(lines=st.lists(st.text(alphabet="ab<\U0001f600", max_size=30), max_size=20))
def test_pieces_hold_every_line_in_order(lines: list[str]) -> None:
    found = list(pieces(lines, 40))
    assert all(units(piece) <= 40 for piece in found)
    assert "".join(found).replace("\n", "") == "".join(cut(line, 40) for line in lines)


def test_escaping_shows_what_was_there() -> None:
    assert escape("a < b & c > d &lt;") == "a &lt; b &amp; c &gt; d &amp;lt;"
