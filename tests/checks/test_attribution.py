from __future__ import annotations

import numpy as np
import pytest

from checks.attribution import _adtribute, mixes, segments
from checks.baseline import Baseline
from checks.breaks import Break
from checks.decision import Finding
from checks.plan import Plan
from checks.profile import Profile
from tests.checks.countries import finding, learn, profile_of, records


@pytest.fixture(scope="module")
def learnt() -> tuple[Plan, Profile, Baseline]:
    return learn()


def test_the_segment_that_grew_carries_the_growth(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    more = records({"US": 0.3, "IN": 0.65, "FR": 0.05}, {"US": 0.1, "IN": 0.1, "FR": 0.1}, n=8_000)
    change = finding(plan, "volume", expected=4_000.0, value=8_000.0, effect=1.0)
    shares = segments(profile_of(more, plan), reference, plan, baseline, change)
    assert [share.segment for share in shares] == ["country=IN"]
    assert shares[0].share == pytest.approx((0.65 * 8_000 - 0.3 * 4_000) / 4_000, abs=0.05)


def test_the_segment_whose_answers_changed_carries_them(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    worse = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.9})
    shares = segments(
        profile_of(worse, plan), reference, plan, baseline, finding(plan, "class_share", term="toxic")
    )
    assert shares[0].segment == "country=FR"
    assert shares[0].share > 0.8


def test_a_shift_between_segments_is_explained_though_the_total_stays(
    learnt: tuple[Plan, Profile, Baseline],
) -> None:
    plan, reference, baseline = learnt
    moved = records({"US": 0.3, "IN": 0.3, "FR": 0.4}, {"US": 0.1, "IN": 0.1, "FR": 0.1})
    change = finding(plan, "segment_share", segment="country=FR", effect=0.3)
    shares = segments(profile_of(moved, plan), reference, plan, baseline, change)
    assert [share.segment for share in shares] == ["country=FR"]


def test_a_change_that_is_everywhere_has_no_segment(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    older = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1}, age=45.0)
    change = finding(plan, "mean", column="age", effect=3.0)
    assert segments(profile_of(older, plan), reference, plan, baseline, change) == ()


def test_a_finding_of_breaks_alone_has_no_segments(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    hard = Break("quality", "null_rate", "age", "*", 1.0, 0.0, "age is null in every record")
    assert (
        segments(reference, reference, plan, baseline, Finding("quality", True, False, 0, (hard,), ())) == ()
    )


def test_explained_shares_and_surprise_are_adtributors() -> None:
    now, normal = np.array([60.0, 25.0, 15.0]), np.array([20.0, 20.0, 10.0])
    shares = _adtribute(["a", "b", "c"], now, normal, rising=True)
    assert [share.segment for share in shares] == ["a"]
    assert shares[0].share == pytest.approx(40 / 50)
    p, q = 20 / 50, 60 / 100
    surprise = (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) / 2
    assert shares[0].surprise == pytest.approx(surprise)


def test_a_mean_that_moved_in_one_segment_is_told_of_it(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    values = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1})
    older: list[object] = [
        float(str(age)) + 3 * (country == "FR")
        for age, country in zip(values["age"], values["country"], strict=True)
    ]
    shares = segments(
        profile_of(values | {"age": older}, plan),
        reference,
        plan,
        baseline,
        finding(plan, "mean", column="age", effect=0.06),
    )
    assert [share.segment for share in shares] == ["country=FR"]
    assert shares[0].share == pytest.approx(1.0, abs=0.35)


def test_a_rate_that_rose_from_nothing_blames_no_segment_for_its_size(
    learnt: tuple[Plan, Profile, Baseline],
) -> None:
    plan, reference, baseline = learnt
    # Forty new answers, spread as the traffic is: most are of US, because most traffic is.
    values = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1})
    values["decision"] = ["maybe" if i % 101 == 0 else answer for i, answer in enumerate(values["decision"])]
    change = finding(plan, "unseen_rate", column="decision", effect=0.01, expected=0.0)
    assert segments(profile_of(values, plan), reference, plan, baseline, change) == ()


def test_more_traffic_from_where_much_is_toxic_is_a_changed_mix(
    learnt: tuple[Plan, Profile, Baseline],
) -> None:
    plan, _, baseline = learnt
    toxic = {"US": 0.02, "IN": 0.4, "FR": 0.02}
    before = profile_of(records({"US": 0.6, "IN": 0.3, "FR": 0.1}, toxic), plan)
    now = profile_of(records({"US": 0.3, "IN": 0.6, "FR": 0.1}, toxic), plan)
    change = finding(plan, "class_share", term="toxic")
    first = mixes(now, before, plan, baseline, change)[0]
    assert (first.dimension, first.segment, first.sure) == ("country", "country=IN", True)
    assert first.share == pytest.approx(1.0, abs=0.15)
    assert (first.before, first.now) == pytest.approx((0.3, 0.6), abs=0.02)
    assert segments(now, before, plan, baseline, change)[0].segment == "country=IN"


def test_more_toxic_answers_everywhere_are_no_changed_mix(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    worse = records({"US": 0.6, "IN": 0.3, "FR": 0.1}, {"US": 0.2, "IN": 0.2, "FR": 0.2})
    found = mixes(
        profile_of(worse, plan), reference, plan, baseline, finding(plan, "class_share", term="toxic")
    )
    assert {mix.dimension for mix in found} == {"country", "client"}
    assert all(abs(mix.share) < 0.1 for mix in found)


def test_records_and_series_of_one_segment_have_no_mix(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, reference, baseline = learnt
    more = profile_of(records({"US": 0.2, "IN": 0.7, "FR": 0.1}, {"US": 0.1, "IN": 0.1, "FR": 0.1}), plan)
    assert mixes(more, reference, plan, baseline, finding(plan, "volume", effect=1.0)) == ()
    of_one = finding(plan, "class_share", term="toxic", segment="country=FR")
    assert mixes(more, reference, plan, baseline, of_one) == ()
