"""Trying a contract on history: the same alarms as watching would have raised, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.backtest import backtest
from monitor.contract import load
from monitor.errors import UsageError
from monitor.progress import silent
from tests.monitor import stream


def us(day: float) -> int:
    return int(stream.day(day).timestamp() * 1e6)


def dearer(record: stream.Record, at: object) -> stream.Record:
    return {**record, "amount": f"{float(record['amount']) * 3:.2f}"} if at >= stream.day(15) else record  # type: ignore[operator]


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    rows = [dearer(row, stream.datetime.fromisoformat(row["at"])) for row in stream.records()]
    stream.write(tmp_path / "orders.csv", rows)
    return stream.contract(tmp_path, "orders.csv")


def test_it_tells_the_alarms_of_a_span_per_week_and_leaves_nothing_behind(
    contract: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    found = backtest(load(contract), None, None, silent)
    assert found.windows == 3 * 4
    (alarm,) = [alarm for alarm in found.alarms if alarm.family == "inputs"]
    assert us(15) <= alarm.opened_us < us(16)
    assert "amount" in alarm.named
    called = {week: sum(counts.values()) for week, counts in found.weeks()}
    assert sum(called.values()) == len(found.alarms)
    assert found.to_dict()["budgeted"] == pytest.approx(3 / 90)
    assert sorted(tmp_path.iterdir()) == before


def test_a_span_that_ends_before_the_change_has_no_alarm(contract: Path) -> None:
    found = backtest(load(contract), us(14), us(15), silent)
    assert found.alarms == ()
    assert found.windows == 4


def test_a_span_before_the_reference_ends_is_told(contract: Path) -> None:
    found = backtest(load(contract), us(1), us(15), silent)
    assert found.from_us == us(14)
    assert any("nothing before it is judged" in note for note in found.notes)


def test_what_is_pushed_is_not_kept_whole_and_that_is_said(contract: Path) -> None:
    text = contract.read_text().splitlines()
    pushed = [
        "source: {type: push, id: id, time: at}" if line.startswith("source:") else line for line in text
    ]
    contract.write_text("\n".join(pushed))
    with pytest.raises(UsageError, match="a file or a table with the same records"):
        backtest(load(contract), None, None, silent)


def test_a_span_within_the_reference_is_refused(contract: Path) -> None:
    with pytest.raises(UsageError, match="nothing could be judged: learning"):
        backtest(load(contract), us(2), us(9), silent)
