"""CSV: bytes are kept, one bad line costs one line, and line numbers are those of an editor."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import SourceError
from monitor.sources import csv_pages, lines


@pytest.fixture(autouse=True, scope="module", params=[0, csv_pages.SMALL_BYTES])
def small(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything is read by both readers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_pages, "SMALL_BYTES", request.param)
        yield


def read(
    data: bytes, *, wanted: list[str] | None = None, delimiter: str = ",", leave: bool = False
) -> tuple[list[list[bytes]], list[int], list[tuple[int, str]], int]:
    """(records, their lines, (line, reason) of bad ones, bytes read) of a whole file."""
    header = csv_pages.header(data, delimiter)
    assert header is not None
    stream = io.BytesIO(data[header.bytes :])
    names = wanted or list(header.names)
    records, numbers, bad, end = [], [], [], 0
    for chunk in csv_pages.chunks(
        lines.blocks(stream), header.names, names, delimiter, header.lines + 1, leave=leave
    ):
        records += [
            list(row)
            for row in zip(*(chunk.columns[name].to_pylist() for name in chunk.columns), strict=True)
        ]
        numbers += chunk.rows.tolist()
        bad += [(one.line, one.reason) for one in chunk.bad]
        end = header.bytes + chunk.end
    return records, numbers, bad, end


def test_plain_lines() -> None:
    assert read(b"a,b\n1,x\n2,y\n") == ([[b"1", b"x"], [b"2", b"y"]], [2, 3], [], 12)


def test_bytes_are_kept_as_they_are() -> None:
    cell = bytes(byte for byte in range(256) if byte not in b'\r\n,"')
    records, *_ = read(b"a,b\n1," + cell + b"\n")
    assert records == [[b"1", cell]]
    records, *_ = read(b'a,b\n1,"' + cell + b'\n"\n')  # the careful reader
    assert records == [[b"1", cell + b"\n"]]


def test_quoted_line_ends_and_quotes() -> None:
    data = b'a,b\n1,"two\nlines"\n2,"say ""hi"""\n3,"with\r\nreturn"\n4,z\n'
    records, numbers, bad, _ = read(data)
    assert [record[1] for record in records] == [b"two\nlines", b'say "hi"', b"with\r\nreturn", b"z"]
    assert numbers == [2, 4, 5, 7]
    assert bad == []


def test_a_lone_return_is_data() -> None:
    records, numbers, bad, _ = read(b"a,b\r\n1,x\ry\r\n2,z\r\n")
    assert (records, numbers, bad) == ([[b"1", b"x\ry"], [b"2", b"z"]], [2, 3], [])


def test_wrong_numbers_of_fields_cost_their_line() -> None:
    records, numbers, bad, _ = read(b"a,b\n1,x\n2\n3,y,z\n4,w\n")
    assert (records, numbers) == ([[b"1", b"x"], [b"4", b"w"]], [2, 5])
    assert bad == [(3, "wrong_fields"), (4, "wrong_fields")]


def test_blank_lines_are_nothing() -> None:
    assert read(b"a,b\n\n1,x\n\n\n2,y\n")[:3] == ([[b"1", b"x"], [b"2", b"y"]], [3, 6], [])


@pytest.mark.parametrize(
    "follows", [b"2,y\n3,z\n", b'2,"y"\n3,z\n', b'2,y\n3,"z"\n4,"w"\n', b'2,"a\nb"\n3,z\n']
)
def test_a_quote_that_is_never_closed_costs_its_line_only(follows: bytes) -> None:
    clean = read(b"a,b\n" + follows)[0]
    records, _, bad, _ = read(b'a,b\n1,"x\n' + follows)
    assert records == clean
    assert bad == [(2, "open_quote")]


def test_a_record_may_lie_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"".join(b'%d,"first\nsecond %d"\n' % (i, i) for i in range(50))
    whole = read(b"a,b\n" + body)
    for size in (1, 7, 40):
        monkeypatch.setattr(lines, "BLOCK_BYTES", size)
        assert read(b"a,b\n" + body) == whole


def test_pages_are_cut_at_the_same_records_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_pages, "PAGE_ROWS", 10)
    body = b"".join(b"%d,x\n" % i if i % 7 else b"bad\n" for i in range(95))
    found = set()
    for size in (5, 64, 1 << 20):
        monkeypatch.setattr(lines, "BLOCK_BYTES", size)
        chunks = csv_pages.chunks(lines.blocks(io.BytesIO(body)), ["a", "b"], ["a"], ",", 1, leave=False)
        found.add(tuple((tuple(chunk.rows.tolist()), len(chunk.bad), chunk.next_row) for chunk in chunks))
    (cut,) = found
    assert [len(rows) for rows, _, _ in cut] == [10] * 8 + [1]
    assert sum(bad for _, bad, _ in cut) == 14


def test_the_last_line_may_lack_its_end() -> None:
    assert read(b"a,b\n1,x\n2,y") == ([[b"1", b"x"], [b"2", b"y"]], [2, 3], [], 11)
    assert read(b"a,b\n1,x\n2", leave=False)[2] == [(3, "wrong_fields")]


@pytest.mark.parametrize("tail", [b"2", b'2,"y', b'"2'])
def test_an_unfinished_last_line_is_left(tail: bytes) -> None:
    records, _, bad, end = read(b"a,b\n1,x\n" + tail, leave=True)
    assert (records, bad, end) == ([[b"1", b"x"]], [], 8)


def test_columns_that_are_wanted_and_not_there_are_left_out() -> None:
    header = csv_pages.header(b"a,b,a\n", ",")
    assert header is not None
    stream = io.BytesIO(b"1,2,3\n")
    (chunk,) = csv_pages.chunks(lines.blocks(stream), header.names, ["a", "z"], ",", 2, leave=False)
    assert chunk.columns.keys() == {"a"}
    assert chunk.columns["a"].to_pylist() == [b"1"]  # of a repeated name the first counts


def test_headers() -> None:
    assert csv_pages.header(b"", ",") is None
    assert csv_pages.header(b"\n\n", ",") is None
    marked = csv_pages.header(b'\xef\xbb\xbf"a b",c\r\n1,2\r\n', ",")
    assert marked == csv_pages.Header(("a b", "c"), 12, 1)
    assert csv_pages.header(b"a;b\n", ";") == csv_pages.Header(("a", "b"), 4, 1)
    for bad in ("a,b\n1,2\n".encode("utf-16"), b"a,b\r1,2\r"):
        with pytest.raises(SourceError):
            csv_pages.header(bad, ",")


CELLS = st.text(st.sampled_from('a,"\n\r é\x00;'), max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_what_the_standard_library_writes_is_read_back(table: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *table])
    records, _, bad, _ = read(out.getvalue().encode())
    assert [[cell.decode() for cell in record] for record in records] == [list(row) for row in table]
    assert bad == []


@given(
    st.lists(st.sampled_from([b"1,x", b'2,"y"', b'3,a"b', b'"4"5,z', b"6", b"7,a,b", b',"a""b"']), max_size=8)
)
def test_both_readers_agree_line_by_line(body: list[bytes]) -> None:
    # A blank line sends the block to the careful reader.
    data = b"".join(line + b"\n" for line in body)
    quick, careful = read(b"a,b\n" + data), read(b"a,b\n\n" + data)
    assert careful[0] == quick[0]
    assert careful[1] == [line + 1 for line in quick[1]]
    assert careful[2] == [(line + 1, reason) for line, reason in quick[2]]


@given(st.binary(max_size=200))
def test_no_bytes_are_fatal_and_every_line_is_accounted_for(body: bytes) -> None:
    records, numbers, bad, end = read(b"a,b\n" + body)
    assert end == 4 + len(body) or not body
    assert len(records) == len(numbers)
    assert sorted({*numbers, *(line for line, _ in bad)}) == sorted([*numbers, *(line for line, _ in bad)])
