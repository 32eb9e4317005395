"""Places where a test may end or stop this process: `DRIFTGLASS_FAILPOINT=judge.written:kill`.

    name:kill       SIGKILL the process when it comes by the first time
    name:stop       SIGSTOP it: it stands still until somebody sends SIGCONT, and then goes on as if nothing were
    name:kill:3     at the third time

A process that `serve` starts again after such an end does not end there again. Without the variable, a place costs
one comparison. `POINTS` names every place there is, so that a test can go through all of them; `.begun` is before
a step, `.written` is inside its transaction just before the commit, `.committed` just after it.
"""

from __future__ import annotations

import os
import signal
import threading

from monitor.errors import UsageError

VARIABLE = "DRIFTGLASS_FAILPOINT"

POINTS: tuple[str, ...] = (
    "materialise.written",
    "materialise.committed",
    "claim.written",
    "claim.committed",
    "heartbeat.committed",
    "read.written",
    "read.committed",
    "read.finished",
    "fit.written",
    "fit.committed",
    "measure.begun",
    "measure.worked",
    "measure.finished",
    "measure.written",
    "measure.committed",
    "judge.begun",
    "judge.worked",
    "judge.finished",
    "judge.announced",
    "judge.written",
    "judge.committed",
    "revise.written",
    "deliver.written",
    "deliver.claimed",
    "deliver.sent",
    "deliver.settled",
    "deliver.committed",
)
_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_point = ""
_signal = signal.SIGKILL
_left = 0


def arm(text: str) -> None:
    """Set the place of this process; "" sets none. UsageError for a place or an action that does not exist."""
    global _point, _signal, _left
    if not text:
        _point = ""
        return
    point, _, rest = text.partition(":")
    action, _, times = rest.partition(":")
    if point not in POINTS:
        raise UsageError(f"{VARIABLE}: there is no place {point!r}; there are {', '.join(POINTS)}")
    if action not in _ACTIONS or not (times or "1").isdecimal() or int(times or "1") < 1:
        raise UsageError(f"{VARIABLE}: after the place comes kill or stop, and perhaps :3 for the third time")
    _point, _signal, _left = point, _ACTIONS[action], int(times or "1")


def reach(point: str) -> None:
    """The process comes by a place; if it is the one that was set, it ends or stops here."""
    global _point, _left
    if point != _point:
        return
    _left -= 1
    if _left == 0:
        _point = ""  # a process that was only stopped goes on
        # This very thread: of a signal to the process it might see nothing until it has gone on for a while.
        signal.pthread_kill(threading.get_ident(), _signal)


arm(os.environ.get(VARIABLE, ""))
