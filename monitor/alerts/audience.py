"""Who hears of the alerts of a model, by its contract."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.alerts.message import Context
from monitor.alerts.notify import Audience, Writer
from monitor.watched import Watched


def audience_of(watched: Watched, channels: Mapping[str, Writer], public_url: str) -> Audience:
    """The audience of a watched model. `channels` are all there are, by the names that the outbox knows them by."""
    contract = watched.contract
    recipients = contract.alerts.channels
    return Audience(
        context=Context(
            model=watched.name,
            owner=contract.owner or "",
            runbook=contract.runbook or "",
            public_url=public_url,
            timezone=contract.timezone,
        ),
        routes={
            "page": [watched.channel(name) for name in recipients.page],
            "ticket": [watched.channel(name) for name in recipients.ticket],
        },
        channels=channels,
        # Contracts that name the same address mean the same receiver.
        receivers={watched.channel(name): spec.model_dump_json() for name, spec in contract.channels.items()},
    )
