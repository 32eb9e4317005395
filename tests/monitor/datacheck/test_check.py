"""A contract held against its data: everything that is told, with its place and its cure."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet
import pytest

from monitor.contract import load
from monitor.datacheck import Checked, check
from tests.monitor import stream

NOW_US = int(datetime(2026, 6, 20, tzinfo=UTC).timestamp()) * 1_000_000
Records = list[stream.Record]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A contract that is right, and its records."""
    stream.write(tmp_path / "orders.csv", stream.records())
    stream.contract(tmp_path, "orders.csv")
    return tmp_path


def edited(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    contract = folder / "contract.yaml"
    text = contract.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    contract.write_text(text + more, "utf-8")
    return contract


def found(folder: Path) -> Checked:
    return check(load(folder / "contract.yaml"), NOW_US)


def told(checked: Checked) -> list[str]:
    """severity place: message."""
    return [f"{one.severity} {'.'.join(map(str, one.path))}: {one.message}" for one in checked.findings]


def only(folder: Path) -> str:
    (one,) = told(found(folder))
    return one


def json_lines(path: Path, rows: Iterable[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def table(path: Path, rows: Records, columns: Iterable[str] = stream.COLUMNS) -> str:
    names = list(columns)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE orders ({', '.join(f'{name} TEXT' for name in names)})")
        slots = ", ".join("?" for _ in names)
        db.executemany(
            f"INSERT INTO orders VALUES ({slots})", ([row[name] for name in names] for row in rows)
        )
        db.commit()
    return f"{{type: sql, url: 'sqlite:///{path.name}', table: orders, id: id, time: at}}"


FILES = "{type: files, path: orders.csv, id: id, time: at}"


def test_a_contract_that_fits_its_data_is_told_nothing(folder: Path) -> None:
    checked = found(folder)
    assert told(checked) == []
    assert checked.looked == [f"{len(stream.records()):,} records of 1 file"]


# ----- columns --------------------------------------------------------------------------------------------------


def test_a_column_that_is_not_there_is_told_with_the_near_name_and_its_line(folder: Path) -> None:
    contract = edited(folder, ("  amount:", "  amuont:"))
    loaded, checked = load(contract), found(folder)
    (line,) = checked.lines("contract.yaml", loaded.text, "error")
    assert (
        line
        == 'contract.yaml:7:3 columns.amuont: there is no column amuont in orders.csv; did you mean "amount"?'
    )
    assert checked.lines("contract.yaml", loaded.text, "warning") == []


def test_names_that_differ_in_case_and_underscores_are_near(folder: Path) -> None:
    rows = [{**row, "OrderId": row["id"]} for row in stream.records()]
    stream.write(folder / "orders.csv", rows, ("OrderId", *stream.COLUMNS[1:]))
    edited(folder, ("id: id", "id: order_id"))
    assert (
        only(folder) == 'error source.id: there is no column order_id in orders.csv; did you mean "OrderId"?'
    )


def test_where_no_name_is_near_those_that_are_free_are_listed(folder: Path) -> None:
    edited(folder, ("  amount:", "  weight_in_kg:"))
    assert only(folder).endswith("there is no column weight_in_kg in orders.csv; there is also amount")


def test_every_missing_column_is_told_also_beside_a_missing_time(folder: Path) -> None:
    edited(folder, ("time: at", "time: sent"), ("  amount:", "  amuont:"), ("  score:", "  scroe:"))
    assert [line.split(":")[0] for line in told(found(folder))] == [
        "error source.time",
        "error columns.amuont",
        "error columns.scroe",
    ]


@pytest.mark.parametrize(("sign", "written"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
def test_another_delimiter_is_told_as_that(folder: Path, sign: str, written: str) -> None:
    text = (folder / "orders.csv").read_text("utf-8").replace(",", sign)
    (folder / "orders.csv").write_text(text, "utf-8")
    line = only(folder)
    assert line.startswith("error source: the header of orders.csv is one column, ")
    assert line.endswith(f'write delimiter: "{written}"')
    cured = f'{{type: files, path: orders.csv, delimiter: "{written}", id: id, time: at}}'
    edited(folder, (FILES, cured))
    assert told(found(folder)) == []


def test_a_column_that_the_newest_file_has_lost_is_a_warning(folder: Path) -> None:
    rows = stream.records()
    stream.write(folder / "orders-1.csv", rows[:2000])
    stream.write(folder / "orders-2.csv", rows[2000:], [name for name in stream.COLUMNS if name != "score"])
    edited(folder, ("orders.csv", "orders-*.csv"))
    line = only(folder)
    assert line.startswith("warning columns.score: score is a column of orders-1.csv and not of orders-2.csv")


def test_json_lines_may_leave_a_column_out(folder: Path) -> None:
    json_lines(folder / "orders.jsonl", [{**row, "amount": None} for row in stream.records()])
    edited(folder, ("orders.csv", "orders.jsonl"), ("  label:", "  lable:"))
    checked = told(found(folder))
    assert len(checked) == 2
    assert checked[0].startswith("warning columns.lable: none of the ")
    assert checked[0].endswith('looked at in orders.jsonl has lable; did you mean "label"?')
    assert checked[1].startswith("warning columns.amount: is empty in all of ")


def test_parquet_and_packed_files_are_looked_into(folder: Path) -> None:
    rows = stream.records()
    pa.parquet.write_table(pa.Table.from_pylist(rows), folder / "orders.parquet")
    with gzip.open(folder / "orders.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    for before, after in (("orders.csv", "orders.parquet"), ("orders.parquet", "orders.jsonl.gz")):
        contract = edited(folder, (before, after))
        assert told(found(folder)) == []
        assert f"source: {{type: files, path: {after}" in contract.read_text("utf-8")
    edited(folder, ("  amount:", "  amuont:"))
    assert "orders.jsonl.gz has amuont" in only(folder)


def test_names_of_a_file_cannot_move_the_cursor(folder: Path) -> None:
    text = (folder / "orders.csv").read_text("utf-8").replace("amount", "amo\x1b[2Junt", 1)
    (folder / "orders.csv").write_text(text, "utf-8")
    assert "\x1b" not in only(folder)


# ----- times and ids --------------------------------------------------------------------------------------------


def test_a_time_that_cannot_be_read_is_told_with_one_and_the_column_that_can(folder: Path) -> None:
    edited(folder, ("time: at", "time: shop"), ("  shop: {role: segment}\n", ""))
    line = only(folder)
    assert line.startswith("error source.time: ")
    assert 'have a time that cannot be read, such as "' in line
    assert line.endswith("(line 2); at holds times")


def test_some_times_that_cannot_be_read_are_a_warning(folder: Path) -> None:
    rows = stream.records()
    rows[5]["at"] = rows[9]["at"] = "yesterday"
    rows[7]["at"] = ""
    stream.write(folder / "orders.csv", rows)
    checked = told(found(folder))
    without, unreadable = checked
    assert (
        without
        == f"warning source.time: 1 of {len(rows):,} records looked at have no time: they are set aside"
    )
    assert unreadable == (
        f"warning source.time: 2 of {len(rows):,} records looked at have a time that cannot be read, "
        'such as "yesterday" (line 7): they are set aside'
    )


def test_times_of_another_century_are_told(folder: Path) -> None:
    stream.write(folder / "orders.csv", [{**row, "at": "1970-01-02"} for row in stream.records()])
    line = only(folder)
    assert line.startswith("error source.time: ")
    assert 'have a time before 1990 or more than a day ahead, such as "1970-01-02" (line 2)' in line


def test_ids_that_repeat_with_other_content_are_no_ids(folder: Path) -> None:
    edited(folder, ("id: id", "id: shop"), ("  shop: {role: segment}\n", ""))
    line = only(folder)
    assert line.startswith("error source.id: ")
    assert "it is no id" in line


def test_a_record_that_came_twice_and_one_without_an_id_are_warnings(folder: Path) -> None:
    rows = stream.records()
    rows += [rows[3], {**rows[4], "id": ""}]
    stream.write(folder / "orders.csv", rows)
    without, again = told(found(folder))
    assert (
        without == f"warning source.id: 1 of {len(rows):,} records looked at have no id: they are set aside"
    )
    assert again == (
        f'warning source.id: 1 of {len(rows) - 1:,} records looked at repeat an id, such as "o000003": '
        "of records with the same id only the first counts"
    )


def test_an_id_column_that_is_empty_cannot_work(folder: Path) -> None:
    stream.write(folder / "orders.csv", [{**row, "id": ""} for row in stream.records()])
    assert only(folder).startswith("error source.id: ")


# ----- cells ----------------------------------------------------------------------------------------------------


def test_a_number_that_is_a_word_is_told(folder: Path) -> None:
    edited(folder, ("amount: {role: feature, kind: number}", "label2: {role: feature, kind: number}"))
    rows = [{**row, "label2": row["label"]} for row in stream.records()]
    stream.write(folder / "orders.csv", rows, (*stream.COLUMNS, "label2"))
    line = only(folder)
    assert line.startswith("warning columns.label2: ")
    assert "are no numbers; correct its kind or role" in line


def test_lines_that_are_no_records_are_told_with_the_first(folder: Path) -> None:
    with (folder / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("only,two\n")
    line = only(folder)
    assert line.startswith("warning source: 1 of ")
    assert "expected 7 fields, found 2" in line


# ----- the reference --------------------------------------------------------------------------------------------


def test_a_reference_without_records_cannot_work_where_all_was_seen(folder: Path) -> None:
    edited(folder, ("from: 2026-06-01, to: 2026-06-14", "from: 2025-06-01, to: 2025-06-14"))
    line = only(folder)
    assert line.startswith("error reference: no record lies in the reference, 2025-06-01 to 2025-06-14")
    assert line.endswith("the records are of 2026-06-01 to 2026-06-17: name days among these")


def test_a_reference_that_is_still_to_come_is_none_of_our_business(folder: Path) -> None:
    edited(folder, ("from: 2026-06-01, to: 2026-06-14", "from: 2026-07-01, to: 2026-07-14"))
    assert told(found(folder)) == []


def test_of_several_files_only_both_ends_are_seen(folder: Path) -> None:
    rows = stream.records()
    for number in range(3):
        stream.write(folder / f"orders-{number}.csv", rows[number * 1300 : (number + 1) * 1300])
    edited(
        folder, ("orders.csv", "orders-*.csv"), ("from: 2026-06-01", "from: 2026-06-08"), ("06-14", "06-09")
    )
    assert told(found(folder)) == []  # they may stand in the file between
    edited(folder, ("from: 2026-06-08", "from: 2025-06-08"), ("06-09", "06-10"), ("to: 2026", "to: 2025"))
    assert only(folder).startswith("warning reference: it may hold no record: ")


def test_a_reference_file_is_looked_into_as_well(folder: Path) -> None:
    start = stream.START.replace(year=2025)
    rows = [{**row, "label": "", "amount": "none"} for row in stream.records(start=start)]
    stream.write(folder / "training.csv", rows, [name for name in stream.COLUMNS if name != "score"])
    edited(folder, ("reference: {from: 2026-06-01, to: 2026-06-14}", "reference: {path: training.csv}"))
    checked = told(found(folder))
    assert [line.split(":")[0] for line in checked] == [
        "error reference.path",
        *["warning reference.path"] * 2,
    ]
    assert "there is no column score in training.csv" in checked[0]
    edited(folder, ("training.csv", "trainig.csv"))
    assert 'did you mean "training.csv"?' in only(folder)


# ----- files ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_told_with_the_near_one(folder: Path) -> None:
    edited(folder, ("orders.csv", "order.csv"))
    line = only(folder)
    assert line.startswith("error source.path: order.csv: no such file")
    assert line.endswith('did you mean "orders.csv"?')


def test_a_glob_that_matches_nothing_and_an_empty_file_may_be_meant(folder: Path) -> None:
    edited(folder, ("orders.csv", "new*.jsonl"))
    assert only(folder).startswith("warning source.path: new*.jsonl: matches no file yet")
    (folder / "new1.jsonl").touch()
    assert only(folder) == "warning source.path: new1.jsonl: is empty"
    (folder / "new1.jsonl").write_text("id,at\n", "utf-8")
    assert only(folder).startswith("error source.path: new1.jsonl line 1: not JSON")
    edited(folder, ("new*.jsonl", "head.csv"))
    (folder / "head.csv").write_text(",".join(stream.COLUMNS) + "\n", "utf-8")
    assert only(folder) == "warning source: head.csv: there is no record yet"


def test_a_damaged_file_is_told(folder: Path) -> None:
    (folder / "orders.parquet").write_bytes(b"PAR1 and nothing else")
    edited(folder, ("orders.csv", "orders.parquet"))
    assert only(folder).startswith("error source.path: orders.parquet: cannot be read to its end")


# ----- tables ---------------------------------------------------------------------------------------------------


def test_a_table_is_looked_into(folder: Path) -> None:
    source = table(folder / "shop.db", stream.records())
    edited(folder, (FILES, source))
    assert told(found(folder)) == []
    edited(folder, ("time: at", "time: sent_at"), ("  amount:", "  amuont:"))
    checked = told(found(folder))
    assert checked[0].startswith("error source.time: there is no column sent_at in orders; ")
    assert checked[1] == 'error columns.amuont: there is no column amuont in orders; did you mean "amount"?'


def test_a_reference_without_a_row_is_seen_in_a_table(folder: Path) -> None:
    source = table(folder / "shop.db", stream.records())
    edited(folder, (FILES, source), ("from: 2026-06-01, to: 2026-06-14", "from: 2025-06-01, to: 2025-06-14"))
    assert only(folder).startswith("error reference: no record lies in the reference")


def test_a_query_that_takes_too_long_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(folder / "shop.db", stream.records())
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS id, i AS at FROM n"
    )
    edited(folder, (FILES, f"{{type: sql, url: 'sqlite:///shop.db', query: '{endless}', id: id, time: at}}"))
    monkeypatch.setattr("monitor.datacheck.glance.SECONDS", 0.1)
    assert only(folder).startswith("away source.query: source query: did not answer within 0.1 s")


def test_a_server_that_is_slow_or_away_is_told(
    folder: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "SELECT 1 AS id, now() AS at, pg_sleep(60)"
    source = f"{{type: sql, url: 'env:ORDERS_URL', query: '{slow}', id: id, time: at}}"
    monkeypatch.setattr("monitor.datacheck.glance.SECONDS", 0.2)
    monkeypatch.setenv("ORDERS_URL", postgres_server)
    edited(folder, (FILES, source))
    assert only(folder).startswith("away source.query: source query: did not answer within 0.2 s")
    monkeypatch.setenv("ORDERS_URL", "postgresql://me:hunter2@127.0.0.1:9/none")
    line = only(folder)
    assert line.startswith("away source.query: source query: ")
    assert "hunter2" not in line


def test_a_table_of_postgresql(
    folder: Path, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database("postgresql", migrated=False)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "CREATE TABLE orders (id text, at timestamptz, comment text, shop text, amount float, label text)"
        )
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO orders VALUES (%s, %s, %s, %s, %s, %s)",
                [[row[name] for name in stream.COLUMNS[:6]] for row in stream.records(days=15)],
            )
    monkeypatch.setenv("ORDERS_URL", url)
    edited(folder, (FILES, "{type: sql, url: 'env:ORDERS_URL', table: orders, id: id, time: at}"))
    assert only(folder).startswith("error columns.score: there is no column score in orders; ")
    edited(folder, ("from: 2026-06-01, to: 2026-06-14", "from: 2025-06-01, to: 2025-06-14"))
    assert told(found(folder))[1].startswith(
        "error reference: no record lies in the reference, 2025-06-01 to "
    )


def test_a_secret_that_is_only_where_the_service_runs_is_a_warning(folder: Path) -> None:
    edited(folder, (FILES, "{type: sql, url: 'env:NOT_SET_HERE', table: orders, id: id, time: at}"))
    line = only(folder)
    assert line.startswith("warning source.table: the data were not looked at: env:NOT_SET_HERE")


# ----- what else is named ---------------------------------------------------------------------------------------


LABELS = """\
labels:
  source: {path: labels.csv}
  key: order
  value: truth
  labelled: said_at
"""


def test_labels_are_looked_into(folder: Path) -> None:
    edited(folder, more=LABELS)
    assert only(folder).startswith("error labels.source.path: labels.csv: no such file")
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "thruth", "said_at"])
        writer.writerows([f"o{number:06d}", "praise", "soon"] for number in range(9))
    value, time = told(found(folder))
    assert value == 'error labels.value: there is no column truth in labels.csv; did you mean "thruth"?'
    assert time.startswith(
        'error labels.labelled: none of 9 times looked at can be read, such as "soon" (line 2); '
    )


def test_profiles_labelled_messages_and_deployments_are_looked_into(folder: Path) -> None:
    text = "comment: {role: input, kind: text, languages: [en, es, de]"
    edited(
        folder,
        (text, f"{text}, profiles: [mine.json, none.json], mixed_labels: mixed.csv"),
        more="calendar: {deployments_path: releases.csv}\n",
    )
    (folder / "mine.json").write_text('{"name": "hi-Latn"}', "utf-8")
    (folder / "mixed.csv").write_text("text,mixed\nthank you mucho,yes\nthank you,no\n", "utf-8")
    (folder / "releases.csv").write_text("at,name\n2026-06-01,9.1\nsoon,9.2\n", "utf-8")
    mine, none, mixed, releases = told(found(folder))
    assert mine.startswith("error columns.comment.profiles.0: ")
    assert "this is no language profile" in mine
    assert "none.json; driftglass learn-profile NAME FILE writes one" in none
    assert mixed == (
        "error columns.comment.mixed_labels: 1 mixed message and 1 that is not: at least 20 of each are needed; "
        "label more"
    )
    assert releases.startswith("warning calendar.deployments_path: releases.csv, line 3: left out: ")
    (folder / "releases.csv").write_text("when,name\n2026-06-01,9.1\n", "utf-8")
    assert "there is no column at; there are when, name" in told(found(folder))[-1]
    (folder / "releases.csv").unlink()
    assert told(found(folder))[-1].startswith("error calendar.deployments_path: there is no ")


def test_of_what_is_pushed_there_is_nothing_to_open(folder: Path) -> None:
    edited(folder, (FILES, "{type: push, id: id, time: at}"), ("  amount:", "  amuont:"))
    checked = found(folder)
    assert told(checked) == []
    assert checked.looked == ["no record, as they are pushed"]
