"""How the kernels of this room are compiled and kept.

numba stamps a cached kernel with the content of the kernel's own file only, while the constants of `flags.py`
and
`annotations.py` and the functions of `hashing.py` are compiled into it: a pull that changes them would go on
running old
code. So the stamp is widened here. For the same reason no kernel calls a kernel of another file but
`hashing.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

A = TypeVar("A", bound=np.generic)

_UNCOUNTED: dict[str, Any] = {
    "_nrt": False
}  # an option of numba's own standard library that its types do not name


@cache
def shared_constants() -> str:
    """sha256 of the files whose constants are compiled into kernels of other files."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for name in ("flags.py", "annotations.py", "hashing.py"):
        digest.update((here / name).read_bytes())
    return digest.hexdigest()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` at its first call and keep the machine code for the next process.

    Kernels are not annotated: numba infers their types from the arrays, whose shapes and dtypes are written
    at the dataclasses they come from; mypy is told so line by line. They hold the interpreter lock: no other
    thread sees their arguments half written.
    """
    return _stamped(numba.njit(cache=True, error_model="numpy")(function))


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for the kernels of its file alone, which lend it their arrays.

    It makes no array and keeps none, so nothing has to be counted: else every call of a helper counts
    up and down the references of all its arrays, which took longer than reading a word did.
    """
    return _stamped(numba.njit(cache=True, error_model="numpy", **_UNCOUNTED)(function))


def _stamped(dispatcher: Any) -> Callable[..., Any]:
    stored = dispatcher._cache._cache_file
    stored._source_stamp = (stored._source_stamp, shared_constants())
    compiled: Callable[..., Any] = dispatcher
    return compiled


def frozen(array: npt.NDArray[A]) -> npt.NDArray[A]:
    """The array, contiguous and read-only: numba compiles a kernel once per kind of array, so there is one
    kind."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
