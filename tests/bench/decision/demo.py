"""The demo's stream watched for long: 90 days in which nothing happens, and the seven incidents, for many seeds.

Everything arrives at once and is judged in one pass, which gives the same verdicts as hour by hour. A seed is a
process of its own, and what it found is appended to a file of JSON lines where one is named: a run that was stopped
goes on where it was.

    python -m tests.bench.decision.demo --workers 2 --found demo.jsonl [--first 2001] [--seeds 20]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.demo.generate import CONTRACT, contract_text, generate, release
from monitor.demo.scoreboard import Board, SeenEpisode, scoreboard
from monitor.settings import Settings
from monitor.store import listing
from tests.bench.decision.common import Figure

FIRST_SEED = 2_001
DAY_US = 86_400_000_000
REFERENCE_WEEKS, QUIET_WEEKS, INCIDENT_WEEKS = 8, 13, 2
MOST_QUIET = 1.5  # episodes in 90 days


@dataclass(frozen=True)
class Seen:
    """One stream: `unexplained` are the episodes that no incident explains, by family and what they said first."""

    seed: int
    incidents: bool
    planted: int
    found: int
    delays: tuple[int | None, ...]  # windows, in the order of the incidents
    unexplained: tuple[tuple[str, int, str], ...]  # family, opened_us, summary


def figures(streams: int) -> Iterator[Figure]:
    """Episodes of quiet streams in 90 days with their bootstrap interval, and incidents found in as many others."""
    yield from _table(list(_streams(range(FIRST_SEED, FIRST_SEED + streams), workers=1, kept=None)))


def main(argv: Sequence[str] | None = None) -> int:
    """Play the seeds in several processes and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1, help="processes at once")
    parser.add_argument("--found", type=Path, help="JSON lines: what is there is not played again")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    options = parser.parse_args(argv)
    seeds = range(options.first, options.first + options.seeds)
    for figure in _table(list(_streams(seeds, options.workers, options.found))):
        print(figure.line(110), flush=True)
    return 0


def _streams(seeds: Sequence[int], workers: int, kept: Path | None) -> Iterator[Seen]:
    """Every seed without and with incidents, in any order."""
    wanted = [(seed, incidents) for incidents in (False, True) for seed in seeds]
    known = {(one.seed, one.incidents): one for one in _read(kept)}
    yield from (known[key] for key in wanted if key in known)
    # Not a fork: kernels that were compiled keep threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = [pool.submit(play, *key) for key in wanted if key not in known]
        for one in as_completed(waiting):
            seen = one.result()
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(seen)) + "\n")
            kind = "with incidents" if seen.incidents else "quiet"
            print(
                f"seed {seen.seed} {kind}: {seen.found} of {seen.planted} found, {len(seen.unexplained)} other "
                f"episodes {[family for family, _, _ in seen.unexplained]}",
                file=sys.stderr,
                flush=True,
            )
            yield seen


def _read(kept: Path | None) -> Iterator[Seen]:
    if kept is None or not kept.exists():
        return
    for line in kept.read_text("utf-8").splitlines():
        row = json.loads(line)
        row["delays"] = tuple(row["delays"])
        row["unexplained"] = tuple((family, at, text) for family, at, text in row["unexplained"])
        yield Seen(**row)


def _table(seen: Sequence[Seen]) -> Iterator[Figure]:
    days = QUIET_WEEKS * 7
    quiet = np.array([len(one.unexplained) * 90 / days for one in seen if not one.incidents])
    rng = np.random.default_rng(0)
    means = rng.choice(quiet, (2_000, len(quiet))).mean(axis=1)
    low, high = np.quantile(means, [0.05, 0.95])
    yield Figure(
        f"demo, nothing happens: episodes in 90 days ({len(quiet)} seeds)",
        float(quiet.mean()),
        MOST_QUIET,
        True,
    )
    yield Figure("  from (90 % interval over seeds)", float(low))
    yield Figure("  to", float(high))
    others = [one for one in seen if one.incidents]
    planted = sum(one.planted for one in others)
    yield Figure(f"demo, incidents found (of {planted})", sum(one.found for one in others) / planted, 1.0)
    yield Figure("  episodes beside them, a seed", sum(len(one.unexplained) for one in others) / len(others))


def play(seed: int, incidents: bool) -> Seen:
    """One stream from nothing to its last window."""
    weeks = REFERENCE_WEEKS + (INCIDENT_WEEKS if incidents else QUIET_WEEKS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "stream"
        folder.mkdir()
        truth = generate(folder, seed=seed, weeks=weeks, incidents=incidents)
        truth = replace(truth, reference_end_us=truth.start_us + REFERENCE_WEEKS * 7 * DAY_US)
        (folder / CONTRACT).write_text(contract_text(truth), "utf-8")
        release(folder, truth.end_us)
        # The stream has its own calendar: by the machine's clock half of it may be in the future.
        clock = SimulatedClock(truth.end_us)
        app = App.open(Settings(database_url=f"sqlite:///{place}/driftglass.db"), clock)
        app.one_pass(app.register(load(folder / CONTRACT), author="bench"), until_us=truth.end_us)
        with app.store.read() as conn:
            rows = list(listing.episodes(conn, limit=1_000).rows)
        app.store.close()
    names = {f"alert {row['id']}": row for row in rows}
    episodes = [
        SeenEpisode(row["opened_us"], row["closed_us"], row["family"], name) for name, row in names.items()
    ]
    board: Board = scoreboard(truth, episodes)
    return Seen(
        seed,
        incidents,
        len(board.rows),
        sum(row.delay is not None for row in board.rows),
        tuple(row.delay for row in board.rows),
        tuple(
            (names[one.name]["family"], names[one.name]["opened_us"], names[one.name]["summary"])
            for one in board.unexplained
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
