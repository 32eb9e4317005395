"""A message as the outbox gives it to a channel."""

from __future__ import annotations

from monitor.store.outbox import Message


def message_of(body: str, key: str = "msg_k1", subject: str = "toxicity/encoding") -> Message:
    """A message that was just claimed."""
    return Message(
        1, key, 1, "toxicity", "toxicity/out", "t", subject, body, "sending", 1, 1, 0, None, None, 0, None
    )
