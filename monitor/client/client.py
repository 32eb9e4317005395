"""What is called where the model runs: it must never be the reason that a prediction fails or is late."""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from monitor.client.encoding import line_of
from monitor.client.sending import Sender, Told, wait_seconds

log = logging.getLogger("driftglass.client")

BATCH_BYTES = 1 << 20
_AT_EXIT_SECONDS = 2.0
_LAST_SECONDS = 0.5
# They may pass by themselves, but more often somebody has to do something.
_NEEDS_SOMEBODY = {
    401: "the key is not known to the service",
    403: "the key has not the scope `ingest`",
    404: "there is no such model, or not for this key",
    409: "the contract of the model does not take this",
}


class Client:
    """Sends records and labels of one model from a thread of its own.

        with Client("http://127.0.0.1:8327", "toxicity", key="dk_…") as client:
            client.log({"message_id": "m1", "sent_at": now, "text": text, "decision": "ok"})
            client.log_label("m1", "toxic")

    `log` and `log_label` put a line into a bounded queue and return at once, whether the service is there or not;
    they never raise. What is dropped is counted by reason in `counts`. A batch is sent until it is taken, at most for
    `give_up_seconds`; sending it twice is safe, the service knows it by its ids. After a fork the child begins with an
    empty queue: what was queued is the parent's to send.

    counts: logged; sent (taken by the service), duplicates, quarantined (the service says so); dropped_full,
    dropped_not_json, dropped_refused, dropped_given_up, dropped_closed; retries.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        batch_records: int = 1_000,
        batch_seconds: float = 1.0,
        queue_records: int = 50_000,
        queue_bytes: int = 32 << 20,
        timeout_seconds: float = 10.0,
        give_up_seconds: float = 900.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if httpx.URL(url).scheme not in ("http", "https") or not model:
            raise ValueError(
                "driftglass: give the address of the service, such as http://127.0.0.1:8327, and a model"
            )
        self._args = (url, model, key, timeout_seconds, transport)
        self._batch_records = max(1, batch_records)
        self._batch_seconds = batch_seconds
        self._queue_records = queue_records
        self._queue_bytes = queue_bytes
        self._give_up_seconds = give_up_seconds
        self._reset()
        _living.add(self)

    # ----- called by the model ------------------------------------------------------------------------------

    def log(self, record: Mapping[str, Any]) -> bool:
        """Queue one record, as it is now. False if it was dropped (`counts` says why)."""
        return self._put("records", record)

    def log_label(self, event_id: object, label: object, *, at: object = None) -> bool:
        """Queue what turned out to be true of a record, since `at` (default: now). False if it was dropped."""
        said = datetime.now(UTC) if at is None else at
        return self._put("labels", {"event_id": event_id, "label": label, "labelled_at": said})

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until everything that was queued is sent or dropped; False if it takes longer than `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            while self._queue or self._busy:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            return not self._queue and not self._busy

    def close(self, timeout: float = 5.0) -> None:
        """Flush, and stop. What could not be sent until then is dropped and counted; so is what is logged later.

        An attempt that is still under way half a second after that counts as dropped, though it may yet arrive.
        """
        self.flush(timeout)
        with self._changed:
            self._closed = True
            self.counts["dropped_closed"] += len(self._queue)
            self._queue.clear()
            self._bytes = 0
            self._changed.notify_all()
            # A thread that waits to try again gives up at once; one within an attempt may take long.
            self._changed.wait_for(lambda: not self._busy, _LAST_SECONDS)
            self._settle("dropped_closed", self._in_hand)
        _living.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ----- the queue ----------------------------------------------------------------------------------------

    def _reset(self) -> None:
        """Begin anew: when made, and in the child of a fork, where locks and threads of the parent are of no use."""
        self.counts: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._queue: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._busy = False
        self._in_hand = 0
        self._warned = False
        self._hurry = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def _put(self, kind: str, record: Mapping[str, Any]) -> bool:
        try:
            line = line_of(record)
        except Exception:  # noqa: BLE001 - whatever a record's own methods raise: the caller must not see it
            with self._changed:
                self.counts["dropped_not_json"] += 1
            return False
        with self._changed:
            if self._closed:
                self.counts["dropped_closed"] += 1
                return False
            if len(self._queue) >= self._queue_records or self._bytes + len(line) > self._queue_bytes:
                self.counts["dropped_full"] += 1
                return False
            self.counts["logged"] += 1
            self._queue.append((kind, line))
            self._bytes += len(line)
            if self._thread is None:
                self._start()
            elif len(self._queue) >= self._batch_records:
                self._changed.notify_all()
        return True

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="driftglass-client", daemon=True)
        try:
            thread.start()
            self._thread = thread
        except RuntimeError:  # the interpreter ends, or has no room for threads: the next record tries again
            log.debug("no thread could be started", exc_info=True)

    # ----- the thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            sender = Sender(*self._args)
        except Exception:
            log.exception("no connection can be made; the next record tries again")
            with self._changed:
                self._thread = None
            return
        chance = random.Random()
        try:
            while (batch := self._next_batch()) is not None:
                kind, lines = batch
                try:
                    self._send(sender, kind, lines, chance)
                except Exception:
                    log.exception("a batch could not be sent")
                    with self._changed:
                        self._settle("dropped_refused", self._in_hand)
                finally:
                    with self._changed:
                        self._busy = False
                        self._hurry = self._hurry and bool(self._queue)
                        self._changed.notify_all()
        finally:
            sender.close()

    def _next_batch(self) -> tuple[str, list[bytes]] | None:
        """The next lines of one kind, once there are enough or they have waited long enough; None when closed."""
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            deadline = time.monotonic() + self._batch_seconds
            while len(self._queue) < self._batch_records and not self._hurry and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if not self._queue:
                return None
            kind, size = self._queue[0][0], 0
            lines: list[bytes] = []
            while self._queue and self._queue[0][0] == kind and len(lines) < self._batch_records:
                if lines and size + len(self._queue[0][1]) > BATCH_BYTES:
                    break
                line = self._queue.popleft()[1]
                lines.append(line)
                size += len(line)
            self._bytes -= size
            self._busy = True
            self._in_hand = len(lines)
            return kind, lines

    def _send(self, sender: Sender, kind: str, lines: list[bytes], chance: random.Random) -> None:
        """Send lines until they are taken, or never will be."""
        deadline = time.monotonic() + self._give_up_seconds
        attempt = 0
        while True:
            told = sender.attempt(kind, lines)
            if told.fate == "taken":
                self._taken(told, len(lines))
                return
            if told.fate == "smaller" and len(lines) > 1:
                half = len(lines) // 2
                self._send(sender, kind, lines[:half], chance)
                self._send(sender, kind, lines[half:], chance)
                return
            if told.fate in ("refused", "smaller"):
                log.warning("%d %s were refused and are dropped: %s", len(lines), kind, told.why)
                with self._changed:
                    self._settle("dropped_refused", len(lines))
                return
            self._warn_once(told.status, kind)
            attempt += 1
            wait = wait_seconds(attempt, told.wait_seconds, chance)
            if time.monotonic() + wait > deadline or not self._pause(wait):
                log.warning("%d %s could not be sent and are dropped: %s", len(lines), kind, told.why)
                with self._changed:
                    self._settle("dropped_given_up", len(lines))
                return
            with self._changed:
                self.counts["retries"] += 1

    def _warn_once(self, status: int | None, kind: str) -> None:
        """Tell of a key or a model that does not fit, at the first answer that says so; never the key."""
        if status in _NEEDS_SOMEBODY and not self._warned:
            self._warned = True
            log.warning(
                "the service does not take %s: %d, %s; they are sent again until it does, for %.0f s at most",
                kind,
                status,
                _NEEDS_SOMEBODY[status],
                self._give_up_seconds,
            )

    def _pause(self, seconds: float) -> bool:
        """Wait; False if the client was closed meanwhile."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._closed and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._closed

    def _taken(self, told: Told, lines: int) -> None:
        quarantined = told.body.get("quarantined_count", 0)
        duplicates = told.body.get("duplicates", 0)
        with self._changed:
            if not self._settle("sent", lines):
                return
            self.counts["duplicates"] += duplicates if isinstance(duplicates, int) else 0
            self.counts["quarantined"] += quarantined if isinstance(quarantined, int) else 0
        if quarantined:
            log.warning("the service set %s of %d aside: see the quarantine of the model", quarantined, lines)

    def _settle(self, what: str, lines: int) -> bool:
        """Count lines of the batch in hand, under the lock. False for none, or if `close` has counted them already."""
        lines = min(lines, self._in_hand)
        self._in_hand -= lines
        if lines:
            self.counts[what] += lines
        return lines > 0


_living: weakref.WeakSet[Client] = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_living):
        client._reset()


def _at_exit() -> None:
    """A program that ends well takes its last second of records along, if the service answers quickly."""
    for client in list(_living):
        client.close(_AT_EXIT_SECONDS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
