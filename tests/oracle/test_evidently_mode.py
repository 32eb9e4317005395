"""Our five distances in Evidently's binning mode, against vectors written down and against live Evidently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks import evidently_mode
from monitor.evidently import Answer, EvidentlyProcess, Kind, Request

LIN = np.arange(1000) / 1000
SHIFTED = LIN + 0.1
OUTLIER = np.append(SHIFTED[:-1], 1000.0)
A = ["a"] * 60 + ["b"] * 40
B = ["a"] * 50 + ["b"] * 50
RARE = ["a"] * 19_999

# method, kind, reference, current, value of Evidently 0.7.23
VECTORS: list[tuple[str, Kind, Any, Any, float]] = [
    ("psi", "number", LIN, SHIFTED, 1.25577542901),
    ("jensenshannon", "number", LIN, SHIFTED, 0.252886182807),
    ("kl_div", "number", LIN, SHIFTED, 0.627824932009),
    ("wasserstein", "number", LIN, SHIFTED, 0.346410334719),
    ("hellinger", "number", LIN, SHIFTED, 0.303614743043),
    ("wasserstein", "number", np.arange(4), np.arange(1, 5), 1 / np.sqrt(1.25)),
    ("wasserstein", "number", np.zeros(50), np.full(50, 0.5), 500.0),
    ("psi", "number", LIN, OUTLIER, 0.00207332708403),
    ("psi", "category", A, B, 0.0405465108108),
    ("jensenshannon", "category", A, B, 0.0711293886448),
    ("kl_div", "category", A, B, 0.0201355135507),
    ("hellinger", "category", A, B, 0.0711607124394),
    ("psi", "category", ["a"] * 100, ["a"] * 90 + ["b"] * 10, 0.700620803936),
    ("psi", "category", ["a"] * 90 + ["b"] * 10, ["a"] * 100, 0.700620803936),
    ("jensenshannon", "category", ["a"] * 100, ["a"] * 90 + ["b"] * 10, 0.189667489703),
    ("kl_div", "category", ["a"] * 100, ["a"] * 90 + ["b"] * 10, 0.104559279202),
    ("psi", "category", [*RARE, "b"], [*RARE, "c"], 0.00138154967425),
    ("jensenshannon", "category", ["a"] * 10, ["b"] * 10, 0.832554611158),
    ("psi", "category", ["a"] * 10, ["b"] * 10, 18.4188386759),
    ("psi", "number", np.tile(np.arange(10), 10), np.tile(np.arange(5), 20), 3.79699735213),
    ("psi", "number", np.tile(np.arange(20), 10), np.arange(200) / 10, 5.52273087448),
    ("jensenshannon", "number", LIN, LIN, 0.0),
    ("psi", "category", ["a"] * 60 + ["b"] * 30 + [None] * 10, B, 0.120397280433),
]


def ours(method: str, kind: Kind, reference: Any, current: Any) -> float:
    assert kind != "text"
    sides = [
        np.array(side, dtype=object) if kind == "category" else np.asarray(side)
        for side in (reference, current)
    ]
    return evidently_mode.SCORES[method](sides[0], sides[1], kind)


@pytest.mark.parametrize(("method", "kind", "reference", "current", "value"), VECTORS)
def test_written_down_vectors(method: str, kind: Kind, reference: Any, current: Any, value: float) -> None:
    assert ours(method, kind, reference, current) == pytest.approx(value, abs=1e-9, rel=1e-9)


def test_the_vectors_are_still_what_evidently_says(evidently: EvidentlyProcess) -> None:
    # The last one keeps its nulls, which the adapter takes out.
    answers = evidently.measure([Request("x", kind, method, r, c) for method, kind, r, c, _ in VECTORS[:-1]])
    assert [answer.error for answer in answers] == [None] * len(answers)
    assert [answer.score for answer in answers] == pytest.approx(
        [value for *_, value in VECTORS[:-1]], abs=1e-9, rel=1e-9
    )


def _random_frames(seed: int) -> list[tuple[Kind, Any, Any]]:
    """Columns of the shapes that production has: sizes, ties, tails, integers, few values, new values."""
    generator = np.random.default_rng(seed)
    n1, n2 = (int(n) for n in generator.integers(30, 3000, size=2))
    words = np.array([f"w{i}" for i in range(40)], dtype=object)
    zipf = 1 / np.arange(1, 41)
    numbers = [
        (generator.normal(size=n1), generator.normal(0.3, 1.4, size=n2)),
        (generator.lognormal(0, 2, size=n1), generator.lognormal(0.1, 2, size=n2)),
        (np.round(generator.exponential(3, size=n1), 1), np.round(generator.exponential(4, size=n2), 1)),
        (generator.poisson(100, size=n1), generator.poisson(90, size=n2)),
        (generator.poisson(2, size=n1), generator.poisson(3, size=n2)),
        (generator.integers(0, 2, size=n1), generator.integers(0, 2, size=n2)),
        (generator.uniform(size=n1), generator.uniform(5, 6, size=n2)),
    ]
    categories = [
        (generator.choice(words, n1, p=zipf / zipf.sum()), generator.choice(words[5:], n2)),
        (generator.choice(words[:2], n1, p=[0.99, 0.01]), generator.choice(words[:3], n2)),
    ]
    return [("number", r, c) for r, c in numbers] + [("category", r, c) for r, c in categories]


def test_random_columns_agree_with_live_evidently(evidently: EvidentlyProcess) -> None:
    requests = [
        Request(f"{seed}.{index}", kind, method, reference, current)
        for seed in range(12)
        for index, (kind, reference, current) in enumerate(_random_frames(seed))
        for method in evidently_mode.SCORES
        if not (kind == "category" and method == "wasserstein")
    ]
    wrong = [
        (request.column, answer)
        for request, answer in zip(requests, evidently.measure(requests), strict=True)
        if not _agrees(request, answer)
    ]
    assert wrong == []
    assert len(requests) > 500


def _agrees(request: Request, answer: Answer) -> bool:
    mine = ours(request.method, request.kind, request.reference, request.current)
    if answer.score is None:
        return False
    if request.method == "hellinger":
        # It is √(1 − affinity), and categories are summed in an order that changes from run to run: what has
        # nine decimals is the affinity.
        return abs(answer.score**2 - mine**2) < 1e-12
    return abs(answer.score - mine) <= 1e-9 * max(1.0, abs(mine))


def test_an_empty_side_is_an_error() -> None:
    for method in evidently_mode.SCORES:
        with pytest.raises(ValueError, match="at least one value"):
            ours(method, "number", np.array([1.0, 2.0]), np.array([]))


def test_wasserstein_of_categories_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs numbers"):
        ours("wasserstein", "category", A, B)
