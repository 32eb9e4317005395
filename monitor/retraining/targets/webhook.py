"""A retraining pipeline behind a signed webhook.

The request is idempotent by its webhook-id, so an attempt whose fate is unknown may be repeated. It carries a
callback address and a token; the store keeps only the token's hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from monitor.alerts.message import iso
from monitor.delivery import cloudevents
from monitor.delivery.channels.webhook import WebhookChannel
from monitor.retraining import lifecycle
from monitor.retraining.policy import Span
from monitor.store import outbox, triggers
from monitor.store.outbox import Message

TYPE = "io.driftglass.retraining.requested.v1"


class RetrainingWebhook(WebhookChannel):
    """The channel of a retraining target: a webhook whose trigger follows the fate of its message."""

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """requested → dispatched, or → failed when the message is given up, so that the model is free again.

        A callback may have been faster than our own note of the delivery: then there is nothing left to move.
        """
        trigger = triggers.get(conn, message.subject)
        to: lifecycle.State = "dispatched" if delivered else "failed"
        if trigger.state != "requested":
            return
        detail = {"message": message.key} if delivered else {"message": message.key, "error": "undeliverable"}
        triggers.move(conn, trigger.id, ["requested"], to, actor="dispatcher", detail=detail, now_us=now_us)


def channel_name(model: str) -> str:
    """The outbox channel of a model's retraining target; no contract can name a channel so."""
    return f"retraining:{model}"


def enqueue(
    conn: Connection,
    trigger: triggers.TriggerRow,
    *,
    token: str,
    public_url: str,
    now_us: int,
) -> None:
    """Write the request for a trigger that was just `requested` into the outbox, in the same transaction."""
    key = f"msg_{trigger.id}"
    outbox.enqueue(
        conn,
        key=key,
        model_id=trigger.model_id,
        channel=channel_name(trigger.model),
        type=TYPE,
        subject=trigger.id,
        body=body(trigger, key=key, token=token, public_url=public_url, now_us=now_us),
        now_us=now_us,
    )


def body(trigger: triggers.TriggerRow, *, key: str, token: str, public_url: str, now_us: int) -> str:
    """The CloudEvent that asks for a training run."""
    return cloudevents.event(
        id=key,
        source=cloudevents.source(trigger.model),
        type=TYPE,
        subject=trigger.id,
        time_us=now_us,
        data={
            "trigger": trigger.id,
            "model": trigger.model,
            "reason": trigger.reason,
            **trigger.request,
            "links": {"alert": f"{public_url}/alerts/{trigger.episode_id}"},
            "callback": {
                "url": f"{public_url}/v1/triggers/{trigger.id}/callbacks",
                "token": token,
                "states": list(lifecycle.REPORTS),
            },
        },
    )


def request(
    reasons: Sequence[str], series: Sequence[str], changed: Span, exclusions: Sequence[Span]
) -> dict[str, Any]:
    """What a trigger asks for, as it is stored and sent: the changed span of event time and what to leave out
    of it.
    """
    return {
        "reasons": list(reasons),
        "series": list(series),
        "windows": _span(changed),
        "exclusions": [_span(span) for span in exclusions],
    }


def _span(span: Span) -> dict[str, str]:
    return {"from": iso(span.start_us), "to": iso(span.end_us), "reason": span.reason}
