"""What is measured: the name of a series, and the sufficient statistics of many windows of many series.

`Observations` is the only thing that passes from counting (`profile`, `drift`) to statistics (`baseline`, `decision`):
the statistics never see a profile, a plan or a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Family = Literal[
    "schema",
    "volume",
    "quality",
    "encoding",
    "evasion",
    "language",
    "vocabulary",
    "inputs",
    "predictions",
    "performance",
    "service",
]
Kind = Literal["volume", "rate", "mean", "distribution"]

ALL = "*"


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One line over time: a metric of a column in a segment.

    `column` is "" for whole records. `segment` is "*" or "dimension=value". `term` names the class, pair, value or
    bin that a rate follows ("mojibake", "de+tr", "toxic"), "" where the metric needs none.
    """

    metric: str
    column: str
    segment: str
    term: str
    kind: Kind
    family: Family

    @property
    def name(self) -> str:
        """`metric(column)[segment]:term`, without the parts that are empty or `*`."""
        column = f"({self.column})" if self.column else ""
        segment = f"[{self.segment}]" if self.segment != ALL else ""
        term = f":{self.term}" if self.term else ""
        return f"{self.metric}{column}{segment}{term}"


@dataclass(frozen=True)
class Observations:
    """Sufficient statistics of W windows of S series; row w belongs to the window that starts at `start_us[w]`.

    Per kind of series s:
      volume        x[w, s] = records; n = x; xx = 0
      rate          x = messages with the property, n = messages asked; xx = 0
      mean          x = sum of values (in the column's unit), xx = sum of squares, n = values
      distribution  bins[s] = int64[W, B] counts (B is fixed per series); n = their row sums; x = xx = 0
    A window where the series was not observable has n = 0.
    """

    series: tuple[Series, ...]
    start_us: npt.NDArray[np.int64]
    n: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    xx: npt.NDArray[np.float64]
    bins: Mapping[int, npt.NDArray[np.int64]]

    def rows(self, index: npt.NDArray[np.intp] | slice) -> Observations:
        """The same series for some of the windows."""
        return Observations(
            series=self.series,
            start_us=self.start_us[index],
            n=self.n[index],
            x=self.x[index],
            xx=self.xx[index],
            bins={s: counts[index] for s, counts in self.bins.items()},
        )
