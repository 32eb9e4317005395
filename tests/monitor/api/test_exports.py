"""Everything of a model as CSV and as Parquet: the same rows, and the process that serves loads no pyarrow."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from monitor import exporting
from monitor.store import measurements
from monitor.store.engine import Store
from tests.monitor.seeded import LAST, Seeded
from tests.monitor.served import Client

SPAN = "from=2026-11-20T00:00:00Z"


def test_measurements_as_csv_are_those_of_the_command(client: Client, filled: tuple[Store, Seeded]) -> None:
    store, keys = filled
    answer = client.get("/v1/models/toxicity/exports/measurements")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "toxicity-measurements.csv" in answer.headers["content-disposition"]
    with store.read() as conn:
        assert answer.text == "".join(measurements.export(conn, keys.toxicity))


def test_a_span_is_half_open(client: Client) -> None:
    span = "from=2026-11-20T10:00:00Z&to=2026-11-20T11:00:00Z"
    rows = list(
        csv.DictReader(io.StringIO(client.get(f"/v1/models/toxicity/exports/measurements?{span}").text))
    )
    assert {row["window_start"][:16] for row in rows} == {"2026-11-20T10:00"}


@pytest.mark.parametrize("what", ["measurements", "samples"])
def test_parquet_holds_the_rows_of_the_csv(client: Client, what: str) -> None:
    url = f"/v1/models/toxicity/exports/{what}?{SPAN if what == 'measurements' else ''}"
    told = list(csv.DictReader(io.StringIO(client.get(url).text)))
    answer = client.get(url + "&format=parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    assert len(rows) == len(told) > 0
    for row, line in zip(rows, told, strict=True):
        assert set(row) == set(line)
        assert row["window_start"].isoformat()[:19] == line["window_start"][:19]
        for name in ("metric", "term", "event_id", "text", "stratum"):
            if name in row:
                assert (row[name] or "") == line[name]
        for name in ("value", "z", "inclusion_probability", "score"):
            if name in row:
                assert row[name] == (float(line[name]) if line[name] else None)


def test_an_empty_export_is_a_table_without_rows(client: Client) -> None:
    span = "from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z"
    assert client.get(f"/v1/models/toxicity/exports/samples?{span}").text.count("\n") == 1
    table = pq.read_table(
        io.BytesIO(client.get(f"/v1/models/toxicity/exports/samples?{span}&format=parquet").content)
    )
    assert (table.num_rows, table.column_names) == (
        0,
        [name.removesuffix("_us") for name in exporting.COLUMNS["samples"]],
    )


def test_the_process_that_serves_loads_no_pyarrow(light: tuple[Store, Seeded]) -> None:
    code = (
        "import sys\nfrom monitor.api import create_app\nfrom monitor.clock import SimulatedClock\n"
        "from monitor.store.engine import Store\nfrom tests.monitor.served import Client\n"
        f"client = Client(create_app(Store(sys.argv[1]), SimulatedClock({LAST})))\n"
        "before = set(sys.modules)\n"
        "body = client.get('/v1/models/toxicity/exports/samples?format=parquet').content\n"
        "assert body[:4] == body[-4:] == b'PAR1', body[:100]\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert not new & {'pyarrow', 'numpy'}, new\n"
    )
    done = subprocess.run([sys.executable, "-c", code, light[0].address], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
