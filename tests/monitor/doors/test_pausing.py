"""`driftglass pause` and `resume`, as they are typed."""

from __future__ import annotations

from pathlib import Path

from tests.monitor.commandline import Cli, store_beside


def test_a_model_is_paused_and_goes_on(cli: Cli, quiet: Path) -> None:
    store = store_beside(quiet)
    cli("run", "-c", quiet, "-d", store, "--as-of", "2026-06-16")
    done = cli("pause", "orders", "-d", store)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("orders is paused since ")
    assert "orders is already paused since " in cli("pause", "orders", "-d", store).err
    (model,) = cli("status", "-d", store, "--json").json()["models"]
    assert model["paused"] is not None
    assert "paused" in cli("status", "-d", store).out
    assert "orders: paused: nothing is read or judged" in cli("run", "-c", quiet, "-d", store).err
    assert "it is paused since" in cli("doctor", "-d", store).out
    assert cli("resume", "orders", "-d", store).err.startswith("orders goes on, after a pause since ")
    assert cli("resume", "orders", "-d", store).err == "orders is not paused\n"
    assert "paused" not in cli("doctor", "-d", store).out
    wrong = cli("pause", "order", "-d", store)
    assert (wrong.code, "no model 'order'" in wrong.err) == (2, True)
