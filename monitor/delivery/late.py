"""Addresses and secrets that are looked up when they are first needed.

A contract names them as `env:NAME` or `file:path`. One that is not there yet must not stop the judging: the message
waits in the outbox with the reason, and goes out once the value is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monitor.delivery.addresses import Allowed
from monitor.delivery.post import Poster
from monitor.delivery.signing import Signer
from monitor.errors import DeliveryError, UsageError


class LatePoster:
    """A `Poster` to the URL that `url()` gives, made at the first post."""

    def __init__(self, url: Callable[[], str], allow: Sequence[str]) -> None:
        self._url = url
        self._allow = allow
        self._made: Poster | None = None

    def post(self, body: str, headers: Mapping[str, str]) -> int:
        """As `Poster.post`; a DeliveryError that may pass while the URL cannot be had."""
        if self._made is None:
            try:
                self._made = Poster(self._url(), Allowed.parse(self._allow))
            except UsageError as error:
                raise DeliveryError(str(error)) from error
        return self._made.post(body, headers)


class LateSigner:
    """A `Signer` with the secret that `secret()` gives, made at the first message."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret
        self._made: Signer | None = None

    def headers(self, key: str, at: float, body: str) -> dict[str, str]:
        """As `Signer.headers`; a DeliveryError that may pass while the secret cannot be had."""
        if self._made is None:
            try:
                # Several secrets, separated by spaces, while one is being rotated.
                self._made = Signer(self._secret().split())
            except UsageError as error:
                raise DeliveryError(str(error)) from error
        return self._made.headers(key, at, body)
