"""Trying a channel by hand: what is sent says that it is a test, and every failure comes with what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.contract import parse
from monitor.contract.channels import Channel
from monitor.delivery.receiver import Receiver
from monitor.delivery.trial import Trial, attempt
from monitor.errors import UsageError
from tests.monitor.alerting import CONTEXT, SECRET
from tests.monitor.delivery.mail_server import MailServer
from tests.monitor.delivery.protocols import ROUTING_KEY, pagerduty, slack

HEAD = """
model: toxicity
source: {path: records.csv, id: id, time: sent_at}
columns:
  text: {role: input}
channels:
"""
ALLOW = "allow: [127.0.0.0/8]"


def spec(text: str) -> Channel:
    (found,) = parse(HEAD + f"  out: {{{text}}}\n").channels.values()
    return found


def tried(text: str, **values: str) -> Trial:
    def resolve(reference: str) -> str:
        if reference.removeprefix("env:") in values:
            return values[reference.removeprefix("env:")]
        if reference.startswith("env:"):
            raise UsageError(f"{reference}: the environment variable is not set")
        return reference

    return attempt(spec(text), resolve, CONTEXT, now_us=1_800_000_000_000_000)


def test_slack_gets_one_message_that_says_test() -> None:
    with slack() as receiver:
        found = tried(f"type: slack, url: env:URL, {ALLOW}", URL=receiver.url)
    assert found.ok
    assert found.steps == ("127.0.0.1 is at 127.0.0.1", "connected to 127.0.0.1", "sent: answered 200")
    assert "TEST of driftglass" in receiver.taken[0]["text"]


def test_pagerduty_gets_an_incident_that_ends_at_once() -> None:
    with pagerduty() as receiver:
        found = tried(
            f"type: pagerduty, routing_key: env:KEY, url: env:URL, {ALLOW}", KEY=ROUTING_KEY, URL=receiver.url
        )
    assert found.ok
    assert [event["event_action"] for event in receiver.taken] == ["trigger", "resolve"]
    assert receiver.taken[0]["payload"]["severity"] == "warning"
    assert len({event["dedup_key"] for event in receiver.taken}) == 1


def test_a_webhook_gets_data_that_says_test() -> None:
    with Receiver(SECRET) as receiver:
        assert tried(f"type: webhook, url: env:URL, secret: env:S, {ALLOW}", URL=receiver.url, S=SECRET).ok
    assert receiver.received[0].event["data"]["test"] is True


def test_mail_says_test() -> None:
    with MailServer() as server:
        where = f"host: localhost, port: {server.port}, tls: none, from: a@example.com, to: [b@example.com]"
        found = tried(f"type: smtp, {where}, allow: [127.0.0.0/8, '::1']")
    assert found.ok
    assert "TEST" in server.taken[0].message["subject"]


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "secret"),
        (404, "copy the URL"),
        (410, "make a new one"),
        (302, "redirects"),
        (503, "trouble of its own"),
    ],
)
def test_a_refusal_comes_with_its_cure(status: int, cure: str) -> None:
    with slack() as receiver:
        receiver.next = [(status, {}, "")]
        found = tried(f"type: slack, url: env:URL, {ALLOW}", URL=receiver.url)
    assert (found.ok, found.status) == (False, status)
    assert cure in found.cure
    assert "s3cr3t" not in repr(found)


def test_an_address_that_is_not_allowed_says_how_to_allow_it() -> None:
    with slack() as receiver:
        found = tried("type: slack, url: env:URL", URL=receiver.url)
    assert "DRIFTGLASS_ALLOWED_ADDRESSES" in found.cure
    assert receiver.taken == []


def test_a_secret_that_is_not_there_says_where_to_set_it() -> None:
    found = tried(f"type: slack, url: env:URL, {ALLOW}")
    assert "env:URL" in found.error
    assert "set it" in found.cure


def test_nobody_listening_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = tried(f"type: slack, url: 'http://127.0.0.1:{port}/', {ALLOW}")
    assert "nothing listens" in found.cure


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tells_plainly_and_its_exit_code_too(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(HEAD + f"  out: {{type: slack, url: env:HOOK, {ALLOW}}}\n")
    with slack() as receiver:
        fine = command(tmp_path, "notify", "test", "out", "-c", "contract.yaml", HOOK=receiver.url)
        receiver.next = [(404, {}, "no_service")]
        bad = command(tmp_path, "notify", "test", "out", "-c", "contract.yaml", HOOK=receiver.url)
    assert fine.returncode == 0, fine.stderr
    assert "it works: taken in" in fine.stdout
    assert bad.returncode == 3
    assert "answered 404" in bad.stdout
    assert "copy the URL" in bad.stdout
    for said in (fine, bad):
        assert "s3cr3t" not in said.stdout + said.stderr
    unknown = command(tmp_path, "notify", "test", "chat", "-c", "contract.yaml")
    assert unknown.returncode == 2
    assert "it has: out" in unknown.stderr
