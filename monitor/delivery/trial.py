"""One notification that is sent now, past the outbox, to see whether a channel works; and what to do if not."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.alerts.attributes import Attributes
from monitor.alerts.message import Context, Event, Notification, Subject, compose
from monitor.contract.channels import AlertmanagerChannel, Channel, PagerDutyChannel
from monitor.delivery.channels.made import make
from monitor.errors import DeliveryError
from monitor.store.outbox import Message

FAMILY = "test"  # of no alert: nothing that happens to this one touches another


@dataclass(frozen=True, slots=True)
class Trial:
    """What happened: `steps` on the way, the status, real seconds, and where it failed the error and its cure."""

    ok: bool
    steps: tuple[str, ...]
    status: int | None
    seconds: float
    error: str = ""
    cure: str = ""


def attempt(
    spec: Channel,
    resolve: Callable[[str], str],
    context: Context,
    *,
    allow: Sequence[str] = (),
    now_us: int,
) -> Trial:
    """Send a notification that says that it is a test. What would stay open at its receiver, an incident or an alert,
    is resolved again at once. Errors are in the result, with no secret in them.
    """
    steps: list[str] = []
    channel = make(spec, resolve, allow, steps.append)
    lasting = isinstance(spec, PagerDutyChannel | AlertmanagerChannel)
    events: tuple[Event, ...] = ("opened", "resolved") if lasting else ("opened",)
    number = secrets.randbits(31)
    status: int | None = None
    began = time.monotonic()
    try:
        for event in events:
            key = f"msg_test_{number:08x}_{event}"
            body = channel.body(_notification(event, context, number, now_us), key, now_us)
            status = channel.send(_message(key, context.model, body, now_us), now_us)
            steps.append(f"{'resolved it again' if event == 'resolved' else 'sent'}: answered {status}")
    except DeliveryError as error:
        seconds = time.monotonic() - began
        return Trial(False, tuple(steps), error.status, seconds, str(error), cure(error))
    return Trial(True, tuple(steps), status, time.monotonic() - began)


def cure(error: DeliveryError) -> str:
    """What to do about an error of delivery, one sentence."""
    text = str(error)
    if error.status is not None:
        return _CURES.get(error.status) or _by_class(error.status)
    for sign, what in _SIGNS:
        if sign in text:
            return what
    return "see whether the receiver runs and can be reached from this machine"


def _by_class(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed: write the address that it points to"
    if 400 <= status < 500:
        return "the receiver does not understand the request: see whether this is the right kind of channel"
    return "the receiver has trouble of its own: notifications wait and are sent when it is well"


_CURES = {
    401: "the receiver does not know the secret: compare it with the receiver's own settings",
    403: "the receiver does not allow it: compare the secret, and ask whether the webhook is still enabled",
    404: "there is nothing at this address: copy the URL again from the receiver's settings",
    410: "the receiver is gone for good: make a new one and write its URL; then `driftglass notify enable`",
    429: "too many at once: they are sent again when the receiver allows it",
    530: "the mail server wants a login, or TLS: give user and password, or tls: starttls",
    535: "the mail server does not know user or password: compare what env: or file: holds",
    550: "the mail server refuses a recipient or the sender: see the addresses in `to` and `from`",
}
_SIGNS = (
    ("environment variable", "set it where driftglass runs, then try again"),
    ("cannot be read", "write the secret into that file, readable by the user that driftglass runs as"),
    ("the file is empty", "write the secret into that file"),
    (
        "secret",
        "make a new secret with `openssl rand -base64 32`, and give it to both sides with `whsec_` before it",
    ),
    ("does not resolve", "see whether the host is written right, and whether this machine can look names up"),
    ("not a public address", "if that is meant, add it to DRIFTGLASS_ALLOWED_ADDRESSES"),
    ("not encrypted", "use TLS, or add the host to DRIFTGLASS_ALLOWED_ADDRESSES"),
    ("does not offer STARTTLS", "use tls: tls if the server speaks TLS from the start (port 465)"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the certificate is not the host's, or its issuer is unknown to this machine",
    ),
    ("refused", "nothing listens there: see whether the receiver runs, and the port"),
    (
        "took longer",
        "the receiver accepts connections and does not answer: see its own log, and firewalls between",
    ),
    ("Timeout", "nothing answers at this address: see firewalls between here and there"),
    ("not an http", "write the whole address, beginning with https://"),
)


def _notification(event: Event, context: Context, number: int, now_us: int) -> Notification:
    title = f"TEST of driftglass: nothing happened to {context.model}"
    text = f"{title}\nThis was sent by hand to see whether notifications arrive. There is nothing to do."
    subject = Subject(
        episode_id=number,
        family=FAMILY,
        severity="ticket",
        since_us=now_us,
        opened_us=now_us,
        closed_us=now_us if event == "resolved" else None,
        attributes=Attributes(sentences=("this is a test",)),
    )
    # Links would lead to an alert that does not exist.
    made = compose(event, replace(context, public_url=""), subject)
    data: dict[str, Any] = {**made.data, "test": True, "title": title, "summary": "this is a test"}
    return replace(made, title=title, text=text, data=data)


def _message(key: str, model: str, body: str, now_us: int) -> Message:
    return Message(
        id=0,
        key=key,
        model_id=0,
        model=model,
        channel="",
        type="io.driftglass.test.v1",
        subject=f"{model}/{FAMILY}",
        body=body,
        state="sending",
        fence=0,
        attempt=1,
        next_us=now_us,
        last_status=None,
        last_error=None,
        created_us=now_us,
        sent_us=None,
    )
