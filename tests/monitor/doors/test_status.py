"""`driftglass status`: how far everything is."""

from __future__ import annotations

from tests.monitor.commandline import Cli, Watched


def test_status_says_how_far_everything_is(cli: Cli, watched: Watched) -> None:
    status = cli("status", "-d", watched.url, "--json").json()
    (model,) = status["models"]
    assert (model["model"], model["open_episodes"]) == ("orders", 1)
    assert model["judged_until"] == "2026-06-18T00:00:00Z"
    assert {name.split()[0] for name in model["runs"]} == {"read", "measure", "judge"}
    assert {name.split()[1] for name in model["runs"]} == {"succeeded"}
