"""JSON Lines: what orjson refuses as text is evidence and is kept; a bad line costs itself."""

from __future__ import annotations

import io
import json
import math

import pytest

from monitor.sources import json_pages, lines
from monitor.sources.lines import Chunk
from tests.monitor.sources.pages import WANTED


def read(data: bytes, *, leave: bool = False) -> Chunk:
    (chunk,) = json_pages.chunks(lines.blocks(io.BytesIO(data)), WANTED, 1, leave=leave)
    return chunk


def one(text: bytes, name: str = "text") -> object:
    chunk = read(text + b"\n")
    assert chunk.bad == []
    (cell,) = chunk.columns[name].to_pylist()
    return cell


def test_plain_lines() -> None:
    chunk = read(b'{"id": 1, "text": "a", "size": 2.5}\n\n{"id": 2, "kind": "x"}\r\n')
    assert chunk.columns["id"].to_pylist() == [b"1", b"2"]
    assert chunk.columns["text"].to_pylist() == [b"a", None]
    assert chunk.columns["size"].to_pylist() == [2.5, None]
    assert chunk.rows.tolist() == [1, 3]
    assert (chunk.end, chunk.next_row, chunk.bad) == (61, 4, [])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b'{"text": "caf\xc3\xa9"}', b"caf\xc3\xa9"),
        (b'{"text": "caf\xe9"}', b"caf\xe9"),  # invalid UTF-8
        (b'{"text": "\\ud83d"}', b"\xed\xa0\xbd"),  # a lone surrogate
        (b'{"text": "\\ud83d caf\xe9"}', b"\xed\xa0\xbd caf\xe9"),  # both
        (b'{"text": "nul\\u0000"}', b"nul\x00"),
        (b'{"text": ""}', b""),
        (b"{}", None),
        (b'{"text": null}', None),
        (b'\xef\xbb\xbf{"text": "after a mark"}', b"after a mark"),
    ],
)
def test_bytes_of_text_are_kept_as_they_came(text: bytes, kept: bytes | None) -> None:
    assert one(text) == kept


def test_numbers_beyond_json() -> None:
    assert math.isnan(float(one(b'{"size": NaN}', "size")))  # type: ignore[arg-type]
    assert one(b'{"size": -Infinity}', "size") == -math.inf
    assert one(b'{"size": true}', "size") == 1.0


@pytest.mark.parametrize(
    "line", [b"{", b'{"text": "a"} x', b"[1]", b"5", b'"text"', b"\x00", b"[" * 5000, b'{"text": "\xff']
)
def test_what_is_no_record_is_set_aside(line: bytes) -> None:
    chunk = read(b'{"id": 1}\n' + line + b'\n{"id": 3}\n')
    assert chunk.columns["id"].to_pylist() == [b"1", b"3"]
    assert [(bad.line, bad.reason, bad.column) for bad in chunk.bad] == [(2, "not_json", None)]
    assert chunk.bad[0].raw == line


def test_cells_of_another_type_are_set_aside_and_their_records_count() -> None:
    chunk = read(b'{"text": 5, "size": "12"}\n{"text": "a", "size": [1]}\n{"text": {"b": 1}, "size": 3}\n')
    assert chunk.columns["text"].to_pylist() == [None, b"a", None]
    assert chunk.columns["size"].to_pylist() == [b"12", None, b"3"]
    assert {name: found.tolist() for name, found in chunk.wrong.items()} == {"text": [0, 2], "size": [1]}
    assert sorted((bad.line, bad.column, bad.raw) for bad in chunk.bad) == [
        (1, "text", b"5"),
        (2, "size", b"[1]"),
        (3, "text", b'{"b": 1}'),
    ]


def test_so_many_wrong_cells_are_shown_and_all_are_counted() -> None:
    chunk = read(b'{"text": 5}\n' * 150)
    assert len(chunk.wrong["text"]) == 150
    assert len(chunk.bad) == json_pages.SHOWN
    assert "150 such cells" in chunk.bad[0].detail


def test_categories_of_mixed_types_are_words() -> None:
    lines_ = [json.dumps({"kind": kind}).encode() for kind in ("a", 1, 1.0, 2.5, True, None)]
    assert read(b"\n".join(lines_)).columns["kind"].to_pylist() == [b"a", b"1", b"1", b"2.5", b"true", None]


def test_an_unfinished_last_line_is_left_and_a_whole_one_is_read() -> None:
    data = b'{"id": 1}\n{"id": 2}'
    assert read(data, leave=True).columns["id"].to_pylist() == [b"1", b"2"]
    cut = read(data[:-1], leave=True)
    assert cut.columns["id"].to_pylist() == [b"1"]
    assert (cut.end, cut.bad) == (10, [])
    assert [bad.reason for bad in read(data[:-1]).bad] == ["not_json"]


def test_pages_are_cut_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pages, "PAGE_ROWS", 10)
    data = b"".join(b'{"id": %d}\n' % i for i in range(25))
    chunks = list(json_pages.chunks(lines.blocks(io.BytesIO(data)), WANTED, 1, leave=False))
    assert [len(chunk.rows) for chunk in chunks] == [10, 10, 5]
    assert [chunk.next_row for chunk in chunks] == [11, 21, 26]
    assert chunks[-1].end == len(data)


def test_all_names_where_none_are_wanted() -> None:
    (chunk,) = json_pages.chunks(
        lines.blocks(io.BytesIO(b'{"a": 1}\n{"b": "x", "a": 2}\n')), {}, 1, leave=False
    )
    assert {name: column.to_pylist() for name, column in chunk.columns.items()} == {
        "a": [b"1", b"2"],
        "b": [None, b"x"],
    }
