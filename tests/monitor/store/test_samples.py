from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from monitor.store import samples
from monitor.store.engine import Store
from monitor.store.samples import Sample

RECORD = Sample(
    "*", "e0", 1, 0.5, 1.0, "hello", "ok", 0.25, "v1", {"country": "IN"}, {"length": 5}, {"language": "en"}
)


def two_smallest(rows: Sequence[Sample]) -> list[Sample]:
    kept = sorted(rows, key=lambda row: row.rank)[:2]
    return [replace(row, inclusion_probability=2 / max(2, len(rows))) for row in kept]


def test_merging_keeps_what_the_rule_keeps_of_old_and_new(store: Store, model_id: int) -> None:
    first = [replace(RECORD, event_id=f"e{i}", rank=i / 10) for i in (3, 1, 5)]
    second = [replace(RECORD, event_id=f"e{i}", rank=i / 10) for i in (2, 1)]
    with store.write() as conn:
        assert samples.merge(conn, model_id, 0, first, two_smallest) == 2
        assert samples.merge(conn, model_id, 0, second, two_smallest) == 2
        assert samples.merge(conn, model_id, 10, [RECORD], two_smallest) == 1
    with store.read() as conn:
        kept = samples.of_window(conn, model_id, 0)
        assert samples.of_window(conn, model_id, 10) == [RECORD]
    assert [(row.event_id, round(row.inclusion_probability, 3)) for row in kept] == [
        ("e1", 0.667),
        ("e2", 0.667),
    ]


def test_a_sampled_record_is_a_row_of_plain_columns(store: Store, model_id: int) -> None:
    odd = replace(RECORD, text="nul \x00, half \ud83d", score=math.inf, features={"x": math.nan})
    with store.write() as conn:
        samples.replace(conn, model_id, 0, [odd])
    with store.read() as conn:
        found = conn.exec_driver_sql("SELECT text, prediction, segments, features FROM samples").one()
        assert samples.of_window(conn, model_id, 0)[0].score == math.inf
    assert tuple(found) == ("nul ␀, half \\ud83d", "ok", '{"country":"IN"}', '{"x":"NaN"}')
