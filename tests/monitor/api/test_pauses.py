"""Pausing a model over the API."""

from __future__ import annotations

from monitor.store.engine import Store
from tests.monitor.seeded import seed
from tests.monitor.served import client_of

URL = "/v1/models/toxicity/pause"


def test_a_model_is_paused_and_goes_on(store: Store) -> None:
    seed(store)
    client = client_of(store)
    assert client.get("/v1/models/toxicity").json()["paused"] is None
    first = client.request("PUT", URL)
    assert first.status_code == 200, first.text
    assert client.request("PUT", URL).json() == first.json()
    assert client.get("/v1/models/toxicity").json()["paused"] == first.json()["since"]
    text = client.get("/metrics").text
    assert "driftglass_models_paused 1.0" in text
    assert 'driftglass_window_lag_seconds{model="toxicity"} 0.0' in text
    done = client.request("DELETE", URL)
    assert done.json()["since"] == first.json()["since"]
    assert client.request("DELETE", URL).json() == {"since": None, "skipped": 0}
    assert client.get("/v1/models/toxicity").json()["paused"] is None
    assert client.request("PUT", "/v1/models/nobody/pause").status_code == 404
    assert client.request("DELETE", "/v1/models/nobody/pause").status_code == 404
