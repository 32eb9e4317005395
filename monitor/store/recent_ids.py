"""Event ids that came lately, in memory: what is sent again is found before it is stored again.

Only what is committed enters, read from the batches themselves: processes that share a store know the same, and a
process that starts anew knows what the one before it knew. Older repetitions are found when the inbox is read.
"""

from __future__ import annotations

import threading
from hashlib import blake2b
from zlib import crc32

from sqlalchemy import Connection

from monitor.store import inbox

# Ids in one of two generations, over all models: some 40 MB when both are full.
GENERATION = 150_000


def key_of(model_id: int, event_id: bytes) -> int:
    """64 bits of an event id, apart for every model."""
    digest = blake2b(event_id, digest_size=8, salt=model_id.to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")


def content_of(raw: bytes) -> int:
    """32 bits of a record as it came: enough to tell a repetition from a contradiction."""
    return crc32(raw)


class RecentIds:
    """Contents by key of at least the newest `generation` ids, and at most twice as many. Shared by threads."""

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self._lock = threading.Lock()
        self._newest: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._read: dict[int, int] = {}  # model → number of its newest batch that is known

    def refresh(self, conn: Connection, model_id: int) -> None:
        """Learn the batches of a model that were committed since; call it while holding its inbox."""
        with self._lock:
            known = self._read.get(model_id, 0)
            found: list[bytes] = []
            records = 0
            for number, ids in inbox.ids_after(conn, model_id, known):
                self._read[model_id] = max(number, self._read.get(model_id, 0))
                found.append(ids)
                records += len(ids) // 12
                if records >= self._generation:
                    break
            for ids in reversed(found):
                self._add(ids)

    def content(self, key: int) -> int | None:
        """The content that came with an id, None for an id that is not known."""
        found = self._newest.get(key)
        return self._older.get(key) if found is None else found

    def _add(self, ids: bytes) -> None:
        keys, contents = inbox.unpack(ids)
        self._newest.update(zip(keys, contents, strict=True))
        if len(self._newest) >= self._generation:
            self._older, self._newest = self._newest, {}
