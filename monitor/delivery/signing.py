"""Signatures of outgoing webhooks, by the Standard Webhooks specification 1.0.0, through its own library."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.errors import UsageError

if TYPE_CHECKING:
    from standardwebhooks import Webhook

_PREFIX = "whsec_"
_FORM = "use `whsec_` and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` prints them"


def encode_secret(key: bytes) -> str:
    """A secret in its usual form from random bytes."""
    return _PREFIX + base64.b64encode(key).decode()


class Signer:
    """Signs with every secret in `secrets`: while one is being rotated, a receiver may know either.

    UsageError for a secret that is not `whsec_` + base64 of 24 to 64 bytes: the library would take any text,
    and quietly drop the characters that are not base64. The secret is never repeated.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise UsageError(f"a webhook needs a secret: {_FORM}")
        self._webhooks = tuple(_webhook(secret) for secret in secrets)

    def headers(self, key: str, at: float, body: str) -> dict[str, str]:
        """The three headers of one attempt at `at` seconds since the epoch; `key` stays the same over all
        attempts.
        """
        moment = datetime.fromtimestamp(at, UTC)
        signatures = (
            str(webhook.sign(msg_id=key, timestamp=moment, data=body)) for webhook in self._webhooks
        )
        return {
            "webhook-id": key,
            "webhook-timestamp": str(int(at)),
            "webhook-signature": " ".join(signatures),
        }


def _webhook(secret: str) -> Webhook:
    from standardwebhooks import Webhook

    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"the webhook secret is not base64: {_FORM}") from error
    if not 24 <= len(key) <= 64:
        raise UsageError(f"the webhook secret has {len(key)} bytes: {_FORM}")
    return Webhook(key)
