"""Mail: SMTP with STARTTLS or TLS, text and HTML beside each other, one thread per episode.

The message is the same at every attempt: Message-ID and the MIME boundary come from the notification's key, the date
from when it was written. All mails about an episode name one root in References (RFC 5322, 3.6.4), and say that no
person wrote them (RFC 3834).
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sqlalchemy import Connection

from monitor.alerts.message import Notification
from monitor.delivery.channels.words import cut, details
from monitor.delivery.mail import Server, submit
from monitor.errors import DeliveryError, UsageError
from monitor.store.outbox import Message

MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whose mail it is, and for whom: ASCII addresses without a name."""

    sender: str
    to: tuple[str, ...]

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


class SmtpChannel:
    """Sends mail. `login` gives user and password when they are needed, or None; its UsageError makes mail wait."""

    def __init__(
        self, server: Server, envelope: Envelope, login: Callable[[], tuple[str, str] | None] = lambda: None
    ) -> None:
        self._server = server
        self._envelope = envelope
        self._login = login

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        subject = notification.subject
        mail = {
            "subject": cut(f"[driftglass] {notification.title}", MAX_SUBJECT),
            "text": notification.text,
            "html": as_html(notification),
            "thread": f"episode-{subject.episode_id}.{subject.family}.{notification.context.model}",
            "written_us": now_us,
        }
        return json.dumps(mail, ensure_ascii=False, sort_keys=True)

    def send(self, message: Message, now_us: int) -> int:
        try:
            login = self._login()
        except UsageError as error:
            raise DeliveryError(str(error)) from error
        return submit(
            self._server, self._envelope.sender, self._envelope.to, mail_of(message, self._envelope), login
        )

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on the fate of a notification."""


def mail_of(message: Message, envelope: Envelope) -> EmailMessage:
    """The mail of an outbox message: the same bytes each time."""
    written = json.loads(message.body)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = envelope.sender
    mail["To"] = ", ".join(envelope.to)
    mail["Subject"] = written["subject"]
    mail["Date"] = format_datetime(datetime.fromtimestamp(written["written_us"] / 1e6, UTC))
    mail["Message-ID"] = f"<{message.key}@{envelope.domain}>"
    root = f"<{written['thread']}@{envelope.domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(written["text"], cte="base64")
    mail.add_alternative(written["html"], subtype="html", cte="base64")
    mail.set_boundary(f"=_{message.key}")
    return mail


def as_html(notification: Notification) -> str:
    """The same words with a title, names in bold and links that can be followed; nothing is loaded from elsewhere."""
    rows = []
    for line in details(notification):
        name, colon, rest = line.partition(":")
        shown = html.escape(line)
        if colon and not line.startswith(" ") and len(name) <= 30:
            shown = f"<b>{html.escape(name)}:</b>{_linked(rest)}"
        rows.append(shown)
    # `pre-wrap` keeps the indentation of lists; the breaks are those of the text.
    style = "font-family:sans-serif;font-size:14px;white-space:pre-wrap"
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body><h2>{html.escape(notification.title)}</h2>'
        f'<div style="{style}">{chr(10).join(rows)}</div></body></html>'
    )


def _linked(rest: str) -> str:
    url = rest.strip()
    if url.startswith(("https://", "http://")) and " " not in url:
        return f' <a href="{html.escape(url)}">{html.escape(url)}</a>'
    return html.escape(rest)
