"""Words that can match nothing are refused."""

from __future__ import annotations

from tests.monitor.commandline import Cli, Watched


def test_words_that_match_nothing_are_refused_with_those_that_do(cli: Cli, watched: Watched) -> None:
    family = cli("alerts", "-d", watched.url, "--family", "predicitons")
    metric = cli("measurements", "-d", watched.url, "--metric", "class_shares")
    assert (family.code, metric.code) == (2, 2)
    assert "--family predicitons: there are " in family.err
    assert "health, " in family.err
    assert cli("alerts", "-d", watched.url, "--family", "health").code == 0
    assert "predictions" in family.err
    assert "--metric class_shares: there are " in metric.err
    assert "class_share, " in metric.err
