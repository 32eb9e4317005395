from __future__ import annotations

import csv
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from checks.series import Series
from monitor.store import measurements, models, sequences, series, verdicts
from monitor.store.engine import Store

JSD = Series("jsd", "text", "*", "", "distribution", "inputs")
RATE = Series("class_share", "decision", "country=IN", "toxic", "rate", "predictions")
HOUR = 3_600_000_000
NAN = float("nan")


def write(
    store: Store,
    model_id: int,
    starts: list[int],
    value: npt.ArrayLike,
    revision: int = 0,
    judged: bool = True,
) -> list[int]:
    """Write both series in every window: `value` is float[W, 2]; z is ten times the value."""
    numbers = np.asarray(value, dtype=np.float64)
    with store.write() as conn:
        ids = series.ids(conn, model_id, [JSD, RATE])
        measurements.write(
            conn,
            model_id,
            starts,
            revision,
            ids,
            n=np.full_like(numbers, 100.0),
            value=numbers,
            low=numbers - 0.5,
            high=numbers + 0.5,
            expected=np.full_like(numbers, NAN),
            expected_low=np.full_like(numbers, NAN),
            expected_high=np.full_like(numbers, NAN),
        )
        if judged:
            verdicts.write(
                conn,
                model_id,
                starts,
                revision,
                ids,
                status=[["breach" if cell > 5 else "ok" for cell in row] for row in numbers],
                z=numbers * 10,
                p=numbers,
                effect=numbers,
                cusum=numbers,
                threshold=numbers,
                baseline_id=1,
                provisional=True,
            )
    return ids


def test_series_keep_their_numbers_and_follow_their_family(store: Store, model_id: int) -> None:
    moved = Series(JSD.metric, JSD.column, JSD.segment, JSD.term, "distribution", "vocabulary")
    with store.write() as conn:
        first, second = series.ids(conn, model_id, [JSD, RATE])
        assert series.ids(conn, model_id, [RATE, moved]) == [second, first]
        assert series.ids(conn, models.create(conn, "spam", 1).id, [JSD]) not in ([first], [second])
        assert series.ids(conn, model_id, []) == []
        found = series.everyone(conn, model_id)
    assert [(one.id, one.name, one.family) for one in found] == [
        (second, ("class_share", "decision", "country=IN", "toxic"), "predictions"),
        (first, ("jsd", "text", "*", ""), "vocabulary"),
    ]


def test_a_series_named_by_what_cannot_be_stored_is_found_again(store: Store, model_id: int) -> None:
    odd = Series("class_share", "decision", "*", "half \ud83d", "rate", "predictions")
    with store.write() as conn:
        assert series.ids(conn, model_id, [odd]) == series.ids(conn, model_id, [odd])


def test_a_timeline_has_every_window_with_its_verdict(store: Store, model_id: int) -> None:
    jsd, rate = write(store, model_id, [0, HOUR], [[1.0, NAN], [6.0, -0.0]])
    with store.read() as conn:
        line = measurements.timeline(conn, model_id, jsd)
        (undefined, zero) = measurements.timeline(conn, model_id, rate)
        later = measurements.timeline(conn, model_id, jsd, from_us=1, to_us=HOUR + 1)
    assert [(m.window_start_us, m.value, m.low, m.high, m.z, m.status) for m in line] == [
        (0, 1.0, 0.5, 1.5, 10.0, "ok"),
        (HOUR, 6.0, 5.5, 6.5, 60.0, "breach"),
    ]
    assert (undefined.value, undefined.expected, undefined.n, undefined.provisional) == (None, None, 100.0, 1)
    assert str(zero.value) == "0.0"
    assert later == line[1:]


def test_writing_a_revision_again_replaces_it_and_a_higher_one_counts(store: Store, model_id: int) -> None:
    write(store, model_id, [0], [[1.0, 1.0]])
    write(store, model_id, [0], [[2.0, 2.0]])
    jsd, _ = write(store, model_id, [0], [[3.0, 3.0]], revision=1, judged=False)
    with store.read() as conn:
        (counts,) = measurements.timeline(conn, model_id, jsd)
        assert conn.exec_driver_sql("SELECT count(*) FROM measurements").scalar_one() == 4
    assert (counts.revision, counts.value, counts.status) == (1, 3.0, None)  # measured again, not yet judged


def test_the_tally_counts_the_verdicts_that_count(store: Store, model_id: int) -> None:
    write(store, model_id, [0, HOUR], [[1.0, 1.0], [9.0, 1.0]])
    write(store, model_id, [HOUR], [[1.0, 9.0]], revision=1)
    with store.read() as conn:
        tally = verdicts.tally(conn, model_id, HOUR, 2 * HOUR)
    assert [(one.window_start_us, one.family, one.status, one.series) for one in tally] == [
        (HOUR, "inputs", "ok", 1),
        (HOUR, "predictions", "breach", 1),
    ]


def test_arrays_of_the_wrong_shape_and_unknown_words_are_refused(store: Store, model_id: int) -> None:
    with pytest.raises(ValueError, match="n has 2 cells for 2 windows x 2 series"):
        write(store, model_id, [0, HOUR], [[1.0, 1.0]])
    ids = write(store, model_id, [0], [[1.0, 1.0]])
    one = np.ones((1, 2))
    with pytest.raises(IntegrityError), store.write() as conn:
        verdicts.write(
            conn,
            model_id,
            [HOUR],
            0,
            ids,
            status=[["ok", "fine"]],
            z=one,
            p=one,
            effect=one,
            cusum=one,
            threshold=one,
            baseline_id=1,
            provisional=False,
        )


def export(store: Store, model_id: int, **span: int) -> str:
    with store.read() as conn:
        return "".join(measurements.export(conn, model_id, **span))


def test_the_export_is_readable_and_in_canonical_order(store: Store, model_id: int) -> None:
    write(store, model_id, [HOUR, 0], [[0.1, 1e-300], [2.0, NAN]])
    rows = list(csv.DictReader(io.StringIO(export(store, model_id))))
    assert [(row["window_start"], row["metric"], row["term"]) for row in rows] == [
        ("1970-01-01T00:00:00+00:00", "class_share", "toxic"),
        ("1970-01-01T00:00:00+00:00", "jsd", ""),
        ("1970-01-01T01:00:00+00:00", "class_share", "toxic"),
        ("1970-01-01T01:00:00+00:00", "jsd", ""),
    ]
    assert [row["value"] for row in rows] == ["", "2.0", "1e-300", "0.1"]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "ok"]
    assert len(export(store, model_id, from_us=1).splitlines()) == 1 + 2
    assert len(export(store, model_id, to_us=0).splitlines()) == 1


def test_both_databases_export_the_same_bytes(new_database: Callable[..., str], postgres_server: str) -> None:
    """Also with other keys, written in another order, and under a collation that is not by code point."""
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS collated")
        admin.execute("CREATE DATABASE collated TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    urls = (
        new_database("sqlite"),
        new_database("postgresql"),
        postgres_server.rsplit("/", 1)[0] + "/collated",
    )
    names = ["a", "B", "é", "Z", "_", "10", "9", "ä b", 'q"u,o']
    wanted = [Series("class_share", "decision", "*", name, "rate", "predictions") for name in names]
    random = np.random.default_rng(7)
    values = random.standard_normal((3, len(names))) * 10.0 ** random.integers(-300, 300, (3, len(names)))
    exported = []
    for number, url in enumerate(urls):
        order = random.permutation(len(names))
        store = Store(url)
        store.upgrade()
        with store.write() as conn:
            for extra in range(number):  # other keys for the same names
                models.create(conn, f"another {extra}", 1)
            model_id = models.create(conn, "toxicity", 1).id
            ids = series.ids(conn, model_id, [wanted[i] for i in order])
            shuffled = values[:, order]
            columns = dict.fromkeys(("n", *measurements.NUMBERS[1:]), shuffled)
            measurements.write(conn, model_id, [0, HOUR, 2 * HOUR], 0, ids, **columns)
        exported.append(export(store, model_id))
        store.close()
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute("DROP DATABASE collated WITH (FORCE)")
    assert exported[0] == exported[1] == exported[2]
    assert len(exported[0].splitlines()) == 1 + 3 * len(names)


def test_the_sequence_goes_on_from_the_last_window_before(store: Store, model_id: int) -> None:
    with store.write() as conn:
        for start, body in ((0, b"zero"), (HOUR, b"old"), (HOUR, b"one"), (5 * HOUR, b"five")):
            sequences.put(conn, model_id, start, body)
    with store.read() as conn:
        assert sequences.latest_before(conn, model_id, 5 * HOUR) == (HOUR, b"one")
        assert sequences.latest_before(conn, model_id, HOUR) == (0, b"zero")
        assert sequences.latest_before(conn, model_id, 0) is None
