"""Erasing a record over the API."""

from __future__ import annotations

from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store import models, samples
from monitor.store.engine import Store
from tests.monitor.served import Client
from tests.monitor.test_erasing import sample


def test_a_record_is_erased_by_its_id_and_erasing_it_again_changes_nothing(store: Store) -> None:
    with store.write() as conn:
        model_id = models.create(conn, "shop", 1).id
        samples.replace(conn, model_id, 0, [sample("evt/1?", "words"), sample("evt2", "words")])
    client = Client(create_app(store, SimulatedClock(1)))
    first = client.request("DELETE", "/v1/models/shop/records/evt%2F1%3F")
    assert first.status_code == 200
    assert first.json()["samples"] == 1
    assert client.request("DELETE", "/v1/models/shop/records/evt%2F1%3F").json()["samples"] == 0
    assert client.request("DELETE", "/v1/models/shops/records/evt2").status_code == 404
    with store.read() as conn:
        assert [one.event_id for one in samples.of_window(conn, model_id, 0)] == ["evt2"]
