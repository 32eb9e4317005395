"""A copy from before an erasure: put back, it holds no more of the person than the store did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from monitor.erasing import erase
from monitor.restoring import restore
from monitor.store import audit, copies, erasures, models, samples
from monitor.store import tables as t
from monitor.store.engine import Store
from tests.monitor.test_erasing import CLOCK, ID, KEPT, NOW, OTHER, WORDS, as_dumped, dump, filled, sample


@pytest.fixture
def copied(new_database: object, tmp_path: Path) -> Iterator[tuple[Store, Path]]:
    """A store with the words of two people, and a copy of it."""
    store = Store(new_database("sqlite"))  # type: ignore[operator]
    filled(store)
    copies.backup(store, tmp_path / "copy.db")
    yield store, tmp_path / "copy.db"
    store.close()


def damage(store: Store, first: int) -> None:
    store.close()
    assert store.file is not None
    with Path(store.file).open("r+b") as file:
        file.seek(first)
        file.write(b"\xff" * 200_000)


def test_who_was_erased_since_the_copy_stays_erased(copied: tuple[Store, Path]) -> None:
    store, copy = copied
    counts = erase(store, CLOCK, "shop", [ID], "ann")
    done = restore(store, copy, CLOCK, "ben")
    assert (done.erased, done.carried, done.problem) == (sum(counts.values()), 1, "")
    after = dump(store)
    for gone in (WORDS, WORDS.upper(), ID, "Quartzlberger"):
        assert not any(form in after for form in as_dumped(store, gone)), gone
    assert KEPT in after
    with store.read() as conn:
        assert erasures.among(conn, 1, [ID, OTHER]) == {ID}
        assert audit.verify(conn).problem is None
        said = conn.execute(select(t.audit.c.actor, t.audit.c.action).order_by(t.audit.c.seq)).all()
    assert [tuple(row) for row in said] == [("ben", "erasures.carried"), ("ben", "records.erased")]


def test_a_record_that_the_copy_does_not_hold_is_not_kept_later(copied: tuple[Store, Path]) -> None:
    store, copy = copied
    erase(store, CLOCK, "shop", ["never seen"], "ann")
    done = restore(store, copy, CLOCK, "ben")
    assert (done.erased, done.carried) == (0, 1)
    with store.write() as conn:
        samples.replace(conn, 1, NOW, [sample("never seen", WORDS)])
        assert {one.event_id for one in samples.of_window(conn, 1, NOW)} == set()


def test_it_is_said_whose_erasures_the_copy_has_no_room_for(copied: tuple[Store, Path]) -> None:
    store, copy = copied
    with store.write() as conn:
        models.create(conn, "later", 1)
    erase(store, CLOCK, "later", [ID], "ann")
    done = restore(store, copy, CLOCK, "ben")
    assert done.carried == 0
    assert "1 erasures are of models that the copy does not hold" in done.problem


@pytest.mark.parametrize("first", [0, 4096], ids=["no database any more", "tables damaged"])
def test_a_damaged_store_is_replaced_and_it_is_said_that_erasures_are_lost(
    copied: tuple[Store, Path], first: int
) -> None:
    store, copy = copied
    erase(store, CLOCK, "shop", [ID], "ann")
    damage(store, first)
    done = restore(store, copy, CLOCK, "ben")
    assert "which records were erased could not be read" in done.problem
    assert done.kept is not None
    with store.read() as conn:
        assert len(samples.of_window(conn, 1, NOW)) == 2


def test_where_no_store_was_it_is_said_that_erasures_are_not_known(
    copied: tuple[Store, Path], tmp_path: Path
) -> None:
    with closing(Store(f"sqlite:///{tmp_path}/new.db")) as fresh:
        done = restore(fresh, copied[1], CLOCK, "ben")
    assert done.kept is None
    assert "there was no store here" in done.problem


def test_stores_and_copies_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/new.db")
    store.upgrade()
    with store.write() as conn:
        models.create(conn, "shop", 1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}
    copies.backup(store, tmp_path / "copy.db")
    (tmp_path / "copy.db").chmod(0o644)
    (tmp_path / "new.db").chmod(0o644)  # as an earlier release made it
    done = restore(store, tmp_path / "copy.db", CLOCK, "ben")
    assert done.kept is not None
    copies.backup(store, tmp_path / "again.db")
    for path in (tmp_path / "new.db", done.kept, tmp_path / "again.db"):
        assert path.stat().st_mode & 0o777 == 0o600, path
