"""The hash of a word, shared by every kernel that meets one: this file is part of every cached kernel's
stamp.

64-bit multiply-xorshift: the same on every machine, no seed from outside, good enough that two of a million
words collide
once in forty million vocabularies. It is not meant to withstand an enemy who looks for collisions.
"""

from __future__ import annotations

import numba
import numpy as np

WORD_SEED = np.uint64(0x517CC1B727220A95)
CONTENT_SEED = np.uint64(0x27D4EB2F165667C5)


@numba.njit(cache=True)
def mix(state, value):  # type: ignore[no-untyped-def]
    """One step: the state after one more character."""
    state = (state ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
    return state ^ (state >> np.uint64(29))


@numba.njit(cache=True)
def finish(state):  # type: ignore[no-untyped-def]
    """The hash of what was mixed, never 0: tables use 0 for "free"."""
    state = (state ^ (state >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    state = state ^ (state >> np.uint64(32))
    return np.int64(state) if state != 0 else np.int64(1)


@numba.njit(cache=True)
def contains(table, value):  # type: ignore[no-untyped-def]
    """Whether an open-addressing table (int64[2^k], 0 is free) holds a hash."""
    mask = len(table) - 1
    slot = value & mask
    while table[slot] != 0:
        if table[slot] == value:
            return True
        slot = (slot + 1) & mask
    return False
