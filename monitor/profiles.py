"""The profiles of windows, merged from the parts that are kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from checks import drift
from checks.plan import Plan
from checks.profile import Profile, empty, merge_all
from checks.series import Observations
from monitor.store import parts
from monitor.store.engine import Store


def by_window(
    store: Store, model_id: int, plan_id: str, from_us: int, to_us: int
) -> list[tuple[int, Profile]]:
    """The merged profile of every window of [from_us, to_us) that has records, in order of time."""
    found: dict[int, list[Profile]] = {}
    with store.read() as conn:
        for start_us, body in parts.bodies_between(conn, model_id, plan_id, from_us, to_us):
            found.setdefault(start_us, []).append(Profile.decode(body))
    return [(start_us, merge_all(pieces)) for start_us, pieces in sorted(found.items())]


def merged(store: Store, model_id: int, plan: Plan, spans: Iterable[tuple[int, int]]) -> Profile:
    """The profile of every record of several spans [from_us, to_us)."""
    with store.read() as conn:
        found = [
            Profile.decode(body)
            for from_us, to_us in spans
            for _, body in parts.bodies_between(conn, model_id, plan.plan_id, from_us, to_us)
        ]
    return merge_all([empty(plan), *found])


def observations(
    store: Store, model_id: int, plan: Plan, starts: Sequence[int], from_us: int, to_us: int
) -> Observations:
    """What was counted in the windows that start at `starts`, all in [from_us, to_us); those without records too."""
    found = dict(by_window(store, model_id, plan.plan_id, from_us, to_us))
    nothing = empty(plan)
    return drift.observe([found.get(start, nothing) for start in starts], starts, plan)


def stacked(windows: Sequence[Observations]) -> Observations:
    """Observations of the same series, at least one, as one: the windows in the order given."""
    first = windows[0]
    joined = {
        name: np.concatenate([getattr(one, name) for one in windows]) for name in ("start_us", "n", "x", "xx")
    }
    bins = {s: np.concatenate([one.bins[s] for one in windows]) for s in first.bins}
    return Observations(first.series, **joined, bins=bins)
