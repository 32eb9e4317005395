"""Run by a Python that has NannyML, and by nothing else: its bundled data, and what its CBPE says of it.

    python nannyml_answers.py FOLDER

writes NAME.npz for each data set: scores, predictions and truth of the reference and of the time after it, and
NannyML's estimate of every chunk. What driftglass is compared with is read from there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nannyml  # type: ignore[import-not-found]  # of its own environment
import numpy as np

METRICS = ("accuracy", "roc_auc", "f1", "precision", "recall")
CHUNK = 5_000
# Each with the names of its truth, prediction and score.
SETS = {
    "car loan": (nannyml.load_synthetic_car_loan_dataset, "repaid", "y_pred", "y_pred_proba"),
    "census": (
        nannyml.load_us_census_ma_employment_data,
        "employed",
        "prediction",
        "predicted_probability",
    ),
}


def main(folder: Path) -> None:
    """One file for each data set."""
    for name, (load, truth, said, score) in SETS.items():
        reference, now, labels = load()
        estimator = nannyml.CBPE(
            y_true=truth,
            y_pred=said,
            y_pred_proba=score,
            problem_type="classification_binary",
            metrics=list(METRICS),
            chunk_size=CHUNK,
        )
        estimator.fit(reference)
        found = estimator.estimate(now).to_df()
        found = found[found[("chunk", "period")] == "analysis"]
        np.savez(
            folder / f"{name}.npz",
            **{metric: found[(metric, "value")].to_numpy(float) for metric in METRICS},
            reference_truth=reference[truth].to_numpy() == 1,
            reference_score=reference[score].to_numpy(float),
            score=now[score].to_numpy(float),
            said=now[said].to_numpy() == 1,
            truth=labels[truth].to_numpy() == 1,
            start=found[("chunk", "start_index")].to_numpy(int),
            end=found[("chunk", "end_index")].to_numpy(int),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
