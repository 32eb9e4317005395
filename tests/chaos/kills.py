"""kill -9 of random processes, for as long as windows close, on both databases.

Three real replicas of `driftglass serve` are killed as a whole, or their parent, or their child; between them light
workers and senders (see `light`), because a replica spends its first seconds on imports. The receiver is away 30 %
of the time. Then everything is let come to rest, and `checker` judges.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.checker import Report, check
from tests.chaos.fleet import Fleet, Receiver, Zygote, database
from tests.chaos.stage import REFERENCE_HOURS, Stage
from tests.chaos.table import Form, Row

KINDS = ("sqlite", "postgresql")
HOURS_A_FILE = 4
BEHIND = 60  # windows that wait at most: the sources do not run away from the service


@dataclass(frozen=True)
class Aim:
    """For one database. A replica is hit every so many shots; the others hit light processes."""

    replicas: int
    workers: int
    models: int
    windows: int
    kills: int
    kill_seconds: float
    replica_every: int
    most_seconds: float
    settle_seconds: float


SHORT = Aim(1, 3, 4, 60, 20, 0.8, 6, 26, 70)
LONG = Aim(3, 3, 10, 2600, 520, 1.1, 8, 660, 90)


@dataclass(frozen=True)
class Seen:
    """What one database went through."""

    kills: int
    at_work: int
    settled: bool
    report: Report
    exits: int
    seconds: float


def run(form: Form) -> Iterator[Row]:
    aim = SHORT if form.short else LONG
    # One after the other where there is time: both at once are more processes than two cores bring to work.
    with Zygote() as zygote, ThreadPoolExecutor(form.pick(2, 1)) as several:
        found = dict(zip(KINDS, several.map(lambda kind: _one(form, kind, aim, zygote), KINDS), strict=True))
    for kind, seen in found.items():
        form.say(
            f"{kind}: {seen.kills} kills ({seen.at_work} of a process that held a run), {seen.report.windows} windows,"
            f" {seen.report.notifications} notifications in {seen.seconds:.0f} s"
        )
        for line in seen.report.lines():
            form.say(f"{kind}: {line}")
        yield from _judged(kind, seen)
    kills, windows = (
        sum(seen.kills for seen in found.values()),
        sum(seen.report.windows for seen in found.values()),
    )
    wanted = (40, 100) if form.short else (1000, 5000)
    yield Row(
        f"kill -9 at random, {aim.replicas} replicas and {aim.workers} light workers",
        f"{kills} kills ({sum(seen.at_work for seen in found.values())} held a run), {windows} windows",
        f"≥ {wanted[0]}, ≥ {wanted[1]}",
        ok=kills >= wanted[0] and windows >= wanted[1],
        timed=True,
    )


def _judged(kind: str, seen: Seen) -> Iterator[Row]:
    report = seen.report
    lost, double = report.count("lost", "unfinished"), report.count("double")
    wrong = report.count("delivery", "order")
    # Of a few notifications one that a kill between sending and noting sends again is more than a hundredth.
    often = min(0.99, 1.0 - 2.0 / max(report.notifications, 1))
    yield Row(
        f"{kind}: lost, double",
        f"{lost}, {double} of {report.windows} windows, {seen.kills} kills",
        "0, 0",
        ok=seen.settled and not lost and not double and seen.exits == 0,
    )
    yield Row(
        f"{kind}: notifications with a stable id, in order",
        f"{report.notifications - wrong} of {report.notifications}, {report.exactly_once:.1%} once",
        "all, ≥ 99 % once (of few, all but two)",
        ok=not wrong and report.exactly_once >= often and report.notifications > 0,
    )


def _one(form: Form, kind: str, aim: Aim, zygote: Zygote) -> Seen:
    """Kill for as long as it takes on one database, and judge."""
    folder = form.folder / kind
    folder.mkdir()
    generator = random.Random(form.seed)
    stage = Stage(folder / "stage", aim.models, seed=form.seed)
    stage.reference()
    began = time.monotonic()
    with (
        Receiver(folder, form.seed) as receiver,
        database(kind, folder) as (url, _),
        Fleet(url, folder, stage, zygote, receiver.url(kind)) as fleet,
    ):
        fleet.register()
        for _ in range(aim.replicas):
            fleet.start_replica()
        for _ in range(aim.workers):
            fleet.start_light("work")
        fleet.start_light("deliver")
        fleet.learn(60 if form.short else 180)
        form.say(f"{kind}: learnt after {time.monotonic() - began:.0f} s")
        kills, at_work = _fire(form, kind, fleet, stage, aim, generator)
        receiver.get_well()
        settled = fleet.settle(aim.settle_seconds)
        exits = sum(len(replica.exits) for replica in fleet.replicas)
        if settled:
            fleet.quiet(30)
        else:
            form.say(f"{kind}: did not come to rest: {fleet.tail()}")
        stage.write_facts(folder / "facts.json")
        report = check(url, folder / "facts.json", receiver.log(kind))
    return Seen(kills, at_work, settled, report, exits, time.monotonic() - began)


def _fire(
    form: Form, kind: str, fleet: Fleet, stage: Stage, aim: Aim, generator: random.Random
) -> tuple[int, int]:
    """Write hours as fast as they are judged, and kill; returns the kills, and those of a process that held a run."""
    end = time.monotonic() + aim.most_seconds
    kills = at_work = shots = 0
    told = time.monotonic()
    while time.monotonic() < end:
        judged = fleet.judged()
        written = (stage.hours - REFERENCE_HOURS) * len(stage.names)
        if judged >= aim.windows and kills >= aim.kills:
            break
        if judged < aim.windows and written - judged < BEHIND:
            stage.advance(HOURS_A_FILE)
        if time.monotonic() - told > 15:
            told = time.monotonic()
            form.say(f"{kind}: {kills} kills, {judged} windows")
        if kills < aim.kills:
            shots += 1
            heavy = shots % aim.replica_every == 0
            killed = (
                fleet.kill_replica_at_random(generator) if heavy else fleet.kill_light_at_random(generator)
            )
            kills += len(killed)
            at_work += fleet.held(killed) if killed else 0
        fleet.look()
        time.sleep(aim.kill_seconds * generator.uniform(0.2, 1.8))
    return kills, at_work
