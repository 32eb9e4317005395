from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import decision
from checks.baseline import Baseline, fit, fit_with_null, score
from checks.breaks import Break
from checks.budget import evidence, lanes_of
from checks.decision import Finding, Judgement, State
from checks.scores import BREACH, LANES
from checks.seasons import HOUR_US, Calendar
from checks.series import Observations
from tests.checks.made_up import HOURLY, Made, ordinary

WEEK = 168
VOLUME, MOJIBAKE, TOXIC, AGE, AGE_SHAPE = range(5)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fit(ordinary(8 * WEEK), HOURLY)


def run(
    baseline: Baseline, obs: Observations, breaks: dict[int, list[Break]] | None = None
) -> tuple[State, list[Judgement]]:
    state, scores = State.empty(baseline), score(baseline, obs)
    judged = []
    for w in range(len(obs.start_us)):
        row = slice(w, w + 1)
        state, judgement = decision.step(
            baseline, state, scores.rows(row), obs.rows(row), (breaks or {}).get(w, ())
        )
        judged.append(judgement)
    return state, judged


def of(judgement: Judgement, family: str) -> Finding:
    return next(one for one in judgement.findings if one.family == family)


def firing(judged: list[Judgement], family: str) -> list[int]:
    return [w for w, one in enumerate(judged) if of(one, family).firing]


def with_mojibake(share: float, first: int, last: int, *, windows: int = 72, seed: int = 3) -> Observations:
    obs = ordinary(windows, seed=seed)
    more = np.random.default_rng(seed).binomial(obs.n[first:last, MOJIBAKE].astype(int), share)
    obs.x[first:last, MOJIBAKE] += more
    return obs


def test_nothing_wrong_finds_nothing(baseline: Baseline) -> None:
    _, judged = run(baseline, ordinary(2 * WEEK, seed=8))
    assert [one.family for one in judged[0].findings] == ["volume", "encoding", "inputs", "predictions"]
    assert not any(finding.firing for one in judged for finding in one.findings)
    assert all(finding.clean for one in judged for finding in one.findings)


@pytest.mark.parametrize("hour", [2, 12, 20])
def test_a_few_broken_messages_an_hour_add_up(baseline: Baseline, hour: int) -> None:
    _, judged = run(baseline, with_mojibake(0.03, hour, hour + 16))
    opened = firing(judged, "encoding")[0]
    assert hour <= opened < hour + 12
    found = of(judged[opened], "encoding")
    assert found.named[0].series == MOJIBAKE
    assert found.named[0].value > 0.015 > found.named[0].expected
    assert found.since_us is not None
    assert found.since_us >= int(ordinary(72).start_us[hour])
    assert judged[opened].status[MOJIBAKE] == BREACH


def test_what_is_over_is_clean_within_a_few_windows(baseline: Baseline) -> None:
    last = 34
    _, judged = run(baseline, with_mojibake(0.03, 12, last))
    clean = [w for w in range(last, 72) if of(judged[w], "encoding").clean]
    assert clean[:3] == [last, last + 1, last + 2] or clean[2] <= last + 5
    assert not any(of(judged[w], "encoding").clean for w in firing(judged, "encoding"))


def test_a_quiet_hour_of_few_messages_does_not_end_a_change(baseline: Baseline) -> None:
    obs = with_mojibake(0.03, 10, 40)
    obs.n[30, MOJIBAKE], obs.x[30, MOJIBAKE] = 25, 0
    _, judged = run(baseline, obs)
    found = of(judged[30], "encoding")
    assert not found.clean


def test_windows_without_data_neither_go_on_with_a_change_nor_end_it(baseline: Baseline) -> None:
    obs = with_mojibake(0.05, 5, 30)
    empty = slice(30, 34)
    for part in (obs.n, obs.x, obs.xx):
        part[empty] = 0
    obs.bins[AGE_SHAPE][empty] = 0
    _, judged = run(baseline, obs)
    told = [of(one, "encoding") for one in judged]
    assert told[29].firing
    assert [(one.firing, one.clean) for one in told[empty]] == [(False, False)] * 4
    assert [[named.series for named in one.named] for one in told[empty]] == [[MOJIBAKE]] * 4
    clean = [w for w in range(34, 72) if told[w].clean]
    assert clean[2] <= 34 + 5
    assert not any(one.firing for one in told[clean[0] :])


def test_one_wild_window_never_fires(baseline: Baseline) -> None:
    obs = ordinary(48, seed=3)
    obs.x[20, MOJIBAKE] = obs.n[20, MOJIBAKE]
    obs.x[20, AGE] *= 1e6
    obs.bins[AGE_SHAPE][20] = [obs.bins[AGE_SHAPE][20].sum()] + [0] * 9
    _, judged = run(baseline, obs)
    assert not any(finding.firing for one in judged for finding in one.findings)


def test_a_change_below_the_floor_never_fires(baseline: Baseline) -> None:
    made = Made(48, seed=2)
    n = np.full(48, 100_000.0)
    made.volume(120.0)
    made.rate("encoding_rate", n, 0.001, family="encoding", term="mojibake")
    made.rate("class_share", n, 0.135, family="predictions", term="toxic", column="decision")
    made.mean("age", n)
    made.distribution("age", n, np.full(10, 0.1))
    _, judged = run(baseline, made.done())
    assert judged[-1].cusum[TOXIC] > baseline.threshold
    assert firing(judged, "predictions") == []


def test_a_long_change_ends_as_fast_as_a_short_one(baseline: Baseline) -> None:
    def lag(length: int) -> int:
        _, judged = run(baseline, with_mojibake(0.05, 12, 12 + length, windows=12 + length + 24))
        clean = [w for w in range(12 + length, len(judged)) if of(judged[w], "encoding").clean]
        return clean[2] - 12 - length

    assert lag(200) <= lag(16) + 2


def test_reset_forgets_the_family_and_nothing_else(baseline: Baseline) -> None:
    obs = with_mojibake(0.05, 5, 40, windows=40)
    state, _ = run(baseline, obs)
    assert state.fired[MOJIBAKE] == 1
    after = decision.reset(baseline, state, "encoding")
    assert after.fired[MOJIBAKE] == 0
    assert (after.cusum[MOJIBAKE] == 0).all()
    np.testing.assert_array_equal(after.cusum[TOXIC], state.cusum[TOXIC])
    np.testing.assert_array_equal(after.seen[AGE], state.seen[AGE])


def test_a_change_that_goes_on_after_a_reset_fires_again(baseline: Baseline) -> None:
    obs = with_mojibake(0.05, 0, 40, windows=40)
    scores, state = score(baseline, obs), State.empty(baseline)
    fired_at = []
    for w in range(40):
        row = slice(w, w + 1)
        state, judgement = decision.step(baseline, state, scores.rows(row), obs.rows(row), ())
        if of(judgement, "encoding").firing:
            fired_at.append(w)
            state = decision.reset(baseline, state, "encoding")
    assert len(fired_at) > 3


def test_a_hard_break_fires_at_once_and_ends_at_once(baseline: Baseline) -> None:
    broken = Break("quality", "null_rate", "age", "*", 1.0, 0.01, "`age` is null in every record")
    _, judged = run(baseline, ordinary(3), {1: [broken]})
    during = of(judged[1], "quality")
    assert (during.firing, during.clean, during.hard, during.named) == (True, False, (broken,), ())
    assert during.since_us == int(ordinary(3).start_us[1])
    assert not any(one.family == "quality" for one in judged[2].findings)


def test_no_records_where_many_are_normal_is_a_break(baseline: Baseline) -> None:
    obs = ordinary(3)
    obs.n[1], obs.x[1], obs.xx[1] = 0, 0, 0
    obs.bins[AGE_SHAPE][1] = 0
    _, judged = run(baseline, obs)
    assert of(judged[1], "volume").firing
    assert "no records" in of(judged[1], "volume").hard[0].message
    unclear = of(judged[1], "inputs")
    assert (unclear.firing, unclear.clean) == (False, False)
    assert of(judged[2], "volume").clean


def test_no_records_where_few_are_normal_is_no_break() -> None:
    made = Made(8 * WEEK)
    made.volume(3.0)
    small = fit(made.done(), HOURLY)
    obs = made.done().rows(slice(0, 1))
    obs.x[0, 0] = 0
    _, judged = run(small, obs)
    assert judged[0].findings[0].hard == ()


def test_a_loss_of_volume_fires_volume_alone(baseline: Baseline) -> None:
    _, judged = run(baseline, ordinary(24, seed=4, records=70))
    opened = {finding.family for one in judged for finding in one.findings if finding.firing}
    assert opened == {"volume"}
    named = of(judged[-1], "volume").named[0]
    assert named.effect == pytest.approx(-0.42, abs=0.06)
    assert named.value < named.expected


@pytest.mark.parametrize(
    ("all_traffic", "ios", "leads"), [(0.6, 0.4, ["*", "client=ios"]), (0.7, 0.1, ["client=ios", "*"])]
)
def test_all_traffic_leads_where_it_moved_as_its_largest_part_did(
    all_traffic: float, ios: float, leads: list[str]
) -> None:
    made = Made(8 * WEEK)
    parts = [made.volume(60.0), made.volume(60.0, "client=ios")]
    learnt = fit(made.done(), HOURLY)
    obs = made.done().rows(slice(0, 12))
    for s, (before, left) in enumerate(zip(parts, (all_traffic, ios), strict=True)):
        obs.x[:, s] = obs.n[:, s] = np.round(before[:12] * left)
    _, judged = run(learnt, obs)
    named = of(judged[-1], "volume").named
    assert [learnt.series[one.series].segment for one in named] == leads
    assert max(named, key=lambda one: one.weight) == named[leads.index("client=ios")], (
        "which shows more evidence"
    )


def test_windows_are_judged_one_at_a_time(baseline: Baseline) -> None:
    obs = ordinary(2)
    with pytest.raises(ValueError, match="one window"):
        decision.step(baseline, State.empty(baseline), score(baseline, obs), obs, ())


# ----- the state --------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), share=st.sampled_from([0.0, 0.05]))
def test_a_state_survives_its_bytes(baseline: Baseline, seed: int, share: float) -> None:
    state, _ = run(baseline, with_mojibake(share, 0, 12, windows=12, seed=seed))
    again = State.decode(state.encode())
    assert again.encode() == state.encode()
    for one in fields(State):
        if one.name not in ("during", "calm"):  # kept for series that fired only
            np.testing.assert_array_equal(getattr(again, one.name), getattr(state, one.name))


def test_a_replay_from_the_stored_state_goes_on_as_if_nothing_had_been(baseline: Baseline) -> None:
    obs = with_mojibake(0.04, 10, 30)
    _, whole = run(baseline, obs)
    scores, state = score(baseline, obs), State.empty(baseline)
    for w in range(72):
        row = slice(w, w + 1)
        state, judgement = decision.step(baseline, state, scores.rows(row), obs.rows(row), ())
        state = State.decode(state.encode())
        assert judgement.findings == whole[w].findings


def test_bytes_that_are_no_state_are_refused(baseline: Baseline) -> None:
    body = State.empty(baseline).encode()
    for damaged, said in ((b"x" + body, "does not begin"), (body + b"x", "bytes long")):
        with pytest.raises(ValueError, match=said):
            State.decode(damaged)


def test_the_bootstrap_runs_the_same_rules(baseline: Baseline) -> None:
    """`budget.evidence` is compiled and `step` is not: below the cap they must tell the same story."""
    obs = with_mojibake(0.02, 20, 40)
    scores = score(baseline, obs)
    lanes = lanes_of(
        scores.steps, scores.seen, scores.normal, scores.unit, np.zeros(5, np.intp), baseline.floors
    )  # fmt: skip
    out = np.zeros((1, 72))
    evidence(
        lanes.steps, lanes.seen, lanes.normal, lanes.unit, lanes.series, lanes.down, lanes.family, lanes.floors,
        np.arange(72), np.arange(72), out,
    )  # fmt: skip
    _, judged = run(baseline, obs)
    first = next(w for w, one in enumerate(judged) if any(finding.firing for finding in one.findings))
    assert out[0, first] >= baseline.threshold
    assert (out[0, :first] < baseline.threshold).all()
    assert lanes.steps.shape[0] <= 5 * LANES


# ----- the reference judged by itself -----------------------------------------------------------------------

SIX_HOURS = Calendar(6 * HOUR_US, "UTC")


def test_four_quiet_days_open_nothing_when_each_is_left_out() -> None:
    obs = ordinary(16, every_us=6 * HOUR_US, seed=2, records=400)
    judged = decision.leave_one_block_out(obs, SIX_HOURS)
    assert len(judged) == 16
    assert not any(finding.firing for one in judged for finding in one.findings)


def test_a_bad_day_in_a_reference_is_found_when_it_is_left_out() -> None:
    obs = ordinary(24, every_us=6 * HOUR_US, seed=2, records=400)
    obs.x[8:12, MOJIBAKE] += 40
    judged = decision.leave_one_block_out(obs, SIX_HOURS)
    assert set(firing(list(judged), "encoding")) & {9, 10, 11}


def test_silence_around_the_reference_is_not_judged() -> None:
    obs = ordinary(20, every_us=6 * HOUR_US, seed=2, records=400)
    for part in (obs.n, obs.x, obs.xx):
        part[:2] = 0
    obs.bins[AGE_SHAPE][:2] = 0
    judged = decision.leave_one_block_out(obs, SIX_HOURS)
    assert len(judged) == 20
    assert judged[0].findings == ()
    assert not any(finding.hard for one in judged for finding in one.findings)


def test_two_days_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="fewer than three blocks"):
        decision.leave_one_block_out(ordinary(8, every_us=6 * HOUR_US), SIX_HOURS)


def test_left_out_scores_are_those_of_a_fit_without_the_block() -> None:
    """What `fit_with_null` says of a block in one pass is close to what a fit on the other blocks says of it."""
    obs = ordinary(9 * WEEK)
    quick = fit_with_null(obs, HOURLY).scores
    assert quick is not None
    mine = slice(4 * WEEK, 5 * WEEK)
    others = np.r_[0 : 4 * WEEK, 5 * WEEK : 9 * WEEK]
    slow = score(fit(obs.rows(others), HOURLY), obs.rows(mine))
    gap = np.abs(
        quick.rows(mine).z[:, [VOLUME, TOXIC, AGE, AGE_SHAPE]] - slow.z[:, [VOLUME, TOXIC, AGE, AGE_SHAPE]]
    )
    assert gap.mean() < 0.1
