"""Python values of mixed types into Arrow columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import cells
from monitor.sources.raw_json import to_bytes


@pytest.mark.parametrize(
    ("kind", "values", "made", "wrong"),
    [
        ("text", ["a", None, b"\xff", 5, True, [1]], [b"a", None, b"\xff", None, None, None], [3, 4, 5]),
        ("number", [1, None, 2.5, True, Decimal("0.5")], [1.0, None, 2.5, 1.0, 0.5], []),
        ("number", [1, "2", {"a": 1}], [b"1", b"2", None], [2]),
        ("number", [10**400, 1], [str(10**400).encode(), b"1"], []),
        (
            "category",
            ["a", 1, 1.0, 2.5, True, None, []],
            [b"a", b"1", b"1", b"2.5", b"true", None, None],
            [6],
        ),
        ("key", [7, "x", UUID(int=1)], [b"7", b"x", b"00000000-0000-0000-0000-000000000001"], []),
        ("key", [date(2026, 8, 1), "x"], [b"2026-08-01", b"x"], []),
        ("text", [], [], []),
    ],
)
def test_cells_by_kind(kind: str, values: list[object], made: list[object], wrong: list[int]) -> None:
    array, indices = cells.column(values, kind)
    assert array.to_pylist() == made
    assert indices.tolist() == wrong


def test_times_stay_times_where_nothing_else_is_among_them() -> None:
    aware, _ = cells.column([datetime(2026, 8, 1, tzinfo=UTC), None], "key")
    naive, _ = cells.column([datetime(2026, 8, 1), None], "key")
    mixed, _ = cells.column([datetime(2026, 8, 1), "2026-08-02"], "key")
    assert aware.type == pa.timestamp("us", "UTC")
    assert naive.type == pa.timestamp("us")
    assert mixed.to_pylist() == [b"2026-08-01T00:00:00", b"2026-08-02"]


@given(st.binary(max_size=30))
def test_bytes_that_were_escaped_come_back(raw: bytes) -> None:
    assert to_bytes(raw.decode("utf-8", "surrogateescape")) == raw


def test_other_lone_surrogates_keep_their_three_bytes() -> None:
    assert to_bytes("a\ud83db\udcffc") == b"a\xed\xa0\xbdb\xffc"
