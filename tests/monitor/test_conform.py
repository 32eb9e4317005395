"""From pages as they came to typed records: nothing is fatal, and everything that is set aside is told."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks.batch import Categories, Cell, Numbers, Texts
from monitor import contract
from monitor.conform import conform
from monitor.sources import EVIDENCE_BYTES, Page
from monitor.sources.moments import EARLIEST_US

CONTRACT = contract.parse("""
model: words
source: {path: words.csv, id: id, time: at}
timezone: Europe/Berlin
columns:
  text: {role: input}
  size: {role: feature, kind: number}
  kind: {role: feature, kind: category}
window: {every: 1h}
""")
WITHOUT_ID = CONTRACT.model_copy(update={"source": contract.FilesSource(path="words.csv", time="at")})

AT = "2026-08-01T10:30:00Z"
AT_US = 1_785_580_200_000_000
HOUR_US = 3_600_000_000


def page(
    columns: Mapping[str, Any],
    *,
    wrong: Mapping[str, Any] | None = None,
    first: int = 2,
    origin: str = "words.csv",
) -> Page:
    table = pa.table(dict(columns))
    length = table.num_rows
    return Page("words.csv@1", origin, table, np.arange(first, first + length), (), wrong or {}, unit="line")


def plain(count: int, **more: Any) -> dict[str, Any]:
    return {"id": [str(i) for i in range(count)], "at": [AT] * count, "text": ["hello"] * count} | more


def test_a_plain_page() -> None:
    made = conform(page(plain(3, size=["1", "2.5", "x"], kind=["a", "b", "a"])), CONTRACT)
    assert made.batch.event_ids.to_pylist() == [b"0", b"1", b"2"]
    assert made.batch.event_us.tolist() == [AT_US] * 3
    size, kind, text = (made.batch.columns[name] for name in ("size", "kind", "text"))
    assert isinstance(size, Numbers)
    assert isinstance(kind, Categories)
    assert isinstance(text, Texts)
    assert size.values[:2].tolist() == [1.0, 2.5]
    assert [kind.words[code] for code in kind.codes] == ["a", "b", "a"]
    assert text.values.to_pylist() == [b"hello"] * 3
    assert list(made.batch.columns) == ["text", "size", "kind"]
    assert made.place(2) == "line 4"


def test_the_event_hash_is_the_first_eight_bytes_of_blake2b() -> None:
    made = conform(page(plain(2)), CONTRACT)
    expected = [
        int.from_bytes(blake2b(str(i).encode()).digest()[:8], "little", signed=True) for i in range(2)
    ]
    assert made.batch.event_hash.tolist() == expected


def test_times_that_cannot_be_used_cost_their_record() -> None:
    times = [AT, None, "", "soon", "1989-12-31T23:59:59Z", "2026-08-02T11:00:00Z", "2026-08-02T10:00:00Z"]
    made = conform(page(plain(7) | {"at": times}), CONTRACT, now_us=AT_US)
    assert made.batch.event_ids.to_pylist() == [b"0", b"6"]
    assert [(r.place, r.reason, r.column, r.counted) for r in made.rejects] == [
        ("line 3", "missing_time", "at", False),
        ("line 4", "missing_time", "at", False),
        ("line 5", "unreadable_time", "at", False),
        ("line 6", "absurd_time", "at", False),
        ("line 7", "absurd_time", "at", False),
    ]
    assert b"text=hello" in (made.rejects[2].raw or b"")
    assert EARLIEST_US == 631_152_000_000_000


def test_records_without_an_id_are_set_aside() -> None:
    made = conform(page(plain(3) | {"id": ["a", None, ""]}), CONTRACT)
    assert made.batch.event_ids.to_pylist() == [b"a"]
    assert [(r.place, r.reason) for r in made.rejects] == [("line 3", "missing_id"), ("line 4", "missing_id")]


def test_numeric_ids_are_words() -> None:
    assert conform(
        page(plain(1) | {"id": pa.array([570306133677760513])}), CONTRACT
    ).batch.event_ids.to_pylist() == [b"570306133677760513"]


def test_without_an_id_column_a_record_is_its_content_and_its_place() -> None:
    same = plain(2)
    del same["id"]
    first = conform(page(same), WITHOUT_ID).batch.event_ids.to_pylist()
    assert len(set(first)) == 2  # equal content on two lines is two records
    assert conform(page(same), WITHOUT_ID).batch.event_ids.to_pylist() == first
    assert conform(page(same, first=3), WITHOUT_ID).batch.event_ids.to_pylist()[0] != first[0]
    assert conform(page(same, origin="other.csv"), WITHOUT_ID).batch.event_ids.to_pylist() != first
    changed = conform(page(same | {"text": ["hello", "changed"]}), WITHOUT_ID).batch.event_ids.to_pylist()
    assert (changed[0], changed[1] != first[1]) == (first[0], True)


def test_missing_columns_are_absent_and_no_error() -> None:
    made = conform(page(plain(2)), CONTRACT)
    assert set(made.batch.columns["size"].state) == {Cell.ABSENT}
    assert made.rejects == []
    without_time = plain(2)
    del without_time["at"]
    lost = conform(page(without_time), CONTRACT)
    assert len(lost.batch) == 0
    assert [r.reason for r in lost.rejects] == ["missing_time"] * 2
    assert len(conform(Page("p", "o", pa.table({}), np.arange(1, 3)), CONTRACT).rejects) == 2


def test_cells_of_another_kind_are_evidence_and_their_record_counts() -> None:
    made = conform(page(plain(3, size=["1", "many", ""])), CONTRACT)
    assert len(made.batch) == 3
    (reject,) = made.rejects
    assert (reject.place, reject.reason, reject.column, reject.counted) == (
        "line 3",
        "wrong_type",
        "size",
        True,
    )
    assert reject.raw == b"many"
    assert reject.window_us == AT_US // HOUR_US * HOUR_US


def test_what_the_source_found_of_another_type_is_a_type_failure() -> None:
    made = conform(page(plain(2) | {"text": [None, "x"]}, wrong={"text": np.array([0])}), CONTRACT)
    assert made.batch.columns["text"].state.tolist() == [Cell.TYPE_FAILURE, Cell.VALUE]
    assert made.rejects == []  # the source has told already


def test_text_that_is_no_utf8_counts_with_its_bytes() -> None:
    texts = [b"fine", b"caf\xe9", b"\xed\xa0\xbd", "ünïcödé".encode()] * 50
    made = conform(page(plain(200) | {"text": pa.array(texts, pa.binary())}), CONTRACT)
    assert len(made.batch) == 200
    assert {(r.reason, r.counted, r.raw) for r in made.rejects} == {
        ("invalid_utf8", True, b"caf\xe9"),
        ("invalid_utf8", True, b"\xed\xa0\xbd"),
    }
    assert len(made.rejects) == 100
    assert made.rejects[0].place == "line 3"


def test_evidence_is_bounded() -> None:
    made = conform(page(plain(300) | {"text": pa.array([b"\xff" * 10_000] * 300, pa.binary())}), CONTRACT)
    assert {len(r.raw or b"") for r in made.rejects} == {EVIDENCE_BYTES}
    assert len(made.rejects) == 100
    assert "300 such cells" in made.rejects[0].detail
    lost = conform(page(plain(2000) | {"at": ["soon"] * 2000}), CONTRACT).rejects
    assert len(lost) == 2000
    assert sum(r.raw is not None for r in lost) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"text": ["hellp"]},
        {"size": ["2"]},
        {"kind": ["b"]},
        {"at": ["2026-08-01T10:30:01Z"]},
        {"size": [None]},
    ],
)
def test_the_content_hash_tells_any_change(change: dict[str, list[str]]) -> None:
    before = plain(1, size=["1"], kind=["a"])
    first = conform(page(before), CONTRACT).content_hash
    assert conform(page(before), CONTRACT).content_hash.tolist() == first.tolist()
    assert conform(page(before | change), CONTRACT).content_hash.tolist() != first.tolist()


def test_the_content_hash_does_not_know_the_format() -> None:
    words = conform(page(plain(2, size=["1", "2.5"], kind=["a", "b"])), CONTRACT).content_hash
    typed = conform(
        page(plain(2, size=[1.0, 2.5], kind=pa.array(["a", "b"]).dictionary_encode())), CONTRACT
    ).content_hash
    assert words.tolist() == typed.tolist()


def test_an_empty_page() -> None:
    made = conform(page({"id": [], "at": [], "text": []}), CONTRACT)
    assert (len(made.batch), made.rejects) == (0, [])
