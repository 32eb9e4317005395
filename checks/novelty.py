"""How often something new comes when nothing has changed.

The reference holds no unseen value and no new language pair, because what it holds is what "seen" means:
taken at its word, the first new value of any week would be an alarm. Left-out blocks tell better: a value
that only one block holds was new when that block came.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from checks.seasons import Blocks
from checks.series import Observations, Series


def as_if_new(obs: Observations, block: Blocks) -> Observations:
    """The reference with `unseen_rate` and `new_pair_rate` counted against the other blocks.

    Unseen values come from the counts of the same column's `jsd`, new pairs from its `pair_rate` series. A
    rate that has neither stays as it was counted. With fewer than three blocks nothing is changed.
    """
    if block.kind == "none":
        return obs
    x = obs.x.copy()
    for s, series in enumerate(obs.series):
        if series.metric == "unseen_rate":
            counts = _values(obs, series)
        elif series.metric == "new_pair_rate":
            counts = _pairs(obs, series)
        else:
            continue
        if counts is not None:
            x[:, s] = np.minimum(np.maximum(x[:, s], _only_here(counts, block)), obs.n[:, s])
    return replace(obs, x=x)


def _values(obs: Observations, series: Series) -> npt.NDArray[np.float64] | None:
    """float64[W, B]: the counts per value behind an unseen rate."""
    for s, other in enumerate(obs.series):
        if (other.metric, other.column, other.segment, other.term) == (
            "jsd",
            series.column,
            series.segment,
            "",
        ):
            return obs.bins[s].astype(np.float64)
    return None


def _pairs(obs: Observations, series: Series) -> npt.NDArray[np.float64] | None:
    """float64[W, P]: the messages of every known language pair."""
    known = [
        s
        for s, other in enumerate(obs.series)
        if (other.metric, other.column, other.segment) == ("pair_rate", series.column, series.segment)
    ]
    return np.nan_to_num(obs.x[:, known]) if known else None


def _only_here(counts: npt.NDArray[np.float64], block: Blocks) -> npt.NDArray[np.float64]:
    """Per window the records in bins that no other block has, float64[W]."""
    by_block = np.zeros((block.count, counts.shape[1]))
    np.add.at(by_block, block.of, counts)
    elsewhere = by_block.sum(axis=0) - by_block
    return np.asarray((counts * (elsewhere[block.of] == 0)).sum(axis=1), dtype=np.float64)
