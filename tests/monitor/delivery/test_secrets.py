"""Secrets are nowhere: not in the database, in logs, in errors, nor in what objects say of themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from monitor.alerts.message import compose
from monitor.contract import parse
from monitor.delivery.channels.base import Channel
from monitor.delivery.channels.made import make
from monitor.delivery.dispatch import deliver_due
from monitor.delivery.signing import encode_secret
from monitor.delivery.trial import attempt
from monitor.store import outbox
from monitor.store.engine import Store
from monitor.store.tables import metadata
from tests.monitor.alerting import CONTEXT, SetClock, add_model
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery.mail_server import MailServer
from tests.monitor.delivery.protocols import pagerduty, slack

MARK = "hush5ecret"
VALUES = {
    "KEY": f"{MARK}key",
    "USER": f"{MARK}user",
    "WORD": f"{MARK}word",
    "SIGN": encode_secret(MARK.encode() * 3),
}
CONTRACT = """
model: toxicity
source: {{path: records.csv, id: id, time: sent_at}}
columns:
  text: {{role: input}}
channels:
  chat: {{type: slack, url: env:CHAT, allow: [127.0.0.0/8]}}
  pager: {{type: pagerduty, routing_key: env:KEY, url: env:PAGER, allow: [127.0.0.0/8]}}
  hook: {{type: webhook, url: env:HOOK, secret: env:SIGN, allow: [127.0.0.0/8]}}
  broken: {{type: slack, url: env:BROKEN, allow: [127.0.0.0/8]}}
  mail: {{type: smtp, host: localhost, port: {port}, user: env:USER, password: env:WORD, allow: [127.0.0.0/8, "::1"],
          from: a@example.com, to: [b@example.com]}}
"""


@pytest.fixture
def receivers() -> Iterator[tuple[dict[str, str], int]]:
    """Receivers that refuse everything in their own words, and the addresses with secrets in them."""
    with slack() as chat, pagerduty() as pager, slack() as hook, MailServer(login=("a", "b")) as mail:
        found = {
            "CHAT": chat.url.replace("s3cr3t", MARK),
            "PAGER": pager.url,
            "HOOK": f"{hook.url}?token={MARK}",
            "BROKEN": f"https://hooks.example.com:{MARK}/x",
        }
        yield {**VALUES, **found}, mail.port


def dump(store: Store) -> str:
    """Everything in the database."""
    with store.read() as conn:
        return "\n".join(
            repr(tuple(row)) for table in metadata.sorted_tables for row in conn.execute(select(table))
        )


def test_no_secret_is_anywhere(
    store: Store, receivers: tuple[dict[str, str], int], caplog: pytest.LogCaptureFixture
) -> None:
    values, port = receivers
    caplog.set_level(logging.DEBUG)
    contract = parse(CONTRACT.format(port=port))
    add_model(store)

    def resolve(reference: str) -> str:
        return values[reference.removeprefix("env:")]

    channels: dict[str, Channel] = {name: make(spec, resolve) for name, spec in contract.channels.items()}
    with store.write() as conn:
        for name, channel in channels.items():
            outbox.enqueue(
                conn,
                key=f"msg_{name}",
                model_id=1,
                channel=name,
                type="t",
                subject=name,
                body=channel.body(compose("opened", CONTEXT, SUBJECT), f"msg_{name}", 0),
                now_us=0,
            )
    counts = deliver_due(store, SetClock(), channels)
    assert counts.sent == 0
    assert counts.dead + counts.retried == len(channels), "each was refused, with an error that is kept"
    said = [
        dump(store),
        caplog.text,
        repr(contract),
        repr(channels),
        repr(list(map(vars, channels.values()))),
    ]
    said += [repr(attempt(spec, resolve, CONTEXT, now_us=0)) for spec in contract.channels.values()]
    said.append(contract.model_dump_json())
    assert MARK not in "\n".join(said)
    assert VALUES["SIGN"].removeprefix("whsec_") not in "\n".join(said)
