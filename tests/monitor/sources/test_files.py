"""Files: each is read once, what grows is read on, and what is damaged stops nobody else."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor import contract
from monitor.errors import SourceError
from monitor.sources import files, open_source
from tests.monitor.sources.pages import TEMPLATE, WANTED, Folder, cells, rejects, rows

HEADER = "id,at,text,size,kind\n"


def line(number: int) -> str:
    return f"{number},2026-08-01T00:00:{number % 60:02d}Z,message {number},{number},k{number % 3}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "*")


def ids(folder: Folder) -> list[int]:
    return [int(cell) for cell in cells(folder.read(), "id")]


def test_the_formats_give_the_same_cells(folder: Folder) -> None:
    records = [
        {"id": str(i), "at": f"2026-08-01T00:00:0{i}Z", "text": f"message {i}", "kind": "k"} for i in range(3)
    ]
    json_lines = "".join(json.dumps(record) + "\n" for record in records)
    comma = "".join(",".join(record.values()) + "\n" for record in ({k: k for k in records[0]}, *records))
    pq.write_table(pa.Table.from_pylist(records), folder.path / "d.parquet")
    folder.write("a.csv", comma)
    folder.write("b.tsv", comma.replace(",", "\t"))
    folder.write("c.jsonl", json_lines)
    folder.write("e.jsonl.gz", gzip.compress(json_lines.encode()))
    folder.write("f.csv.gz", gzip.compress(comma.encode()))
    pages = folder.read()
    assert [page.origin for page in pages] == [
        "a.csv",
        "b.tsv",
        "c.jsonl",
        "d.parquet",
        "e.jsonl.gz",
        "f.csv.gz",
    ]
    for page in pages:
        found = {name: page.table.column(name).to_pylist() for name in ("id", "at", "text", "kind")}
        words = {
            name: [cell if isinstance(cell, bytes) else cell.encode() for cell in column]
            for name, column in found.items()
        }
        assert words == {name: [record[name].encode() for record in records] for name in words}
        assert page.file is not None
        assert (page.file.state, page.file.rows) == ("read", 3)


def test_a_file_is_read_once(folder: Folder) -> None:
    folder.write("a.csv", HEADER + line(1))
    assert ids(folder) == [1]
    assert folder.read() == []
    folder.write("b.csv", HEADER + line(2))
    assert ids(folder) == [2]


def test_a_file_that_grew_is_read_on_with_its_line_numbers(folder: Folder) -> None:
    for name, start in (("a.csv", HEADER), ("b.jsonl", "")):
        folder.write(name, start + (line(1) if start else '{"id": "1"}\n'))
        folder.read()
        folder.append(name, line(2) if start else '{"id": "2"}\n')
        pages = folder.read()
        assert cells(pages, "id") == [b"2"]
        assert rows(pages) == [3 if start else 2]


def test_a_file_that_was_changed_inside_is_read_again_under_another_name(folder: Folder) -> None:
    folder.write("a.csv", HEADER + line(1) + line(2))
    first = folder.read()
    folder.write("a.csv", HEADER + line(9) + line(2) + line(3))
    again = folder.read()
    assert cells(again, "id") == [b"9", b"2", b"3"]
    assert {page.piece for page in first}.isdisjoint(page.piece for page in again)


def test_an_unfinished_line_waits_for_its_end(folder: Folder) -> None:
    folder.write("a.csv", HEADER + line(1) + line(2)[:12])
    assert ids(folder) == [1]
    folder.append("a.csv", line(2)[12:] + line(3))
    assert ids(folder) == [2, 3]


def test_a_line_that_is_never_finished_is_set_aside_in_the_end(folder: Folder) -> None:
    folder.write("a.csv", HEADER + line(1) + "2,2026")
    folder.read()
    assert folder.read() == []
    folder.now = lambda: time.time() + 7200
    pages = folder.read()
    assert rejects(pages) == [("line 3", "wrong_fields")]
    assert folder.read() == []


def test_a_last_line_that_went_on_is_read_again(folder: Folder) -> None:
    folder.write("a.csv", HEADER + line(1) + line(2).rstrip("\n"))
    assert ids(folder) == [1, 2]
    folder.append("a.csv", "0\n" + line(3))
    assert cells(pages := folder.read(), "kind") == [b"k1", b"k20", b"k0"]
    assert rejects(pages) == []


def test_a_reading_that_was_cut_short_repeats_the_same_pages(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.sources.csv_pages.PAGE_ROWS", 50)
    body = "".join(line(i) for i in range(120))
    folder.write("a.csv", HEADER + body)
    first = [(page.piece, page.rows.tolist()) for page in folder.read()]
    assert len(first) == 3
    folder.known.clear()  # nothing was noted of it, and it has grown meanwhile
    folder.append("a.csv", "".join(line(i) for i in range(120, 180)))
    second = [(page.piece, page.rows.tolist()) for page in folder.read()]
    assert second[:2] == first[:2]
    assert sum(len(numbers) for _, numbers in second) == 180


def test_damaged_files_fail_alone(folder: Folder) -> None:
    table = pa.table({"id": [str(i) for i in range(1000)], "at": ["2026-08-01"] * 1000})
    pq.write_table(table, folder.path / "whole.parquet")
    whole = (folder.path / "whole.parquet").read_bytes()
    folder.write("a.parquet", whole[: len(whole) // 2])
    folder.write("b.parquet", b"")
    folder.write("c.jsonl.gz", gzip.compress(b'{"id": "1"}\n' * 1000)[:-20])
    folder.write("d.jsonl.gz", b"no gzip")
    folder.write("e.csv", "id,at\n1,x\n".encode("utf-16"))
    pages = folder.read()
    facts = {page.file.path: page.file for page in pages if page.file is not None}
    assert {path: fact.state for path, fact in facts.items()} == {
        "a.parquet": "failed",
        "b.parquet": "failed",
        "c.jsonl.gz": "failed",
        "d.jsonl.gz": "failed",
        "e.csv": "failed",
        "whole.parquet": "read",
    }
    assert all(
        fact.error and fact.error.startswith(path) for path, fact in facts.items() if fact.state == "failed"
    )
    assert sum(page.table.num_rows for page in pages if page.origin == "whole.parquet") == 1000
    assert folder.read() == []  # they are not tried again until they change


def test_a_file_that_is_away_for_now_is_tried_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("a.csv", HEADER + line(1))

    def away(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_opened", away)
        (page,) = folder.read()
        assert page.file is not None
        assert page.file.state == "failed"
    assert ids(folder) == [1]
    folder.append("a.csv", line(2))
    with monkeypatch.context() as patch:
        patch.setattr(files, "_opened", away)
        folder.read()
    assert ids(folder) == [2]  # and not from the beginning


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "a[1].csv")
    folder.write("a[1].csv", HEADER + line(1))
    folder.write("a1.csv", HEADER + line(2))
    assert ids(folder) == [1]


@pytest.mark.parametrize("content", ["", HEADER, "\n\n", "\ufeff" + HEADER])
def test_files_without_records(folder: Folder, content: str) -> None:
    folder.write("a.csv", content)
    folder.write("b.csv", HEADER + line(1))
    assert ids(folder) == [1]
    folder.append("a.csv", (HEADER if "id" not in content else "") + line(2))
    assert ids(folder) == [2]


def test_missing_and_extra_columns(folder: Folder) -> None:
    folder.write("a.csv", "extra,id,at\nx,1,2026-08-01\n")
    (page,) = folder.read()
    assert page.table.schema.names == ["id", "at"]
    folder.write("b.parquet", b"")
    pq.write_table(pa.table({"other": [1, 2]}), folder.path / "b.parquet")
    (page,) = folder.read()
    assert (page.table.num_columns, page.rows.tolist()) == (0, [1, 2])


def test_bad_lines_have_their_numbers_and_their_bytes(folder: Folder) -> None:
    folder.write("a.csv", (HEADER + line(1)).encode() + b"\xff,bad\n" + line(2).encode())
    (page,) = folder.read()
    (reject,) = page.rejects
    assert (reject.place, reject.reason, reject.counted, reject.raw) == (
        "line 3",
        "wrong_fields",
        False,
        b"\xff,bad",
    )
    assert reject.detail == "expected 5 fields, found 2"


def test_categories_of_parquet_stay_codes(folder: Folder) -> None:
    pq.write_table(pa.table({"kind": ["a", "b", "a"], "text": ["x", "y", "z"]}), folder.path / "a.parquet")
    (page,) = folder.read()
    assert pa.types.is_dictionary(page.table.schema.field("kind").type)
    assert not pa.types.is_dictionary(page.table.schema.field("text").type)


def test_any_file_system_of_fsspec() -> None:
    memory = fsspec.filesystem("memory")
    try:
        memory.pipe("/inbox/a.csv", (HEADER + line(1)).encode())
        memory.pipe("/inbox/b.csv", (HEADER + line(2)).encode())
        source = contract.FilesSource(path="memory://inbox/*.csv", id="id", time="at")
        pages = list(files.Files(source, Path(), WANTED).read(None, []))
        assert cells(pages, "id") == [b"1", b"2"]
        assert pages[0].origin == "memory:///inbox/a.csv"
        known = [page.file for page in pages if page.file is not None]
        assert list(files.Files(source, Path(), WANTED).read(None, known)) == []
    finally:
        memory.rm("/inbox", recursive=True)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.bin").write_bytes(b"x")
    for path, reason in (("no.csv", "no such file"), ("sub", "is a folder"), ("a.bin", "write format")):
        made = contract.parse(TEMPLATE.format(path=path))
        with pytest.raises(SourceError, match=reason):
            list(open_source(made, tmp_path).read(None, ()))
    assert list(open_source(contract.parse(TEMPLATE.format(path="*.csv")), tmp_path).read(None, ())) == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (100_000, 300_000):
        path = tmp_path / "big.csv"
        path.write_text(HEADER + "".join(line(i) for i in range(count)), encoding="utf-8")
        source = files.Files(contract.FilesSource(path=str(path), id="id", time="at"), tmp_path, WANTED)
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        peak = 0
        for page in source.read(None, ()):
            assert len(page.rows) <= 65_536
            peak = max(peak, pa.total_allocated_bytes() - before)
        peaks.append(peak + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
