"""Evidently's stat tests, in a child process: the only file that knows Evidently.

    with EvidentlyProcess() as evidently:
        for answer in evidently.measure([Request("age", "number", "psi", reference, current)]):
            answer.score if answer.error is None else answer.error

`import evidently` loads some 3,000 modules, changes global random state and may print, warn or phone home,
so it happens in one long-lived child per run, started at the first request: `python -m monitor.evidently`,
spoken to in length-prefixed frames (JSON headers, Arrow columns) on its standard streams. A test that
fails, a column without values, a child that hangs, runs out of memory or dies: each is an `Answer` with an
`error`, never an exception.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "text"]

# What Evidently 0.7 registers, written down so that a contract can be checked without importing it.
# tests/monitor/test_evidently.py compares it with the registry.
METHODS: Mapping[str, tuple[Kind, ...]] = {
    "TVD": ("category",),
    "abs_text_content_drift": ("text",),
    "anderson": ("number",),
    "chisquare": ("category",),
    "cramer_von_mises": ("number",),
    "ed": ("number",),
    "empirical_mmd": ("number",),
    "es": ("number",),
    "fisher_exact": ("category",),
    "g_test": ("category",),
    "hellinger": ("number", "category"),
    "jensenshannon": ("number", "category"),
    "kl_div": ("number", "category"),
    "ks": ("number",),
    "mannw": ("number",),
    "perc_text_content_drift": ("text",),
    "psi": ("number", "category"),
    "t_test": ("number",),
    "wasserstein": ("number",),
    "z": ("category",),
}


@dataclass(frozen=True)
class Request:
    """One stat test of one column.

    `reference` and `current` are what pyarrow can make an array of: float arrays for numbers, strings or
    bytes (read as UTF-8, bad bytes as U+FFFD) for categories and texts. Nulls, NaN and ±inf are left out of
    the test.
    """

    column: str
    kind: Kind
    method: str
    reference: Any
    current: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Evidently's score and its own opinion of it, or the reason why there is none."""

    column: str
    method: str
    score: float | None = None
    threshold: float | None = None
    drifted: bool | None = None
    error: str | None = None


class EvidentlyProcess:
    """One child process for a run. Not for use by several threads at once.

    timeout_seconds        for one request; the child is killed and a fresh one serves the next request
    start_timeout_seconds  for the import
    memory_bytes           address space of the child
    restarts               how many children may be lost before the rest of the requests is refused
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 60.0,
        start_timeout_seconds: float = 180.0,
        memory_bytes: int = 4 << 30,
        restarts: int = 2,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._start_timeout_seconds = start_timeout_seconds
        self._memory_bytes = memory_bytes
        self._children_left = restarts + 1
        self._child: _Child | None = None
        self._refusal: str | None = None
        self.version: str | None = None  # of Evidently, once a request was served
        self.registered: dict[str, list[str]] = {}  # method -> kinds, as the running Evidently has them

    def __enter__(self) -> EvidentlyProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child; a later request starts a new one."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def measure(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request, in order. Nothing that a request or the child does wrong is raised."""
        return [self._measure_one(request) for request in requests]

    def _measure_one(self, request: Request) -> Answer:
        if request.kind not in METHODS.get(request.method, ()):
            return _failed(request, f"Evidently has no test {request.method!r} for a {request.kind} column")
        try:
            frames = [_arrow_bytes(request.reference), _arrow_bytes(request.current)]
        except _not_arrow() as error:
            return _failed(request, f"the values cannot be sent: {error}")
        try:
            child = self._running_child()
            reply = child.ask({"kind": request.kind, "method": request.method}, frames, self._timeout_seconds)
        except _ChildLost as error:
            self.close()
            return _failed(request, str(error))
        return Answer(request.column, request.method, **reply)

    def _running_child(self) -> _Child:
        if self._child is None:
            if self._refusal is None and self._children_left == 0:
                self._refusal = "Evidently's process was lost too often in this run"
            if self._refusal is not None:
                raise _ChildLost(self._refusal)
            self._children_left -= 1
            child = _Child(self._memory_bytes)
            self._child = child
            try:
                hello = child.hear(self._start_timeout_seconds)
            except _ChildLost as error:
                # An import that failed once fails again: do not pay for it at every column.
                self._refusal = f"Evidently could not be started: {error}"
                raise _ChildLost(self._refusal) from error
            self.version, self.registered = hello["version"], hello["methods"]
        return self._child


def _failed(request: Request, why: str) -> Answer:
    return Answer(request.column, request.method, error=why)


class _ChildLost(Exception):
    """The child is gone; the message says why."""


class _Child:
    """A running `python -m monitor.evidently` and the pipes to it."""

    def __init__(self, memory_bytes: int) -> None:
        # Unread pipes fill up and block their writer; a file does not.
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "monitor.evidently",
                str(memory_bytes),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            cwd=Path(__file__).resolve().parent.parent,
            env=_child_environment(os.environ),
            # Ctrl-C is for the parent: it ends the child by closing the pipe.
            start_new_session=True,
        )

    def ask(self, header: dict[str, Any], frames: Sequence[bytes], timeout_seconds: float) -> dict[str, Any]:
        with self._deadline(timeout_seconds):
            assert self._process.stdin is not None
            for frame in (json.dumps(header).encode(), *frames):
                _write_frame(self._process.stdin, frame)
            self._process.stdin.flush()
            return self._read_reply()

    def hear(self, timeout_seconds: float) -> dict[str, Any]:
        with self._deadline(timeout_seconds):
            return self._read_reply()

    def _read_reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        frame = _read_frame(self._process.stdout)
        if frame is None:
            raise EOFError
        reply: dict[str, Any] = json.loads(frame)
        return reply

    def _deadline(self, timeout_seconds: float) -> _Deadline:
        return _Deadline(self._process, timeout_seconds, self._last_words)

    def _last_words(self) -> str:
        """How the child ended, with the last line it wrote to stderr."""
        code = self._process.wait()
        ending = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(size - 4096, 0))
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"Evidently's process was {ending}" + (f": {lines[-1]}" if lines else "")

    def stop(self) -> None:
        """Close the pipe, wait a moment, kill."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Broken if it is already gone, with part of a request unread.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()


class _Deadline:
    """Kills the child when time is up, which ends any read or write that waits for it: `_ChildLost`."""

    def __init__(
        self, process: subprocess.Popen[bytes], seconds: float, last_words: Callable[[], str]
    ) -> None:
        self._process, self._seconds, self._last_words = process, seconds, last_words
        self._expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._expired:
            raise _ChildLost(f"Evidently's process gave no answer in {self._seconds:g} seconds") from error
        if isinstance(error, OSError | EOFError | ValueError):
            self._process.kill()
            raise _ChildLost(self._last_words()) from error


def _child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    child = {**environment, "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    # One thread: the run already uses the cores, and each thread of a BLAS reserves address space.
    child |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    # Compiling 3,000 modules again at every start takes longer than all tests together.
    child.pop("PYTHONDONTWRITEBYTECODE", None)
    return child


# ----- frames: both sides ---------------------------------------------------------------------------------

_LENGTH = struct.Struct(">Q")


def _write_frame(stream: IO[bytes], frame: bytes) -> None:
    stream.write(_LENGTH.pack(len(frame)))
    stream.write(frame)


def _read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, None at the end of the stream; EOFError if it ends inside a frame."""
    prefix = stream.read(_LENGTH.size)
    if not prefix:
        return None
    if len(prefix) < _LENGTH.size:
        raise EOFError
    length: int = _LENGTH.unpack(prefix)[0]
    frame = stream.read(length)
    if len(frame) < length:
        raise EOFError
    return frame


def _arrow_bytes(values: Any) -> bytes:
    import pyarrow as pa

    array = values if isinstance(values, pa.Array) else pa.array(values)
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([array], names=["values"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _not_arrow() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, TypeError, ValueError)


# ----- the child ------------------------------------------------------------------------------------------


def _serve(memory_bytes: int) -> None:
    """Read requests from standard input, answer on what was standard output, until the input ends."""
    import resource
    import warnings

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    warnings.simplefilter("ignore")
    # Whatever prints from now on, in Python or in C, prints to stderr: the protocol keeps the pipe to itself.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _write_frame(answers, json.dumps(_registry()).encode())
    answers.flush()
    for header, reference, current in _requests(sys.stdin.buffer):
        _write_frame(answers, json.dumps(_answer(header, reference, current)).encode())
        answers.flush()
    # Taking 3,000 modules apart takes seconds, and nothing in them is worth it.
    os._exit(0)


def _requests(stream: IO[bytes]) -> Iterator[tuple[dict[str, str], bytes, bytes]]:
    while (header := _read_frame(stream)) is not None:
        reference, current = _read_frame(stream), _read_frame(stream)
        assert reference is not None
        assert current is not None
        yield json.loads(header), reference, current


def _registry() -> dict[str, Any]:
    import evidently
    from evidently.legacy.calculations.stattests import registry

    kinds = {"num": "number", "cat": "category", "text": "text"}
    methods = {
        name: sorted(kinds[feature.value] for feature in by_feature)
        for name, by_feature in registry._registered_stat_tests.items()
    }
    return {"version": str(evidently.__version__), "methods": methods}


def _answer(header: dict[str, str], reference: bytes, current: bytes) -> dict[str, Any]:
    """The reply to one request: score, threshold and drifted, or error."""
    import math

    import numpy as np
    from evidently.legacy.calculations.stattests.registry import get_registered_stattest
    from evidently.legacy.core import ColumnType

    feature = {"number": ColumnType.Numerical, "category": ColumnType.Categorical, "text": ColumnType.Text}
    try:
        sides = [_clean(frame, header["kind"]) for frame in (reference, current)]
        for name, side in zip(("reference", "current window"), sides, strict=True):
            if side.empty:
                return {"error": f"the {name} has no values"}
        # Some tests draw at random without a seed of their own.
        np.random.seed(0)
        kind = feature[header["kind"]]
        result = get_registered_stattest(header["method"], kind)(*sides, kind, None)
        score = float(result.drift_score)
        if not math.isfinite(score):
            return {"error": f"the test gave {score}"}
        threshold = float(result.actual_threshold)
        return {"score": score, "threshold": threshold, "drifted": bool(result.drifted)}
    except Exception as error:  # noqa: BLE001 - the edge of a request: any of 20 foreign tests may fail in its own way
        return {"error": f"{type(error).__name__}: {error}"}


def _clean(frame: bytes, kind: str) -> pd.Series:
    """The values without nulls, NaN and ±inf: a copy of our own, since some tests change what they get."""
    import numpy as np
    import pyarrow as pa

    array = pa.ipc.open_stream(frame).read_next_batch().column(0).drop_null()
    if kind == "number":
        series = array.to_pandas().copy()
        return series[np.isfinite(series)].reset_index(drop=True) if series.dtype.kind == "f" else series
    series = array.to_pandas().astype(object)
    return series.map(lambda value: value.decode(errors="replace") if isinstance(value, bytes) else value)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
