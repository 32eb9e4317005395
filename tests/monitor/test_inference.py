"""A first contract from a look at data: it loads, and says what a person would have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from monitor import contract
from monitor.contract import Contract
from monitor.contract.inference import infer
from monitor.errors import SourceError, UsageError

AIRLINES = Path(__file__).parents[2] / ".." / "shared" / "data" / "messages" / "airline_tweets.csv"
START = datetime(2026, 8, 3, tzinfo=UTC)


def record(number: int) -> dict[str, object]:
    """A record of an imaginary shop: one every ten minutes."""
    words = (
        "the parcel has not come yet",
        "where is my order number",
        "thank you for the quick help with order",
    )
    return {
        "message_id": f"m-{number}",
        "sent_at": (START + timedelta(minutes=10 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "body": f"{words[number % 3]} {number}",
        "country": ("IN", "BR", "US", "DE")[number % 4],
        "intent": ("delivery", "billing")[number % 2],
        "intent_score": round(0.5 + number % 50 / 100, 2),
        "latency_ms": 20 + number % 30,
        "model_version": "v1" if number < 500 else "v2",
        "sender": f"user {number % 90}",
        "words": len(words[number % 3].split()) + 1,
        "trace": f"{number * 7919:x}-{number}",
    }


RECORDS = [record(number) for number in range(14 * 144)]


def write(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".csv"):
        lines = [",".join(RECORDS[0]), *(",".join(str(value) for value in row.values()) for row in RECORDS)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in RECORDS), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(RECORDS), path)
    return path


def check(made: Contract) -> None:
    assert made.source.id == "message_id"
    assert made.source.time == "sent_at"
    roles = {name: spec.role for name, spec in made.column_specs.items()}
    assert roles == {
        "body": "input",
        "country": "segment",
        "intent": "prediction",
        "intent_score": "score",
        "latency_ms": "latency",
        "model_version": "version",
        "sender": "unit",
        "words": "feature",
    }
    assert made.column_specs["words"].kind == "number"
    assert made.column_specs["intent"].values is None  # what was seen is no limit


@pytest.mark.parametrize("name", ["shop.csv", "shop.jsonl", "shop.parquet"])
def test_files_of_every_format(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    (tmp_path / "sub").mkdir()
    written = infer(str(path), relative_to=tmp_path / "sub")
    made = contract.parse(written)
    check(made)
    assert made.model == "shop"
    assert made.source.path == f"../{name}"  # type: ignore[union-attr]
    assert "trace" in written  # named, and left out with the reason
    assert written.startswith("# yaml-language-server: $schema=")
    # 14 days with 6 records an hour: a week of days is the reference, and days the windows.
    assert made.reference is not None
    assert (str(made.reference.start), str(made.reference.end)) == ("2026-08-03", "2026-08-09")
    assert made.window.every_us == 24 * 3_600_000_000


def test_a_glob_looks_at_its_first_and_its_last_file(tmp_path: Path) -> None:
    half = len(RECORDS) // 2
    for name, rows in (("2026-08-03.jsonl", RECORDS[:half]), ("2026-08-10.jsonl", RECORDS[half:])):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = contract.parse(infer(f"{tmp_path}/*.jsonl", relative_to=tmp_path))
    check(made)
    assert made.source.path == "*.jsonl"  # type: ignore[union-attr]
    assert made.reference is not None
    assert str(made.reference.end) == "2026-08-09"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_tables(new_database: Callable[..., str], kind: str) -> None:
    url = new_database(kind, migrated=False)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    types = {
        "sent_at": "TIMESTAMPTZ" if kind == "postgresql" else "TEXT",
        "intent_score": "REAL",
        "latency_ms": "INTEGER",
        "words": "INTEGER",
    }
    with engine.begin() as connection:
        columns = ", ".join(f"{name} {types.get(name, 'TEXT')}" for name in RECORDS[0])
        connection.execute(text(f"CREATE TABLE messages ({columns}, PRIMARY KEY (message_id))"))
        values = ", ".join(f":{name}" for name in RECORDS[0])
        connection.execute(text(f"INSERT INTO messages VALUES ({values})"), RECORDS)
    engine.dispose()
    made = contract.parse(infer(f"{url}#messages"))
    check(made)
    assert made.source.table == "messages"  # type: ignore[union-attr]
    assert made.reference is not None
    assert str(made.reference.start) == "2026-08-03"
    assert contract.parse(infer(f"{url}?table=messages")) == made
    with pytest.raises(SourceError, match="there are messages"):
        infer(url)


def test_a_password_stays_out_of_the_contract(tmp_path: Path) -> None:
    from sqlalchemy.engine import make_url

    from monitor.contract.inference import _sql_lines

    lines = "\n".join(_sql_lines(make_url("postgresql://me:hunter2@db/x"), "messages"))
    assert "hunter2" not in lines
    assert "env:SOURCE_URL" in lines


def test_names_that_yaml_would_misread(tmp_path: Path) -> None:
    path = tmp_path / "odd names: a #1.csv"
    header = '"no","when: at","the text","yes, really",0'
    rows = [
        f'{i},2026-08-{1 + i % 9:02d} 10:00:00,"some words of a message {i}","a b",{i % 3}' for i in range(60)
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    written = infer(str(path), relative_to=tmp_path)
    made = contract.parse(written)
    assert made.source.time == "when: at"
    assert made.source.id == "no"
    assert "the text" in made.column_specs
    assert "name no zone" in written


def test_data_that_cannot_be_watched_is_said(tmp_path: Path) -> None:
    for name, content, reason in (
        ("no_time.csv", "a,b\n1,2\n3,4\n", "no column holds the time"),
        ("only_time.csv", "at\n2026-08-01\n", "nothing|no text"),
        ("empty.csv", "", "no record in the data: init needs"),
        ("header.csv", "a,b\n", "no record in the data, only the columns a, b: init"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=reason):
            infer(str(tmp_path / name))
    with pytest.raises(SourceError, match="no such file"):
        infer(str(tmp_path / "nowhere.csv"))
    with pytest.raises(SourceError, match="matches no file"):
        infer(str(tmp_path / "*.parquet"))


@pytest.mark.skipif(not AIRLINES.exists(), reason="the shared data folder is not on this machine")
def test_real_messages_need_hardly_an_edit() -> None:
    made = contract.parse(infer(str(AIRLINES)))
    assert (made.source.id, made.source.time) == ("tweet_id", "tweet_created")
    assert made.names("input") == ("text",)
    assert made.names("segment") == ("airline",)
    assert made.names("prediction") == ("airline_sentiment",)
    assert made.names("score") == ("airline_sentiment_confidence",)
    assert made.window.every_us == 6 * 3_600_000_000
    assert made.reference is not None
    assert (str(made.reference.start), str(made.reference.end)) == ("2015-02-17", "2015-02-20")


def test_a_table_behind_a_password_is_read_and_the_password_shown_nowhere(
    new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = new_database("postgresql", migrated=False)
    address = plain.replace("postgres@", "postgres:s3cret@")
    engine = create_engine(plain.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE orders (id bigint PRIMARY KEY, sent_at timestamptz, body text)")
        )
        connection.execute(
            text("INSERT INTO orders VALUES (:id, :at, :body)"),
            [{"id": n, "at": row["sent_at"], "body": row["body"]} for n, row in enumerate(RECORDS[:300])],
        )
    engine.dispose()
    written = infer(f"{address}#orders")
    assert "s3cret" not in written
    assert "url: env:SOURCE_URL" in written
    monkeypatch.setenv("SOURCE_URL", address)
    assert contract.parse(written).source.time == "sent_at"
    with pytest.raises(SourceError, match="there are orders") as wrong:
        infer(f"{address}#ordres")
    assert "s3cret" not in str(wrong.value)
    with pytest.raises(SourceError, match="there are orders") as wrong:
        infer(f"{plain}?password=s3cret#ordres")
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cret@db:port/name#t",  # a port that is no number
        "postgresql://me:12#s3cret@db/name#t",  # characters of a password that cut the address elsewhere
        "postgresql://me:12#s3cret@db/name",
        "postgresql://me:@s3cret/x@db/name#t",
        "mysql://me:s3cret@db/name#t",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(UsageError) as wrong:
        infer(address)
    assert "s3cret" not in str(wrong.value)


def test_labels_are_mentioned_where_records_can_be_found_again(tmp_path: Path) -> None:
    written = infer(str(write(tmp_path, "shop.csv")), relative_to=tmp_path)
    assert "# labels: {source: {path: labels/*.csv}, key:" in written
