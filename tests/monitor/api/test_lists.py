"""What the API lists: filters, pages, and values as JSON can hold them."""

from __future__ import annotations

import pytest

from monitor.store import listing
from monitor.store.engine import Store
from tests.monitor.seeded import BREAK, HOUR, LAST, Seeded
from tests.monitor.served import Client


def test_models_come_by_name_with_contract_and_progress(client: Client) -> None:
    models = {model["name"]: model for model in client.get("/v1/models").json()}
    assert list(models) == ["spam <i>beta</i>", "support-intent", "toxicity"]
    assert models["toxicity"]["contract_version"] == 2
    assert models["toxicity"]["judged_until"] == "2026-11-20T12:00:00Z"
    assert models["toxicity"]["open_episodes"] == 3
    assert models["spam <i>beta</i>"]["judged_until"] is None


def test_a_model_says_where_each_alert_stands(client: Client, keys: Seeded) -> None:
    model = client.get("/v1/models/toxicity").json()
    states = {alert["family"]: alert["state"] for alert in model["alerts"]}
    assert states == {"encoding": "firing", "language": "firing", "vocabulary": "firing", "volume": "ok"}


def test_contract_now_and_as_it_was(client: Client) -> None:
    assert client.get("/v1/models/toxicity/contract").json()["version"] == 2
    versions = client.get("/v1/models/toxicity/contract/versions").json()
    assert [version["version"] for version in versions] == [2, 1]
    assert "reviewed" not in client.get("/v1/models/toxicity/contract/versions/1").json()["body"]
    assert client.get("/v1/models/toxicity/contract/versions/3").status_code == 404


def test_windows_by_half_open_span_and_state(client: Client) -> None:
    span = "from=2026-11-18T03:00:00Z&to=2026-11-18T05:00:00Z"
    found = client.get(f"/v1/models/toxicity/windows?{span}").json()["items"]
    assert [window["start"] for window in found] == ["2026-11-18T04:00:00Z", "2026-11-18T03:00:00Z"]
    assert [
        window["state"] for window in client.get("/v1/models/toxicity/windows?state=open").json()["items"]
    ] == ["open"]


def test_measurements_by_name_of_series_and_verdict(client: Client) -> None:
    found = client.get(
        "/v1/models/toxicity/measurements?metric=encoding_rate&column=text&status=breach&limit=500"
    ).json()
    assert found["next"] is None
    assert len(found["items"]) == (LAST - BREAK) // HOUR + 1
    assert {one["term"] for one in found["items"]} == {"mojibake"}
    segment = client.get("/v1/models/toxicity/measurements?segment=country%3DIN&limit=1").json()["items"]
    assert segment[0]["metric"] == "volume"
    assert client.get("/v1/models/toxicity/measurements?metric=nothing").json() == {"items": [], "next": None}


def test_only_the_latest_revision_is_listed(store: Store) -> None:
    from sqlalchemy import insert

    from monitor.store import tables as t
    from tests.monitor.seeded import seed

    keys = seed(store)
    series = keys.series["volume:*"]
    with store.write() as conn:
        row = {"model_id": keys.toxicity, "window_start_us": LAST, "series_id": series}
        conn.execute(insert(t.measurements).values(**row, revision=1, n=7, value=7.0))
    with store.read() as conn:
        page = listing.measurements(conn, keys.toxicity, series_id=series, from_us=LAST)
    assert [(one["revision"], one["value"], one["status"]) for one in page.rows] == [(1, 7.0, None)]


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_hold_every_row_once_and_in_order(client: Client, limit: int) -> None:
    whole = client.get("/v1/models/toxicity/windows?limit=500").json()["items"]
    span = "" if limit > 1 else "&from=2026-11-20T00:00:00Z"
    pages = list(client.pages(f"/v1/models/toxicity/windows?limit={limit}{span}"))
    rows = [row for page in pages for row in page]
    assert rows == (whole if not span else [row for row in whole if row["start"] >= "2026-11-20"])
    assert all(len(page) == limit for page in pages[:-1])
    assert len({row["start"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "path", ["/v1/alerts", "/v1/triggers", "/v1/models/toxicity/samples", "/v1/models/toxicity/quarantine"]
)
def test_every_list_pages_to_the_same_rows(client: Client, path: str) -> None:
    whole = client.get(path).json()
    assert whole["next"] is None
    assert [row for page in client.pages(path + "?limit=1") for row in page] == whole["items"]


def test_alerts_by_state_family_and_span(client: Client, keys: Seeded) -> None:
    def ids(query: str) -> list[int]:
        return [alert["id"] for alert in client.get("/v1/alerts?" + query).json()["items"]]

    assert ids("state=resolved") == [keys.resolved]
    assert ids("model=toxicity&severity=page&state=open") == [keys.encoding]
    assert ids("inhibited=false&state=open") == [keys.vocabulary, keys.encoding]
    assert ids("family=encoding") == [keys.encoding]
    assert ids("to=2026-11-16T08:00:00Z") == []
    assert ids("from=2026-11-16T16:00:00Z&to=2026-11-18T02:00:00Z") == []
    assert ids("model=support-intent") == []


def test_an_alert_holds_its_evidence_history_messages_and_trigger(client: Client, keys: Seeded) -> None:
    alert = client.get(f"/v1/alerts/{keys.encoding}").json()
    assert alert["named"][0]["term"] == "mojibake"
    assert alert["segments"][0] == {"segment": "client=android-9.1", "share": 0.91}
    assert len(alert["evidence"]) == 9
    assert [event["event"] for event in alert["events"]] == ["opened"]
    assert [(told["channel"], told["attempts"]) for told in alert["notifications"]] == [("oncall", 2)]
    assert alert["trigger_id"] == "trg-vetoed"
    assert client.get(f"/v1/alerts/{keys.resolved}").json()["state"] == "resolved"


def test_an_alert_says_what_its_change_is_made_of(client: Client, keys: Seeded) -> None:
    (mix,) = client.get(f"/v1/alerts/{keys.encoding}").json()["mixes"]
    assert (mix["segment"], mix["share"], mix["before"], mix["now"]) == ("country=IN", 0.31, 0.3, 0.41)
    words = client.get(f"/v1/alerts/{keys.vocabulary}").json()
    assert words["terms"] == [{"term": "glim\u200bzo", "documents": 31, "expected_documents": 0.4, "z": 14.2}]
    assert "follow one template" in words["campaign"]
    assert (words["mixes"], words["bins"], words["newcomers"]) == ([], [], "")


def test_numbers_that_json_cannot_hold_are_null(client: Client) -> None:
    sample = client.get("/v1/models/toxicity/samples?limit=1").json()["items"][0]
    assert sample["features"] == {"length": 5, "ratio": None}
    assert sample["inclusion_probability"] == 0.25


def test_quarantine_by_reason_without_the_raw_bytes(client: Client) -> None:
    found = client.get("/v1/models/toxicity/quarantine?reason=invalid_utf8").json()["items"]
    assert [one["place"] for one in found] == ["line 2", "line 1", "line 0"]
    assert found[-1]["window_start"] is None
    assert "raw" not in found[0]


def test_a_trigger_shows_the_verdict_of_every_guard(client: Client) -> None:
    trigger = client.get("/v1/triggers/trg-1").json()
    assert [(guard["guard"], guard["passed"]) for guard in trigger["guards"]] == [
        ("data quality", True),
        ("cooldown", True),
    ]
    assert trigger["request"] == {"windows": [1, 2]}
    assert [event["to_state"] for event in trigger["events"]] == ["requested"]
    assert [one["id"] for one in client.get("/v1/triggers?state=vetoed").json()["items"]] == ["trg-vetoed"]
