"""Which values of a status column are errors: the words that a contract lists, and classes of HTTP codes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

CLASSES = tuple(f"{digit}xx" for digit in range(1, 6))


def are_errors(words: Sequence[str], errors: Collection[str]) -> npt.NDArray[np.bool_]:
    """bool[n]: which of the words are errors. "5xx" in `errors` stands for the codes 500 to 599."""
    first = {one[0] for one in errors if one in CLASSES}

    def failed(word: str) -> bool:
        return word in errors or (len(word) == 3 and word[0] in first and word.isascii() and word.isdigit())

    return np.array([failed(word) for word in words], dtype=np.bool_)
