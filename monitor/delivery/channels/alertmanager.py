"""Prometheus Alertmanager, API v2. Routing, grouping and silencing stay its business; we own state and
evidence.

A firing alert is posted with an end 15 minutes ahead and posted again every 60 seconds, so a driftglass that
died resolves by itself, and one that was restarted does not. A resolved alert is posted once, with the time
of its end. Labels are few and stable, because a changed label is another alert; every number is in an
annotation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from monitor.alerts.message import Notification, iso
from monitor.alerts.state import Severity
from monitor.delivery.channels.base import Posts
from monitor.store.outbox import Message

ENDS_AHEAD_US = 15 * 60 * 1_000_000
RESEND_US = 60 * 1_000_000
_PATH = "/api/v2/alerts"


class AlertmanagerChannel:
    """Posts alerts. The poster's URL is Alertmanager's base address with `/api/v2/alerts` (see `address`).

    Times that Alertmanager compares with its own clock come from `wall` (seconds), never from a simulated
    clock. `resend_us` and `ends_ahead_us`: how often a firing alert is said again, and how far ahead its end is.
    """

    one_by_one = True  # it groups by itself

    def __init__(
        self,
        poster: Posts,
        *,
        wall: Callable[[], float] = time.time,
        resend_us: int = RESEND_US,
        ends_ahead_us: int = ENDS_AHEAD_US,
    ) -> None:
        self._poster = poster
        self._wall = wall
        self.resend_us = resend_us
        self._ends_ahead_us = ends_ahead_us
        self.resent_us = (
            0  # when `dispatch.resend` last posted; memory is enough, a restart only posts earlier
        )

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        subject = notification.subject
        alert = _alert(notification, subject.severity)
        if notification.event == "resolved":
            alert["endsAt"] = iso(subject.closed_us if subject.closed_us is not None else now_us)
        alerts = [alert]
        if subject.previous_severity is not None:
            # The severity is a label: the milder alert is another one, and nobody else would end it.
            alerts.insert(0, {**_alert(notification, subject.previous_severity), "endsAt": iso(now_us)})
        return json.dumps(
            {"episode": subject.episode_id, "alerts": alerts}, ensure_ascii=False, sort_keys=True
        )

    def send(self, message: Message, now_us: int) -> int:
        return self.post(json.loads(message.body)["alerts"])

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on the fate of a notification."""

    def post(self, alerts: Iterable[Mapping[str, Any]]) -> int:
        """Post alerts; one without `endsAt` is firing. DeliveryError if they were not taken."""
        now_us = self.wall_us()
        timed = [_timed(alert, now_us, self._ends_ahead_us) for alert in alerts]
        return self._poster.post(json.dumps(timed, ensure_ascii=False), {"content-type": "application/json"})

    def wall_us(self) -> int:
        return int(self._wall() * 1e6)


def address(base_url: str) -> str:
    """The address to post to, from that of Alertmanager's own pages."""
    return base_url.rstrip("/") + _PATH


def _alert(notification: Notification, severity: Severity) -> dict[str, Any]:
    context, subject = notification.context, notification.subject
    annotations = {
        "summary": notification.title,
        "description": notification.text,
        "runbook_url": context.runbook,
    }
    labels = {
        "alertname": f"Driftglass{subject.family.capitalize()}",
        "model": context.model,
        "family": subject.family,
        "severity": severity,
        "owner": context.owner,
    }
    alert: dict[str, Any] = {
        # Alertmanager takes an empty label for a missing one.
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": iso(subject.opened_us),
    }
    if notification.url:
        alert["generatorURL"] = notification.url
    return alert


def _timed(alert: Mapping[str, Any], now_us: int, ends_ahead_us: int) -> dict[str, Any]:
    """With both times on Alertmanager's clock: RFC 3339 in UTC, so that text compares like time."""
    now = iso(now_us)
    starts = min(str(alert["startsAt"]), now)
    if "endsAt" not in alert:
        return {**alert, "startsAt": starts, "endsAt": iso(now_us + ends_ahead_us)}
    # It refuses an end before the start, and would go on firing until an end in the future.
    return {**alert, "startsAt": starts, "endsAt": min(max(str(alert["endsAt"]), starts), now)}
