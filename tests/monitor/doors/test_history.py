"""`driftglass check-reference`; what `backtest` finds has tests of its own."""

from __future__ import annotations

from pathlib import Path

from tests.monitor.commandline import Cli, Watched, store_beside


def test_check_reference_judges_each_block_by_the_others(cli: Cli, watched: Watched) -> None:
    found = cli("check-reference", "-c", watched.contract, "-d", watched.url, "--json").json()
    assert (found["windows"], found["fired"]) == (56, [])


def test_check_reference_without_a_baseline_says_what_to_do(cli: Cli, quiet: Path) -> None:
    cli("run", "-c", quiet, "-d", store_beside(quiet), "--as-of", "2026-06-10")
    done = cli("check-reference", "-c", quiet, "-d", store_beside(quiet))
    assert done.code != 0
    assert "orders: there is no baseline yet" in done.err
