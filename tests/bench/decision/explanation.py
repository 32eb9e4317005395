"""Planted shifts through the whole path: is what was planted among the first three lines of what is told?

Four models learn twelve weeks each; every shift gets days of its own model until an episode opens. Of the episodes that
open on that day the one with most evidence is read, as a person does: the first three series that it names, the first
three segments, and the three words that tell of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from checks import baseline, decision, drift, explain, quality
from checks.baseline import Baseline
from checks.batch import Batch, Texts
from checks.decision import Finding, State
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count, merge_all
from checks.seasons import DAY_US, Calendar
from checks.text import novel_terms
from tests.bench.decision.common import Figure
from tests.bench.decision.planted import COLUMNS, KINDS, SEGMENTS, Change, World, change_of

CALENDAR = Calendar(DAY_US, "UTC")
MODELS, REFERENCE_DAYS, LONGEST = 4, 84, 28
LEARNT_FROM = 20_000  # records
LINES = 3
LEAST_NAMED, MOST_BLAMED = 0.95, 0.1
# As `monitor.findings` does: what is told comes from so many windows up to the judged one.
LOOK_BACK = 12
FEWEST_DOCUMENTS = 8

SEED = 2026  # of what is reported; constants were chosen on others


@dataclass(frozen=True)
class Told:
    """What a reader sees of an episode, after how many days: the names in each of the first lines."""

    days: int
    lines: tuple[frozenset[str], ...]
    segments: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    plan: Plan
    baseline: Baseline
    reference: Profile


def figures(shifts: int) -> Iterator[Figure]:
    """Of the shifts that open an episode within four weeks: the share whose cause is told, in all and by kind."""
    named, first, opened, planted = (Counter[str]() for _ in range(4))
    alike = blamed = 0
    for change, told in planted_shifts(shifts, SEED):
        planted[change.kind] += 1
        if told is None:
            continue
        opened[change.kind] += 1
        named[change.kind] += any(change.cause in line for line in told.lines)
        first[change.kind] += change.cause in told.lines[0]
        alike += change.everywhere
        blamed += change.everywhere and bool(told.segments)
    everything = max(opened.total(), 1)
    what = f"{opened.total()} of {planted.total()} planted shifts opened an episode within {LONGEST} days"
    yield Figure(f"{what}: cause in the first {LINES} lines", named.total() / everything, LEAST_NAMED)
    yield Figure("  in the first line", first.total() / everything)
    for kind in planted:
        told_of = f"  {kind}: cause in the first {LINES} lines, of {opened[kind]} ({planted[kind]} planted)"
        yield Figure(told_of, named[kind] / max(opened[kind], 1))
    blame = f"{alike} shifts that were the same everywhere: a segment is blamed"
    yield Figure(blame, blamed / max(alike, 1), MOST_BLAMED, at_most=True)


def planted_shifts(shifts: int, seed: int) -> Iterator[tuple[Change, Told | None]]:
    """Every shift with what was told of it; None where no episode opened."""
    models = [learnt(np.random.default_rng([seed, model])) for model in range(min(MODELS, shifts))]
    for shift in range(shifts):
        draw = np.random.default_rng([seed, 1_000 + shift])
        change = change_of(KINDS[shift % len(KINDS)], draw)
        yield change, followed(models[shift // len(KINDS) % len(models)], change, draw)


def learnt(draw: np.random.Generator) -> Model:
    """Plan, baseline and reference of twelve ordinary weeks."""
    days = list(World(draw).days(0, REFERENCE_DAYS))
    learner = Learner(COLUMNS, segments=SEGMENTS, keep=LEARNT_FROM)
    for _, batch in days:
        learner.add(batch)
    plan = learner.plan()
    profiles = [_profile(start_us, batch, plan) for start_us, batch in days]
    obs = drift.observe(profiles, [start_us for start_us, _ in days], plan)
    return Model(plan, baseline.fit(obs, CALENDAR), merge_all(profiles))


def followed(model: Model, change: Change, draw: np.random.Generator) -> Told | None:
    """Judge day after day until an episode opens, and read it."""
    state = State.empty(model.baseline)
    recent: list[tuple[int, Profile, list[bytes]]] = []
    for day, (start_us, batch) in enumerate(World(draw).days(REFERENCE_DAYS, LONGEST, change)):
        profile = _profile(start_us, batch, model.plan)
        recent = [*recent[1 - LOOK_BACK :], (start_us, profile, _messages(batch))]
        obs = drift.observe([profile], [start_us], model.plan)
        scores = baseline.score(model.baseline, obs)
        broken = quality.breaks(profile, model.plan)
        state, judgement = decision.step(model.baseline, state, scores, obs, broken)
        firing = [finding for finding in judgement.findings if finding.firing]
        if firing:
            heaviest = max(firing, key=lambda one: one.named[0].weight if one.named else 0.0)
            return _told(model, heaviest, recent, day + 1)
    return None


def _told(model: Model, finding: Finding, recent: list[tuple[int, Profile, list[bytes]]], days: int) -> Told:
    since_us = recent[-1][0] if finding.since_us is None else finding.since_us
    windows = [one for one in recent if one[0] >= since_us]
    profile = recent[-1][1] if finding.family == "volume" else merge_all([one for _, one, _ in windows])
    shares = explain.segments(profile, model.reference, model.plan, model.baseline, finding)
    terms: tuple[str, ...] = ()
    if finding.family == "vocabulary":
        found = novel_terms(
            [text for _, _, texts in windows for text in texts],
            model.plan.text["text"],
            windows=[start_us for start_us, _, texts in windows for _ in texts],
            minimum_documents=FEWEST_DOCUMENTS,
            limit=LINES,
        )
        terms = tuple(term.term for term in found)
    sentences = explain.sentences(finding, shares, model.baseline, "UTC", terms)
    lines: list[set[str]] = [set() for _ in range(LINES)]
    for line, named in zip(lines, finding.named, strict=False):
        one = model.baseline.series[named.series]
        line |= {one.column, one.segment, one.term, f"{one.column}={one.term}"}
    for line, share in zip(lines, shares, strict=False):
        line.add(share.segment)
    for line, term in zip(lines, terms, strict=False):
        line.add(term)
    return Told(days, tuple(map(frozenset, lines)), tuple(share.segment for share in shares), sentences)


def _profile(start_us: int, batch: Batch, plan: Plan) -> Profile:
    return count(batch, plan, np.full(len(batch), start_us))[start_us]


def _messages(batch: Batch) -> list[bytes]:
    cells = batch.columns["text"]
    assert isinstance(cells, Texts)
    return [bytes(value) for value in cells.values.to_pylist() if value is not None]
