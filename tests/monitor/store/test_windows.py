from __future__ import annotations

from monitor.store import windows
from monitor.store.engine import Store
from monitor.store.windows import Counts


def test_counts_add_up_and_empty_windows_exist(store: Store, model_id: int) -> None:
    with store.write() as conn:
        windows.upsert(conn, model_id, [Counts(0, 10, 5, 1, 2), Counts(10, 20)])
        windows.upsert(conn, model_id, [Counts(0, 10, 3), Counts(20, 30, 1)])
        windows.upsert(conn, model_id, [])
    with store.read() as conn:
        found = windows.between(conn, model_id, 0, 100)
        assert windows.newest_with_records(conn, model_id) == found[2]
        assert windows.edge(conn, model_id) == found[2]
        assert windows.edge(conn, model_id, first=True) == found[0]
        assert windows.edge(conn, model_id + 1) is None
        assert windows.first_records(conn, model_id, 9) == (0, 30)
        assert windows.first_records(conn, model_id, 10) is None
    assert [(w.start_us, w.end_us, w.records, w.duplicates, w.quarantined) for w in found] == [
        (0, 10, 8, 1, 2),
        (10, 20, 0, 0, 0),
        (20, 30, 1, 0, 0),
    ]
    assert {w.state for w in found} == {"open"}


def test_marks_carry_their_time_and_spans_are_half_open(store: Store, model_id: int) -> None:
    starts = list(range(0, 12_000, 10))  # more than one statement takes
    with store.write() as conn:
        windows.upsert(conn, model_id, [Counts(start, start + 10) for start in starts])
        windows.mark(conn, model_id, starts, "measured", now_us=7)
        windows.mark(conn, model_id, [0, 10], "judged", now_us=9)
        windows.set_source_count(conn, model_id, 0, 42)
    with store.read() as conn:
        assert len(windows.between(conn, model_id, 0, 12_000)) == 1200
        judged = windows.between(conn, model_id, 0, 12_000, state="judged")
        assert [w.start_us for w in windows.between(conn, model_id, 10, 30)] == [10, 20]
        assert windows.last_judged_us(conn, model_id) == 10
    assert [(w.start_us, w.measured_us, w.judged_us, w.source_count) for w in judged] == [
        (0, 7, 9, 42),
        (10, 7, 9, None),
    ]


def test_revisions_rise_one_by_one(store: Store, model_id: int) -> None:
    with store.write() as conn:
        windows.upsert(conn, model_id, [Counts(0, 10), Counts(10, 20)])
        assert windows.raise_revision(conn, model_id, [0]) == {0: 1}
        assert windows.raise_revision(conn, model_id, [0, 10]) == {0: 2, 10: 1}
        assert windows.raise_revision(conn, model_id, []) == {}
