"""Whether an episode is a reason to retrain now: a pure function with a verdict for every guard it asked.

wait     not yet: the episode is young, or a guard that will pass by itself holds it; asked again next window
vetoed   no: the data is broken; recorded, and asked again, since a change may outlive a break it overlaps
ask      yes, once a person has approved
request  yes, now
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.alerts.families import BREAKS

Outcome = Literal["wait", "vetoed", "ask", "request"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The contract's `retraining` block. `cooldown_us` and `persists_windows` in the time of the data."""

    families: frozenset[str]
    persists_windows: int = 1
    cooldown_us: int = 0
    approval: bool = True


@dataclass(frozen=True, slots=True)
class Episode:
    """What the policy looks at. `last_us` is the start of the last window that breached; `windows` counts
    from opened to it.

    `inhibited_by` is the break that explains the episode, or explained it at any time, else None.
    """

    id: int
    family: str
    since_us: int
    opened_us: int
    last_us: int
    windows: int
    is_open: bool
    inhibited_by: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """One question and its answer."""

    guard: Literal["persistence", "data_quality", "cooldown", "in_flight", "approval"]
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is one plain sentence: the guard that stopped it, or why it goes on."""

    outcome: Outcome
    reason: str
    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of event time that training should leave out, and why."""

    start_us: int
    end_us: int
    reason: str


def decide(
    policy: Policy,
    episode: Episode,
    others: Sequence[Episode],
    in_flight: str | None,
    last_trigger_us: int | None,
    now: int,
) -> Decision | None:
    """The decision about one open episode, None if the policy does not look at its family.

    `others` are the model's other episodes, open or closed; `in_flight` is the id of a trigger on its way;
    `last_trigger_us` is the window that started the last one that left; `now` is the start of the judged
    window. All in microseconds. Guards after the first that fails are not asked.
    """
    if episode.family not in policy.families:
        return None
    guards: list[Guard] = []
    for guard in (
        _persistence(policy, episode, now),
        _data_quality(episode, others),
        _cooldown(policy, last_trigger_us, now),
        _in_flight(in_flight),
    ):
        guards.append(guard)
        if not guard.passed:
            outcome: Outcome = "vetoed" if guard.guard == "data_quality" else "wait"
            return Decision(outcome, guard.reason, tuple(guards))
    guards.append(_approval(policy))
    reason = f"{episode.family} changed and stayed so for {_windows(episode.windows)}"
    return Decision("request" if guards[-1].passed else "ask", reason, tuple(guards))


def exclusions(episode: Episode, others: Sequence[Episode], window_length_us: int) -> tuple[Span, ...]:
    """The windows that training should leave out: those of data-quality episodes that overlap the episode,
    oldest first.
    """
    return tuple(
        Span(other.since_us, other.last_us + window_length_us, f"{other.family} break")
        for other in sorted(others, key=lambda e: (e.since_us, e.family, e.id))
        if other.family in BREAKS and _overlap(episode, other)
    )


def _persistence(policy: Policy, episode: Episode, now: int) -> Guard:
    if episode.last_us < now:
        return Guard("persistence", False, "it did not breach in this window: it may be passing")
    asked = _windows(policy.persists_windows)
    return Guard(
        "persistence",
        episode.windows >= policy.persists_windows,
        f"firing for {_windows(episode.windows)}; the policy asks for {asked}",
    )


def _data_quality(episode: Episode, others: Sequence[Episode]) -> Guard:
    if episode.family in BREAKS:
        return Guard("data_quality", False, f"the data is broken: it is the {episode.family} that broke")
    if episode.inhibited_by is not None:
        reason = f"the data is broken: {episode.inhibited_by} broke, and that explains this change"
        return Guard("data_quality", False, reason)
    broken = sorted({o.family for o in others if o.family in BREAKS and o.is_open and _overlap(episode, o)})
    if broken:
        return Guard(
            "data_quality", False, f"the data is broken: {' and '.join(broken)} broke at the same time"
        )
    return Guard("data_quality", True, "no open schema, volume, encoding or quality episode overlaps")


def _cooldown(policy: Policy, last_trigger_us: int | None, now: int) -> Guard:
    if last_trigger_us is None or now - last_trigger_us >= policy.cooldown_us:
        return Guard("cooldown", True, "no trigger within the cooldown")
    hours = (last_trigger_us + policy.cooldown_us - now) / 3.6e9
    return Guard(
        "cooldown", False, f"the last trigger was too recent: {hours:.3g} hours of the cooldown are left"
    )


def _in_flight(trigger_id: str | None) -> Guard:
    if trigger_id is None:
        return Guard("in_flight", True, "no other trigger is in flight")
    return Guard("in_flight", False, f"trigger {trigger_id} is still in flight")


def _approval(policy: Policy) -> Guard:
    if policy.approval:
        return Guard("approval", False, "a person must approve")
    return Guard("approval", True, "the contract asks for no approval")


def _overlap(episode: Episode, other: Episode) -> bool:
    # An open episode goes on: whatever the other's last breach was, it reaches into the present as well.
    ends_before = not other.is_open and other.last_us < episode.since_us
    starts_after = not episode.is_open and other.since_us > episode.last_us
    return not ends_before and not starts_after


def _windows(count: int) -> str:
    return f"{count} window" if count == 1 else f"{count} windows"
