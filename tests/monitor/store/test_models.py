from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from monitor.errors import NotFound
from monitor.store import baselines, contracts, models, plans, tables
from monitor.store.engine import Store


def test_a_model_is_made_once_and_starts_learning(store: Store) -> None:
    with store.write() as conn:
        made = models.create(conn, "toxicity", now_us=1)
        assert models.create(conn, "toxicity", now_us=2) == made
    assert (made.name, made.state, made.created_us) == ("toxicity", "learning", 1)
    with store.read() as conn:
        assert models.get(conn, "toxicity") == models.by_id(conn, made.id) == made
        assert models.everyone(conn) == [made]


def test_what_is_not_given_stays(store: Store, model_id: int) -> None:
    with store.write() as conn:
        models.update_state(conn, model_id, state="provisional", materialised_until_us=5)
        models.update_state(conn, model_id, state="live")
        models.update_state(conn, model_id)
        model = models.by_id(conn, model_id)
    assert (model.state, model.materialised_until_us) == ("live", 5)


def test_an_unknown_model_is_named_with_those_there_are(store: Store, model_id: int) -> None:
    with store.read() as conn, pytest.raises(NotFound, match="no model 'spam': there are toxicity"):
        models.get(conn, "spam")
    with store.write() as conn:
        for call in (models.by_id, models.lock):
            with pytest.raises(NotFound, match="no model with id 99"):
                call(conn, 99)
        with pytest.raises(NotFound, match="no model with id 99"):
            models.update_state(conn, 99, state="live")


def test_the_same_contract_is_the_same_version_and_every_version_stays(store: Store, model_id: int) -> None:
    with store.write() as conn:
        with pytest.raises(NotFound, match="no contract yet"):
            contracts.current(conn, model_id)
        first = contracts.save_version(conn, model_id, "model: a\n", "/base", "ann", now_us=1)
        assert contracts.save_version(conn, model_id, "model: a\n", "/base", "bob", now_us=2) == first
        second = contracts.save_version(conn, model_id, "model: b\n", "/base", "bob", now_us=3)
        moved = contracts.save_version(conn, model_id, "model: b\n", "/elsewhere", "bob", now_us=4)
        assert [first.version, second.version, moved.version] == [1, 2, 3]
        assert contracts.current(conn, model_id) == moved
        assert contracts.save_version(conn, model_id, "model: a\n", "/base", "ann", now_us=5) == first
        assert contracts.current(conn, model_id) == first
        assert contracts.versions(conn, model_id) == [first, second, moved]
    assert first.body == "model: a\n"
    assert first.author == "ann"


def test_two_models_may_learn_the_same_plan(store: Store, model_id: int) -> None:
    with store.write() as conn:
        other = models.create(conn, "spam", 1).id
        assert plans.current(conn, model_id) is None
        plans.save(conn, model_id, "p1", b"\x00\xff", now_us=1)
        plans.save(conn, model_id, "p1", b"\x00\xff", now_us=2)
        plans.save(conn, other, "p1", b"\x00\xff", now_us=2)
        assert plans.current(conn, model_id) == plans.load(conn, other, "p1") == b"\x00\xff"
        plans.save(conn, model_id, "p2", b"new", now_us=3, columns={"text": "text"})
        assert plans.current(conn, model_id) == b"new"
        assert plans.columns(conn, model_id) == {"text": "text"}
        assert plans.columns(conn, other) is None, "that is not known of it"
        assert plans.load(conn, model_id, "p1") == b"\x00\xff"
        with pytest.raises(NotFound, match="no plan p3"):
            plans.load(conn, model_id, "p3")


def test_a_baseline_is_known_by_its_hash(store: Store, model_id: int) -> None:
    with store.write() as conn:
        assert baselines.current(conn, model_id) is None
        first = baselines.save(
            conn, model_id, "p", "s1", {"missing": ["weekend"], "blocks": 4}, b"1", now_us=1
        )
        second = baselines.save(conn, model_id, "p", "s2", {}, b"2", now_us=2)
        assert baselines.current(conn, model_id) == second
        assert baselines.save(conn, model_id, "p", "s1", {}, b"ignored", now_us=3) == first
        assert baselines.current(conn, model_id) == first
        with pytest.raises(NotFound, match="no baseline with id 99"):
            baselines.load(conn, 99)
    assert first.reference == {"missing": ["weekend"], "blocks": 4}
    assert first.body == b"1"


def test_a_locked_model_keeps_out_who_locks_it_and_not_who_writes_rows_of_it(
    new_database: Callable[..., str],
) -> None:
    store = Store(new_database("postgresql"))  # on SQLite every writer is alone
    with store.write() as conn:
        model_id = models.create(conn, "toxicity", now_us=1).id
    key = select(tables.models.c.id)
    with store.write() as holder:
        models.lock(holder, model_id)
        with store.write() as writer:
            # As the check of a foreign key does.
            referred = key.with_for_update(read=True, key_share=True, nowait=True)
            assert writer.execute(referred).scalars().all() == [model_id]
        with store.write() as other:
            assert other.execute(key.with_for_update(key_share=True, skip_locked=True)).all() == []
    store.close()
