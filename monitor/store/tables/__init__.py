"""The tables. Times are integer microseconds UTC (`*_us`); JSON is text with sorted keys; a state
is a checked word.

Migrations under `migrations/versions` build the same schema; a test compares the two on both databases.
"""

from __future__ import annotations

from monitor.store.tables.acting import audit, trigger_events, triggers
from monitor.store.tables.alerting import (
    alerts,
    attempts,
    episode_events,
    episodes,
    evidence,
    feedback,
    outbox,
    outlets,
)
from monitor.store.tables.base import Key, metadata
from monitor.store.tables.figures import measurements, sequences, series, verdicts
from monitor.store.tables.ingest import inbox, inboxes, inference_halves
from monitor.store.tables.keeping import chores, erasures
from monitor.store.tables.keys import api_keys, idempotency, sessions
from monitor.store.tables.outcomes import label_cursors, labels, performance, performance_references
from monitor.store.tables.silencing import silences, tellings
from monitor.store.tables.tasks import tasks
from monitor.store.tables.watched import baselines, contracts, cursors, manifest, models, plans, successions
from monitor.store.tables.work import parts, processes, quarantine, runs, samples, windows

__all__ = [
    "Key",
    "alerts",
    "api_keys",
    "attempts",
    "audit",
    "baselines",
    "chores",
    "contracts",
    "cursors",
    "episode_events",
    "episodes",
    "erasures",
    "evidence",
    "feedback",
    "idempotency",
    "inbox",
    "inboxes",
    "inference_halves",
    "label_cursors",
    "labels",
    "manifest",
    "measurements",
    "metadata",
    "models",
    "outbox",
    "outlets",
    "parts",
    "performance",
    "performance_references",
    "plans",
    "processes",
    "quarantine",
    "runs",
    "samples",
    "sequences",
    "series",
    "sessions",
    "silences",
    "successions",
    "tasks",
    "tellings",
    "trigger_events",
    "triggers",
    "verdicts",
    "windows",
]
