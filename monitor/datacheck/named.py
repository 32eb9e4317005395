"""Files that the contract names beside its records: language profiles, labelled messages, deployments."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import learning, mixed_labels
from monitor.contract import Contract
from monitor.contract.model import start_us
from monitor.contract.values import moment
from monitor.datacheck.finding import Finding, counted, near, shown
from monitor.errors import SourceError

if TYPE_CHECKING:
    from checks.text import OwnProfile

_ROWS = 10_000  # of deployments


def profiles(contract: Contract, base_path: Path) -> Iterator[Finding]:
    """Language profiles that are not there, are none, or cannot be told apart."""
    for column, spec in contract.column_specs.items():
        if not spec.profiles:
            continue
        from checks.text.profiles import check_own

        at = ("columns", column, "profiles")
        found: list[OwnProfile] = []
        for index, path in enumerate(spec.profiles):
            try:
                found.append(learning.own_profile(base_path / path))
            except SourceError as error:
                yield Finding("error", (*at, index), str(error))
        try:
            check_own(found)
        except ValueError as error:
            yield Finding("error", at, str(error), key=True)


def labelled_messages(contract: Contract, base_path: Path) -> Iterator[Finding]:
    """Labels of mixed messages that cannot be taken as they are, or are too few to calibrate by."""
    for column, spec in contract.column_specs.items():
        if spec.mixed_labels is None:
            continue
        at = ("columns", column, "mixed_labels")
        try:
            found = mixed_labels.read(spec.mixed_labels, base_path, column)
        except mixed_labels.LabelsProblem as error:
            yield Finding("error", at, str(error))
            continue
        from checks.text.calibration import LEAST_LABELLED

        mixed = int(found.mixed.sum())
        pure = len(found.mixed) - mixed
        if min(mixed, pure) < LEAST_LABELLED:
            what = f"{counted(mixed, 'mixed message')} and {pure:,} that {'is' if pure == 1 else 'are'} not"
            yield Finding("error", at, f"{what}: at least {LEAST_LABELLED} of each are needed; label more")


def deployments(contract: Contract, base_path: Path) -> Iterator[Finding]:
    """A file of deployments that is not there, or rows that are left out; alerts go out without them."""
    path = contract.calendar_spec.deployments_path
    if path is None:
        return
    at = ("calendar", "deployments_path")
    try:
        with (base_path / path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            names = list(rows.fieldnames or ())
            if "at" not in names:
                yield Finding("error", at, f"{path}: there is no column at; {near('at', names)}")
                return
            bad: list[tuple[int, str]] = []
            for number, row in enumerate(islice(rows, _ROWS), start=2):
                try:
                    start_us(moment((row["at"] or "").strip()), contract.zone)
                except ValueError as error:
                    bad.append((number, str(error)))
    except FileNotFoundError:
        yield Finding("error", at, f"there is no {base_path / path}; write it, or leave deployments_path out")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield Finding(
            "error", at, f"{path}: cannot be read: {error}; write it as CSV with the columns at and name"
        )
    else:
        if bad:
            number, why = bad[0]
            rest = f", and {len(bad) - 1:,} more" if len(bad) > 1 else ""
            yield Finding("warning", at, f"{path}, line {number}{rest}: left out: {shown(why, 200)}")
