"""Slack, by an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.

Limits of Block Kit (https://docs.slack.dev/reference/block-kit/blocks): 50 blocks in a message, 150 characters in a
header, 3,000 in the text of a section. `&`, `<` and `>` are escaped, so that no text can mention somebody or hide a
link (https://docs.slack.dev/messaging/formatting-message-text), and `verbatim` keeps Slack from making links itself.
The URL of the webhook is its secret; whoever sends too fast is answered 429 with Retry-After.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from monitor.alerts.message import Notification
from monitor.delivery.channels.base import Posts
from monitor.delivery.channels.words import CUT, cut, details, pieces, units
from monitor.store.outbox import Message

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_TEXT = 3_000
_SECTIONS = MAX_BLOCKS - 3  # beside the header, the links and the line that says who


class SlackChannel:
    """Posts the title as a header and the rest in sections."""

    def __init__(self, poster: Posts) -> None:
        self._poster = poster

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        context, subject = notification.context, notification.subject
        lines = [_shown(line, MAX_TEXT) for line in details(notification) if not line.startswith("Look: ")]
        blocks: list[dict[str, Any]] = [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": cut(notification.title, MAX_HEADER), "emoji": False},
            }
        ]
        blocks += [_section(piece) for piece in list(pieces(lines, MAX_TEXT))[:_SECTIONS]]
        links = [_link(notification.url, "Open the alert"), _link(context.runbook, "Runbook")]
        if any(links):
            blocks.append(_section(cut(" · ".join(link for link in links if link), MAX_TEXT)))
        about = f"{context.model} · {subject.family} · {subject.severity}"
        blocks.append(
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": escape(about), "verbatim": True}],
            }
        )
        # What a telephone shows without opening it.
        message = {"text": _escaped(notification.title, MAX_TEXT), "blocks": blocks}
        return json.dumps(message, ensure_ascii=False, sort_keys=True)

    def send(self, message: Message, now_us: int) -> int:
        return self._poster.post(message.body, {"content-type": "application/json; charset=utf-8"})

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on the fate of a notification."""


def escape(text: str) -> str:
    """Text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shown(line: str, limit: int) -> str:
    """An escaped line of at most `limit` units; what comes before the first colon is the name of what follows."""
    name, colon, rest = line.partition(":")
    is_name = colon and not line.startswith(" ") and len(name) <= 30
    text = f"*{escape(name)}:*{_escaped(rest, limit - 100)}" if is_name else _escaped(line, limit)
    return text or " "


def _escaped(text: str, limit: int) -> str:
    """Escaped text of at most `limit` units; no entity is cut in two."""
    kept: list[str] = []
    left = limit - 1
    for shown in map(escape, text):
        left -= units(shown)
        if left < 0:
            return "".join(kept) + CUT
        kept.append(shown)
    return "".join(kept)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _link(url: str, name: str) -> str:
    if not url.startswith(("https://", "http://")) or len(url) > 1_000:
        return ""
    return f"<{escape(url).replace('|', '%7C')}|{name}>"
