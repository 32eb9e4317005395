from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from monitor.store.engine import Store
from monitor.store.inserts import bulk_insert, insert_on, nullable
from monitor.store.tables import sequences, series

COLUMNS = ("id", "model_id", "metric", "column", "segment", "term", "kind", "family")


def test_many_rows_arrive_as_they_were(store: Store, model_id: int) -> None:
    rows = [(i, model_id, "m", 'quote " tab \t \\N', "*", str(i), "rate", "inputs") for i in range(25_000)]
    with store.write() as conn:
        bulk_insert(conn, series, COLUMNS, iter(rows))
        assert [tuple(row) for row in conn.execute(select(series).order_by(series.c.id))] == rows


def test_bytes_and_nulls_arrive_as_they_were(store: Store, model_id: int) -> None:
    body = bytes(range(256))
    with store.write() as conn:
        bulk_insert(conn, sequences, ("model_id", "window_start_us", "body"), [(model_id, -5, body)])
        assert bytes(conn.execute(select(sequences.c.body)).scalar_one()) == body


def test_a_row_that_exists_is_an_error_and_none_is_kept(store: Store, model_id: int) -> None:
    rows = [(model_id, 1, b"a"), (model_id, 2, b"b"), (model_id, 1, b"c")]
    with pytest.raises(IntegrityError), store.write() as conn:
        bulk_insert(conn, sequences, ("model_id", "window_start_us", "body"), rows)
    with store.read() as conn:
        assert conn.execute(select(sequences)).all() == []


def test_no_rows_are_no_statement(store: Store) -> None:
    with store.write() as conn:
        bulk_insert(conn, sequences, ("model_id", "window_start_us", "body"), [])
        assert conn.execute(select(sequences)).all() == []


def test_on_conflict_is_spelt_the_same_for_both(store: Store, model_id: int) -> None:
    row = {"model_id": model_id, "window_start_us": 1, "body": b"first"}
    with store.write() as conn:
        conn.execute(insert_on(conn, sequences).values(row))
        conn.execute(insert_on(conn, sequences).values({**row, "body": b"no"}).on_conflict_do_nothing())
        assert bytes(conn.execute(select(sequences.c.body)).scalar_one()) == b"first"


def test_undefined_numbers_are_null_and_zero_has_no_sign() -> None:
    cells = nullable(np.array([[1.5, np.nan], [-0.0, np.inf]]))
    assert cells == [1.5, None, 0.0, float("inf")]
    assert str(cells[2]) == "0.0"
