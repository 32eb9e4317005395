"""The states of a run and the moves between them.

                    ┌─ lose, give_back, crash ─┐
                    ▼                          │
    (new) ──▶ queued ──claim──▶ running ──finish──▶ succeeded ──again──▶ queued (a reading only)
                                 │  ▲
                               fail └──claim── failed (waits until available_us)
                                 │
                                 └──give_up──▶ dead
    any of them but superseded ──revise──▶ superseded (a later revision of the same window takes its place)

A lease that runs out is `lose`; a worker that is stopped in good order, or whose database went away, does `give_back`,
which counts no attempt; `crash` is said by a parent that saw its working process die over the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["read", "measure", "judge"]
State = Literal["queued", "running", "succeeded", "failed", "dead", "superseded"]
Event = Literal["claim", "finish", "fail", "give_up", "lose", "give_back", "crash", "again", "revise"]

KINDS: tuple[Kind, ...] = ("read", "measure", "judge")
UNFINISHED: tuple[State, ...] = ("queued", "running", "failed")
MOVES: Mapping[Event, tuple[tuple[State, ...], State]] = {
    "claim": (("queued", "failed"), "running"),
    "finish": (("running",), "succeeded"),
    "fail": (("running",), "failed"),
    "give_up": (("running",), "dead"),
    "lose": (("running",), "queued"),
    "give_back": (("running",), "queued"),
    "crash": (("running",), "queued"),
    "again": (("succeeded",), "queued"),
    "revise": (("queued", "running", "failed", "succeeded", "dead"), "superseded"),
}
