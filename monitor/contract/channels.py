"""Where notifications go: one class per kind of channel. Secrets are named, never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from monitor.contract import values as v
from monitor.contract.marks import Problem


def address(value: str) -> str:
    """A mail address in ASCII, without a display name."""
    name, at, domain = value.rpartition("@")
    plain = value.isascii() and value.isprintable() and not any(c in value for c in ' ,;:<>()[]"\\')
    if not (at and name and plain and "." in domain.strip(".")) and not (
        plain and name and domain == "localhost"
    ):
        raise v.problem(f'"{value}" is no mail address; write it as oncall@example.com')
    return value


def host(value: str) -> str:
    """A host name or an address, without a scheme or a port."""
    if any(c in value for c in "/@ ") or (":" in value and value.count(":") == 1):
        raise v.problem(
            f'"{value}" is no host; write a name such as smtp.example.com, and the port beside it'
        )
    return value


def recipients(value: tuple[str, ...]) -> tuple[str, ...]:
    """One to fifty addresses."""
    if not 1 <= len(value) <= 50:
        raise v.problem("mail goes to one to fifty addresses; for more, write to a list")
    return value


MailAddress = Annotated[v.Text, AfterValidator(address)]
Host = Annotated[v.Text, AfterValidator(host)]


class _Channel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)

    allow: tuple[v.Network, ...] = ()  # private networks that this channel may reach


class WebhookChannel(_Channel):
    """A receiver of signed notifications."""

    type: Literal["webhook"]
    url: v.Endpoint
    secret: v.SecretReference


class AlertmanagerChannel(_Channel):
    """An Alertmanager (API v2); routing stays its own."""

    type: Literal["alertmanager"]
    url: v.Endpoint


class SlackChannel(_Channel):
    """An incoming webhook of Slack: its URL is the secret."""

    type: Literal["slack"]
    url: v.Endpoint


class PagerDutyChannel(_Channel):
    """A service of PagerDuty (Events API v2). `url` only where it is not PagerDuty's own."""

    type: Literal["pagerduty"]
    routing_key: v.SecretReference
    region: Literal["us", "eu"] = "us"
    url: v.Endpoint | None = None


class SmtpChannel(_Channel):
    """Mail through an SMTP server. `port` by default 587, 465 with tls: tls, 25 with tls: none."""

    type: Literal["smtp"]
    host: Host
    port_written: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = Field(None, alias="port")
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: v.SecretReference | None = None
    password: v.SecretReference | None = None
    sender: MailAddress = Field(alias="from")
    to: Annotated[tuple[MailAddress, ...], AfterValidator(recipients)]

    @property
    def port(self) -> int:
        return self.port_written or {"starttls": 587, "tls": 465, "none": 25}[self.tls]


Channel = Annotated[
    WebhookChannel | AlertmanagerChannel | SlackChannel | PagerDutyChannel | SmtpChannel,
    Field(discriminator="type"),
]


def problems(channels: Mapping[str, Channel]) -> Iterator[Problem]:
    """What no single value of a channel can say."""
    for name, spec in channels.items():
        if not isinstance(spec, SmtpChannel):
            continue
        at = ("channels", name)
        if (spec.user is None) != (spec.password is None):
            lacks = "user" if spec.user is None else "password"
            yield Problem((*at, lacks), "is missing; a login needs user and password")
        if spec.tls == "none" and spec.password is not None:
            yield Problem(
                (*at, "tls"), "a password would travel in the clear; use tls: starttls, or log in as nobody"
            )
