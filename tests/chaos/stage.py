"""What the parts watch: small models whose hours come as fast as one likes, because they lie in the past.

A source whose newest record is old is judged as of its own end: writing the next file closes the next hours. Each
hour and model has its own generator, so the records do not depend on when, or in which pieces, they are written.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2025, 3, 3, tzinfo=UTC)
REFERENCE_DAYS = 4
REFERENCE_HOURS = 24 * REFERENCE_DAYS
RECORDS = 20
# Every so many hours the labels of one are missing: an episode that opens at once and closes soon. More often would be
# flapping, of which people are told once.
BREAK_EVERY = 16
HOUR_US = 3_600_000_000
SECRET_VARIABLE = "CHAOS_SECRET"
URL_VARIABLE = "CHAOS_URL"
WORDS = (
    "the parcel came late and the box was open",
    "thank you for the quick answer about my order",
    "la caja llegó abierta y falta un vaso",
    "muchas gracias por la respuesta tan rápida",
)
CONTRACT = """\
model: {name}
owner: shop
runbook: https://runbooks.example.com/{name}
timezone: UTC
source: {{type: files, path: "{name}/*.csv", id: id, time: at}}
columns:
  comment: {{role: input, kind: text, languages: [en, es]}}
  label: {{role: prediction, kind: category}}
window: {{every: 1h, lateness: 0m, horizon: 2d, sample: 10, keep: 30d}}
reference: {{from: {first}, to: {last}}}
"""
CHANNELS = """\
alerts: {{channels: {{page: [hook], ticket: [hook]}}}}
channels:
  hook: {{type: webhook, url: env:{url}, secret: env:{secret}, allow: [127.0.0.0/8]}}
"""


class Stage:
    """Models in a folder, and how many of their hours have been written so far."""

    def __init__(
        self,
        folder: Path,
        models: int,
        *,
        telling: bool = True,
        seed: int = 1,
        reference_days: int = REFERENCE_DAYS,
    ) -> None:
        self.folder = folder
        self.reference_hours = 24 * reference_days
        self._late: dict[tuple[str, int], int] = {}
        self.seed = seed
        self.names = [f"shop-{number:02d}" for number in range(models)]
        self.hours = 0
        for name in self.names:
            (folder / name).mkdir(parents=True)
            text = CONTRACT.format(
                name=name,
                first=START.date(),
                last=(START + timedelta(days=reference_days - 1)).date(),
            )
            if telling:
                text += CHANNELS.format(url=URL_VARIABLE, secret=SECRET_VARIABLE)
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    @property
    def contracts(self) -> list[Path]:
        return [self.folder / f"{name}.yaml" for name in self.names]

    def reference(self) -> None:
        """Write what is normal."""
        self.advance(self.reference_hours)

    def advance(self, hours: int) -> None:
        """Write the next hours of every model: one file each, whole or not at all."""
        for name in self.names:
            self._write(
                name,
                f"{self.hours:06d}",
                [row for hour in range(self.hours, self.hours + hours) for row in self.records(name, hour)],
            )
        self.hours += hours

    def late(self, hour: int, count: int = 5) -> None:
        """Write records that come late: some more of an hour that was written before, for every model."""
        moment = (START + timedelta(hours=hour, minutes=30)).isoformat()
        for name in self.names:
            rows = [(f"{name}-{hour}-late-{number}", moment, WORDS[0], "praise") for number in range(count)]
            self._write(name, f"{self.hours:06d}-late-{hour}", rows)
            self._late[name, hour] = self._late.get((name, hour), 0) + count

    def _write(self, name: str, file_name: str, rows: Sequence[Sequence[str]]) -> None:
        target = self.folder / name / f"{file_name}.csv"
        hidden = target.with_suffix(".part")
        with hidden.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "at", "comment", "label"))
            writer.writerows(rows)
        hidden.rename(target)

    def records(self, name: str, hour: int) -> list[Sequence[str]]:
        """The records of one hour, the same each time."""
        generator = random.Random(f"{self.seed}/{name}/{hour}")
        begin = START + timedelta(hours=hour)
        first = self.names.index(name) % BREAK_EVERY
        broken = hour >= self.reference_hours and hour % BREAK_EVERY == first
        moments = sorted(generator.random() for _ in range(RECORDS + generator.randrange(-4, 5)))
        return [
            (
                f"{name}-{hour}-{number}",
                (begin + timedelta(hours=moment)).isoformat(timespec="microseconds"),
                generator.choice(WORDS),
                "" if broken else generator.choice(("praise", "praise", "complaint")),
            )
            for number, moment in enumerate(moments)
        ]

    def written(self) -> dict[str, dict[int, int]]:
        """How many records every hour of every model has: what the checker compares the store with."""
        start_us = int(START.timestamp()) * 1_000_000
        return {
            name: {start_us + hour * HOUR_US: self._count(name, hour) for hour in range(self.hours)}
            for name in self.names
        }

    def _count(self, name: str, hour: int) -> int:
        return len(self.records(name, hour)) + self._late.get((name, hour), 0)

    def write_facts(self, path: Path) -> None:
        """The same as a file, with the number of reference hours."""
        path.write_text(
            json.dumps({"reference_hours": self.reference_hours, "written": self.written()}), "utf-8"
        )
