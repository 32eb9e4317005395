"""What keeps a piece of input from being read twice: cursors, the manifest, parts, quarantine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.errors import LeaseLost
from monitor.store import cursors, manifest, parts, quarantine
from monitor.store.engine import Store
from monitor.store.manifest import File
from monitor.store.parts import Part
from monitor.store.quarantine import EVIDENCE_BYTES, Entry


def test_the_cursor_is_where_it_was_put_last(store: Store, model_id: int) -> None:
    with store.write() as conn:
        assert cursors.get(conn, model_id) is None
        cursors.move(conn, model_id, None, {"time": 5, "id": "a"}, now_us=1)
        cursors.move(conn, model_id, {"time": 5, "id": "a"}, {"time": 9, "id": "b"}, now_us=2)
    with store.read() as conn:
        assert cursors.get(conn, model_id) == {"time": 9, "id": "b"}


def test_a_reading_that_was_overtaken_cannot_move_the_cursor(store: Store, model_id: int) -> None:
    with store.write() as conn:
        cursors.move(conn, model_id, None, {"inbox": 5}, now_us=1)
    for found_at in (None, {"inbox": 3}):
        with pytest.raises(LeaseLost), store.write() as conn:
            cursors.move(conn, model_id, found_at, {"inbox": 4}, now_us=2)
    with store.read() as conn:
        assert cursors.get(conn, model_id) == {"inbox": 5}


def test_a_file_is_known_by_path_and_etag_and_its_note_is_replaced(store: Store, model_id: int) -> None:
    failed = File("a.csv", 10, "e1", "failed", 0, "no header", 1)
    read = replace(failed, state="read", rows=7, error=None, read_us=2)
    grown = replace(read, size=20, etag="e2", rows=9)
    with store.write() as conn:
        for note in (failed, read, grown):
            manifest.record(conn, model_id, note)
    with store.read() as conn:
        assert manifest.known(conn, model_id) == [read, grown]


def test_a_part_is_kept_once(store: Store, model_id: int) -> None:
    first = [Part("p", 0, "a.csv", b"zero", 3), Part("p", 10, "a.csv", b"ten", 4)]
    again = [replace(first[0], body=b"other"), Part("p", 20, "a.csv", b"twenty", 5)]
    with store.write() as conn:
        assert parts.add(conn, model_id, first, now_us=1) == {(0, "a.csv"), (10, "a.csv")}
        assert parts.add(conn, model_id, again, now_us=2) == {(20, "a.csv")}
        assert parts.add(conn, model_id, [], now_us=2) == set()
    with store.read() as conn:
        assert list(parts.bodies_between(conn, model_id, "p", 0, 20)) == [(0, b"zero"), (10, b"ten")]
        assert list(parts.bodies_between(conn, model_id, "another plan", 0, 20)) == []
        assert parts.windows_of_piece(conn, model_id, "p", "a.csv") == [0, 10, 20]
        assert parts.windows_of_piece(conn, model_id, "p", "b.csv") == []


def test_hashes_come_back_until_the_horizon_has_passed(store: Store, model_id: int) -> None:
    lowest, highest = -(2**63), 2**63 - 1
    pairs = np.array([[1, lowest], [highest, 4]])
    packed = parts.pack(pairs[:, 0], pairs[:, 1])
    with store.write() as conn:
        new = [
            Part("p", 0, "a", b"", 2, packed),
            Part("p", 10, "a", b"", 2, packed),
            Part("p", 10, "b", b"", 0),
        ]
        parts.add(conn, model_id, new, now_us=1)
        kept = list(parts.hashes_by_window(conn, model_id, "p"))
        assert [start for start, _ in kept] == [0, 10]
        np.testing.assert_array_equal(kept[0][1], pairs)
        assert parts.forget_event_hashes(conn, model_id, before_us=10) == 1
        assert [start for start, _ in parts.hashes_by_window(conn, model_id, "p")] == [10]


def test_what_was_set_aside_is_kept_once_with_a_little_evidence(store: Store, model_id: int) -> None:
    row = Entry(0, "a.csv", "line 2", "unreadable_time", None, "no time", counted=False, raw=b"x" * 5000)
    cell = Entry(0, "a.csv", "line 2", "type", "score", "not a number", counted=True)
    later = Entry(10, "a.csv", "line 9", "type", "score", "not a number", counted=True)
    with store.write() as conn:
        quarantine.add(conn, model_id, [row, cell, row], now_us=1)
        quarantine.add(conn, model_id, [row, later], now_us=2)
        quarantine.add(conn, model_id, [], now_us=3)
    with store.read() as conn:
        assert quarantine.counts(conn, model_id) == {("type", "score"): 2, ("unreadable_time", ""): 1}
        assert quarantine.counts(conn, model_id, from_us=5, to_us=20) == {("type", "score"): 1}
        raw = conn.exec_driver_sql("SELECT max(length(raw)) FROM quarantine").scalar_one()
    assert raw == EVIDENCE_BYTES
