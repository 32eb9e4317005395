"""Similarity: which of many sets of words have much in common, without comparing each with each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.hashing import finish, mix
from checks.text.kernels import frozen, kernel

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BANDS, ROWS = 16, 3


def links(
    offsets: Integers, ids: Integers, hashes: Integers, weights: Floats
) -> tuple[Integers, Integers, Floats]:
    """Pairs of similar sets, int64[P] and int64[P], and the weighted Jaccard similarity of each, float64[P].

    Set k is `ids[offsets[k] : offsets[k + 1]]`, ascending int64 into `hashes` int64[V] and `weights` float64[V] > 0.
    Weighted MinHash: the chance that two sets agree in one of the signature's rows is about their similarity (Chum
    et al. 2008); sets that agree in the ROWS rows of one of BANDS bands meet in a bucket. There each is compared
    with the one before it and with the first, so a bucket of everything costs no more than others. Empty sets
    meet nobody.
    """
    count = len(offsets) - 1
    offsets, ids, weights = frozen(offsets), frozen(ids), frozen(weights)
    keys = np.zeros((BANDS, count), np.int64)
    _band_keys(offsets, ids, frozen(hashes), weights, keys)
    room = 2 * BANDS * count
    one, two, similar = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.float64)
    made = 0
    for band in range(BANDS):
        order = np.argsort(keys[band], kind="stable")
        made = _compare(offsets, ids, weights, frozen(keys[band]), order, one, two, similar, made)
    return one[:made], two[:made], similar[:made]


@kernel
def _band_keys(offsets, ids, hashes, weights, keys):  # type: ignore[no-untyped-def]
    for k in range(len(offsets) - 1):
        first, last = offsets[k], offsets[k + 1]
        if first == last:
            continue
        for band in range(BANDS):
            state = np.uint64(band + 1)
            for row in range(ROWS):
                salt = np.uint64((band * ROWS + row + 1) * 0x632BE59BD9B4E019 & 0x7FFFFFFFFFFFFFFF)
                least, chosen = np.inf, np.int64(0)
                for t in range(first, last):
                    drawn = np.uint64(finish(mix(salt, np.uint64(hashes[ids[t]])))) >> np.uint64(11)
                    # An exponential variable whose rate is the word's weight: the least of all is drawn by weight.
                    value = -np.log((np.float64(drawn) + 1.0) / 9007199254740993.0) / weights[ids[t]]
                    if value < least:
                        least, chosen = value, hashes[ids[t]]
                state = mix(state, np.uint64(chosen))
            keys[band, k] = finish(state)


@kernel
def _similarity(offsets, ids, weights, one, two):  # type: ignore[no-untyped-def]
    i, j = offsets[one], offsets[two]
    last_i, last_j = offsets[one + 1], offsets[two + 1]
    both = total = 0.0
    while i < last_i and j < last_j:
        if ids[i] == ids[j]:
            both += weights[ids[i]]
            total += weights[ids[i]]
            i += 1
            j += 1
        elif ids[i] < ids[j]:
            total += weights[ids[i]]
            i += 1
        else:
            total += weights[ids[j]]
            j += 1
    while i < last_i:
        total += weights[ids[i]]
        i += 1
    while j < last_j:
        total += weights[ids[j]]
        j += 1
    return both / total if total > 0 else 0.0


@kernel
def _compare(offsets, ids, weights, keys, order, one, two, similar, made):  # type: ignore[no-untyped-def]
    head = 0
    for k in range(1, len(order)):
        if keys[order[k]] != keys[order[k - 1]]:
            head = k
            continue
        if keys[order[k]] == 0:
            continue
        for other in (head, k - 1):
            one[made], two[made] = order[other], order[k]
            similar[made] = _similarity(offsets, ids, weights, order[other], order[k])
            made += 1
            if head == k - 1:
                break
    return made
