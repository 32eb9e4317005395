"""A change that began soon after a deployment is told with it; one that did not is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import contract
from monitor.app import App
from monitor.contract import load
from monitor.deployments import Deployment, known, told
from monitor.store import listing
from tests.monitor import stream
from tests.monitor.test_pipeline import open_app

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOON = 1_000 * HOUR

CONTRACT = """
model: toxicity
timezone: Europe/Berlin
source: {path: records.csv, time: sent_at}
columns: {text: {}}
calendar:
  deployments:
    - {at: 2026-08-01T06:00, name: 4711}
    - {at: 2026-07-01T06:00Z}
  deployments_path: deployments.csv
"""


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (40 * MINUTE, "It began 40 minutes after deployment 4711."),
        (MINUTE, "It began 1 minute after deployment 4711."),
        (3 * HOUR + 20 * MINUTE, "It began 3 hours and 20 minutes after deployment 4711."),
        (6 * HOUR, "It began 6 hours after deployment 4711."),
        (0, "It began with deployment 4711."),
        (-12 * MINUTE, "In the window where it began, 12 minutes after its start, was deployment 4711."),
        (6 * HOUR + 1, None),
        (-HOUR, None),
    ],
)
def test_the_distance_from_a_deployment_is_told_while_it_is_near(before: int, sentence: str | None) -> None:
    assert told([Deployment(NOON - before, "4711")], NOON, NOON + HOUR) == sentence


def test_the_last_of_several_is_told_and_one_without_a_name_too() -> None:
    three = [Deployment(NOON - 30 * MINUTE), Deployment(NOON - 5 * HOUR, "1"), Deployment(NOON + HOUR, "2")]
    assert told(three, NOON, NOON + HOUR) == "It began 30 minutes after a deployment."
    assert told([], NOON, NOON + HOUR) is None


def test_a_longer_window_looks_back_as_far_as_it_is_long() -> None:
    sentence = told([Deployment(NOON - 20 * HOUR, "1")], NOON, NOON + 24 * HOUR)
    assert sentence == "It began 20 hours after deployment 1."


def us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def test_the_list_and_the_file_are_read_in_the_zone_of_the_contract(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "at,name\n2026-08-02T08:00,4712\nsoon,4713\n2026-08-03T08:00Z,\n"
    (tmp_path / "deployments.csv").write_text(rows, encoding="utf-8")
    assert known(contract.parse(CONTRACT), tmp_path) == [
        Deployment(us(datetime(2026, 7, 1, 6, tzinfo=UTC))),
        Deployment(us(datetime(2026, 8, 1, 4, tzinfo=UTC)), "4711"),
        Deployment(us(datetime(2026, 8, 2, 6, tzinfo=UTC)), "4712"),
        Deployment(us(datetime(2026, 8, 3, 8, tzinfo=UTC))),
    ]
    assert "line 3" in caplog.text


def test_a_file_that_is_not_there_costs_its_deployments_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert [one.name for one in known(contract.parse(CONTRACT), tmp_path)] == ["", "4711"]
    assert "cannot be read" in caplog.text


def test_an_episode_says_which_deployment_it_began_after(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    stream.write(tmp_path / "orders.csv", stream.shifted(stream.records(), stream.day(15)))
    app: App = open_app(new_database("sqlite"))
    more = "calendar: {deployments: [{at: 2026-06-15T23:20, name: 4711}, {at: 2026-06-10, name: 4700}]}\n"
    opened = us(datetime(2026, 6, 16, 12, tzinfo=UTC))
    app.one_pass(app.register(load(stream.contract(tmp_path, more=more)), author="test"), until_us=opened)
    with app.store.read() as conn:
        (episode,) = listing.episodes(conn, limit=10).rows
    since = datetime.fromtimestamp(episode["since_us"] / 1e6, UTC)
    assert since == datetime(2026, 6, 16, tzinfo=UTC)  # when the records moved
    said = json.loads(episode["attributes"])["sentences"]
    assert said[-1] == "It began 40 minutes after deployment 4711."
    app.store.close()
