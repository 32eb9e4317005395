"""Liveness, readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from monitor.api.metrics import State
from monitor.api.readiness import Readiness
from monitor.clock import SimulatedClock
from monitor.store import tables as t
from monitor.store.engine import Store
from tests.monitor.messages import put_message
from tests.monitor.seeded import FIRST, LAST, NOW, Seeded, seed
from tests.monitor.served import Client, client_of


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, then by the values of the labels in order of the labels' names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = (
                sample.value
            )
    return found


def test_alive_until_something_stops_ticking(light: tuple[Store, Seeded]) -> None:
    assert client_of(light[0]).get("/livez").json() == {"status": "ok"}
    stuck = client_of(light[0], ["work has not ticked for 90 s"]).get("/livez")
    assert stuck.status_code == 503
    assert stuck.json()["detail"] == "work has not ticked for 90 s"


def test_ready_only_at_head(store: Store) -> None:
    client = client_of(store)
    assert client.get("/readyz").json() == {"status": "ok", "notes": []}
    store.downgrade("base")
    assert client.get("/readyz").status_code == 503


def test_a_store_that_takes_no_writes_is_not_ready(new_database: Callable[[str], str]) -> None:
    store = Store(new_database("postgresql"))
    with store.write() as conn:
        name = conn.exec_driver_sql("SELECT current_database()").scalar_one()
        conn.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store.close()
    assert client_of(store).get("/readyz").status_code == 503
    store.close()


def test_a_disk_that_is_almost_full_is_not_ready(new_database: Callable[[str], str]) -> None:
    store = Store(new_database("sqlite"))
    problem = Readiness(store, SimulatedClock(NOW), None, free=lambda _: (64 << 20) - 1).problem()
    assert problem == "the disk of the store has less than 64 MB left"
    assert Readiness(store, SimulatedClock(NOW), None, free=lambda _: 64 << 20).problem() is None


def test_a_store_that_hangs_is_told_within_its_time(new_database: Callable[[str], str]) -> None:
    store = Store(new_database("sqlite"))
    other = Store(store.address)
    readiness = Readiness(store, SimulatedClock(NOW), None, probe_seconds=0.2)
    with other.write():  # somebody keeps writing
        assert readiness.problem() == "the store takes no writes within 0.2 s"
        assert readiness.problem() is not None  # the same look is asked again, and no second one begun
    assert Readiness(store, SimulatedClock(NOW), None, probe_seconds=20).problem() is None


def test_what_the_ticks_tell_of_the_store_counts(light: tuple[Store, Seeded]) -> None:
    told = Readiness(light[0], SimulatedClock(NOW), lambda: ["the disk is full"])
    assert told.problem() == "the store takes no writes"


def test_a_receiver_that_is_away_is_noted_and_nothing_more(store: Store) -> None:
    keys = seed(store)
    with store.write() as conn:
        put_message(conn, keys.toxicity, NOW - 1_200_000_000)
    answer = client_of(store).get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["notes"] == ["a notification has waited for 20 minutes"]


def test_metrics_tell_the_state_of_the_store(client: Client) -> None:
    found = samples(client.get("/metrics").text)
    assert found["driftglass_store_up"][()] == 1
    assert found["driftglass_models"] == {("learning",): 1, ("live",): 2}
    assert (
        found["driftglass_last_judged_window_end_timestamp_seconds"][("toxicity",)]
        == (LAST + 3_600_000_000) / 1e6
    )
    assert found["driftglass_window_lag_seconds"] == {
        ("spam <i>beta</i>",): 0,
        ("support-intent",): 0,
        ("toxicity",): 0,
    }
    assert found["driftglass_alerts"] == {
        ("encoding", "toxicity", "page"): 1,
        ("vocabulary", "toxicity", "ticket"): 1,
    }
    assert found["driftglass_runs"] == {("judge", "succeeded"): 1}
    assert found["driftglass_outbox_messages"] == {("sent",): 1}
    values = found["driftglass_measurement_value"]  # by column, metric, model, term
    assert ("text", "encoding_rate", "toxicity", "mojibake") in values
    assert len(values) == 2 * 10, "series of a segment are not exported"
    assert "driftglass_build_info" in found
    assert "process_resident_memory_bytes" in found


def test_a_window_that_waits_and_a_message_that_waits_age(store: Store) -> None:
    keys = seed(store)
    with store.write() as conn:
        put_message(conn, keys.toxicity, NOW)
    clock = SimulatedClock(LAST + 2 * 3_600_000_000 + 90_000_000)
    found = {
        metric.name: {tuple(s.labels.values()): s.value for s in metric.samples}
        for metric in State(store, clock).collect()
    }
    assert found["driftglass_window_lag_seconds"][("toxicity",)] == 90
    assert found["driftglass_outbox_oldest_pending_seconds"][()] == (clock.now_us() - NOW) / 1e6


def test_what_lies_before_the_reference_waits_for_nothing(store: Store) -> None:
    keys = seed(store)
    hour = 3_600_000_000
    before = {
        "model_id": keys.toxicity,
        "start_us": FIRST - 2 * hour,
        "end_us": FIRST - hour,
        "state": "open",
    }
    learnt = {**before, "start_us": FIRST - hour, "end_us": FIRST, "state": "reference"}
    with store.write() as conn:
        conn.execute(insert(t.windows), [before, learnt, {**before, "model_id": keys.learning}])
    (lag,) = [
        m for m in State(store, SimulatedClock(NOW)).collect() if m.name == "driftglass_window_lag_seconds"
    ]
    assert {sample.value for sample in lag.samples} == {0}


def test_the_number_of_series_is_capped_and_says_so(light: tuple[Store, Seeded]) -> None:
    found = {
        metric.name: metric.samples for metric in State(light[0], SimulatedClock(NOW), max_series=3).collect()
    }
    assert len(found["driftglass_measurement_value"]) == 3
    dropped = {sample.labels["metric"]: sample.value for sample in found["driftglass_series_dropped"]}
    assert dropped["measurement_value"] == 2 * 10 - 3


def test_scraping_again_at_once_does_not_read_again(store: Store) -> None:
    state = State(store, SimulatedClock(NOW))
    first = list(state.collect())
    seed(store)
    assert list(state.collect()) == first


def test_a_store_that_is_away_still_gives_metrics() -> None:
    away = client_of(Store("sqlite:////nowhere/at/all.db")).get("/metrics")
    assert away.status_code == 200
    assert samples(away.text)["driftglass_store_up"][()] == 0


def test_requests_are_counted_by_route_not_by_path(client: Client) -> None:
    client.get("/v1/models/unheard-of")
    text = client.get("/metrics").text
    assert 'route="/v1/models/{model}"' in text
    assert "unheard-of" not in text
