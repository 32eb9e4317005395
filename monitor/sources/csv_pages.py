"""CSV as columns of bytes. A bad line is set aside with its number and the reason; the rest is read.

Two readers give the same cells: pyarrow for blocks in which every line is a record, and the standard
library's for small ones and for blocks with quoted line ends, blank lines or trouble, where the number of
each line must be kept.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from monitor.errors import SourceError
from monitor.sources import PAGE_BYTES, PAGE_ROWS
from monitor.sources.lines import Bad, Block, Chunk

# A record that spans lines ends within so many bytes, or its quote was never closed.
MAX_RECORD_BYTES = 2 << 20
# Below that a block is read line by line in less time than pyarrow takes to begin.
SMALL_BYTES = 4 << 10
# A return inside a line is data here. The reader of the standard library would end the record: it gets a
# stand-in that Latin-1 does not have.
_LONE_RETURN = re.compile("\r(?!\n)")
_STAND_IN = "\ue00d"

csv.field_size_limit(max(csv.field_size_limit(), 16 << 20))


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a file's columns, and what lies before its first record."""

    names: tuple[str, ...]
    bytes: int
    lines: int


def header(start: bytes, delimiter: str) -> Header | None:
    """The header of a file that begins with `start`; None for a file without one.

    Raises SourceError for UTF-16.
    """
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("the file is UTF-16; convert it to UTF-8")
    mark = 3 if start.startswith(b"\xef\xbb\xbf") else 0
    lines = _with_ends(start[mark:].decode("latin-1"))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            if row:
                used = sum(map(len, lines[: reader.line_num]))
                names = tuple(name.encode("latin-1").decode("utf-8", "replace").strip() for name in row)
                return Header(names, mark + used, reader.line_num)
    except csv.Error as error:
        raise SourceError(
            f"the header is not CSV: {error}; save the file with line ends of LF or CRLF"
        ) from error
    return None


def chunks(
    blocks: Iterator[Block],
    names: Sequence[str],
    wanted: Sequence[str],
    delimiter: str,
    line: int,
    *,
    leave: bool,
) -> Iterator[Chunk]:
    """Chunks of up to PAGE_ROWS records.

    `names` are those of the header, `wanted` the ones to keep (of a repeated name the first counts), `line`
    is the number of the first line. With `leave`, a last line without an end that is no record is left for a
    later time.
    """
    keep = {name: list(names).index(name) for name in wanted if name in names}
    waiting: list[Chunk] = []
    for chunk in _of_blocks(blocks, len(names), keep, delimiter, line, leave):
        waiting.append(chunk)
        while sum(len(part.rows) for part in waiting) >= PAGE_ROWS:
            page, rest = _split(_joined(waiting), PAGE_ROWS)
            yield page
            waiting = [rest]
        if sum(array.nbytes for part in waiting for array in part.columns.values()) >= PAGE_BYTES:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _of_blocks(
    blocks: Iterator[Block], width: int, keep: dict[str, int], delimiter: str, line: int, leave: bool
) -> Iterator[Chunk]:
    rest = b""
    for block in blocks:
        data = rest + block.data
        start = block.offset - len(rest)
        chunk = None
        if len(data) > SMALL_BYTES:
            chunk = _every_line_a_record(data, width, keep, delimiter, line, start)
        if chunk is None:
            chunk = _Careful(data, width, keep, delimiter, line, block.last, leave).chunk(start)
        line, rest = chunk.next_row, data[chunk.end - start :]
        yield chunk


def _joined(parts: Sequence[Chunk]) -> Chunk:
    if len(parts) == 1:
        return parts[0]
    names = parts[0].columns
    return Chunk(
        columns={name: pa.concat_arrays([part.columns[name] for part in parts]) for name in names},
        rows=np.concatenate([part.rows for part in parts]),
        end=parts[-1].end,
        next_row=parts[-1].next_row,
        bad=[bad for part in parts for bad in part.bad],
    )


def _split(chunk: Chunk, count: int) -> tuple[Chunk, Chunk]:
    """The first `count` records with the bad lines among them, and the rest."""
    # Bad lines that follow belong to what follows, wherever a block ends: the same file, the same pages.
    border = int(chunk.rows[count - 1]) + 1
    head = Chunk(
        {name: array.slice(0, count) for name, array in chunk.columns.items()},
        chunk.rows[:count],
        chunk.end,
        border,
        [bad for bad in chunk.bad if bad.line < border],
    )
    tail = Chunk(
        {name: array.slice(count) for name, array in chunk.columns.items()},
        chunk.rows[count:],
        chunk.end,
        chunk.next_row,
        [bad for bad in chunk.bad if bad.line >= border],
    )
    return head, tail


def _with_ends(text: str) -> list[str]:
    """Lines with their "\\n"; `str.splitlines` would cut at a dozen other characters, which are data."""
    lines = [part + "\n" for part in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _every_line_a_record(
    data: bytes, width: int, keep: dict[str, int], delimiter: str, line: int, start: int
) -> Chunk | None:
    """The records of a block, if each of its lines is one; None if a closer look is needed."""
    count = data.count(b"\n")
    if not count or not data.endswith(b"\n") or data.count(b"\r") != data.count(b"\r\n"):
        return None
    numbered = [str(index) for index in range(width)]
    included = [str(index) for index in keep.values()] or numbered[:1]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=numbered),
            pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,
                strings_can_be_null=False,
                column_types=dict.fromkeys(included, pa.large_binary()),
                include_columns=included,
            ),
        )
    except pa.ArrowInvalid:
        return None
    last_line = data[data.rfind(b"\n", 0, -1) + 1 :].decode("latin-1")
    if table.num_rows != count or _fault([last_line], delimiter) == "open":
        return None  # pyarrow takes the end of the block for a missing quote
    columns = {name: table.column(str(index)).combine_chunks() for name, index in keep.items()}
    return Chunk(columns, np.arange(line, line + count), start + len(data), line + count)


class _Careful:
    """Reads lines one record at a time, so that trouble costs one line and no more."""

    def __init__(
        self,
        data: bytes,
        width: int,
        keep: dict[str, int],
        delimiter: str,
        line: int,
        last: bool,
        leave: bool,
    ) -> None:
        text = data.decode("latin-1")  # one character per byte: nothing is lost, nothing is judged
        self.odd = _LONE_RETURN.search(text) is not None
        self.texts = _with_ends(_LONE_RETURN.sub(_STAND_IN, text) if self.odd else text)
        self.width, self.keep, self.delimiter, self.first = width, keep, delimiter, line
        self.last = last or len(data) > MAX_RECORD_BYTES
        self.leave = leave and last and not data.endswith(b"\n")
        self.records: list[list[str]] = []
        self.lines: list[int] = []
        self.bad: list[Bad] = []

    def chunk(self, start: int) -> Chunk:
        """What the lines hold; `start` is where they stand in the stream."""
        at = 0
        while 0 <= at < len(self.texts):
            at = self._until_trouble(at)
        at = at if at >= 0 else -at - 1
        cells = list(zip(*self.records, strict=True)) if self.records else [()] * self.width
        columns = {name: self._encoded(cells[index]) for name, index in self.keep.items()}
        taken = sum(map(len, self.texts[:at]))
        return Chunk(columns, np.array(self.lines, np.int64), start + taken, self.first + at, self.bad)

    def _until_trouble(self, start: int) -> int:
        """Read from line `start` up to the line after the first bad record, or the end.

        A negative answer -n - 1 says that the record at line n is not finished.
        """
        total = len(self.texts)
        reader = csv.reader(self._feed(start), delimiter=self.delimiter)
        at = start
        while at < total:
            try:
                record = next(reader)
            except StopIteration:
                return total
            except csv.Error as error:
                return self._reject(at, "not_csv", f"{error}")
            end = start + reader.line_num
            # A record may only span lines, or end the block, if its quotes say so exactly: else a quote that
            # was never closed would swallow its neighbours.
            if end - at > 1 or end == total:
                fault = _fault(self.texts[at:end], self.delimiter)
                if fault == "open" and (self.leave or not self.last):
                    return -at - 1
                if fault == "open" or (fault and end - at > 1):
                    return self._reject(at, "open_quote", "a quote is opened in this line and never closed")
            if self.leave and end == total and len(record) < self.width:
                return -at - 1
            if record and len(record) != self.width:
                detail = f"expected {self.width} fields, found {len(record)}"
                if end - at > 1:
                    return self._reject(
                        at, "open_quote", f"{detail} up to the closing quote in line {self.first + end - 1}"
                    )
                self._reject(at, "wrong_fields", detail)
            elif record:
                self.records.append(record)
                self.lines.append(self.first + at)
            at = end
        return total

    def _feed(self, start: int) -> Iterator[str]:
        for index in range(start, len(self.texts)):
            yield self.texts[index]

    def _reject(self, at: int, reason: str, detail: str) -> int:
        raw = self._bytes(self.texts[at]).rstrip(b"\r\n")
        self.bad.append(Bad(self.first + at, reason, detail, raw))
        return at + 1

    def _bytes(self, text: str) -> bytes:
        return (text.replace(_STAND_IN, "\r") if self.odd else text).encode("latin-1")

    def _encoded(self, cells: Sequence[str]) -> pa.Array:
        return pa.array([self._bytes(cell) for cell in cells], pa.large_binary())


def _fault(texts: Sequence[str], delimiter: str) -> str | None:
    """What a strict reader says of a record: "open" for a quote without its end, "odd", or nothing."""
    try:
        for _ in csv.reader(texts, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        return "open" if "end of data" in str(error) else "odd"
    return None
