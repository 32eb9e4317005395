"""What the service says of itself: log lines that carry the run they belong to, and one metrics registry.

Counters and histograms of what *this process* did are made by the room that counts, with `counter` and
`histogram`. The state of the whole installation is read from SQL at scrape (`monitor.api.metrics`).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)

Fields = Mapping[str, str | int]
_context: ContextVar[Fields] = ContextVar("driftglass_log_context", default=MappingProxyType({}))


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """A counter `driftglass_<name>_total`, made once, at import. The values of its labels must be few."""
    return Counter(f"driftglass_{name}", documentation, labels, registry=REGISTRY)


def histogram(
    name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float]
) -> Histogram:
    """A histogram `driftglass_<name>`; the name ends in its unit (`_seconds`, `_bytes`)."""
    return Histogram(f"driftglass_{name}", documentation, labels, registry=REGISTRY, buckets=buckets)


@contextmanager
def logged(**fields: str | int) -> Iterator[None]:
    """Every log line inside the block, and in what it calls, carries `fields` (run=12, model="toxicity")."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class _Context(logging.Filter):
    """Puts the fields of `logged` on each record; at the handler, so in the thread and task that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.context = dict(_context.get())
        return True


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields of `logged`, and any traceback.

    Only ASCII leaves: a lone surrogate or a line break in a message breaks neither the line nor its reader.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in getattr(record, "context", {}).items() if key not in line}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


class TextFormatter(logging.Formatter):
    """For eyes: `2026-11-16T03:00:00.120Z info monitor.jobs run=12 model=toxicity: judged one window`."""

    def format(self, record: logging.LogRecord) -> str:
        when = _when(record).replace("+00:00", "Z")
        fields = "".join(f" {key}={value}" for key, value in getattr(record, "context", {}).items())
        line = f"{when} {record.levelname.lower()} {record.name}{fields}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


# Libraries that say more than anybody asked: a line per migration step, two per tick (and a warning at each tick
# that finds the one before at work, as is meant), and the address of every request, which may hold a secret.
_QUIETER = {"alembic": logging.WARNING, "apscheduler": logging.ERROR, "httpx": logging.WARNING}


def configure_logging(level: str = "info", json: bool = False, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (standard error by default), replacing what was configured before.

    `level` is a name of `logging` in any case; an unknown one raises ValueError. uvicorn's access log is
    switched off: `/metrics` counts requests, and a log of them would hold what people typed into URLs.
    """
    root = logging.getLogger()
    root.setLevel(level.upper())
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    handler.addFilter(_Context())
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
