"""What the dispatcher and the judge ask of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import Connection

from monitor.alerts.message import Notification
from monitor.store.outbox import Message


class Posts(Protocol):
    """What reaches a receiver: `delivery.post.Poster`, or one that is made when it is first needed."""

    def post(self, body: str, headers: Mapping[str, str]) -> int:
        """The status, 2xx; anything else is a DeliveryError."""


class Signs(Protocol):
    """What signs a message: `delivery.signing.Signer`, or one that is made when it is first needed."""

    def headers(self, key: str, at: float, body: str) -> dict[str, str]:
        """The headers of one attempt at `at` seconds since the epoch."""


class Channel(Protocol):
    """One way out. A contract names channels; `app` gives each name its channel."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        """What goes into the outbox for a notification: frozen there, sent as often as needed."""

    def send(self, message: Message, now_us: int) -> int | None:
        """One attempt, outside any transaction. The receiver's status; DeliveryError if it did not take the
        message.
        """

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """The message is sent (`delivered`) or dead; called in the transaction that says so."""
