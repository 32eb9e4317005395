"""How the C library keeps the memory that this process gives back to it.

glibc makes a heap for each of the first threads (eight per core), and what one of them keeps free no other can use. The
first large block that is freed also makes it take later ones from these heaps, where a small neighbour holds them.
"""

from __future__ import annotations

import ctypes
import logging
import os

log = logging.getLogger(__name__)

LARGE_BYTES = 128 * 1024  # from here on a block is asked of the system, and goes back there when it is freed
HEAPS = 1  # the interpreter's lock lets one thread at a time ask for memory, nearly always

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_CHOSEN = ("MALLOC_", "GLIBC_TUNABLES")


def keep_little() -> bool:
    """Use one heap for all threads, and give large blocks back at once; whether that was done.

    To be called before threads begin: a heap that is there remains. Nothing is done where whoever started the process
    has chosen by MALLOC_… or GLIBC_TUNABLES, and under another C library than glibc.
    """
    if any(name.startswith(_CHOSEN) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # not glibc
        return False
    done = bool(mallopt(_M_ARENA_MAX, HEAPS)) and bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    if not done:
        log.warning(
            "the C library does not let its heaps be limited: this process may keep more memory than it needs"
        )
    return done
