"""A model that is watched: its key in the store, and the contract it runs by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from monitor.contract import Contract
from monitor.windows import Grid, grid


@dataclass(frozen=True)
class Watched:
    """A model with the contract it runs by. Relative paths in the contract start at `base_path`."""

    id: int
    name: str
    contract: Contract
    base_path: Path

    @cached_property
    def grid(self) -> Grid:
        return grid(self.contract)

    def channel(self, name: str) -> str:
        """The name of one of this contract's channels among those of all models."""
        return f"{self.name}/{name}"
