"""Performance estimated without labels, beside NannyML's CBPE on the data that NannyML brings along.

NannyML needs its own environment: that of $DRIFTGLASS_NANNYML (a Python that can import it), else one made for this
run. Where it cannot be made the figure says that it was not measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from checks.performance import estimated, realised
from tests.bench.decision.common import Figure

NEEDED = ("nannyml", "statsmodels")
METRICS = ("accuracy", "roc_auc", "f1", "precision", "recall")
MOST = 0.01  # percentage points between both


def figures(_: int) -> Iterator[Figure]:
    """Per data set the largest gap to NannyML over chunks and metrics, and how far estimates are from what was true."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            answers(Path(folder))
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            print(f"cbpe: NannyML is not to be had here: {said[-1] if said else error}", file=sys.stderr)
            yield Figure("cbpe: gap to NannyML (not measured)", float("nan"))
            return
        for path in sorted(Path(folder).glob("*.npz")):
            with np.load(path) as data:
                yield from _compared(path.stem, data)


def answers(folder: Path) -> None:
    """Let NannyML answer into a folder. OSError, CalledProcessError where it cannot."""
    python = os.environ.get("DRIFTGLASS_NANNYML") or str(_made(folder / "environment"))
    _run(python, str(Path(__file__).with_name("nannyml_answers.py")), str(folder))


def _made(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "--quiet", *NEEDED)
    return python


def _run(*command: str) -> None:
    quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=quiet)


def _compared(name: str, data: Mapping[str, Any]) -> Iterator[Figure]:
    curve = estimated.calibrate(data["reference_truth"], data["reference_score"])
    gaps = dict.fromkeys(METRICS, 0.0)
    off = []
    for chunk, (start, end) in enumerate(zip(data["start"], data["end"], strict=True)):
        own = slice(int(start), int(end) + 1)
        score, said, truth = (data[field][own] for field in ("score", "said", "truth"))
        ours = estimated.estimate(said, score, curve)
        for metric in METRICS:
            gaps[metric] = max(gaps[metric], 100 * abs(ours[metric].value - float(data[metric][chunk])))
        off.append(abs(ours["accuracy"].value - realised.binary(truth, said, None)["accuracy"].value))
    for metric, gap in gaps.items():
        yield Figure(
            f"cbpe: {name}, {len(off)} chunks: largest gap to NannyML, {metric}, percentage points",
            gap,
            MOST,
            at_most=True,
        )
    yield Figure(
        f"cbpe: {name}: accuracy estimated from realised, mean, percentage points", 100 * float(np.mean(off))
    )
