"""The body of a webhook: a CloudEvents 1.0 event in structured JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from monitor.alerts.message import iso

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def event(*, id: str, source: str, type: str, subject: str, time_us: int, data: Mapping[str, Any]) -> str:
    """The event as compact JSON. `source` names the model (`/driftglass/models/toxicity`); NaN in `data` is a
    ValueError.
    """
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id,
            "source": source,
            "type": type,
            "subject": subject,
            "time": iso(time_us),
            "datacontenttype": "application/json",
            "data": data,
        },
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=True,
    )


def source(model: str) -> str:
    """The CloudEvents source of a model; a URI reference, so the name is quoted."""
    from urllib.parse import quote

    return f"/driftglass/models/{quote(model, safe='')}"
