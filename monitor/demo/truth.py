"""What was planted: the ground truth beside a generated stream."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from checks.series import Family

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Incident:
    """A planted incident, in force in [start_us, end_us), whole hours.

    families     that may answer for it, the one that should first
    description  one sentence for a person
    term         what a finding about it should name: a client, a pair, a word, a column; "" for nothing
    """

    name: str
    description: str
    term: str
    families: tuple[Family, ...]
    start_us: int
    end_us: int

    @property
    def windows(self) -> tuple[int, ...]:
        """Starts of its hourly windows, microseconds UTC."""
        return tuple(range(self.start_us, self.end_us, HOUR_US))


@dataclass(frozen=True, slots=True)
class Truth:
    """A generated stream: its seed, its span [start_us, end_us), where its reference ends, its incidents."""

    seed: int
    start_us: int
    end_us: int
    reference_end_us: int
    records: int
    incidents: tuple[Incident, ...]

    def write(self, path: Path) -> None:
        """As JSON with sorted keys."""
        path.write_text(
            json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8"
        )

    @staticmethod
    def read(path: Path) -> Truth:
        """What `write` wrote."""
        fields = json.loads(path.read_text("utf-8"))
        incidents = (
            Incident(**{**incident, "families": tuple(incident["families"])})
            for incident in fields.pop("incidents")
        )
        return Truth(**fields, incidents=tuple(incidents))
