"""A working process of `serve`: it holds the heavy imports, does one run at a time, and is replaced now and then.

Its parent (`monitor.supervisor`) claims a chain of runs, writes it as one JSON line on standard input, and keeps the
leases meanwhile; this process answers with one JSON line per run on standard output, and begins nothing after one that
it could not do:

    (start)                          →  {"ready": true}
    {"runs": [{"id": 7, …}, …]}      →  {"ok": true, "rss_mb": 312.4}  or  {"ok": false, "why": "failed", "error": "…"}
    {"rest": true}                   →  nothing: what is only held for the next run is given back

At the end of standard input (the parent is gone) it stops. Whatever it was doing then is a run with a lease: another
process takes it up.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor import jobs, telemetry
from monitor.errors import DriftglassError, LeaseLost, StoreUnavailable
from monitor.store.engine import Store
from monitor.store.runs import Run

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.pipeline import Pipeline

log = logging.getLogger(__name__)

NICENESS = 5

# Counted here, where nobody scrapes: each answer tells what its run added, and the parent exports it.
COUNTED = {"stale_commits_refused": jobs.STALE_COMMITS}


def main() -> None:
    """Do runs until standard input ends."""
    # What a library prints must not reach the pipe that carries the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.nice(NICENESS)  # who asks and who sends records goes first
    # Ctrl-C is for the parent, which ends this process in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import monitor.pipeline  # noqa: F401 - the heavy imports, before any lease runs
    from monitor.app import App
    from monitor.settings import load_settings
    from monitor.store.clock import clock_of
    from monitor.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, json=settings.log_format == "json")
    store = Store(settings.database_url)  # not asked yet: a database that is away is the run's affair
    app = App(store, clock_of(store), settings)

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    tell({"ready": True})
    held: Pipeline | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if "runs" not in message:
            if held is not None:
                held.rest()
            continue
        last: Run | None = None
        for fields in message["runs"]:
            before, run = _counted(), Run(**fields)
            # A window is measured and judged by one contract: whether it changed is looked up once for both.
            is_known = last is not None and last.window_start_us == run.window_start_us
            answer, found = do(app, run, held, is_known=is_known)
            held, last = found or held, run
            answer["counted"] = {name: count - before[name] for name, count in _counted().items()}
            answer["rss_mb"] = (
                resident_mb(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            )
            tell(answer)
            if not answer["ok"]:
                break


def do(
    app: App, run: Run, held: Pipeline | None = None, *, is_known: bool = False
) -> tuple[dict[str, Any], Pipeline | None]:
    """Do a run that was claimed; returns the answer, and the pipeline of its model.

    `held` is the pipeline that worked before: if it is another one, it gives back what it holds for its next run.
    `is_known`: it is the one for this run, and its contract was looked up a moment ago.
    """
    pipeline: Pipeline | None = None
    try:
        watched = held.watched if is_known and held is not None else app.watched_one(run.model_id)
        if watched is None:
            return _not("failed", "its model has no contract that this version can use"), None
        pipeline = app.pipeline(watched)
        if held is not None and held is not pipeline:
            held.rest()
        with telemetry.logged(run=run.id, model=watched.name):
            pipeline.work(run)
    except LeaseLost as lost:
        log.warning("%s", lost)
        return _not("lost", str(lost)), pipeline
    except StoreUnavailable as error:
        return _not("away", str(error)), pipeline
    except Exception as error:  # the edge of a job: recorded with the run, tried again, dead at last
        told = isinstance(error, DriftglassError)  # in its words; what else goes wrong needs the traceback
        what = f"{run.kind} of window {run.window_start_us} of model {run.model_id}"
        log.error("%s failed: %s", what, error, exc_info=not told)
        return _not("failed", f"{type(error).__name__}: {error}"), pipeline
    return {"ok": True}, pipeline


def _not(why: str, error: str) -> dict[str, Any]:
    return {"ok": False, "why": why, "error": error}


def resident_mb(pid: int) -> float | None:
    """What a process holds now, None where /proc does not tell.

    The peak that `getrusage` knows is no measure: a child begins with its parent's.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # no Linux, or no such process
        return None
    return pages * resource.getpagesize() / 2**20


def _counted() -> dict[str, float]:
    # Not by the registry: it would ask the kernel for everything about this process, twice for each run.
    return {
        name: next(sample.value for sample in metric.samples if sample.name.endswith("_total"))
        for name, counter in COUNTED.items()
        for metric in counter.collect()
    }


if __name__ == "__main__":
    main()
