"""`driftglass alerts` and `triggers`; `explain` and `unlike` have tests of their own."""

from __future__ import annotations

from tests.monitor.commandline import Cli, Watched


def test_alerts_as_json_hold_the_evidence(cli: Cli, watched: Watched) -> None:
    (alert,) = cli("alerts", "-d", watched.url, "--json").json()
    assert (alert["model"], alert["family"], alert["severity"]) == ("orders", "predictions", "ticket")
    assert "2026-06-16T00:00:00Z" <= alert["opened"] <= "2026-06-16T12:00:00Z"
    assert alert["closed"] is None
    moved = alert["attributes"]["moved"][0]
    assert (moved["metric"], moved["column"]) == ("class_share", "label")
    assert moved["value"] == {"complaint": 1.0, "praise": 0.0}[moved["term"]]
    assert cli("alerts", "-d", watched.url, "--json", "--family", "volume").json() == []
    assert len(cli("alerts", "-d", watched.url, "--json", "--open", "--model", "orders").json()) == 1


def test_triggers_as_json_hold_every_guard(cli: Cli, watched: Watched) -> None:
    (trigger,) = cli("triggers", "-d", watched.url, "--json").json()
    assert (trigger["model"], trigger["state"]) == ("orders", "awaiting_approval")
    guards = {guard["guard"]: guard["passed"] for guard in trigger["guards"]}
    assert guards == {
        "persistence": True,
        "data_quality": True,
        "cooldown": True,
        "in_flight": True,
        "approval": False,
    }
    assert "callback_sha256" not in trigger
