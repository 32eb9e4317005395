"""JSON Lines as columns.

What orjson refuses as text (invalid UTF-8, lone surrogates, NaN) is evidence and is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from monitor.sources import EVIDENCE_BYTES, PAGE_BYTES, PAGE_ROWS
from monitor.sources.cells import column
from monitor.sources.lines import Bad, Block, Chunk
from monitor.sources.raw_json import patient

# So many cells of another type are shown per column and chunk; all of them are counted.
SHOWN = 100


def chunks(blocks: Iterator[Block], wanted: Mapping[str, str], line: int, *, leave: bool) -> Iterator[Chunk]:
    """Chunks of up to PAGE_ROWS records; a name that a record does not have is null in it.

    `wanted` maps names to kinds (see `cells.column`); empty is every name, as a "key". `line` is the number
    of the first line. With `leave`, a last line without an end that is no JSON is left for a later time.
    """
    gathered = _Gathered(wanted)
    for block in blocks:
        at = block.offset
        lines = block.data.split(b"\n")
        unended = lines.pop()
        for raw in lines:
            gathered.add(raw, line)
            line, at = line + 1, at + len(raw) + 1
            if gathered.full:
                yield gathered.chunk(at, line)
        if block.last and unended.strip() and not (leave and patient(unended) is None):
            gathered.add(unended, line)
            line, at = line + 1, at + len(unended)
        if block.last:
            yield gathered.chunk(at, line)


class _Gathered:
    """Records until they fill a chunk."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.wanted = dict(wanted)
        self.everything = not wanted
        self._clear()

    def _clear(self) -> None:
        self.values: dict[str, list[Any]] = {name: [] for name in self.wanted}
        self.rows: list[int] = []
        self.bad: list[Bad] = []
        self.bytes = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= PAGE_ROWS or self.bytes >= PAGE_BYTES

    def add(self, raw: bytes, line: int) -> None:
        try:
            record = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            if not raw.strip(b" \t\r\n\xef\xbb\xbf"):
                return
            record = patient(raw)
            if record is None:
                self.bad.append(Bad(line, "not_json", f"not JSON: {error.msg} at byte {error.pos}", raw))
                return
        if type(record) is not dict:
            self.bad.append(Bad(line, "not_json", "expected one JSON object per line", raw))
            return
        self.rows.append(line)
        self.bytes += len(raw)
        if self.everything:
            for name in [name for name in record if name not in self.values]:
                self.wanted[name] = "key"
                self.values[name] = [None] * (len(self.rows) - 1)
        for name, values in self.values.items():
            values.append(record.get(name))

    def chunk(self, end: int, line: int) -> Chunk:
        columns, wrong = {}, {}
        for name, kind in self.wanted.items():
            columns[name], indices = column(self.values[name], kind)
            if len(indices):
                wrong[name] = indices
                self.bad += [self._wrong(name, kind, int(index), len(indices)) for index in indices[:SHOWN]]
        chunk = Chunk(columns, np.array(self.rows, np.int64), end, line, self.bad, wrong)
        self._clear()
        return chunk

    def _wrong(self, name: str, kind: str, index: int, count: int) -> Bad:
        value = self.values[name][index]
        raw = json.dumps(value)[:EVIDENCE_BYTES].encode("utf-8", "surrogatepass")
        expected = {"text": "a text", "number": "a number"}.get(kind, "one value")
        more = f"; {count} such cells here, of which {SHOWN} are shown" if count > SHOWN else ""
        return Bad(
            self.rows[index],
            "wrong_type",
            f"expected {expected}, found {_TYPES[type(value)]}{more}",
            raw,
            name,
        )


_TYPES = {
    list: "a list",
    dict: "an object",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
}
