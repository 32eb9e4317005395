"""Mail to a real SMTP server on loopback: what it looks like, how it is protected, and when it is tried again."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from monitor.alerts.message import compose
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.smtp import Envelope, SmtpChannel
from monitor.delivery.mail import Server
from monitor.errors import DeliveryError, UsageError
from tests.monitor.alerting import CONTEXT
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery.mail_server import Mail, MailServer
from tests.monitor.delivery.messages import message_of
from tests.monitor.delivery.test_tls import HOST, certificate

__all__ = ["certificate"]  # the fixture

LOGIN = ("driftglass", "pa55-w0rd")
ENVELOPE = Envelope("drift@example.com", ("oncall@example.com", "review@example.com"))


def channel(
    server: MailServer,
    envelope: Envelope = ENVELOPE,
    login: Callable[[], tuple[str, str] | None] = lambda: None,
    **options: Any,
) -> SmtpChannel:
    given: dict[str, Any] = {
        "host": HOST,
        "port": server.port,
        "tls": "none",
        "allowed": Allowed.parse(["127.0.0.1"]),
        "resolver": lambda host, port: ["127.0.0.1"],
    }
    return SmtpChannel(Server(**{**given, **options}), envelope, login)


def deliver(out: SmtpChannel, event: Any = "opened", key: str = "msg_k1", **subject: Any) -> int:
    notification = compose(event, CONTEXT, replace(SUBJECT, **subject))
    return out.send(message_of(out.body(notification, key, 1_800_000_000_000_000), key), 0)


def refused(out: SmtpChannel) -> DeliveryError:
    with pytest.raises(DeliveryError) as failure:
        deliver(out)
    return failure.value


def text_of(mail: Mail, kind: str) -> str:
    part = mail.message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_says_everything_as_text_and_as_html() -> None:
    with MailServer() as server:
        assert deliver(channel(server)) == 250
    (mail,) = server.taken
    assert server.violations == []
    assert (mail.sender, mail.to) == ("drift@example.com", ["oncall@example.com", "review@example.com"])
    assert mail.message["subject"] == "[driftglass] toxicity: encoding changed"
    assert mail.message["auto-submitted"] == "auto-generated"
    assert mail.message["date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    plain, page = text_of(mail, "plain"), text_of(mail, "html")
    for said in (plain, page):
        assert "ein gro\u00c3\u0178er Fehler" in said
        assert "3.1%" in said
    assert '<a href="https://drift.example.com/alerts/12">' in page
    assert "<b>Owner:</b> trust-and-safety" in page


def test_the_same_notification_is_the_same_mail_each_time() -> None:
    with MailServer() as server:
        for _ in range(2):
            deliver(channel(server))
    first, second = server.taken
    assert first.raw == second.raw
    assert first.message["message-id"] == "<msg_k1@example.com>"


def test_the_mails_of_an_episode_are_one_thread() -> None:
    with MailServer() as server:
        out = channel(server)
        deliver(out, "opened", "msg_k1")
        deliver(out, "resolved", "msg_k2", closed_us=SUBJECT.opened_us)
        deliver(out, "opened", "msg_k3", episode_id=13)
    roots = [mail.message["references"] for mail in server.taken]
    assert roots[0] == roots[1] == "<episode-12.encoding.toxicity@example.com>"
    assert roots[2] != roots[0]
    assert len({mail.message["message-id"] for mail in server.taken}) == 3


def test_no_text_becomes_a_header_or_a_tag() -> None:
    hostile = replace(CONTEXT, owner="a\r\nBcc: evil@example.com <script>alert(1)</script>")
    with MailServer() as server:
        out = channel(server)
        out.send(message_of(out.body(compose("opened", hostile, SUBJECT), "k", 0)), 0)
    (mail,) = server.taken
    assert mail.message["bcc"] is None
    assert mail.to == list(ENVELOPE.to)
    assert "<script>" not in text_of(mail, "html")


def test_lines_of_dots_and_long_lines_arrive_as_they_were() -> None:
    hostile = replace(CONTEXT, owner="." * 3000)
    with MailServer() as server:
        out = channel(server)
        out.send(message_of(out.body(compose("opened", hostile, SUBJECT), "k", 0)), 0)
    assert "." * 3000 in text_of(server.taken[0], "plain")
    assert server.violations == []


def trusted(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=cert)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_and_login_travel_encrypted(tls: str, certificate: tuple[Path, Path]) -> None:
    with MailServer(certificate, implicit=tls == "tls", login=LOGIN) as server:
        out = channel(server, login=lambda: LOGIN, tls=tls, verify=trusted(certificate[0]))
        assert deliver(out) == 250
    assert [(mail.encrypted, mail.user) for mail in server.taken] == [(True, "driftglass")]
    assert server.violations == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_of_somebody_else_is_refused(tls: str, certificate: tuple[Path, Path]) -> None:
    with MailServer(certificate, implicit=tls == "tls", login=LOGIN) as server:
        failure = refused(
            channel(
                server, login=lambda: LOGIN, tls=tls, verify=trusted(certificate[0]), host="other.example.com"
            )
        )
    assert "CERTIFICATE_VERIFY_FAILED" in str(failure)
    assert server.taken == []


def test_a_server_that_lost_its_starttls_gets_neither_login_nor_mail() -> None:
    with MailServer(login=LOGIN) as server:
        failure = refused(channel(server, login=lambda: LOGIN, tls="starttls"))
    assert "does not offer STARTTLS" in str(failure)
    assert failure.permanent
    assert (server.taken, server.violations) == ([], [])


def test_a_refused_login_waits_for_the_right_secret_and_tells_none(certificate: tuple[Path, Path]) -> None:
    with MailServer(certificate, login=LOGIN) as server:
        wrong = ("driftglass", "wr0ng-word")
        failure = refused(
            channel(server, login=lambda: wrong, tls="starttls", verify=trusted(certificate[0]))
        )
    assert (failure.permanent, failure.status) == (False, 535)
    assert "wr0ng-word" not in str(failure), "although the server repeats it"
    assert "***" in str(failure)


def test_a_login_that_is_not_there_yet_makes_the_mail_wait() -> None:
    def lacking() -> tuple[str, str]:
        raise UsageError("env:SMTP_PASSWORD: the environment variable SMTP_PASSWORD is not set")

    with MailServer() as server:
        failure = refused(channel(server, login=lacking))
    assert not failure.permanent
    assert "SMTP_PASSWORD" in str(failure)


@pytest.mark.parametrize(
    ("reply", "permanent"),
    [
        ("421 closing", False),
        ("451 try later", False),
        ("452 full", False),
        ("550 no", True),
        ("554 no", True),
    ],
)
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_reply_says_whether_to_try_again(verb: str, reply: str, permanent: bool) -> None:
    with MailServer(replies={verb: reply}) as server:
        failure = refused(channel(server))
    assert (failure.permanent, failure.status) == (permanent, int(reply[:3]))
    assert server.taken == []


def test_one_recipient_that_is_gone_does_not_cost_the_others_their_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with MailServer() as server:
        envelope = Envelope("drift@example.com", ("nobody@example.com", "oncall@example.com"))
        assert deliver(channel(server, envelope)) == 250
    assert server.taken[0].to == ["oncall@example.com"]
    assert "refused 1 of 2 recipients (550)" in caplog.text


def test_loopback_needs_allowing() -> None:
    with MailServer() as server:
        failure = refused(channel(server, allowed=Allowed()))
    assert "loopback" in str(failure)
    assert failure.permanent
    assert server.taken == []


def test_mail_without_tls_to_a_public_host_is_refused() -> None:
    with MailServer() as server:
        failure = refused(channel(server, allowed=Allowed(), resolver=lambda host, port: ["93.184.215.14"]))
    assert "not encrypted" in str(failure)
    assert failure.permanent


def test_a_server_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with MailServer() as server:
        failure = refused(channel(server, port=port))
    assert not failure.permanent
    assert failure.status is None


def test_a_greeting_that_drips_ends_at_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            for _ in range(200):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=drip)
    thread.start()
    started = time.monotonic()
    with MailServer() as server:
        failure = refused(channel(server, port=listener.getsockname()[1], total_seconds=0.3))
    assert time.monotonic() - started < 5
    assert "took longer than 0.3 s" in str(failure)
    thread.join()
    listener.close()


def test_a_mail_is_read_back_by_another_parser() -> None:
    with MailServer() as server:
        deliver(channel(server))
    old = message_from_bytes(server.taken[0].raw)
    assert [part.get_content_type() for part in old.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
