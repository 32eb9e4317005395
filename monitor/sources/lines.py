"""A stream of bytes as blocks of whole physical lines, and what readers make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.sources import EVIDENCE_BYTES, Reject

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 16 << 20  # a longer line is no record


class Readable(Protocol):
    """What is needed of an open file."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes that end with a line end (the last block perhaps not).

    `offset` is where they start in the stream.
    """

    data: bytes
    offset: int
    last: bool


def blocks(stream: Readable, offset: int = 0) -> Iterator[Block]:
    """Cut a stream at line ends. Always ends with a block whose `last` is true, empty if nothing is left.

    A line beyond MAX_LINE_BYTES is cut where it is: its pieces are then rejected like any other bad line.
    """
    rest = b""
    while True:
        read = stream.read(BLOCK_BYTES)
        if not read:
            yield Block(rest, offset, True)
            return
        data = rest + read
        end = data.rfind(b"\n") + 1
        if not end and len(data) >= MAX_LINE_BYTES:
            end = len(data)
        if end:
            yield Block(data[:end], offset, False)
            offset += end
        rest = data[end:]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no record (`column` None), or a cell of another type than its column's."""

    line: int
    reason: str
    detail: str
    raw: bytes
    column: str | None = None


@dataclass(slots=True)
class Chunk:
    """Records of some lines.

    columns  Arrow arrays by name, of equal length
    rows     int64[n], line or row numbers from 1
    bad      what was set aside
    wrong    per column, indices of cells of another type (null in `columns`)
    end      how many bytes of the stream are read with this chunk
    next_row the line or row after it
    """

    columns: dict[str, pa.Array]
    rows: npt.NDArray[np.int64]
    end: int
    next_row: int
    bad: list[Bad] = field(default_factory=list)
    wrong: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)


def reject(piece: str, bad: Bad) -> Reject:
    """What is kept of it; a record whose cell was bad still counts."""
    counted = bad.column is not None
    return Reject(
        piece, f"line {bad.line}", bad.reason, bad.column, bad.detail, counted, bad.raw[:EVIDENCE_BYTES]
    )
