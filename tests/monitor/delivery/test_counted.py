"""Every attempt to send is counted, by kind of channel and outcome, and by nothing that could grow."""

from __future__ import annotations

from monitor import telemetry
from monitor.delivery.dispatch import deliver_due
from monitor.delivery.receiver import Answer, Receiver
from monitor.store.engine import Store
from tests.monitor.alerting import SECRET, SetClock, add_model
from tests.monitor.delivery.test_dispatch import Script, put, webhook


def counted(outcome: str) -> float:
    labels = {"channel": "webhook", "outcome": outcome}
    return telemetry.REGISTRY.get_sample_value("driftglass_deliveries_total", labels) or 0.0


def test_each_attempt_is_counted_once(store: Store) -> None:
    add_model(store)
    before = {outcome: counted(outcome) for outcome in ("sent", "retried", "dead")}
    put(store, "good", subject="1")
    put(store, "bad", subject="2")
    put(store, "busy", subject="3")
    with Receiver(SECRET, Script(Answer(), Answer(status=400), Answer(status=503))) as receiver:
        deliver_due(store, SetClock(), {"hook": webhook(receiver)})
    assert {outcome: counted(outcome) - count for outcome, count in before.items()} == {
        "sent": 1,
        "retried": 1,
        "dead": 1,
    }
