"""From what a contract says of a channel to what sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.contract import channels as spec
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.alertmanager import AlertmanagerChannel, address
from monitor.delivery.channels.base import Channel
from monitor.delivery.channels.pagerduty import ENDPOINTS, PagerDutyChannel
from monitor.delivery.channels.slack import SlackChannel
from monitor.delivery.channels.smtp import Envelope, SmtpChannel
from monitor.delivery.channels.webhook import WebhookChannel
from monitor.delivery.late import LatePoster, LateSigner
from monitor.delivery.mail import Server
from monitor.delivery.post import Notice, unnoticed


def make(
    made: spec.Channel, resolve: Callable[[str], str], allow: Sequence[str] = (), notice: Notice = unnoticed
) -> Channel:
    """The channel of a contract. `resolve` gives the value behind `env:` and `file:`; it is asked when something is
    sent, never before. `allow` is what the operator allows beside what the contract does.
    """
    allowed = (*made.allow, *allow)

    def poster(url: str) -> LatePoster:
        return LatePoster(lambda: resolve(url), allowed, notice)

    match made:
        case spec.WebhookChannel(url=url, secret=secret):
            return WebhookChannel(poster(url), LateSigner(lambda: resolve(secret)))
        case spec.AlertmanagerChannel(url=url):
            return AlertmanagerChannel(LatePoster(lambda: address(resolve(url)), allowed, notice))
        case spec.SlackChannel(url=url):
            return SlackChannel(poster(url))
        case spec.PagerDutyChannel(routing_key=key, url=other, region=region):
            return PagerDutyChannel(poster(other or ENDPOINTS[region]), lambda: resolve(key))
        case spec.SmtpChannel():
            server = Server(made.host, made.port, made.tls, Allowed.parse(allowed), notice=notice)
            return SmtpChannel(server, Envelope(made.sender, made.to), _login(made, resolve))


def _login(made: spec.SmtpChannel, resolve: Callable[[str], str]) -> Callable[[], tuple[str, str] | None]:
    user, password = made.user, made.password
    if user is None or password is None:
        return lambda: None
    return lambda: (resolve(user), resolve(password))
