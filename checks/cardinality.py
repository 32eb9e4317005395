"""How many distinct values: estimates from the registers and buckets of a profile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def hyperloglog(registers: npt.NDArray[Any]) -> float:
    """Distinct values behind m = 4,096 registers (uint8[m]): relative standard error 1.04/√m = 1.6 %.

    Flajolet, Fusy, Gandouet and Meunier 2007, with their linear counting below 2.5 m; 64-bit hashes need no
    correction for large counts. 0 for no values.
    """
    m = len(registers)
    estimate = 0.7213 / (1 + 1.079 / m) * m * m / float(np.ldexp(1.0, -registers.astype(np.int64)).sum())
    empty = int(np.count_nonzero(registers == 0))
    return linear(m - empty, m) if estimate <= 2.5 * m and empty else estimate


def linear(occupied: int, buckets: int) -> float:
    """Distinct values that occupy so many of the buckets (Whang, Vander-Zanden and Taylor 1990).

    Of 2^18 buckets the standard error is 0.15 % of the distinct values up to half a million of them. Infinite
    when every bucket is occupied.
    """
    if occupied >= buckets:
        return math.inf
    return -buckets * math.log1p(-occupied / buckets)


def distinct_contents(occupied: int, buckets: int, registers: npt.NDArray[Any]) -> float:
    """Distinct messages: linear counting while 2 % of the buckets are free, else HyperLogLog."""
    return linear(occupied, buckets) if occupied < 0.98 * buckets else hyperloglog(registers)
