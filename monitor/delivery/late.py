"""Addresses and secrets that are looked up when they are needed.

A contract names them as `env:NAME` or `file:path`. One that is not there yet must not stop the judging: the message
waits in the outbox with the reason, and goes out once the value is there. One that is changed counts from the next
message on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monitor.delivery.addresses import Allowed
from monitor.delivery.post import Notice, Poster, unnoticed
from monitor.delivery.signing import Signer
from monitor.errors import DeliveryError, UsageError


class LatePoster:
    """A `Poster` to the URL that `url()` gives at each post."""

    def __init__(self, url: Callable[[], str], allow: Sequence[str], notice: Notice = unnoticed) -> None:
        self._url = url
        self._allow = allow
        self._notice = notice
        self._made: tuple[str, Poster] | None = None

    def post(self, body: str, headers: Mapping[str, str]) -> int:
        """As `Poster.post`; a DeliveryError that may pass while the URL cannot be had."""
        try:
            poster = self._poster(self._url())
        except UsageError as error:
            raise DeliveryError(str(error)) from error
        return poster.post(body, headers)

    def _poster(self, url: str) -> Poster:
        made = self._made
        if made is None or made[0] != url:
            made = (url, Poster(url, Allowed.parse(self._allow), notice=self._notice))
            self._made = made
        return made[1]


class LateSigner:
    """A `Signer` with the secret that `secret()` gives at each message."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret

    def headers(self, key: str, at: float, body: str) -> dict[str, str]:
        """As `Signer.headers`; a DeliveryError that may pass while the secret cannot be had."""
        try:
            # Several secrets, separated by spaces, while one is being rotated.
            signer = Signer(self._secret().split())
        except UsageError as error:
            raise DeliveryError(str(error)) from error
        return signer.headers(key, at, body)
