"""PagerDuty, Events API v2: https://developer.pagerduty.com/docs/send-alert-event and `/docs/events-api-v2-overview`.

An episode is one incident: its opening triggers, its end resolves, and who acknowledges it here acknowledges it
there, all with the same `dedup_key` (at most 255 characters). A summary has at most 1,024 characters and an event at
most 512 KB. 202 is taken; 400 is wrong for ever; 429 is too many, and comes back later. The routing key is a secret:
it joins the event when it is sent, and never lies in the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from monitor.alerts.message import Notification, iso, safe
from monitor.delivery.channels.base import Posts
from monitor.delivery.channels.words import cut
from monitor.errors import DeliveryError, UsageError
from monitor.store.outbox import Message

ENDPOINTS = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
MAX_SUMMARY = 1_024
_SEVERITY = {"page": "critical", "ticket": "warning"}


class PagerDutyChannel:
    """Posts events. `routing_key` gives the secret when it is needed; its UsageError makes the message wait."""

    one_by_one = True  # each episode is an incident of its own, also in a storm

    def __init__(self, poster: Posts, routing_key: Callable[[], str]) -> None:
        self._poster = poster
        self._routing_key = routing_key

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        context, subject = notification.context, notification.subject
        event: dict[str, Any] = {
            "event_action": "resolve" if notification.event == "resolved" else "trigger",
            "dedup_key": dedup_key(context.model, subject.family, subject.episode_id),
        }
        if event["event_action"] == "trigger":
            event["payload"] = {
                "summary": cut(f"{notification.title}: {notification.data['summary']}", MAX_SUMMARY),
                "source": context.model,
                "severity": _SEVERITY[subject.severity],
                "timestamp": iso(now_us),
                "component": context.model,
                "group": safe(context.owner) or "driftglass",
                "class": subject.family,
                "custom_details": {"text": notification.text, **notification.data},
            }
            links = [(notification.url, "the alert"), (context.runbook, "the runbook")]
            event["links"] = [{"href": url, "text": name} for url, name in links if url.startswith("http")]
            event["client"] = "driftglass"
            if notification.url:
                event["client_url"] = notification.url
        return json.dumps(event, ensure_ascii=False, sort_keys=True, allow_nan=False)

    def send(self, message: Message, now_us: int) -> int:
        try:
            key = self._routing_key()
        except UsageError as error:
            raise DeliveryError(str(error)) from error
        event = json.dumps({"routing_key": key, **json.loads(message.body)}, ensure_ascii=False)
        return self._poster.post(event, {"content-type": "application/json"})

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on the fate of a notification."""


def acknowledgement(model: str, family: str, episode_id: int) -> str:
    """The frozen body that acknowledges an episode's incident."""
    event = {"event_action": "acknowledge", "dedup_key": dedup_key(model, family, episode_id)}
    return json.dumps(event, sort_keys=True)


def dedup_key(model: str, family: str, episode_id: int) -> str:
    """What makes all events of an episode one incident; the names of models and families keep it below 255."""
    return f"driftglass/{model}/{family}/{episode_id}"
