"""A small stream for tests of the whole way: shop orders with a short comment, in windows of six hours."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 6, 1, tzinfo=UTC)
COLUMNS = ("id", "at", "comment", "shop", "amount", "label", "score")
WORDS = (
    "the parcel came late and the box was open",
    "thank you for the quick answer about my order",
    "where is my refund please",
    "la caja llegó abierta y falta un vaso",
    "muchas gracias por la respuesta tan rápida",
    "der Karton war offen und ein Glas fehlt",
    "danke für die schnelle Antwort",
)
CONTRACT = """\
model: orders
timezone: UTC
source: {{type: files, path: {path}, id: id, time: at}}
columns:
  comment: {{role: input, kind: text, languages: [en, es, de]}}
  shop: {{role: segment}}
  amount: {{role: feature, kind: number}}
  label: {{role: prediction, kind: category}}
  score: {{role: score, range: [0, 1]}}
window: {{every: 6h, lateness: 0m, horizon: 2d, sample: 200, keep: 90d}}
reference: {{from: {first}, to: {last}}}
"""

Record = dict[str, str]
Spoil = Callable[[Record, datetime], Record]


def records(days: float = 17, per_window: int = 60, seed: int = 3, start: datetime = START) -> list[Record]:
    """The same records for the same arguments, in order of time."""
    generator = random.Random(seed)
    made: list[Record] = []
    for window in range(round(days * 4)):
        begin = start + timedelta(hours=6 * window)
        for moment in sorted(generator.random() for _ in range(per_window + generator.randrange(-8, 9))):
            score = generator.betavariate(2, 5)
            made.append(
                {
                    "id": f"o{len(made):06d}",
                    "at": (begin + timedelta(hours=6 * moment)).isoformat(timespec="seconds"),
                    "comment": generator.choice(WORDS),
                    "shop": generator.choices(("north", "south", "web"), (5, 3, 2))[0],
                    "amount": f"{generator.lognormvariate(3, 0.5):.2f}",
                    "label": "complaint" if score > 0.35 else "praise",
                    "score": f"{score:.4f}",
                }
            )
    return made


def recent(now: datetime) -> tuple[datetime, float]:
    """Start and days of a stream of more than two weeks that ends with the last window closed at `now`."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=17), 17 + now.hour // 6 / 4


def day(number: float) -> datetime:
    """Midnight of the stream's day `number`, from 0."""
    return START + timedelta(days=number)


def at(record: Record) -> datetime:
    return datetime.fromisoformat(record["at"])


def write(path: Path, rows: Iterable[Record], columns: Iterable[str] = COLUMNS) -> None:
    """As CSV; a value that holds bytes beyond UTF-8 is written with surrogate escapes undone."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def shifted(rows: Iterable[Record], since: datetime) -> list[Record]:
    """The same records, but from a time on everybody complains: the predictions move and nothing else."""
    return [dict(row, label="complaint") if at(row) >= since else row for row in rows]


def contract(folder: Path, path: str = "orders*.csv", *, start: datetime = START, more: str = "") -> Path:
    """Write the contract beside the records: the first 14 days are the reference. `more` is YAML that follows."""
    first, last = start.date(), (start + timedelta(days=13)).date()
    target = folder / "contract.yaml"
    target.write_text(CONTRACT.format(path=path, first=first, last=last) + more, encoding="utf-8")
    return target
