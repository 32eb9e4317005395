"""One SMTP submission (RFC 5321, RFC 3207, RFC 4954) to a server that may be slow, hostile or inside the network.

As for HTTP, the host is resolved once and every address is checked; the connection goes to a checked address, and
the certificate has to be the host's. Without TLS mail only goes where the operator allows it.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal

from monitor.alerts.message import safe
from monitor.delivery.addresses import Allowed, Checked, Resolver, resolve, system_resolver
from monitor.delivery.deadline import Deadline
from monitor.delivery.post import CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS, Notice, unnoticed
from monitor.errors import DeliveryError

log = logging.getLogger(__name__)

# A server that refuses a login refuses the secret, not the mail: it will be right when the secret is.
_LOGIN = frozenset({530, 534, 535, 538})
_MAX_REPLY = 200


@dataclass(frozen=True)
class Server:
    """Where mail is handed in. `verify`: the certificates that are trusted, else the system's."""

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    allowed: Allowed
    resolver: Resolver = field(default=system_resolver, repr=False)
    verify: ssl.SSLContext | None = field(default=None, repr=False)
    total_seconds: float = TOTAL_SECONDS
    notice: Notice = field(default=unnoticed, repr=False)

    @property
    def shown(self) -> str:
        return f"smtp://{self.host}:{self.port}"


def submit(
    server: Server, sender: str, to: Sequence[str], mail: EmailMessage, login: tuple[str, str] | None
) -> int:
    """250 once at least one recipient was taken. DeliveryError, temporary for 4xx, a refused login and a server that
    is away, permanent for other 5xx, a forbidden address and a server without TLS.
    """
    checked = resolve(server.host, server.port, server.allowed, server.resolver)
    server.notice(f"{server.host} is at {', '.join(checked.addresses)}")
    if server.tls == "none" and not checked.allowed:
        raise DeliveryError(
            f"{server.shown} is not encrypted: use tls: starttls, or add the host to the allowed addresses",
            permanent=True,
        )
    with Deadline(server.total_seconds) as deadline:
        try:
            smtp = _connected(server, checked, sender, deadline)
            try:
                return _handed_in(server, smtp, sender, to, mail, login)
            finally:
                smtp.close()
        except smtplib.SMTPException as error:
            raise _failure(server, error, deadline, login) from error
        except OSError as error:
            raise _unreachable(server, error, deadline) from error


class _Connection(smtplib.SMTP):
    """A connection to an address that was checked, under the name of its host."""

    def __init__(self, server: Server, address: str, sender: str, deadline: Deadline) -> None:
        self._server = server
        self._address = address
        self._deadline = deadline
        # Our own name is the sender's domain: looking it up would ask the network who we are.
        domain = sender.rpartition("@")[2]
        super().__init__(
            server.host, server.port, local_hostname=domain, timeout=min(READ_SECONDS, deadline.left)
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((self._address, port), min(CONNECT_SECONDS, timeout))
        try:
            self._deadline.watch(made)
            made.settimeout(timeout)
            self._server.notice(f"connected to {self._address}")
            if self._server.tls == "tls":
                return _trusted(self._server).wrap_socket(made, server_hostname=host)
        except OSError:
            made.close()
            raise
        return made


def _connected(server: Server, checked: Checked, sender: str, deadline: Deadline) -> _Connection:
    for address in checked.addresses[:-1]:
        try:
            return _Connection(server, address, sender, deadline)
        except OSError:
            if deadline.passed:
                break
            continue  # nothing was said yet, so the next address of the same host may be asked
    return _Connection(server, checked.addresses[-1], sender, deadline)


def _handed_in(
    server: Server,
    smtp: smtplib.SMTP,
    sender: str,
    to: Sequence[str],
    mail: EmailMessage,
    login: tuple[str, str] | None,
) -> int:
    if server.tls == "starttls":
        smtp.starttls(context=_trusted(server))
    if login is not None:
        smtp.login(*login)
    refused = smtp.send_message(mail, sender, list(to))
    if refused:
        codes = ", ".join(str(code) for code, _ in refused.values())
        log.warning("%s refused %d of %d recipients (%s)", server.shown, len(refused), len(to), codes)
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        log.debug("%s did not say goodbye", server.shown)  # it has taken the mail; that is what counts
    return 250


def _trusted(server: Server) -> ssl.SSLContext:
    return server.verify or ssl.create_default_context()


def _failure(
    server: Server, error: smtplib.SMTPException, deadline: Deadline, login: tuple[str, str] | None
) -> DeliveryError:
    if deadline.passed:
        return _unreachable(server, error, deadline)  # an answer that was cut means nothing
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        text = f"{server.shown} refused every recipient ({', '.join(map(str, codes))})"
        return DeliveryError(text, permanent=min(codes) >= 500, status=codes[0])
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        code = error.smtp_code
        permanent = code >= 500 and code not in _LOGIN
        reply = _reply(error.smtp_error, login)
        return DeliveryError(f"{server.shown} answered {code}{reply}", permanent=permanent, status=code)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        lacks = "STARTTLS" if server.tls == "starttls" else "what this mail needs"
        return DeliveryError(
            f"{server.shown} does not offer {lacks}, or no login by password", permanent=True
        )
    return _unreachable(server, error, deadline)


def _unreachable(server: Server, error: Exception, deadline: Deadline) -> DeliveryError:
    if deadline.passed or isinstance(error, TimeoutError):
        return DeliveryError(f"{server.shown} took longer than {deadline.seconds:g} s")
    return DeliveryError(
        f"{server.shown}: {type(error).__name__}: {_reply(str(error).encode(), None).strip(': ')}"
    )


def _reply(said: bytes | str, login: tuple[str, str] | None) -> str:
    """What a server said, on one line, without the login that it may repeat, plain or in base64."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    for secret in (*login, f"\0{login[0]}\0{login[1]}") if login else ():
        for form in (secret, b64encode(secret.encode()).decode()):
            text = text.replace(form, "***")
    text = safe(" ".join(text.split()))[:_MAX_REPLY]
    return f": {text}" if text else ""
