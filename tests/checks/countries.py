"""A small model whose records come from countries, and findings about it."""

from __future__ import annotations

from functools import cache

import numpy as np

from checks.baseline import Baseline, fit
from checks.batch import Column
from checks.decision import Finding, Named
from checks.drift import observe, series_of
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count
from checks.seasons import HOUR_US
from tests.checks.made_up import HOURLY, MONDAY_US
from tests.checks.records import make_batch

COLUMNS = (
    Column("country", "segment", "category"),
    Column("client", "segment", "category"),
    Column("decision", "prediction", "category"),
    Column("age", "feature", "number"),
)


def records(
    shares: dict[str, float], toxic: dict[str, float], n: int = 4_000, age: float = 30.0
) -> dict[str, list[object]]:
    """n records by country, each with its share of toxic answers; clients alternate."""
    draw = np.random.default_rng(1)
    country = draw.choice(list(shares), n, p=list(shares.values()))
    hit = draw.random(n) < np.array([toxic[name] for name in country])
    return {
        "country": country.tolist(),
        "client": ["web", "app"] * (n // 2),
        "decision": np.where(hit, "toxic", "ok").tolist(),
        "age": (age + 5 * draw.standard_normal(n)).tolist(),
    }


USUAL = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1})


def profile_of(values: dict[str, list[object]], plan: Plan) -> Profile:
    batch = make_batch(COLUMNS, values)
    return count(batch, plan, np.full(len(batch), MONDAY_US))[MONDAY_US]


@cache
def learn() -> tuple[Plan, Profile, Baseline]:
    learner = Learner(COLUMNS, segments=("country", "client"))
    learner.add(make_batch(COLUMNS, USUAL))
    plan = learner.plan()
    reference = profile_of(USUAL, plan)
    starts = [MONDAY_US + i * HOUR_US for i in range(72)]
    return plan, reference, fit(observe([reference] * 72, starts, plan), HOURLY)


def finding(
    plan: Plan,
    metric: str,
    *,
    term: str = "",
    segment: str = "*",
    column: str = "",
    effect: float = 0.1,
    expected: float = 0.1,
    value: float = 0.2,
) -> Finding:
    s = next(
        i
        for i, one in enumerate(series_of(plan))
        if (one.metric, one.term, one.segment) == (metric, term, segment) and column in ("", one.column)
    )
    named = Named(s, 30.0, value, expected, effect, 4.0, MONDAY_US)
    return Finding(series_of(plan)[s].family, True, False, MONDAY_US, (), (named,))
