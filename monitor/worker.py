"""The working process of `serve`: it holds the heavy imports, does a pass when told to, and is replaced now and then.

The parent writes one line per wish on standard input and reads one JSON line per answer on standard output:

    pass        →  {"ok": true, "judged": 3, "rss_mb": 312.4}   or   {"ok": false, "error": "…"}

At the end of standard input (the parent is gone) it stops. Whatever it was doing then is a run with a lease: another
process takes it up.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor import jobs, telemetry
from monitor.errors import DependencyUnavailable, DriftglassError
from monitor.settings import Settings

if TYPE_CHECKING:
    from monitor.app import App

log = logging.getLogger(__name__)

RECYCLE_AFTER_PASSES = 500
RECYCLE_ABOVE_MB = 1_500.0

# Counted in the child, where nobody scrapes: each answer tells what its pass added, and the parent exports it.
_COUNTERS = {"leases_lost": jobs.LEASES_LOST, "stale_commits_refused": jobs.STALE_COMMITS}

NOTHING = {"ok": True, "judged": 0}


class Worker:
    """The parent's side: a child that is started when first needed and replaced when it is old, big or broken."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._passes = 0
        self._lock = threading.Lock()
        self._stopped = False

    def work(self) -> dict[str, Any]:
        """Have one pass done. Raises DependencyUnavailable if the child died or could not do all of it.

        Once stopped, it does nothing, and a pass that was interrupted so is no failure.
        """
        with self._lock:
            if self._stopped:
                return dict(NOTHING)
            child = self._child or self._start()
            try:
                assert child.stdin is not None
                assert child.stdout is not None
                # Unbuffered: what a dead child did not read must not be written again when its pipe is closed.
                os.write(child.stdin.fileno(), b"pass\n")
                line = child.stdout.readline()
            except OSError as error:
                self._discard()
                raise DependencyUnavailable(
                    f"the working process is gone ({error}); a new one follows"
                ) from error
            if not line.endswith(b"\n"):
                code = child.wait()
                self._discard()
                if self._stopped:
                    return dict(NOTHING)
                raise DependencyUnavailable(f"the working process ended with {code}; a new one follows")
            answer: dict[str, Any] = json.loads(line)
            for name, count in answer.get("counted", {}).items():
                _COUNTERS[name].inc(count)
            self._passes += 1
            if self._passes >= RECYCLE_AFTER_PASSES or answer.get("rss_mb", 0.0) > RECYCLE_ABOVE_MB:
                self._discard()
            if not answer["ok"]:
                raise DependencyUnavailable(str(answer["error"]))
            return answer

    def stop(self) -> None:
        """End the child, if there is one, whatever it is doing."""
        self._stopped = True
        # A pass under way holds the lock; ending the child is how it is interrupted.
        while not self._lock.acquire(timeout=0.1):
            child = self._child
            if child is not None and child.poll() is None:
                child.terminate()
        try:
            self._discard()
        finally:
            self._lock.release()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        # What the command line said wins over the environment, in the child as in the parent.
        environment["DRIFTGLASS_DATABASE_URL"] = self._settings.database_url
        environment["DRIFTGLASS_PUBLIC_URL"] = self._settings.base_url
        self._child = subprocess.Popen(
            [sys.executable, "-m", "monitor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._passes = 0
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def main() -> None:
    """The child's side."""
    # What a library prints must not reach the pipe that carries the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Ctrl-C is for the parent, which ends this process in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    from monitor.app import App
    from monitor.settings import load_settings
    from monitor.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, json=settings.log_format == "json")
    app = App.open(settings, patient=True)
    for line in sys.stdin:
        if line.strip() != "pass":
            continue
        before = _counted()
        answer = _pass(app)
        answer["counted"] = {name: count - before[name] for name, count in _counted().items()}
        answer["rss_mb"] = _resident_mb()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _resident_mb() -> float:
    """What the process holds now. The peak that `getrusage` knows is no measure: a child begins with its parent's."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no Linux: the peak is better than nothing
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def _counted() -> dict[str, float]:
    return {
        name: telemetry.REGISTRY.get_sample_value(f"driftglass_{name}_total") or 0.0 for name in _COUNTERS
    }


def _pass(app: App) -> dict[str, Any]:
    """One pass over every model; one that cannot be read does not keep the others waiting."""
    judged, failed = 0, []
    try:
        for watched in app.watched():
            try:
                # History is judged to its own end, as `driftglass run` does: it has not stopped today.
                judged += app.one_pass(watched, at_newest=None).judged
            except DriftglassError as error:
                log.error("a pass over %s failed: %s", watched.name, error)
                failed.append(f"{watched.name}: {error}")
            except Exception as error:  # the edge of the job: told to the parent, which counts it
                log.exception("a pass over %s failed", watched.name)
                failed.append(f"{watched.name}: {type(error).__name__}: {error}")
    except DriftglassError as error:
        log.error("a pass failed: %s", error)
        failed.append(f"{type(error).__name__}: {error}")
    return {"ok": not failed, "judged": judged, "error": "; ".join(failed)}


if __name__ == "__main__":
    main()
