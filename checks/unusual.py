"""Is a window as a whole like any of the reference? For what is a little of everything and nothing by itself.

The profile vector of a window is the z of all its series. Its distance is the mean over its nearest reference windows
(root mean square over series); what is normal is what reference windows have to those of other blocks. See
docs/decisions/020: this is shown beside the verdicts and never an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 5
_AT_ONCE = 512  # windows whose distances to all of the reference are held at a time


@dataclass(frozen=True, eq=False)
class Usual:
    """z of the reference windows, float64[W, S] without NaN, and the distance float64[W] of each to its nearest
    windows of other blocks, ascending."""

    z: Floats
    distances: Floats


def usual(z: Floats, block: npt.NDArray[np.intp]) -> Usual | None:
    """What is normal, from the left-out z float64[W, S] of reference windows and the block int[W] of each.

    A NaN counts as 0, the expected value. None for fewer than three blocks or no series: nothing can be left out.
    """
    if z.shape[1] == 0 or len(np.unique(block)) < 3:
        return None
    known = np.nan_to_num(z)
    found = np.empty(len(known))
    for k in np.unique(block):
        mine = block == k
        found[mine] = _nearest(known[mine], known[~mine])
    return Usual(known, np.sort(found))


def distance(usual: Usual, z: Floats) -> tuple[Floats, Floats]:
    """Of windows float64[V, S]: the distance to their nearest reference windows, and the share of these that
    are as far or farther, (1 + those) / (1 + W); float64[V] each. ValueError for other series than the reference's."""
    if z.shape[1] != usual.z.shape[1]:
        raise ValueError(f"{z.shape[1]} series in the window and {usual.z.shape[1]} in the reference")
    found = _nearest(np.nan_to_num(z), usual.z)
    farther = len(usual.distances) - np.searchsorted(usual.distances, found, side="left")
    return found, (1 + farther) / (1 + len(usual.distances))


def carriers(usual: Usual, z: Floats, limit: int = 3) -> tuple[int, ...]:
    """The series that keep a window float64[S] farthest from its nearest reference windows, the farthest first."""
    known = np.nan_to_num(z)
    apart = np.square(usual.z - known).mean(axis=1)
    near = usual.z[np.argsort(apart, kind="stable")[:NEIGHBOURS]]
    gap = np.square(near - known).mean(axis=0)
    return tuple(int(s) for s in np.argsort(-gap, kind="stable")[:limit] if gap[s] > 0)


def _nearest(windows: Floats, reference: Floats) -> Floats:
    """float64[V]: the mean distance to the nearest of the reference, root mean square over the series."""
    k = min(NEIGHBOURS, len(reference))
    norms = np.square(reference).sum(axis=1)
    found = np.empty(len(windows))
    for first in range(0, len(windows), _AT_ONCE):
        some = windows[first : first + _AT_ONCE]
        squared = np.square(some).sum(axis=1)[:, None] + norms - 2 * some @ reference.T
        nearest = np.partition(np.maximum(squared, 0), k - 1, axis=1)[:, :k]
        found[first : first + _AT_ONCE] = np.sqrt(nearest / windows.shape[1]).mean(axis=1)
    return found
