"""Writes the demo: its records as files, its contract, its ground truth."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

from monitor.demo import incidents as planting
from monitor.demo import messages, traffic
from monitor.demo.phrases import LANGUAGES
from monitor.demo.truth import HOUR_US, Incident, Truth
from monitor.progress import Progress, silent

# A Monday, so that weeks of the stream are ISO weeks.
START = datetime(2026, 8, 31, tzinfo=UTC)
WEEK_HOURS = 7 * 24
LIVE_WEEKS = 2

HISTORY, INCOMING = "messages", "incoming"
CONTRACT, TRUTH = "contract.yaml", "truth.json"

_MICROSECOND = timedelta(microseconds=1)


def generate(
    folder: Path,
    *,
    seed: int,
    weeks: int = 10,
    records_per_hour: float = 119,
    incidents: bool = True,
    progress: Progress = silent,
) -> Truth:
    """Write a stream of `weeks` weeks into `folder`, the same bytes for the same arguments.

    messages/2026-08-31.parquet         a file per day, up to the last two weeks: the reference
    incoming/2026-10-26T00.parquet      a file per hour of the last two weeks; `release` lets them arrive
    contract.yaml, truth.json

    The incidents are in the last week. Without them every other record is the same. Raises ValueError for
    fewer than three weeks: a reference needs one.
    """
    import numpy as np

    if weeks <= LIVE_WEEKS:
        raise ValueError(f"a stream needs at least {LIVE_WEEKS + 1} weeks, not {weeks}")
    start_us = (START - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
    hours = weeks * WEEK_HOURS
    seeds = np.random.SeedSequence(seed).spawn(3)
    progress("Writing messages", 0, hours)
    stream = traffic.draw(np.random.default_rng(seeds[0]), start_us, hours, records_per_hour)
    texts = messages.write(stream, np.random.default_rng(seeds[1]))
    happened: tuple[Incident, ...] = ()
    if incidents:
        generator = np.random.default_rng(seeds[2])
        planned = planting.schedule(generator, start_us + (hours - WEEK_HOURS) * HOUR_US)
        stream, texts, happened = planting.plant(stream, texts, planned, generator)

    reference_hours = hours - LIVE_WEEKS * WEEK_HOURS
    _write_files(folder, _table(stream, texts), stream.hour, reference_hours, hours, progress)
    truth = Truth(
        seed=seed,
        start_us=start_us,
        end_us=start_us + hours * HOUR_US,
        reference_end_us=start_us + reference_hours * HOUR_US,
        records=len(stream),
        incidents=happened,
    )
    truth.write(folder / TRUTH)
    (folder / CONTRACT).write_text(contract_text(truth), "utf-8")
    return truth


def release(folder: Path, until_us: int) -> int:
    """Let the hours that end by `until_us` arrive: move their files to the others. Returns how many came."""
    ready = [path for path in sorted((folder / INCOMING).glob("*.parquet")) if _hour_end_us(path) <= until_us]
    for path in ready:
        os.replace(path, folder / HISTORY / path.name)
    return len(ready)


def _hour_end_us(path: Path) -> int:
    start = datetime.strptime(path.stem, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return (start - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND + HOUR_US


def _table(stream: traffic.Stream, texts: list[str]) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    def words(names: Any, index: Any) -> pa.Array:
        return pa.DictionaryArray.from_arrays(
            pa.array(index.astype(np.int32)), pa.array(names, pa.string())
        ).cast(pa.string())

    codes = [country.code for country in traffic.COUNTRIES]
    senders = zip(stream.country.tolist(), stream.sender.tolist(), strict=True)
    return pa.table(
        {
            "message_id": pa.array([f"m{number:07d}" for number in stream.number.tolist()], pa.string()),
            "sent_at": pa.array(stream.sent_us, pa.timestamp("us", tz="UTC")),
            "text": pa.array(texts, pa.string()),
            "country": words(codes, stream.country),
            "client": words(traffic.CLIENTS, stream.client),
            "account_age_days": pa.array(stream.account_age_days.astype(np.int64)),
            "session_seconds": pa.array(stream.session_seconds),
            "toxicity_prefilter": pa.array(stream.toxicity_prefilter),
            "decision": words(("ok", "toxic"), stream.score >= 0.5),
            "score": pa.array(stream.score),
            "latency_ms": pa.array(stream.latency_ms),
            "build": words(traffic.BUILDS, stream.hour >= traffic.RELEASE_HOUR),
            "sender": pa.array([f"{codes[country]}-{sender}" for country, sender in senders], pa.string()),
        }
    )


def _write_files(
    folder: Path, table: pa.Table, hour: Any, reference_hours: int, hours: int, progress: Progress
) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    for name in (HISTORY, INCOMING):
        (folder / name).mkdir(parents=True, exist_ok=True)
    history = [(first, 24) for first in range(0, reference_hours, 24)]
    for first, length in history + [(first, 1) for first in range(reference_hours, hours)]:
        begin, end = np.searchsorted(hour, [first, first + length])
        at = START + timedelta(hours=first)
        name = f"{HISTORY}/{at:%Y-%m-%d}.parquet" if length > 1 else f"{INCOMING}/{at:%Y-%m-%dT%H}.parquet"
        pq.write_table(table.slice(begin, end - begin), folder / name, compression="zstd")
        progress("Writing messages", first + length, hours)


def contract_text(
    truth: Truth,
    *,
    webhook_url: str = "http://127.0.0.1:8790/alerts",
    retraining_url: str = "http://127.0.0.1:8790/retraining",
    alertmanager_url: str | None = None,
) -> str:
    """The contract of the stream, with receivers on loopback. Its secrets come from the environment:
    `DEMO_WEBHOOK_SECRET` and `DEMO_RETRAINING_SECRET`."""
    last_day = datetime.fromtimestamp(truth.reference_end_us / 1e6, UTC) - timedelta(days=1)
    alertmanager = f"  alertmanager: {{type: alertmanager, url: {alertmanager_url}, allow: [127.0.0.0/8]}}\n"
    names = "[webhook, alertmanager]" if alertmanager_url else "[webhook]"
    return f"""\
model: toxicity-demo
owner: trust-and-safety
runbook: https://runbooks.example.com/toxicity
timezone: UTC
source: {{type: files, path: {HISTORY}/*.parquet, id: message_id, time: sent_at}}
columns:
  text: {{role: input, kind: text, languages: [{", ".join(LANGUAGES)}]}}
  country: {{role: segment}}
  client: {{role: segment}}
  account_age_days: {{role: feature, kind: number}}
  session_seconds: {{role: feature, kind: number}}
  toxicity_prefilter: {{role: feature, kind: number, range: [0, 1]}}
  decision: {{role: prediction, kind: category, values: [ok, toxic]}}
  score: {{role: score, range: [0, 1]}}
  latency_ms: {{role: latency, slo: {{p99: 200, objective: 0.99}}}}
  build: {{role: version}}
  sender: {{role: unit}}
window: {{every: 1h, lateness: 0m, horizon: 2d, sample: 500, keep: 90d}}
reference: {{from: {START:%Y-%m-%d}, to: {last_day:%Y-%m-%d}}}
alerts:
  budget: 1 per 90d
  channels: {{page: {names}, ticket: {names}}}
channels:
  webhook: {{type: webhook, url: {webhook_url}, secret: env:DEMO_WEBHOOK_SECRET, allow: [127.0.0.0/8]}}
{alertmanager if alertmanager_url else ""}\
retraining:
  when: {{any: [vocabulary, predictions], persists: 3 windows}}
  cooldown: 0m
  approval: none
  target: {{type: webhook, url: {retraining_url}, secret: env:DEMO_RETRAINING_SECRET, allow: [127.0.0.0/8]}}
"""
