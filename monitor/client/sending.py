"""Batches over HTTP, again and again until they are taken or it is certain that they never will be."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

Fate = Literal["taken", "again", "smaller", "refused"]

# A key that is not made yet, a model that is not registered yet: they may come.
PATIENT = frozenset({401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504})
GZIP_ABOVE_BYTES = 1_024
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one attempt. `wait_seconds` is what the server asked for, `why` for a person."""

    fate: Fate
    why: str = ""
    wait_seconds: float | None = None
    body: dict[str, Any] = field(default_factory=dict)
    status: int | None = None


class Sender:
    """One connection to one model."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None,
        timeout_seconds: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        headers = {"User-Agent": "driftglass-client", "Content-Type": "application/x-ndjson"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._paths = {kind: f"/v1/models/{model}/{kind}" for kind in ("records", "labels")}
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=timeout_seconds,
            transport=transport,
            follow_redirects=False,
        )

    def attempt(self, kind: str, lines: Sequence[bytes]) -> Told:
        """Send lines once. What goes wrong is told, not raised."""
        body, headers = b"\n".join(lines), {}
        if len(body) > GZIP_ABOVE_BYTES:
            # The fastest level: most of what can be saved at a third of the time.
            body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
        try:
            answer = self._http.post(self._paths[kind], content=body, headers=headers)
        except httpx.HTTPError as error:
            return Told("again", f"{type(error).__name__}: {error}")
        if answer.is_success:
            return Told("taken", body=_json(answer))
        why = f"{answer.status_code} {_json(answer).get('detail', answer.reason_phrase)}"
        if answer.status_code == 413:
            return Told("smaller", why)
        if answer.status_code in PATIENT:
            return Told(
                "again", why, retry_after(answer.headers.get("retry-after")), status=answer.status_code
            )
        return Told("refused", why)

    def close(self) -> None:
        self._http.close()


def retry_after(header: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or a date; None if it says nothing usable."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now())
    except (ValueError, TypeError):
        return None


def wait_seconds(attempt: int, asked: float | None, chance: random.Random) -> float:
    """How long to wait after the n-th failed attempt, from 1: doubling, with full jitter, at least what was asked."""
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempt - 1, 16))
    jitter = chance.uniform(0, longest)
    return jitter if asked is None else min(asked, 3600.0) + jitter / 4


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
