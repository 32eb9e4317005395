"""The sample of a window: bottom-k per stratum: bounded, mergeable, and the same on every replica.

A record's rank is a hash of its event id in [0, 1). Per stratum the k records of smallest rank are kept, and
the (k+1)-th smallest rank is their inclusion probability (1 if all are kept): priority sampling with equal
weights (Duffield, Lund, Thorup 2007). The (k+1) smallest ranks of a union are among those of its parts, so
merging samples gives the sample of the union.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from monitor.store.samples import Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ALL = "*"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A weighted mean, its standard error, and the size of the simple random sample that would be as good."""

    value: float
    error: float
    effective_n: float


def ranks(event_hash: npt.NDArray[np.int64], model: str, salt: bytes) -> npt.NDArray[np.float64]:
    """float64[n] in [0, 1) from int64[n] hashes of event ids; not to be guessed without the salt."""
    import numpy as np

    key = blake2b(model.encode(), key=salt[:64], digest_size=16, person=b"driftglass-smpl").digest()
    first, second = np.frombuffer(key, "<u8")
    mixed = _mix(_mix(event_hash.view(np.uint64) ^ first) + second)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def allocation(rows: int, records: Mapping[str, int]) -> dict[str, int]:
    """How many of `rows` each stratum may keep, by the square root of its `records` in the reference.

    At least one each; a stratum without records in the reference gets the share of one record. The shares are
    fixed by the reference, not by the window, or samples would not merge. Remainders go to the largest
    fractions.
    """
    if not records:
        return {ALL: rows}
    weights = {stratum: math.sqrt(max(1, count)) for stratum, count in records.items()}
    total = sum(weights.values())
    exact = {stratum: rows * weight / total for stratum, weight in weights.items()}
    shares = {stratum: max(1, math.floor(share)) for stratum, share in exact.items()}
    spare = rows - sum(shares.values())
    by_fraction = sorted(exact, key=lambda stratum: (-(exact[stratum] % 1), stratum))
    for stratum in by_fraction[: max(0, spare)]:
        shares[stratum] += 1
    return shares


def bottom_k(
    rank: npt.NDArray[np.float64], group: npt.NDArray[np.int64], k: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """The k[g] records of smallest rank of every group g, and the inclusion probability of each.

    `rank` float64[n], `group` int64[n] into `k`. The indices come by group and rank; nothing in, nothing out.
    """
    import numpy as np

    order = np.lexsort((rank, group))
    ordered = group[order]
    sizes = np.bincount(group, minlength=len(k))
    place = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[ordered]
    probability = np.ones(len(k))
    border = order[place == k[ordered]]  # the first record of each group that is left out
    probability[group[border]] = rank[border]
    kept = order[place < k[ordered]]
    return kept, probability[group[kept]]


def inclusion(smallest: Sequence[float], k: int) -> float:
    """The inclusion probability from the ascending k + 1 smallest ranks: the last, 1 if there are fewer."""
    return float(smallest[k]) if len(smallest) > k else 1.0


def keep(rows: Sequence[Sample], allotted: Mapping[str, int]) -> list[Sample]:
    """The sample of the union of samples: at most `allotted[stratum]` rows of each, with new probabilities.

    A probability below 1 in `rows` is the rank of a record that some sample left out; it takes part. A record
    that comes twice counts once. Rows come back by stratum and rank. KeyError for a stratum that was not
    allotted any.
    """
    strata: dict[str, dict[str, Sample]] = {}
    for row in rows:
        strata.setdefault(row.stratum, {}).setdefault(row.event_id, row)
    kept: list[Sample] = []
    for stratum in sorted(strata):
        members = sorted(strata[stratum].values(), key=lambda row: (row.rank, row.event_id))
        left_out = {row.inclusion_probability for row in members if row.inclusion_probability < 1.0}
        k = allotted[stratum]
        probability = inclusion(sorted([*(row.rank for row in members), *left_out])[: k + 1], k)
        # A record beyond the smallest rank that anybody left out may stand in one sample and not in another.
        complete = [row for row in members[:k] if row.rank < probability]
        kept += [replace(row, inclusion_probability=probability) for row in complete]
    return kept


def hajek(values: Sequence[float], probabilities: Sequence[float]) -> Estimate:
    """The mean of a population from a sample with unequal probabilities: Σwy / Σw with w = 1/π (Hájek 1971).

    NaN for an empty sample. effective_n is Kish's (Σw)² / Σw². The error treats the rows as drawn
    independently; with all rows kept (π = 1) it is that of a sample from a larger population.
    """
    import numpy as np

    if not len(values):
        return Estimate(math.nan, math.nan, 0.0)
    y = np.asarray(values, np.float64)
    weight = 1.0 / np.asarray(probabilities, np.float64)
    total = float(weight.sum())
    mean = float((weight * y).sum()) / total
    error = math.sqrt(float((weight**2 * (y - mean) ** 2).sum())) / total
    return Estimate(mean, error, total**2 / float((weight**2).sum()))


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    import numpy as np

    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
