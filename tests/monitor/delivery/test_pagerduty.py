"""Episodes as PagerDuty takes them: one incident from its trigger to its resolution."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from monitor.alerts.attributes import Attributes
from monitor.alerts.message import compose
from monitor.delivery.acknowledging import acknowledge
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.pagerduty import PagerDutyChannel, dedup_key
from monitor.delivery.dispatch import Counts, deliver_due
from monitor.delivery.post import Poster
from monitor.errors import DeliveryError, UsageError
from monitor.store import contracts, outbox
from monitor.store.engine import Store
from monitor.store.tables import episodes
from tests.monitor.alerting import CONTEXT, SetClock, add_model
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery.messages import message_of
from tests.monitor.delivery.protocols import ROUTING_KEY, Loopback, pagerduty

LOOPBACK = Allowed.parse(["127.0.0.1"])
CONTRACT = """
model: toxicity
source: {path: records.csv, id: id, time: sent_at}
columns:
  text: {role: input}
channels:
  pager: {type: pagerduty, routing_key: env:PD_KEY}
  chat: {type: slack, url: env:SLACK_URL}
"""


def channel(receiver: Loopback, key: Callable[[], str] = lambda: ROUTING_KEY) -> PagerDutyChannel:
    return PagerDutyChannel(Poster(receiver.url, LOOPBACK), key)


def test_an_episode_is_one_incident() -> None:
    with pagerduty() as receiver:
        out = channel(receiver)
        for event in ("opened", "updated", "resolved"):
            assert out.send(message_of(out.body(compose(event, CONTEXT, SUBJECT), "k", 0)), 0) == 202
    trigger, _, resolve = receiver.taken
    assert [event["event_action"] for event in receiver.taken] == ["trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in receiver.taken} == {"driftglass/toxicity/encoding/12"}
    payload = trigger["payload"]
    assert payload["severity"] == "critical"
    assert payload["summary"].startswith("toxicity: encoding changed: ")
    assert payload["custom_details"]["changed"][0]["value"] == 0.031
    assert trigger["links"][0] == {"href": "https://drift.example.com/alerts/12", "text": "the alert"}
    assert set(resolve) == {"routing_key", "event_action", "dedup_key"}


def test_a_ticket_is_a_warning_and_long_words_are_cut() -> None:
    subject = replace(SUBJECT, severity="ticket", attributes=Attributes(hard=("x" * 5000,)))
    with pagerduty() as receiver:
        out = channel(receiver)
        out.send(message_of(out.body(compose("opened", replace(CONTEXT, owner=""), subject), "k", 0)), 0)
    payload = receiver.taken[0]["payload"]
    assert (payload["severity"], len(payload["summary"]), payload["group"]) == ("warning", 1024, "driftglass")


def test_the_routing_key_never_lies_in_the_outbox() -> None:
    with pagerduty() as receiver:
        assert ROUTING_KEY not in channel(receiver).body(compose("opened", CONTEXT, SUBJECT), "k", 0)


def test_a_wrong_key_is_refused_for_good_and_not_repeated() -> None:
    with pagerduty() as receiver:
        out = channel(receiver, lambda: "X" * 32)
        with pytest.raises(DeliveryError) as refused:
            out.send(message_of(out.body(compose("opened", CONTEXT, SUBJECT), "k", 0)), 0)
    assert (refused.value.permanent, refused.value.status) == (True, 400)
    assert "XXXX" not in str(refused.value)


def test_a_key_that_is_not_there_yet_makes_the_message_wait() -> None:
    def lacking() -> str:
        raise UsageError("env:PD_KEY: the environment variable PD_KEY is not set")

    with pagerduty() as receiver, pytest.raises(DeliveryError, match="PD_KEY") as waits:
        channel(receiver, lacking).send(message_of("{}"), 0)
    assert not waits.value.permanent


def test_too_many_events_come_back_later() -> None:
    with pagerduty() as receiver:
        receiver.next = [(429, {}, "")]
        out = channel(receiver)
        with pytest.raises(DeliveryError) as busy:
            out.send(message_of(out.body(compose("opened", CONTEXT, SUBJECT), "k", 0)), 0)
    assert (busy.value.permanent, busy.value.status) == (False, 429)


def episode(store: Store) -> int:
    """An episode of a model with a pager and a chat."""
    add_model(store)
    with store.write() as conn:
        contracts.save_version(conn, 1, CONTRACT, ".", "test", 0)
        written = conn.execute(
            episodes.insert().values(
                model_id=1,
                family="encoding",
                severity="page",
                since_us=0,
                opened_us=0,
                last_us=0,
                summary="s",
                attributes="{}",
            )
        )
        assert written.inserted_primary_key is not None
        return int(written.inserted_primary_key[0])


def tell(store: Store, episode_id: int, name: str) -> None:
    with store.write() as conn:
        outbox.enqueue(
            conn,
            key=f"opened-{name}",
            model_id=1,
            channel=f"toxicity/{name}",
            type="io.driftglass.alert.opened.v1",
            subject="toxicity/encoding",
            body=json.dumps(
                {
                    "event_action": "trigger",
                    "dedup_key": dedup_key("toxicity", "encoding", episode_id),
                    "payload": {
                        "summary": "s",
                        "source": "toxicity",
                        "severity": "critical",
                        "timestamp": "2026-11-16T03:00:00Z",
                    },
                }
            ),
            now_us=0,
            episode_id=episode_id,
        )


def test_who_acknowledges_here_acknowledges_there_after_the_trigger(store: Store) -> None:
    opened = episode(store)
    tell(store, opened, "pager")
    tell(store, opened, "chat")
    with store.write() as conn:
        assert acknowledge(conn, opened, 5) == 1
        assert acknowledge(conn, opened, 5) == 0, "the same act again"
    with pagerduty() as receiver:
        assert deliver_due(store, SetClock(), {"toxicity/pager": channel(receiver)}) == Counts(sent=2)
    assert [event["event_action"] for event in receiver.taken] == ["trigger", "acknowledge"]
    assert len({event["dedup_key"] for event in receiver.taken}) == 1


def test_nobody_acknowledges_what_was_never_told(store: Store) -> None:
    opened = episode(store)
    with store.write() as conn:
        assert acknowledge(conn, opened, 5) == 0
