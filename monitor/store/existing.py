"""Whether there is a store at all: who reads or changes one must not make an empty one in the wrong folder."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import NotFound
from monitor.store.engine import Store

CURE = "check DRIFTGLASS_DATABASE_URL and the working folder; `driftglass serve` makes a new store"


def missing(store: Store) -> str | None:
    """What is missing, if the SQLite file of a store is not there; None for one that is, and for a server."""
    if store.file is None or store.file.startswith("file:") or Path(store.file).exists():
        return None
    return f"there is no file {store.file}"


def require(store: Store) -> None:
    """NotFound with the cure if the SQLite file is not there; connects to nothing and makes none."""
    if (what := missing(store)) is not None:
        raise NotFound(f"{what}: {CURE}")
