"""Deployments that a contract tells of, beside a change that began soon after one.

It is told as a fact of the clock, and never as the cause.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.contract.model import start_us
from monitor.contract.values import moment

if TYPE_CHECKING:
    from monitor.contract import Contract

log = logging.getLogger(__name__)

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
# A change that statistics find began some time before it was found: so long before is still near.
LOOK_BACK_US = 6 * _HOUR_US


@dataclass(frozen=True, slots=True, order=True)
class Deployment:
    """A moment in microseconds UTC, and how people call it ("" if they do not)."""

    at_us: int
    name: str = ""


def known(contract: Contract, base_path: Path) -> list[Deployment]:
    """What the contract lists and what its file holds, in order of time.

    The file is CSV with the columns `at` and, if there are names, `name`; times without a zone are in the
    contract's. A file or a row that cannot be read is logged and left out: an alert must not fail for it.
    """
    spec = contract.calendar_spec
    found = [Deployment(start_us(one.at, contract.zone), one.name) for one in spec.deployments]
    if spec.deployments_path is not None:
        found += _rows(base_path / spec.deployments_path, contract)
    return sorted(found)


def told(deployments: Iterable[Deployment], since_us: int, until_us: int) -> str | None:
    """A sentence on the last deployment before the change that began in the window [since_us, until_us).

    None if there is none in it, and none in six hours (or the length of a window) before it.
    """
    look_back_us = max(LOOK_BACK_US, until_us - since_us)
    near = [one for one in deployments if since_us - look_back_us <= one.at_us < until_us]
    if not near:
        return None
    last = max(near)
    name = f"deployment {last.name}" if last.name else "a deployment"
    if last.at_us > since_us:
        return f"In the window where it began, {_long(last.at_us - since_us)} after its start, was {name}."
    if last.at_us == since_us:
        return f"It began with {name}."
    return f"It began {_long(since_us - last.at_us)} after {name}."


def _rows(path: Path, contract: Contract) -> Iterator[Deployment]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    at = moment((row.get("at") or "").strip())
                    yield Deployment(start_us(at, contract.zone), (row.get("name") or "").strip())
                except ValueError as error:
                    log.warning("%s, line %d is left out: at: %s", path, number, error)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        log.warning("the deployments in %s cannot be read: %s", path, error)


def _long(us: int) -> str:
    minutes = max(1, round(us / _MINUTE_US))
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours, rest = divmod(minutes, 60)
    return f"{hours} hours" + (f" and {rest} minutes" if rest else "")
