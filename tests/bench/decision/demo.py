"""The demo's stream watched for long: 90 days in which nothing happens, and the seven incidents, for many seeds.

Everything arrives at once and is judged in one pass, which gives the same verdicts as hour by hour.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from monitor.app import App
from monitor.contract import load
from monitor.demo.generate import CONTRACT, contract_text, generate, release
from monitor.demo.scoreboard import Board, SeenEpisode, scoreboard
from monitor.settings import Settings
from monitor.store import listing
from tests.bench.decision.common import Figure

FIRST_SEED = 2_001
DAY_US = 86_400_000_000
REFERENCE_WEEKS, QUIET_WEEKS = 8, 13
MOST_QUIET = 1.5  # episodes in 90 days


def figures(streams: int) -> Iterator[Figure]:
    """Episodes of quiet streams in 90 days with their bootstrap interval, and incidents found in as many others."""
    quiet = []
    for seed in range(FIRST_SEED, FIRST_SEED + streams):
        days = (QUIET_WEEKS * 7 * DAY_US) / DAY_US
        board = _judged(seed, REFERENCE_WEEKS + QUIET_WEEKS, incidents=False)
        quiet.append(len(board.unexplained) * 90 / days)
        print(f"seed {seed}: {quiet[-1]:.2f} episodes in 90 quiet days", file=sys.stderr, flush=True)
    rng = np.random.default_rng(0)
    means = rng.choice(np.array(quiet), (2_000, len(quiet))).mean(axis=1)
    low, high = np.quantile(means, [0.05, 0.95])
    yield Figure(
        f"demo, nothing happens: episodes in 90 days ({streams} seeds)",
        float(np.mean(quiet)),
        MOST_QUIET,
        True,
    )
    yield Figure("  from (90 % interval over seeds)", float(low))
    yield Figure("  to", float(high))
    found = planted = unexplained = 0
    for seed in range(FIRST_SEED, FIRST_SEED + streams):
        board = _judged(seed, REFERENCE_WEEKS + 2, incidents=True)
        planted += len(board.rows)
        found += sum(row.delay is not None for row in board.rows)
        unexplained += len(board.unexplained)
        print(f"seed {seed}: {[row.delay for row in board.rows]}", file=sys.stderr, flush=True)
    yield Figure(f"demo, incidents found (of {planted})", found / planted, 1.0)
    yield Figure("  episodes beside them, a seed", unexplained / streams)


def _judged(seed: int, weeks: int, *, incidents: bool) -> Board:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "stream"
        folder.mkdir()
        truth = generate(folder, seed=seed, weeks=weeks, incidents=incidents)
        truth = replace(truth, reference_end_us=truth.start_us + REFERENCE_WEEKS * 7 * DAY_US)
        (folder / CONTRACT).write_text(contract_text(truth), "utf-8")
        release(folder, truth.end_us)
        app = App.open(Settings(database_url=f"sqlite:///{place}/driftglass.db"))
        app.one_pass(app.register(load(folder / CONTRACT), author="bench"), until_us=truth.end_us)
        with app.store.read() as conn:
            rows = list(listing.episodes(conn, limit=1_000).rows)
        app.store.close()
        seen = [
            SeenEpisode(row["opened_us"], row["closed_us"], row["family"], f"alert {row['id']}")
            for row in rows
        ]
        return scoreboard(truth, seen)
