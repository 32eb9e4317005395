"""What ftfy says of the mojibake in a file: of a bounded sample of what the screen flagged, and of the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.annotations import ENCODING_CLASSES, Annotations
from checks.text.confirmation import (
    MOST_CHARACTERS,
    MOST_OTHERS,
    MOST_SUSPECTED,
    Confirmation,
    Message,
    confirm,
)
from checks.text.mojibake import CODECS

_MOJIBAKE = ENCODING_CLASSES.index("mojibake")
_REPLACEMENT = ENCODING_CLASSES.index("replacement")


def ranks_of(first: int, count: int) -> npt.NDArray[np.uint64]:
    """splitmix64 of the positions `first` …: the same for the same position, and in no order."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


class SecondOpinion:
    """Gathers what ftfy shall look at; memory does not grow with the messages."""

    def __init__(self) -> None:
        self._seen = 0
        self._with_text = 0
        self._flagged = 0
        self._suspected = _Smallest(MOST_SUSPECTED)
        self._others = _Smallest(MOST_OTHERS)

    def add(self, texts: pa.LargeBinaryArray, notes: Annotations) -> None:
        """See a batch; `notes` are the annotations of `texts`."""
        ranks = ranks_of(self._seen, len(texts)).astype(np.float64) / 2.0**64
        self._seen += len(texts)
        present = notes.chars > 0
        flagged = notes.encoding_counts[:, _MOJIBAKE] > 0
        # Replacement characters are a class of their own: the screen has not missed them.
        others = present & ~flagged & (notes.encoding_counts[:, _REPLACEMENT] == 0)
        self._with_text += int(present.sum())
        self._flagged += int(flagged.sum())
        for kept, rows in ((self._suspected, flagged), (self._others, others)):
            for row in kept.wanted(ranks, rows):
                codec = CODECS[notes.codec[row]] if notes.codec[row] >= 0 else None
                shown = texts[row].as_py()[: 4 * MOST_CHARACTERS].decode("utf-8", "replace")
                kept.keep(Message(shown, float(ranks[row]), 1.0, kept is self._suspected, codec))

    def confirmation(self) -> Confirmation | None:
        """What ftfy says; None without a message to look at."""
        if not self._with_text:
            return None
        messages = [*self._suspected.messages, *self._others.messages]
        return confirm(messages, self._flagged / self._with_text)


class _Smallest:
    """The messages of smallest rank, and one more: by its rank `confirm` knows how likely the others were kept."""

    def __init__(self, most: int) -> None:
        self.messages: list[Message] = []
        self._most = most
        self._limit = 1.0

    def wanted(self, ranks: npt.NDArray[np.float64], rows: npt.NDArray[np.bool_]) -> list[int]:
        """Which of the rows may be kept."""
        found = np.flatnonzero(rows & (ranks < self._limit))
        order = np.argsort(ranks[found], kind="stable")[: self._most + 1]
        return [int(row) for row in found[order]]

    def keep(self, message: Message) -> None:
        self.messages.append(message)
        if len(self.messages) >= 2 * self._most + 2:
            self.messages = sorted(self.messages, key=lambda one: one.rank)[: self._most + 1]
            self._limit = self.messages[-1].rank
