"""The risk bound: rarely wrong however often one looks, and quick where the model got worse."""

import numpy as np
import pytest

from checks.performance import risk


def test_it_is_wrong_less_often_than_allowed_although_it_is_looked_at_after_every_label() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        game = risk.observe(risk.begin(), (rng.random(1_000) < 0.1).astype(float), delta=0.05)
        wrong += game.low > 0.1
    assert wrong / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_it_finds_a_doubled_error_rate() -> None:
    rng = np.random.default_rng(1)
    release = risk.upper_bound((rng.random(5_000) < 0.1).astype(float))
    game = risk.observe(risk.begin(), (rng.random(2_000) < 0.2).astype(float))
    assert 0.1 < release < 0.12
    assert release < game.low < 0.2


def test_labels_may_come_in_any_number_of_pieces() -> None:
    losses = np.random.default_rng(2).random(300)
    whole = risk.observe(risk.begin(), losses)
    pieces = risk.observe(risk.observe(risk.begin(), losses[:7]), losses[7:])
    assert pieces.low == whole.low
    assert np.array_equal(pieces.wealth, whole.wealth)


def test_the_bound_never_falls() -> None:
    game = risk.observe(risk.begin(), np.ones(50))
    assert risk.observe(game, np.zeros(500)).low == game.low > 0.5


def test_losses_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        risk.observe(risk.begin(), np.array([0.5, 1.5]))


@pytest.mark.parametrize(("rate", "count"), [(0.0, 50), (0.02, 400), (0.3, 2_000)])
def test_the_upper_bound_holds_and_tightens(rate: float, count: int) -> None:
    rng = np.random.default_rng(5)
    bounds = [risk.upper_bound((rng.random(count) < rate).astype(float)) for _ in range(200)]
    assert np.mean([bound >= rate for bound in bounds]) >= 0.95
    assert max(bounds) < rate + 4 * np.sqrt(max(rate, 0.1) / count) + 5 / count


def test_without_labels_nothing_is_known() -> None:
    assert risk.upper_bound(np.zeros(0)) == 1.0
    assert risk.begin().low == 0.0
