"""Cutting what is sent into records: bodies of any shape, and no byte of them raises."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import intake

NOW = 1_795_000_000_000_000
AT = "2026-11-18T10:20:00Z"
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(), values, max_size=5)


def same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)  # NaN is not equal to itself


@given(st.lists(objects, max_size=6), st.sampled_from([None, 0, 2]), st.booleans())
def test_a_list_is_cut_into_what_was_put_in(
    records: list[dict[str, Any]], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(records, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = list(intake.elements(body))
    assert same([json.loads(one.decode("utf-8", "surrogatepass")) for one in found], records)
    wrapped = b'{"records": ' + body + b"}"
    assert list(intake.elements(wrapped)) == found
    assert not any(b"\n" in one for one in found)


@given(objects)
def test_no_object_with_each_name_once_is_taken_for_one_with_a_name_twice(record: dict[str, Any]) -> None:
    record = {**record, "id": "e", "at": AT}
    raw = json.dumps(record).encode()
    checked = intake.check([raw], "id", "at", ZoneInfo("UTC"), NOW)
    assert [one.reason for one in checked.refused] in ([], ["too_deep"])


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    for cut in (intake.lines, intake.elements):
        raws = list(cut(body))
        checked = intake.check(raws, "id", "at", ZoneInfo("UTC"), NOW)
        assert len(checked.taken) + len(checked.refused) == len(raws)


@given(st.text(alphabet='{}[],:"\\ aé\n0', max_size=60))
def test_nothing_that_looks_like_json_raises(body: str) -> None:
    for prefix in ("", "[", '{"records": ['):
        raws = list(intake.elements((prefix + body).encode()))
        intake.check(raws, "id", "at", ZoneInfo("UTC"), NOW)


def test_ids_are_the_same_as_words_and_as_numbers() -> None:
    lines = [json.dumps({"id": value, "at": AT}).encode() for value in (17, "17", 17.0, True, "true")]
    checked = intake.check(lines, "id", "at", ZoneInfo("UTC"), NOW)
    assert [one.event_id for one in checked.taken] == [b"17", b"17", b"17", b"true", b"true"]


def peak(work: Callable[[], object]) -> float:
    """The most that was held at once, in MB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_cutting_holds_one_record_and_not_all_of_them() -> None:
    string = b'[{"text": "' + b"x" * (8 << 20) + b'"}]'
    assert peak(lambda: list(intake.elements(string))) < 40
    assert peak(lambda: list(intake.elements(b'["' + b"\\n" * (4 << 20)))) < 40
    assert peak(lambda: list(islice(intake.elements(b"[" + b"[]," * (2 << 20)), 1_000))) < 20
    assert peak(lambda: list(islice(intake.lines(b"x\n" * (4 << 20)), 1_000))) < 20
    assert peak(lambda: list(intake.lines(b"\n" * (8 << 20)))) < 20
