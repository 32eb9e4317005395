"""Learning a model's plan: one pass over its reference, which fixes how everything is counted from then on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import mixed_labels
from monitor.contract import FilesSource
from monitor.errors import SourceError
from monitor.progress import Progress
from monitor.sources import Page, Source, open_source
from monitor.watched import Watched

if TYPE_CHECKING:
    from checks.batch import Batch
    from checks.plan import Plan
    from checks.text import OwnProfile
    from monitor.mixed_labels import MixedLabels
    from monitor.store.inbox import Limits

# Where no reference is named, this many records say how to count.
FIRST_RECORDS = 5_000
# After so long without a record nobody is sending history any more.
QUIET_US = 3_600_000_000


def reference_source(watched: Watched) -> Source | None:
    """The source of a training-file reference, None where the reference is a span of time or not declared."""
    reference = watched.contract.reference
    if reference is None or reference.path is None:
        return None
    source = watched.contract.source
    id_, time = source.id, source.time
    files = FilesSource(path=reference.path, id=id_, time=time)
    return open_source(watched.contract.model_copy(update={"source": files}), watched.base_path)


def not_yet(watched: Watched, source: Source, now_us: int, limits: Limits) -> str | None:
    """Why records that are pushed cannot be learnt from yet; None once they can, and for other sources.

    Files and tables hold the reference when they are first read. What is pushed has to come first: its first records,
    or all of a reference that is a span of time. An inbox that is half full waits no longer.
    """
    from monitor.sources.push import Push

    contract = watched.contract
    if not isinstance(source, Push) or reference_source(watched) is not None:
        return None
    there = source.waiting()
    if there.newest_us is None or there.received_us is None:
        return "no record has been sent yet"
    if there.records >= limits.records // 2 or there.bytes >= limits.bytes // 2:
        return None
    span = contract.reference_span()
    if span is None:
        missing = FIRST_RECORDS - there.records
        return None if missing <= 0 else f"{missing:,} more records are needed to learn from"
    # History may be sent in one go: its end is seen when nothing has come for a while.
    if there.newest_us >= span[1] or now_us - there.received_us > QUIET_US:
        return None
    return "what is normal is learnt when records from after the reference come, or none for an hour"


def learn(watched: Watched, now_us: int, progress: Progress, source: Source | None = None) -> Plan:
    """The plan of a model from its reference records; the same records in any order give the same plan.

    `source` is where the records are; without it what the contract names is opened.

    Raises SourceError if the reference holds no usable record, or a language profile or the labels of mixed messages
    cannot be read.
    """
    from checks.learner import Learner
    from checks.text.calibration import CalibrationError

    contract = watched.contract
    learner = Learner(
        contract.columns(),
        segments=contract.names("segment"),
        profiles=own_profiles(watched),
        lexicon=[name for name, spec in contract.column_specs.items() if spec.lexicon],
        mixed_labels={name: (found.messages, found.mixed) for name, found in labelled(watched).items()},
    )
    records = 0
    for batch in _batches(watched, now_us, source):
        learner.add(batch)
        records += len(batch)
        progress("learning what is normal", records, None)
    if not records:
        read = contract.reference if contract.reference and contract.reference.path else contract.source
        path = getattr(read, "path", None)
        where = "" if path is None else f" ({path} from {watched.base_path.absolute()} on)"
        raise SourceError(
            f"{watched.name}: the reference holds no usable record{where}; check `source`, the name of the time column "
            "and `reference`: `driftglass check-contract` says what differs from the data"
        )
    try:
        return learner.plan()
    except CalibrationError as error:
        names = [name for name, spec in contract.column_specs.items() if spec.mixed_labels]
        raise SourceError(f"{watched.name}: mixed_labels of {', '.join(names)}: {error}") from error


def labelled(watched: Watched) -> dict[str, MixedLabels]:
    """The labelled messages of each text column that has some. Raises SourceError naming the file and the place."""
    found: dict[str, MixedLabels] = {}
    for name, spec in watched.contract.column_specs.items():
        if spec.mixed_labels is None:
            continue
        try:
            found[name] = mixed_labels.read(spec.mixed_labels, watched.base_path, name)
        except mixed_labels.LabelsProblem as error:
            raise SourceError(f"{watched.name}: columns.{name}.mixed_labels: {error}") from error
    return found


def own_profiles(watched: Watched) -> dict[str, list[OwnProfile]]:
    """The user's own language profiles by text column. Raises SourceError naming the file and what is wrong with it."""
    from checks.text.profiles import check_own

    found: dict[str, list[OwnProfile]] = {}
    for name, spec in watched.contract.column_specs.items():
        try:
            for path in spec.profiles:
                found.setdefault(name, []).append(own_profile(watched.base_path / path))
            check_own(found.get(name, []))
        except (SourceError, ValueError) as error:
            raise SourceError(f"{watched.name}: columns.{name}.profiles: {error}") from error
    return found


def own_profile(file: Path) -> OwnProfile:
    """A language profile that `driftglass learn-profile` wrote. Raises SourceError naming the file, and why."""
    from checks.text import OwnProfile

    try:
        return OwnProfile.from_dict(json.loads(file.read_text("utf-8")))
    except FileNotFoundError as error:
        raise SourceError(f"there is no {file}; driftglass learn-profile NAME FILE writes one") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{file}: {error}") from error


def _batches(watched: Watched, now_us: int, source: Source | None) -> Iterator[Batch]:
    from monitor.conform import conform

    contract = watched.contract
    span = contract.reference_span(now_us)
    training = reference_source(watched)
    source = training or source or open_source(contract, watched.base_path)
    pages: Iterator[Page] = (
        source.reread(*span) if span is not None and training is None else source.read(None, ())
    )
    left = None if span is not None or training is not None else FIRST_RECORDS
    for page in pages:
        batch = conform(page, contract, now_us=now_us).batch
        if span is not None and training is None:
            batch = batch.where((batch.event_us >= span[0]) & (batch.event_us < span[1]))
        yield batch
        if left is not None:
            left -= len(batch)
            if left <= 0:
                return
