"""Five drift scores exactly as Evidently 0.7 computes them: its bins, its zero filling, its normalisations.

For comparing with numbers a team already has, and for checking our arithmetic against a peer's. The default
mode of this project is `distances`; tests/oracle shows where it differs on purpose. Every function takes
raw values (reference, current), raises ValueError where a side is empty, and returns a float. Formulas
follow evidently/legacy/calculations/stattests (utils.py, psi.py, kl_div.py, jensenshannon.py,
hellinger_distance.py, wasserstein_distance_norm.py).

Numbers are arrays without inf; whole numbers must keep an integer dtype, because NumPy never makes Sturges
bins of integers narrower than 1. Categories are object arrays; None or NaN is no category, but counts in
the divisor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["number", "category"]
Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

# Numbers with at most this many distinct reference values are treated as categories.
DISTINCT_AS_CATEGORIES = 20


def psi(reference: Values, current: Values, kind: Kind) -> float:
    """Σ(p − q)·ln(p/q) over shares whose zeros were filled and which no longer add up to 1."""
    p, q = _shares(reference, current, kind)
    p, q = _fill_zeros(p), _fill_zeros(q)
    return float(np.sum((p - q) * np.log(p / q)))


def kl(reference: Values, current: Values, kind: Kind) -> float:
    """KL(reference ‖ current) in nats, of zero-filled shares that are normalised again."""
    p, q = _shares(reference, current, kind)
    p, q = _fill_zeros(p), _fill_zeros(q)
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


def js_distance(reference: Values, current: Values, kind: Kind) -> float:
    """Square root of the Jensen-Shannon divergence (nats), without zero filling."""
    p, q = _shares(reference, current, kind)
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    from_p, from_q = p > 0, q > 0
    left = np.sum(p[from_p] * np.log(p[from_p] / middle[from_p]))
    right = np.sum(q[from_q] * np.log(q[from_q] / middle[from_q]))
    return float(np.sqrt(max(left + right, 0.0) / 2))


def hellinger(reference: Values, current: Values, kind: Kind) -> float:
    """√(1 − Σ√(pq)); numbers on Sturges bins of the *set of distinct values*, few or many.

    The subtraction cancels: of two nearly equal samples only about 8 decimals mean anything, there as here.
    """
    reference, current = _without_nulls(reference), _without_nulls(current)
    _require_values(reference, current)
    if kind == "category":
        p, q = _category_shares(reference, current)
        affinity = sum(np.sqrt(p * q))
    else:
        edges = np.histogram_bin_edges(np.unique(np.concatenate([reference, current])), bins="sturges")
        width = (edges.max() - edges.min()) / (len(edges) - 1)
        first = np.histogram(reference, bins=edges, density=True)[0]
        second = np.histogram(current, bins=edges, density=True)[0]
        # Added up one by one, as there: after the subtraction the order of the sum shows.
        affinity = sum(np.sqrt(first * second) * width)
    return float(np.sqrt(1 - np.clip(affinity, 0, 1)))


def wasserstein(reference: Values, current: Values, kind: Kind = "number") -> float:
    """First Wasserstein distance, in standard deviations (ddof 0, at least 0.001) of the reference."""
    if kind != "number":
        raise ValueError("the Wasserstein distance needs numbers")
    _require_values(reference, current)
    values = np.sort(np.concatenate([reference, current]).astype(np.float64))
    first = np.searchsorted(np.sort(reference), values[:-1], side="right") / len(reference)
    second = np.searchsorted(np.sort(current), values[:-1], side="right") / len(current)
    distance = np.sum(np.abs(first - second) * np.diff(values))
    return float(distance / max(float(np.std(reference)), 0.001))


# By Evidently's own names.
SCORES: Mapping[str, Callable[[Values, Values, Kind], float]] = {
    "psi": psi,
    "kl_div": kl,
    "jensenshannon": js_distance,
    "hellinger": hellinger,
    "wasserstein": wasserstein,
}


def _shares(reference: Values, current: Values, kind: Kind) -> tuple[Floats, Floats]:
    """Shares on common bins: equal widths over the *combined* range, or a bin per distinct value."""
    _require_values(reference, current)
    if kind == "number" and len(np.unique(_without_nulls(reference))) > DISTINCT_AS_CATEGORIES:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        first, second = np.histogram(reference, edges)[0], np.histogram(current, edges)[0]
        return first / len(reference), second / len(current)
    return _category_shares(reference, current)


def _category_shares(reference: Values, current: Values) -> tuple[Floats, Floats]:
    first = Counter(_without_nulls(reference).tolist())
    second = Counter(_without_nulls(current).tolist())
    keys = list(dict.fromkeys([*first, *second]))
    return (
        np.array([first[key] for key in keys], dtype=np.float64) / len(reference),
        np.array([second[key] for key in keys], dtype=np.float64) / len(current),
    )


def _fill_zeros(shares: Floats) -> Floats:
    """Zero shares become 0.0001, or a millionth of the smallest share where that is not above 0.0001."""
    smallest = shares[shares > 0].min()
    return np.where(shares == 0, smallest / 1e6 if smallest <= 0.0001 else 0.0001, shares)


def _without_nulls(values: Values) -> Values:
    if values.dtype == object:
        # NaN is the one value that differs from itself.
        return values[np.array([value is not None and value == value for value in values], dtype=np.bool_)]
    if values.dtype.kind == "f":
        return values[~np.isnan(values)]
    return values


def _require_values(reference: Values, current: Values) -> None:
    if not len(reference) or not len(current):
        raise ValueError("both sides need at least one value")
