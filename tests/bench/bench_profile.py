"""Profiling 1 M × 25 columns: CPU against pyarrow's decoding alone, time against Evidently, and memory.

    python -m tests.bench.bench_profile [--check] [--rows 1000000]

Every figure is taken in a child process of its own, in one run on one made-up file; only ratios mean
anything elsewhere. "Decoding" is `ParquetFile.iter_batches` as it comes. Profiling reads categories as
dictionaries, part of what makes it cheap, so decoding that way is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from checks.batch import Batch, Column
    from checks.plan import Plan

BATCH = 65_536
WINDOW_ROWS = 100_000
HOUR_US = 3_600_000_000
LEVELS = (3, 10, 50, 200, 1000)
NUMBERS = tuple(f"x{i:02}" for i in range(20))
CATEGORIES = tuple(f"c{levels}" for levels in LEVELS)

DECODE_BAR, DECODE_GOAL = 2.5, 2.0
EVIDENTLY_BAR = 30.0
MEMORY_BAND = 0.15


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --check, 1 where a figure is below its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--child", choices=sorted(_CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        print(json.dumps(_CHILDREN[options.child](options.file)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.parquet"), Path(folder, "large.parquet")
        write_table(small, options.rows)
        figures = {name: _in_child(name, small) for name in ("profile", "drift", "evidently", "memory")}
        small.unlink()
        write_table(large, 5 * options.rows)
        figures["memory_large"] = _in_child("memory", large)
    misses = _report(options.rows, figures)
    return 1 if options.check and misses else 0


def write_table(path: Path, rows: int) -> None:
    """Numbers of several shapes, some with nulls, and categories; 65,536 rows to a group."""
    import numpy as np
    import pyarrow.parquet as pq

    writer = None
    for chunk, first in enumerate(range(0, rows, BATCH)):
        table = _table(np.random.default_rng([7, chunk]), min(BATCH, rows - first))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _table(rng: np.random.Generator, n: int) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    shapes: tuple[Callable[[], Any], ...] = (
        lambda: rng.normal(size=n),
        lambda: rng.lognormal(size=n),
        lambda: rng.uniform(size=n),
        lambda: rng.poisson(30, n).astype(np.float64),
        lambda: np.where(rng.random(n) < 0.4, 0.0, rng.normal(10, 3, n)),
    )
    columns: dict[str, Any] = {}
    for i, name in enumerate(NUMBERS):
        mask = rng.random(n) < 0.01 if i % 4 == 0 else None
        columns[name] = pa.array(shapes[i % len(shapes)](), mask=mask)
    for name, levels in zip(CATEGORIES, LEVELS, strict=True):
        words = pa.array([f"value {level}" for level in range(levels)])
        columns[name] = words.take(pa.array(np.minimum(rng.geometric(3 / levels, n) - 1, levels - 1)))
    return pa.table(columns)


def columns_of() -> tuple[Column, ...]:
    """The 25 columns as a contract would declare them."""
    from checks.batch import Column

    return (
        *(Column(name, "feature", "number") for name in NUMBERS),
        *(Column(name, "feature", "category") for name in CATEGORIES),
    )


def _record_batches(path: str, dictionary: bool = True) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, read_dictionary=list(CATEGORIES) if dictionary else None, pre_buffer=False)
    yield from file.iter_batches(BATCH, use_threads=False)


def _batch(arrow: pa.RecordBatch, first: int) -> Batch:
    import numpy as np
    import pyarrow as pa

    from checks.batch import Batch, Cells, categories, numbers

    cells: dict[str, Cells] = {name: numbers(arrow.column(name)) for name in NUMBERS}
    cells |= {name: categories(arrow.column(name)) for name in CATEGORIES}
    place = np.arange(first, first + len(arrow), dtype=np.int64)
    hashes = place * np.int64(-7046029254386353131)  # spread over all 64 bits, as a hash is
    return Batch(pa.nulls(len(arrow), pa.large_binary()), hashes, place * (HOUR_US // WINDOW_ROWS), cells)


def _batches(path: str) -> Iterator[Batch]:
    first = 0
    for arrow in _record_batches(path):
        yield _batch(arrow, first)
        first += len(arrow)


def _plan(path: str) -> Plan:
    from checks.learner import Learner

    learner = Learner(columns_of())
    learner.add(next(_batches(path)))
    return learner.plan()


def _count(path: str, plan: Plan) -> dict[int, Any]:
    from checks import profile

    windows: dict[int, Any] = {}
    for batch in _batches(path):
        for start, part in profile.count(batch, plan, batch.event_us // HOUR_US * HOUR_US).items():
            windows[start] = profile.merge(windows[start], part) if start in windows else part
    return windows


def _profile(path: str) -> dict[str, float]:
    """CPU seconds of decoding alone and of decoding, converting and counting."""
    plan = _plan(path)
    _count(path, plan)  # kernels are compiled, the file is in the page cache
    return {
        "decode": _cpu(lambda: _drain(path, dictionary=True)),
        "decode_plain": _cpu(lambda: _drain(path, dictionary=False)),
        "profile": _cpu(lambda: _count(path, plan)),
    }


def _drain(path: str, dictionary: bool) -> None:
    for _ in _record_batches(path, dictionary):
        pass


def _drift(path: str) -> dict[str, float]:
    """Seconds for a report on 100,000 rows: count, read the series, distances to the prepared reference."""
    from checks import drift, profile

    plan = _plan(path)
    reference, window = list(_rows(path, 0)), list(_rows(path, WINDOW_ROWS))

    def count(batches: Sequence[Batch]) -> Any:
        parts = [
            part for batch in batches for part in profile.count(batch, plan, batch.event_us * 0).values()
        ]
        return drift.observe([profile.merge_all(parts)], [0], plan)

    expected = count(reference)

    def report() -> int:
        from checks.distances import jsd, psi

        seen = count(window)
        return sum(
            bool(jsd(expected.bins[s], seen.bins[s])[0] > 0.1 or psi(expected.bins[s], seen.bins[s])[0] > 0.1)
            for s in seen.bins
        )

    report()
    return {
        "seconds": _seconds(report),
        "with_reference": _seconds(lambda: (count(reference), report())),
        "series": len(expected.series),
    }


def _rows(path: str, skip: int) -> Iterator[Batch]:
    """100,000 rows from `skip` on, as batches."""
    first = 0
    for arrow in _record_batches(path):
        low, high = max(skip - first, 0), min(skip + WINDOW_ROWS - first, len(arrow))
        if low < high:
            yield _batch(arrow.slice(low, high - low), first + low)
        first += len(arrow)


def _evidently(path: str) -> dict[str, float]:
    """Seconds of Evidently's DataDriftPreset on the same two times 100,000 rows."""
    import warnings

    import pyarrow.parquet as pq

    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    frame = pq.read_table(path).slice(0, 2 * WINDOW_ROWS).to_pandas()
    definition = DataDefinition(numerical_columns=list(NUMBERS), categorical_columns=list(CATEGORIES))

    def data(first: int) -> Any:
        part = frame.iloc[first : first + WINDOW_ROWS].reset_index(drop=True)
        return Dataset.from_pandas(part, data_definition=definition)

    reference, current = data(0), data(WINDOW_ROWS)
    report = Report([DataDriftPreset()])
    report.run(current, reference).dict()
    return {"seconds": _seconds(lambda: report.run(current, reference).dict(), times=2)}


def _memory(path: str) -> dict[str, float]:
    """Resident memory in MB once everything is imported, and at its peak."""
    import resource

    import pyarrow.parquet

    from checks import learner, profile, tally

    assert all((learner, profile, tally, pyarrow.parquet))
    base = _resident_mb()
    _count(path, _plan(path))
    return {"base": base, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _resident_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def _cpu(work: Callable[[], object], times: int = 3) -> float:
    return min(_timed(work, time.process_time) for _ in range(times))


def _seconds(work: Callable[[], object], times: int = 5) -> float:
    return min(_timed(work, time.perf_counter) for _ in range(times))


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


_CHILDREN: dict[str, Callable[[str], dict[str, float]]] = {
    "profile": _profile,
    "drift": _drift,
    "evidently": _evidently,
    "memory": _memory,
}


def _in_child(name: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bench_profile", "--child", name, "--file", str(path)]
    environment = {**os.environ, "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _report(rows: int, figures: dict[str, dict[str, float]]) -> list[str]:
    profile, drift, memory = figures["profile"], figures["drift"], figures["memory"]
    large = figures["memory_large"]
    evidently = figures["evidently"]["seconds"]
    decode = profile["profile"] / profile["decode_plain"]
    small_mb, large_mb = (part["peak"] - part["base"] for part in (memory, large))
    lines = [
        ("pyarrow decoding, CPU s", f"{profile['decode_plain']:.3f}", ""),
        ("  categories as dictionaries", f"{profile['decode']:.3f}", ""),
        ("profile (decode + count), CPU s", f"{profile['profile']:.3f}", ""),
        ("  × decoding", f"{decode:.2f}", f"bar {DECODE_BAR}, goal {DECODE_GOAL}"),
        ("  × decoding with dictionaries", f"{profile['profile'] / profile['decode']:.2f}", ""),
        ("  rows/s per core", f"{rows / profile['profile']:,.0f}", ""),
        ("drift report, 100k rows, ms", f"{1000 * drift['seconds']:.1f}", f"{drift['series']:.0f} series"),
        ("  reference counted too, ms", f"{1000 * drift['with_reference']:.1f}", ""),
        ("Evidently DataDriftPreset, ms", f"{1000 * evidently:.0f}", ""),
        ("  × ours", f"{evidently / drift['seconds']:.0f}", f"bar {EVIDENTLY_BAR:.0f}"),
        ("  × ours, reference counted too", f"{evidently / drift['with_reference']:.0f}", ""),
        (f"peak memory above imports, MB, {rows:,} rows", f"{small_mb:.0f}", ""),
        (f"  {5 * rows:,} rows", f"{large_mb:.0f}", f"bar ± {MEMORY_BAND:.0%}"),
    ]
    for name, value, note in lines:
        print(f"{name:48} {value:>12}  {note}")
    misses = []
    if decode > DECODE_BAR:
        misses.append("profile CPU over decoding")
    if evidently / drift["seconds"] < EVIDENTLY_BAR:
        misses.append("drift report against Evidently")
    if abs(large_mb - small_mb) > MEMORY_BAND * small_mb:
        misses.append("memory not flat")
    for miss in misses:
        print(f"MISSED: {miss}")
    return misses


if __name__ == "__main__":
    sys.exit(main())
