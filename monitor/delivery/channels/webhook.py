"""The generic webhook: a CloudEvent with a Standard Webhooks signature."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from monitor.alerts.message import Notification
from monitor.alerts.notify import subject_of, type_of
from monitor.delivery import cloudevents
from monitor.delivery.channels.base import Posts, Signs
from monitor.store.outbox import Message


class WebhookChannel:
    """Posts what the outbox holds, signed anew for each attempt.

    `wall` is the real time in seconds, also when the windows run on a simulated clock: receivers refuse a
    signature whose time is more than five minutes off theirs.
    """

    def __init__(self, poster: Posts, signer: Signs, *, wall: Callable[[], float] = time.time) -> None:
        self._poster = poster
        self._signer = signer
        self._wall = wall

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        model = notification.context.model
        return cloudevents.event(
            id=key,
            source=cloudevents.source(model),
            type=type_of(notification.event),
            subject=subject_of(model, notification.subject.family),
            time_us=now_us,
            data={**notification.data, "text": notification.text},
        )

    def send(self, message: Message, now_us: int) -> int:
        signed = self._signer.headers(message.key, self._wall(), message.body)
        return self._poster.post(message.body, {**signed, "content-type": cloudevents.CONTENT_TYPE})

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on the fate of a notification."""
