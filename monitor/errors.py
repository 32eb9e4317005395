"""Every error that driftglass raises on purpose.

DriftglassError               message says what was wrong, where, and what to do
├── UsageError                the command line or a request cannot be carried out as asked (exit code 2)
│   ├── ContractError         a contract has problems; `.problems` lists them all
│   └── NotFound              a model, window, alert or trigger that does not exist
├── SourceError               a piece of input cannot be read; the others go on
├── DependencyUnavailable     a database, receiver or child process is away (exit code 3); trying again may help
│   └── StoreUnavailable      the one that everything is kept in
├── LeaseLost                 this worker's fence moved: its result is refused
├── Conflict                  the state changed under the caller; nothing was written
└── DeliveryError             a notification was not taken; `.permanent` says whether to try again
"""

from __future__ import annotations

from collections.abc import Sequence


class DriftglassError(Exception):
    """The root of the tree."""


class UsageError(DriftglassError):
    """The command line or a request cannot be carried out as asked."""


class ContractError(UsageError):
    """A contract has problems; every one of them is in `problems`, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NotFound(UsageError):
    """The thing asked for does not exist."""


class NoSuchModel(NotFound):
    """A model that was named is not there, or not for whoever asks: which of these is not told."""


class NoModelYet(NotFound):
    """No model is watched in the store; the message says in which, and how to watch one."""


class SourceError(DriftglassError):
    """A piece of input cannot be read."""


class DependencyUnavailable(DriftglassError):
    """A database, receiver or child process is away; trying again may help."""


class StoreUnavailable(DependencyUnavailable):
    """The database that everything is kept in is away, full or read-only; trying again may help."""


class LeaseLost(DriftglassError):
    """The fence of a run moved while it was worked on: its result is refused."""


class Conflict(DriftglassError):
    """The state changed under the caller; nothing was written."""


class DeliveryError(DriftglassError):
    """A notification was not taken by its receiver."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.status = status
        self.retry_after_seconds = retry_after_seconds
