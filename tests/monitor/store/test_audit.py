from __future__ import annotations

import threading

import pytest
from sqlalchemy import delete, func, select, update

from monitor.store import audit
from monitor.store.audit import GENESIS
from monitor.store.engine import Store
from monitor.store.tables import audit as table


def fill(store: Store, entries: int = 4) -> list[audit.Entry]:
    with store.write() as conn:
        return [
            audit.append(conn, "ann", "contract.saved", "model/toxicity", {"version": number}, number)
            for number in range(1, entries + 1)
        ]


def check(store: Store) -> audit.Verification:
    with store.read() as conn:
        return audit.verify(conn)


def test_an_untouched_chain_holds(store: Store) -> None:
    assert check(store) == audit.Verification(0, GENESIS, None)
    entries = fill(store)
    assert check(store) == audit.Verification(4, entries[-1].hash, None)
    assert [entry.prev_hash for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]


@pytest.mark.parametrize("column", ["at_us", "actor", "action", "object", "payload", "prev_hash", "hash"])
def test_any_change_to_an_entry_is_found(store: Store, column: str) -> None:
    fill(store)
    changed = {"at_us": 9}.get(column, "tampered")
    with store.write() as conn:
        conn.execute(update(table).where(table.c.seq == 3).values({column: changed}))
    found = check(store)
    assert found.entries == 2
    assert found.problem is not None
    assert "entry 3" in found.problem


def test_an_entry_that_was_taken_out_is_missed(store: Store) -> None:
    fill(store)
    with store.write() as conn:
        conn.execute(delete(table).where(table.c.seq == 2))
    assert check(store).problem == "entry 2 is missing"


def test_a_tail_that_was_cut_off_shows_in_the_head(store: Store) -> None:
    head = fill(store)[-1].hash
    with store.write() as conn:
        conn.execute(delete(table).where(table.c.seq == 4))
    assert check(store).head != head


def test_what_is_rolled_back_leaves_no_gap(store: Store) -> None:
    fill(store, 1)
    with pytest.raises(RuntimeError, match="no"), store.write() as conn:
        _append_and_raise(conn)
    fill(store, 1)
    assert check(store).entries == 2


def _append_and_raise(conn: object) -> None:
    audit.append(conn, "ann", "x", "y", {}, 1)  # type: ignore[arg-type]
    raise RuntimeError("no")


def test_odd_text_does_not_break_the_chain(store: Store) -> None:
    with store.write() as conn:
        audit.append(conn, "a\x00nn", "half \ud83d", "नमस्ते", {"why": "\ud83d", "x": float("nan")}, 1)
    assert check(store).problem is None


def test_writers_at_the_same_time_make_one_chain(store: Store) -> None:
    def write() -> None:
        for _ in range(10):
            fill(store, 1)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(store).problem is None
    with store.read() as conn:
        assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 30
