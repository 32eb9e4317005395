from __future__ import annotations

from dataclasses import replace

import pytest

from checks.attribution import Mix, Share
from checks.baseline import Baseline, fit
from checks.breaks import Break
from checks.contributions import Bin
from checks.decision import Finding, Named
from checks.explain import mojibake, sentences
from checks.plan import Plan
from checks.profile import Profile
from checks.seasons import HOUR_US
from tests.checks.countries import finding, learn
from tests.checks.made_up import HOURLY, MONDAY_US, Made, ordinary


@pytest.fixture(scope="module")
def learnt() -> tuple[Plan, Profile, Baseline]:
    return learn()


# ----- sentences --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fit(ordinary(8 * 168), HOURLY)


def told(
    baseline: Baseline,
    series: int,
    *,
    value: float,
    expected: float,
    effect: float,
    shares: tuple[Share, ...] = (),
    terms: tuple[str, ...] = (),
) -> tuple[str, str, str]:
    named = Named(series, 25.0, value, expected, effect, 4.0, MONDAY_US + 14 * HOUR_US)
    change = Finding(baseline.series[series].family, True, False, named.since_us, (), (named,))
    return sentences(change, shares, baseline, "Europe/Berlin", terms)


def test_three_sentences_of_a_rate(baseline: Baseline) -> None:
    share = Share("client=web", 0.8, 0.2)
    what, size, where = told(baseline, 1, value=0.032, expected=0.001, effect=0.031, shares=(share,))
    assert what == "Messages with mojibake in text went from 0.1 % to 3.2 %."
    assert size.startswith(
        "That is 3.1 points above normal, 32 times the usual share; the evidence since then is 25 where"
    )
    assert "extrapolated from 8 weeks of reference" in size
    assert where.startswith(
        "It began about Monday 4 September 2023 16:00 (Europe/Berlin); most of it comes from"
    )
    assert where.endswith("client=web (80% of the change).")


def test_volumes_means_and_distributions_are_told_in_their_own_units(baseline: Baseline) -> None:
    fallen = told(baseline, 0, value=70.0, expected=120.0, effect=-0.42)
    assert fallen[0] == "Records went from about 120 to 70 a window."
    assert fallen[1].startswith("That is 42% less than normal at that time of the week;")
    assert fallen[2].endswith("no segment carries it alone.")
    tenfold = told(baseline, 0, value=1_200.0, expected=120.0, effect=9.0)
    assert tenfold[1].startswith("That is 10 times what is normal at that time of the week;")
    from_nothing = told(baseline, 0, value=370.0, expected=0.3, effect=1_232.0)
    assert from_nothing[1].startswith("Normally hardly any come at that time of the week;")
    shifted = told(baseline, 3, value=11.0, expected=10.0, effect=0.5)
    assert shifted[0] == "The mean age went from 10 to 11."
    assert shifted[1].startswith("That is 0.5 standard deviations of single values above normal;")
    moved = told(baseline, 4, value=0.06, expected=0.02, effect=0.04)
    assert moved[0] == "The distribution of age moved."
    assert moved[1].startswith("It is 3.0 times as far from normal as windows of this size usually are;")


def test_words_that_tell_of_a_change_are_shown(baseline: Baseline) -> None:
    said = told(baseline, 1, value=0.1, expected=0.02, effect=0.08, terms=("glimzo", "cancelled"))[0]
    assert said.endswith(", told by the words “glimzo”, “cancelled”.")


def test_what_the_reference_lacks_is_said(baseline: Baseline) -> None:
    poor = replace(baseline, facts=replace(baseline.facts, missing=("no weekend in the reference",)))
    assert (
        "mind that there is no weekend in the reference"
        in told(poor, 1, value=0.1, expected=0.02, effect=0.08)[1]
    )
    unsure = replace(baseline, facts=replace(baseline.facts, provisional=True))
    assert "provisionally" in told(unsure, 1, value=0.1, expected=0.02, effect=0.08)[1]


def test_other_series_are_named_and_then_counted(baseline: Baseline) -> None:
    named = tuple(Named(s, 30.0 - s, 0.2, 0.1, 0.1, 4.0, MONDAY_US) for s in (2, 1, 3, 4, 0))
    said = sentences(Finding("inputs", True, False, MONDAY_US, (), named), (), baseline, "UTC")[0]
    assert said.startswith(
        "Answers “toxic” in decision went from 10 % to 20 %; also moved: messages with mojibake"
    )
    assert said.endswith("and 1 more.")


def test_a_break_says_its_message(baseline: Baseline) -> None:
    hard = Break("quality", "null_rate", "age", "*", 1.0, 0.0, "age is null in every record")
    what, size, _ = sentences(Finding("quality", True, False, MONDAY_US, (hard,), ()), (), baseline, "UTC")
    assert what == "age is null in every record."
    assert "one window is enough" in size


def test_nothing_found_cannot_be_explained(baseline: Baseline) -> None:
    with pytest.raises(ValueError, match="nothing to explain"):
        sentences(Finding("inputs", False, True, None, (), ()), (), baseline, "UTC")


def test_mojibake_is_told_by_its_codecs_and_what_ftfy_confirms() -> None:
    rate = (0.0301, 0.0284, 0.0322)
    assert mojibake([("cp1252", 0.94), ("cp1250", 0.04), ("cp437", 0.02)], 0.0, 100, 97, 2, rate) == (
        "94 % of the mojibake is consistent with UTF-8 read as cp1252 and 4.0 % with UTF-8 read as cp1250; "
        "ftfy confirms 97 of 100 looked at (2 are outside what it can confirm), "
        "and so 3.0 % of all messages since it began (2.8 % to 3.2 %)"
    )
    assert mojibake([("koi8-r", 1.0)], 0.0, 1, 0, 1, None) == (
        "100 % of the mojibake is consistent with UTF-8 read as koi8-r; "
        "ftfy confirms 0 of 1 looked at (1 is outside what it can confirm)"
    )


def test_what_never_was_utf8_is_told_apart() -> None:
    assert mojibake([("cp1252", 0.9)], 0.1, 0, 0, 0, None).startswith(
        "90 % of the mojibake is consistent with UTF-8 read as cp1252 and 10 % with one legacy codec’s text read with"
    )
    assert mojibake([], 1.0, 0, 0, 0, None).startswith(
        "100 % of the mojibake is consistent with one legacy codec’s"
    )


def test_mojibake_that_nobody_could_look_at_says_so() -> None:
    assert mojibake([], 0.0, 0, 0, 0, None) == "no text is kept, so ftfy has confirmed none"
    assert "none of it is among the kept records" in mojibake([], 0.0, 0, 0, 0, (0.0, 0.0, 0.1))


def test_what_is_told_of_the_lead_follows_it(learnt: tuple[Plan, Profile, Baseline]) -> None:
    plan, _, baseline = learnt
    change = finding(plan, "class_share", term="toxic")
    said = sentences(change, (), baseline, "UTC", told="94 % of it is odd")[0]
    assert said == "Answers “toxic” in decision went from 10 % to 20 %; 94 % of it is odd."


def test_every_rate_has_words() -> None:
    from checks.explain import _RATE
    from checks.floors import _RATES

    assert set(_RATES) <= set(_RATE)


def test_a_segment_of_its_own_is_told_apart_from_what_moved_most() -> None:
    made = Made(72)
    made.volume(50.0, segment="country=FR")
    small = fit(made.done(), HOURLY)
    said = told(small, 0, value=80.0, expected=50.0, effect=0.6, shares=(Share("country=IN", 0.9, 0.1),))
    assert said[0] == "Records of country=FR went from about 50 to 80 a window."
    assert said[2].endswith("of all traffic, what moved most is country=IN (90% of the change).")


def test_where_the_values_of_a_distribution_went_is_told(baseline: Baseline) -> None:
    bins = (
        Bin("100 to 200", 0.12, 0.2, 0.6),
        Bin("below 20", 0.1, 0.04, 0.3),
        Bin("30 to 40", 0.1, 0.09, 0.05),
    )
    change = told_of(4)
    said = sentences(change, (), baseline, "UTC", bins=bins)[0]
    assert said == (
        "The distribution of age moved: more of 100 to 200 (12 % to 20 %), fewer below 20 (10 % to 4.0 %)."
    )


def test_a_changed_mix_is_told_before_the_segments(baseline: Baseline) -> None:
    mix = Mix("country", 0.77, "country=IN", 0.3, 0.45, True)
    share = Share("country=IN", 0.8, 0.2)
    where = sentences(told_of(1), (share,), baseline, "UTC", mixes=(mix,))[2]
    assert where.endswith(
        "; three quarters of it is more traffic from country=IN (30 % to 45 %); "
        "within the values of country little changed."
    )
    half = replace(mix, share=0.5)
    others = (share, Share("country=FR", 0.4, 0.1))
    where = sentences(told_of(1), others, baseline, "UTC", mixes=(half,))[2]
    assert where.endswith(
        "half of it is more traffic from country=IN (30 % to 45 %), and the rest changed within country=FR."
    )
    against = sentences(told_of(1), (), baseline, "UTC", mixes=(replace(mix, share=1.8),))[2]
    assert "more than all of it" in against
    assert against.endswith("it moved the other way.")


def test_a_mix_that_may_be_chance_or_is_small_is_not_told(baseline: Baseline) -> None:
    mix = Mix("country", 0.77, "country=IN", 0.3, 0.31, False)
    small = Mix("country", 0.2, "country=IN", 0.3, 0.45, True)
    for one in (mix, small):
        where = sentences(told_of(1), (), baseline, "UTC", mixes=(one,))[2]
        assert where.endswith("no segment carries it alone.")


def told_of(series: int) -> Finding:
    named = Named(series, 25.0, 0.2, 0.1, 0.1, 4.0, MONDAY_US)
    return Finding("inputs", True, False, MONDAY_US, (), (named,))
