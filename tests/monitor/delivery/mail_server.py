"""A mail server on loopback that takes nothing but what RFC 5321 allows, with STARTTLS (RFC 3207) and AUTH (RFC 4954).

It refuses commands out of order, bare line feeds, lines longer than 1,000 octets, and 8-bit octets that nobody
declared; after STARTTLS it forgets what it was told before.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import cast


@dataclass
class Mail:
    """One mail that was taken: the envelope, the message, whether the connection was encrypted and who logged in."""

    sender: str
    to: list[str]
    message: EmailMessage
    raw: bytes
    encrypted: bool
    user: str | None


@dataclass
class MailServer:
    """A running server; a context manager. `replies` are given in place of its own: {"DATA": "451 …"}."""

    certificate: tuple[Path, Path] | None = None
    implicit: bool = False
    login: tuple[str, str] | None = None
    replies: dict[str, str] = field(default_factory=dict)
    taken: list[Mail] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> MailServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            try:
                _Session(self, connection).run()
            except OSError:
                continue  # the client hung up, as some tests want
            finally:
                connection.close()

    def context(self) -> ssl.SSLContext:
        assert self.certificate is not None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*self.certificate)
        return made


class _Session:
    def __init__(self, server: MailServer, connection: socket.socket) -> None:
        self._server = server
        self._encrypted = server.implicit
        self._connection = (
            server.context().wrap_socket(connection, server_side=True) if server.implicit else connection
        )
        self._connection.settimeout(10)
        self._buffer = b""
        self._reset()

    def _reset(self) -> None:
        self._greeted, self._user = False, cast("str | None", None)
        self._sender, self._to = cast("str | None", None), cast("list[str]", [])

    def run(self) -> None:
        try:
            self._talk()
        finally:
            self._connection.close()

    def _talk(self) -> None:
        self._say("220 mail.example.com ESMTP")
        while True:
            line = self._line()
            if line is None:
                return
            verb = line.split(" ")[0].upper()
            if (forced := self._server.replies.get(verb)) is not None:
                self._say(forced)
                continue
            if verb == "QUIT":
                self._say("221 bye")
                return
            handler = getattr(self, f"_{verb.lower()}", None)
            if handler is None:
                self._say("500 unknown")
            else:
                handler(line)

    def _ehlo(self, line: str) -> None:
        name = line.partition(" ")[2]
        if not re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F.:]+\]", name):
            self._violated(f"EHLO {name!r} is neither a domain nor an address")
        offers = ["mail.example.com", "8BITMIME", "SIZE 10000000"]
        if self._server.certificate is not None and not self._encrypted:
            offers.append("STARTTLS")
        elif self._server.login is not None:
            offers.append("AUTH PLAIN")
        self._greeted = True
        for offer in offers[:-1]:
            self._say(f"250-{offer}")
        self._say(f"250 {offers[-1]}")

    def _starttls(self, line: str) -> None:
        self._say("220 go ahead")
        if self._buffer:
            self._violated("something was sent in the clear behind STARTTLS")
        self._connection = self._server.context().wrap_socket(self._connection, server_side=True)
        self._encrypted = True
        self._reset()

    def _auth(self, line: str) -> None:
        assert self._server.login is not None
        if not self._encrypted:
            self._violated("a password in the clear")
        if line.split(" ")[1].upper() != "PLAIN":
            self._say("504 only PLAIN")
            return
        _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        if (user, password) == self._server.login:
            self._user = user
            self._say("235 welcome")
        else:
            self._say(f"535 5.7.8 {user} with {password} is not known")

    def _mail(self, line: str) -> None:
        found = re.fullmatch(r"MAIL FROM:<([^<>\s]+)>( SIZE=\d+| BODY=8BITMIME)*", line, re.IGNORECASE)
        if found is None or not self._greeted:
            self._violated(line)
            self._say("503 not now")
            return
        if self._server.login is not None and self._user is None:
            self._say("530 log in first")
            return
        self._sender, self._to = found[1], []
        self._say("250 ok")

    def _rcpt(self, line: str) -> None:
        found = re.fullmatch(r"RCPT TO:<([^<>\s]+)>", line, re.IGNORECASE)
        if found is None or self._sender is None:
            self._violated(line)
            self._say("503 not now")
        elif found[1].startswith("nobody"):
            self._say("550 no such user")
        else:
            self._to.append(found[1])
            self._say("250 ok")

    def _rset(self, line: str) -> None:
        self._sender, self._to = None, []
        self._say("250 ok")

    def _data(self, line: str) -> None:
        if self._sender is None or not self._to:
            self._say("503 not now")
            return
        self._say("354 end with a dot")
        lines: list[bytes] = []
        while (raw := self._raw_line()) != b".":
            if raw is None:
                return
            if len(raw) > 998 or b"\n" in raw or b"\r" in raw or any(octet > 127 for octet in raw):
                self._violated(f"a line that SMTP does not allow: {raw[:60]!r}")
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        body = b"\r\n".join(lines) + b"\r\n"
        message = BytesParser(policy=default).parsebytes(body)
        self._server.taken.append(Mail(self._sender, self._to, message, body, self._encrypted, self._user))
        self._sender = None
        self._say("250 queued")

    def _violated(self, what: str) -> None:
        self._server.violations.append(what)

    def _line(self) -> str | None:
        raw = self._raw_line()
        return None if raw is None else raw.decode("ascii")

    def _raw_line(self) -> bytes | None:
        while b"\r\n" not in self._buffer:
            more = self._connection.recv(65536)
            if not more:
                return None
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _say(self, text: str) -> None:
        self._connection.sendall(text.encode() + b"\r\n")
