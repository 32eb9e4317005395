"""One HTTP request to a receiver that may be slow, hostile or inside the network."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from monitor.delivery.addresses import Allowed, Checked, Resolver, resolve, system_resolver
from monitor.delivery.deadline import Deadline
from monitor.errors import DeliveryError, UsageError

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_RESPONSE_BYTES = 64 * 1024
# Of the statuses that blame the sender only these pass by themselves.
_TEMPORARY = frozenset({408, 425, 429})

# It logs the whole address of every request at INFO, and an address may be a secret: however logging is set up.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Told what happens on the way, a line each, for `driftglass notify test`; never a secret.
Notice = Callable[[str], None]


def unnoticed(line: str) -> None:
    """What a notification that nobody watches tells."""


@cache
def _trusted() -> ssl.SSLContext:
    """One for every receiver: the certificates of authorities are many, and reading them takes 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Poster:
    """POSTs to one URL: no redirects, no proxies from the environment, bounded in time and in what it reads.

    UsageError if the URL is not http or https.

    The host is resolved once per attempt; the connection goes to the checked address, with the original Host
    header and SNI. Plain http is only for receivers that the operator allows by name or network.
    """

    def __init__(
        self,
        url: str,
        allowed: Allowed,
        *,
        resolver: Resolver = system_resolver,
        wall: Callable[[], float] = time.time,
        verify: bool | ssl.SSLContext = True,
        total_seconds: float = TOTAL_SECONDS,
        notice: Notice = unnoticed,
    ) -> None:
        try:
            self.url = httpx.URL(url)
        except httpx.InvalidURL as error:
            # Its message repeats parts of the text, which may be a secret.
            raise UsageError("this is not an http or https address (the value is not shown)") from error
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise UsageError(f"{self.shown} is not an http or https address")
        self._allowed = allowed
        self._resolver = resolver
        self._wall = wall
        self._total_seconds = total_seconds
        self._notice = notice
        self._client = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            verify=_trusted() if verify is True else verify,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            # A kept connection would outlive the check of its address.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @property
    def shown(self) -> str:
        """The receiver without path, query and user: those may hold secrets."""
        return f"{self.url.scheme}://{self.url.netloc.decode('ascii', 'replace')}"

    def post(self, body: str, headers: Mapping[str, str]) -> int:
        """The status, 2xx. Anything else is a DeliveryError that says whether trying again may help."""
        port = self.url.port or (443 if self.url.scheme == "https" else 80)
        checked = resolve(self.url.host, port, self._allowed, self._resolver)
        self._notice(f"{self.url.host} is at {', '.join(checked.addresses)}")
        if self.url.scheme == "http" and not checked.allowed:
            raise DeliveryError(
                f"{self.shown} is not encrypted: use https, or add the host to the allowed addresses",
                permanent=True,
            )
        return self._first_reachable(checked, body.encode(), headers)

    def close(self) -> None:
        self._client.close()

    def _first_reachable(self, checked: Checked, body: bytes, headers: Mapping[str, str]) -> int:
        with Deadline(self._total_seconds) as deadline:
            for address in checked.addresses[:-1]:
                try:
                    return self._send(address, body, headers, deadline)
                except httpx.ConnectError:
                    if deadline.passed:
                        break
                    continue  # nothing was sent yet, so the next address of the same host may be asked
                except httpx.HTTPError as error:
                    raise self._failure(error, deadline) from error
            try:
                return self._send(checked.addresses[-1], body, headers, deadline)
            except httpx.HTTPError as error:
                raise self._failure(error, deadline) from error

    def _failure(self, error: httpx.HTTPError, deadline: Deadline) -> DeliveryError:
        if deadline.passed:
            return DeliveryError(f"{self.shown} took longer than {deadline.seconds:g} s")
        return DeliveryError(f"{self.shown}: {_reason(error)}")

    def _send(self, address: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> int:
        def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                deadline.watch(info["return_value"].get_extra_info("socket"))
                self._notice(f"connected to {address}")

        request = self._client.build_request(
            "POST",
            self.url.copy_with(host=address),
            content=body,
            headers={**headers, "host": self.url.netloc.decode("ascii"), "user-agent": "driftglass"},
            timeout=httpx.Timeout(
                min(READ_SECONDS, deadline.left), connect=min(CONNECT_SECONDS, deadline.left)
            ),
            extensions={"sni_hostname": self.url.host, "trace": trace},
        )
        response = self._client.send(request, stream=True)
        try:
            status = response.status_code
            self._drain(response, deadline)
        finally:
            response.close()
        if 200 <= status < 300:
            return status
        raise DeliveryError(
            f"{self.shown} answered {status}",
            permanent=300 <= status < 500 and status not in _TEMPORARY,
            status=status,
            retry_after_seconds=retry_after(response.headers.get("retry-after"), self._wall()),
        )

    def _drain(self, response: httpx.Response, deadline: Deadline) -> None:
        """Read and drop a bounded piece of the answer: a status is all that matters, and a receiver could
        send for ever.
        """
        seen = 0
        try:
            for chunk in response.iter_raw():  # as they come: a chunk size would wait for a full one
                seen += len(chunk)
                if seen > MAX_RESPONSE_BYTES or deadline.passed:
                    return
        except httpx.HTTPError:
            # The status line came: the receiver has decided, whatever became of the rest of its answer.
            return


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header (a number or an HTTP date), None if absent or unreadable."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())


def _reason(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
