"""The corrected share of mixed messages as measurements: one per window, where the contract names labelled messages.

Like Evidently's numbers they have no verdict. What is expected is the corrected share of the whole reference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from checks.corrected import mixed_shares
from checks.plan import Plan
from checks.profile import Profile
from monitor.store import measurements, series


def is_measured(plan: Plan) -> bool:
    """Whether a text column has a calibration; for a plan without one there is nothing to write."""
    return any(text.calibration is not None for text in plan.text.values())


def write(
    conn: Connection,
    model_id: int,
    window_us: int,
    revision: int,
    plan: Plan,
    profile: Profile,
    reference: Profile,
) -> None:
    """Write what the profile of a window says, for a plan that has a calibration."""
    found = mixed_shares(profile, plan)
    estimates = [estimate for _, _, estimate in found]
    expected = [estimate for _, _, estimate in mixed_shares(reference, plan)]
    undefined = np.full((1, len(found)), np.nan)
    measurements.write(
        conn,
        model_id,
        [window_us],
        revision,
        series.ids(conn, model_id, [one for one, _, _ in found]),
        n=_row([float(messages) for _, messages, _ in found]),
        value=_row([None if one is None else one.value for one in estimates]),
        low=_row([None if one is None else one.low for one in estimates]),
        high=_row([None if one is None else one.high for one in estimates]),
        expected=_row([None if one is None else one.value for one in expected]),
        expected_low=undefined,
        expected_high=undefined,
    )


def _row(values: list[float | None] | list[float]) -> npt.NDArray[np.float64]:
    return np.array([[np.nan if value is None else value for value in values]])
