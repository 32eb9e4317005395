"""The judge of the chaos run: it reads the database by plain SQL and the receiver's log, and uses nothing of ours.

    python -m tests.chaos.checker DATABASE_URL FACTS.json RECEIVER.log

FACTS says what was written to the sources: {"reference_hours": 96, "written": {model: {window start in µs: records}}}.
The log has a JSON object per request that reached the receiver: id, subject, type, sha256 of the body, status.
Every sentence in `faults` is a violation; an empty list is what is promised.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]
OPENED, RESOLVED = "io.driftglass.alert.opened.v1", "io.driftglass.alert.resolved.v1"
MOST_SHOWN = 5  # of one kind of fault


@dataclass
class Report:
    """What was found. `faults` by kind: `lost`, `double`, `unfinished`, `delivery`, `order`."""

    windows: int = 0
    notifications: int = 0
    received_once: int = 0
    received_more: int = 0
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def exactly_once(self) -> float:
        """The share of notifications that the receiver took exactly once; 1 if there were none."""
        return self.received_once / self.notifications if self.notifications else 1.0

    def count(self, *kinds: str) -> int:
        return sum(len(self.faults.get(kind, ())) for kind in kinds)

    def lines(self) -> list[str]:
        """The faults for people, a few of each kind."""
        return [
            f"{kind}: {text}" for kind, found in sorted(self.faults.items()) for text in found[:MOST_SHOWN]
        ]


class Database:
    """One connection for reading, by the driver's own words."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: Any
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///")
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
            self._connection.isolation_level = None
        else:
            import psycopg

            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=10)

    def rows(self, sql: str) -> Rows:
        """The rows of a query without parameters."""
        return list(self._connection.execute(sql).fetchall())

    def close(self) -> None:
        self._connection.close()


def check(url: str, facts: Path, log: Path | None) -> Report:
    """Everything that must hold once the work is done and the outbox is empty. `log` is None where nothing is sent."""
    report = Report()
    known = json.loads(facts.read_text("utf-8"))
    written = {
        name: {int(start): count for start, count in hours.items()}
        for name, hours in known["written"].items()
    }
    with closing(Database(url)) as database:
        names = {name: key for key, name in database.rows("SELECT id, name FROM models")}
        for name, hours in written.items():
            if name not in names:
                report.faults["lost"].append(f"{name}: the model itself")
                continue
            starts = sorted(hours)
            reference = starts[: known["reference_hours"]]
            _windows(database, report, names[name], name, hours, set(reference))
            _runs(database, report, names[name], name, starts[known["reference_hours"] :])
            _figures(database, report, names[name], name, starts[known["reference_hours"] :])
        _episodes(database, report, telling=log is not None)
        _sent(database, report, log)
    return report


def _windows(
    database: Database, report: Report, model: int, name: str, hours: dict[int, int], reference: set[int]
) -> None:
    """Every window that was written is there, judged (or the reference's), with each of its records counted once."""
    found = {
        start: (state, records, others)
        for start, state, records, others in database.rows(
            f"SELECT start_us, state, records, duplicates + quarantined FROM windows WHERE model_id = {model}"
        )
    }
    kept = dict(
        database.rows(
            f"SELECT window_start_us, SUM(records) FROM parts WHERE model_id = {model} GROUP BY window_start_us"
        )
    )
    for start, count in hours.items():
        place = f"{name} {start}"
        if start not in found:
            report.faults["lost"].append(f"{place}: no window")
            continue
        report.windows += start not in reference
        state, records, others = found[start]
        if state != ("reference" if start in reference else "judged"):
            report.faults["lost"].append(f"{place}: the window is {state}")
        for what, seen in (("window", records), ("parts", kept.get(start, 0))):
            if seen != count:
                kind = "lost" if seen < count else "double"
                report.faults[kind].append(
                    f"{place}: the {what} count {seen} records of {count} that were written"
                )
        if others:
            report.faults["double"].append(f"{place}: {others} records are duplicates or set aside")
    for start in sorted(set(found) - set(hours)):
        report.faults["double"].append(f"{name} {start}: a window that nobody wrote")


def _runs(database: Database, report: Report, model: int, name: str, starts: Sequence[int]) -> None:
    """Each window has one measure and one judge that count, both succeeded; judges ended in window order."""
    current: dict[tuple[str, int], Rows] = defaultdict(list)
    for kind, start, revision, state, finished, error in database.rows(
        "SELECT kind, window_start_us, revision, state, finished_us, error FROM runs"
        f" WHERE model_id = {model} AND state <> 'superseded' ORDER BY window_start_us, revision"
    ):
        # The next reading is queued as soon as one is done; what it would have to bring is told from the records.
        if state in ("queued", "running", "failed") and (kind, state) != ("read", "queued"):
            report.faults["unfinished"].append(f"{name} {start}: {kind} is {state} ({error})")
        if state == "dead":
            report.faults["lost"].append(f"{name} {start}: {kind} was given up ({error})")
        current[kind, start].append((revision, finished))
    for start in starts:
        for kind in ("measure", "judge"):
            count = len(current.get((kind, start), ()))
            if count != 1:
                fault = "lost" if count == 0 else "double"
                report.faults[fault].append(f"{name} {start}: {count} runs to {kind} it count")
    before = 0
    for start in starts:
        for revision, finished in current.get(("judge", start), ()):
            if revision == 0 and finished is not None:
                if finished < before:
                    report.faults["order"].append(f"{name} {start}: judged before the window before it")
                before = finished


def _figures(database: Database, report: Report, model: int, name: str, starts: Sequence[int]) -> None:
    """Verdicts and measurements: some for each window at its revision, and never two of one series."""
    revisions = dict(database.rows(f"SELECT start_us, revision FROM windows WHERE model_id = {model}"))
    for what in ("verdicts", "measurements"):
        seen: Counter[int] = Counter()
        for start, revision, rows, distinct in database.rows(
            f"SELECT window_start_us, revision, COUNT(*), COUNT(DISTINCT series_id) FROM {what}"
            f" WHERE model_id = {model} GROUP BY window_start_us, revision"
        ):
            if rows != distinct:
                report.faults["double"].append(f"{name} {start}: {rows} {what} of {distinct} series")
            if revision == revisions.get(start):
                seen[start] += rows
        for start in starts:
            if not seen[start]:
                report.faults["lost"].append(f"{name} {start}: no {what}")
    after = dict(
        database.rows(f"SELECT window_start_us, COUNT(*) FROM sequences WHERE model_id = {model} GROUP BY 1")
    )
    for start in starts:
        if after.get(start, 0) != 1:
            report.faults["lost"].append(f"{name} {start}: {after.get(start, 0)} states after it")


def _episodes(database: Database, report: Report, *, telling: bool) -> None:
    """Episodes of an alert follow each other, each opened once, and each told once when it opened and when it ended."""
    opened = dict(
        database.rows(
            "SELECT episode_id, COUNT(*) FROM episode_events WHERE event = 'opened' GROUP BY episode_id"
        )
    )
    told: dict[int, Counter[str]] = defaultdict(Counter)
    for body, kind in database.rows("SELECT body, type FROM outbox"):
        told[_episode_of(body)][kind] += 1
    last: dict[tuple[int, str], tuple[int, int | None]] = {}
    for key, model, family, begin, end, inhibited in database.rows(
        "SELECT id, model_id, family, opened_us, closed_us, inhibited_by FROM episodes"
        " ORDER BY model_id, family, opened_us, id"
    ):
        place = f"episode {key} ({family} of model {model})"
        before = last.get((model, family))
        if before is not None and (before[1] is None or before[1] > begin or before[0] == begin):
            report.faults["double"].append(f"{place}: opens while another is open")
        last[model, family] = (begin, end)
        if opened.get(key, 0) != 1:
            report.faults["double"].append(f"{place}: opened {opened.get(key, 0)} times")
        if telling:
            _told(
                report,
                place,
                told.get(key, Counter()),
                ended=end is not None,
                inhibited=inhibited is not None,
            )


def _told(report: Report, place: str, told: Counter[str], *, ended: bool, inhibited: bool) -> None:
    for kind, wanted in ((OPENED, 1), (RESOLVED, int(ended))):
        count = told[kind]
        if inhibited:
            wanted = min(count, 1)  # whether it was told depends on when the other opened; never twice
        if count != wanted:
            fault = "double" if count > wanted else "lost"
            report.faults[fault].append(f"{place}: {count} notifications {kind}, not {wanted}")


def _sent(database: Database, report: Report, log: Path | None) -> None:
    """What stands in the outbox reached the receiver, in order per subject, the same body under the same id."""
    accepted: dict[str, list[int]] = defaultdict(list)
    bodies: dict[str, set[str]] = defaultdict(set)
    for number, entry in enumerate(_entries(log)):
        if entry["status"] < 300:
            accepted[entry["id"]].append(number)
        bodies[entry["id"]].add(entry["sha256"])
    order: dict[tuple[str, str], int] = defaultdict(lambda: -1)
    ids: Counter[str] = Counter()
    for key, channel, subject, state, body in database.rows(
        "SELECT key, channel, subject, state, body FROM outbox ORDER BY id"
    ):
        report.notifications += 1
        ids[key] += 1
        places = accepted.get(key, [])
        if state != "sent":
            report.faults["delivery"].append(f"{key}: is {state}")
        if log is None:
            continue
        if not places:
            report.faults["delivery"].append(f"{key}: never reached the receiver")
            continue
        report.received_once += len(places) == 1
        report.received_more += len(places) > 1
        if bodies[key] != {hashlib.sha256(body.encode()).hexdigest()}:
            report.faults["delivery"].append(f"{key}: arrived with another body")
        if places[0] <= order[channel, subject]:
            report.faults["order"].append(f"{key}: arrived before an earlier one of {subject}")
        order[channel, subject] = max(places[-1], order[channel, subject])
    for key in sorted(set(accepted) - set(ids)):
        report.faults["delivery"].append(f"{key}: arrived, and the outbox does not know it")
    report.faults["double"] += [
        f"{key}: {count} rows in the outbox" for key, count in ids.items() if count > 1
    ]


def _entries(log: Path | None) -> Iterator[dict[str, Any]]:
    if log is None or not log.exists():
        return
    for line in log.read_text("utf-8").splitlines():
        yield json.loads(line)


def _episode_of(body: str) -> int:
    """Of a CloudEvent it stands in `data`, of an Alertmanager message beside it."""
    event = json.loads(body)
    found = event.get("data", event).get("episode", -1)
    return int(found["id"] if isinstance(found, dict) else found)


def main() -> int:
    url, facts, *log = sys.argv[1:]
    report = check(url, Path(facts), Path(log[0]) if log else None)
    print(
        f"{report.windows} windows, {report.notifications} notifications, {report.exactly_once:.2%} exactly once"
    )
    print("\n".join(report.lines()) or "no fault")
    return 1 if report.lines() else 0


if __name__ == "__main__":
    sys.exit(main())
