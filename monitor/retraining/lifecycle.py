"""The life of a trigger: a pure table of states, and what a report that comes late or twice may change.

    proposed ─▶ vetoed (and, once the data is whole again, as if it were proposed anew)
             ─▶ awaiting_approval ─▶ rejected | expired
             ─▶ requested ─▶ dispatched ─▶ accepted ─▶ running ─▶ succeeded | failed | timed_out | cancelled
                                 └─▶ unknown (a dispatch that may or may not have arrived; any report settles
                                 it)

Reports of a pipeline may skip steps ("succeeded" can come before "accepted") and arrive in any order: the
rank only grows, and a report of lower rank than the state is late and changes nothing.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from monitor.errors import Conflict

State = Literal[
    "proposed",
    "vetoed",
    "awaiting_approval",
    "rejected",
    "expired",
    "requested",
    "dispatched",
    "accepted",
    "running",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "unknown",
]

_ENDS: tuple[State, ...] = ("succeeded", "failed", "timed_out", "cancelled")

TABLE: dict[State, tuple[State, ...]] = {
    "proposed": ("vetoed", "awaiting_approval", "requested"),
    "vetoed": ("awaiting_approval", "requested"),
    "awaiting_approval": ("rejected", "expired", "requested"),
    "requested": ("dispatched", "unknown", "accepted", "running", *_ENDS),
    "dispatched": ("unknown", "accepted", "running", *_ENDS),
    "unknown": ("accepted", "running", *_ENDS),
    "accepted": ("running", *_ENDS),
    "running": _ENDS,
    "rejected": (),
    "expired": (),
    "succeeded": (),
    "failed": (),
    "timed_out": (),
    "cancelled": (),
}

RANK: dict[State, int] = {
    "proposed": 0,
    "vetoed": 1,
    "awaiting_approval": 2,
    "requested": 3,
    "dispatched": 4,
    "unknown": 5,
    "accepted": 6,
    "running": 7,
    "rejected": 8,
    "expired": 8,
    "succeeded": 8,
    "failed": 8,
    "timed_out": 8,
    "cancelled": 8,
}

# What a pipeline may report; the other states are ours to give.
REPORTS: tuple[State, ...] = ("accepted", "running", "succeeded", "failed", "cancelled")
# States of a trigger that was really asked for: only these can have late reports.
_LEFT: frozenset[State] = frozenset({"requested", "dispatched", "unknown", "accepted", "running", *_ENDS})


def move(state: State, to: State) -> State | Conflict:
    """The state after `to` was asked for or reported.

    The same state again, and a report of lower rank, leave it as it is. A Conflict is returned, not raised,
    for what the table does not know: the caller may have a better sentence for it.
    """
    if to == state or to in TABLE[state]:
        return to
    if state in _LEFT and to in _LEFT and RANK[to] < RANK[state]:
        return state
    return Conflict(f"a trigger that is {state} cannot become {to}")


def parse(word: str) -> State:
    """A state from the store. ValueError for a word that is none."""
    if word not in get_args(State):
        raise ValueError(f"{word!r} is not a state of a trigger")
    return cast(State, word)
