"""What KServe's logger sends: requests and responses of a model as CloudEvents, each pair made into records.

Protocol: a CloudEvent 1.0 per half, `type` org.kubeflow.serving.inference.request or .response, both with the `id` of
the request (https://kserve.github.io/website/docs/model-serving/predictive-inference/logger/basic-logger; the sender
is kserve/kserve pkg/logger/worker.go), in binary mode, or structured through a broker (CloudEvents HTTP binding 1.0.2).
Bodies are the V1 protocol's `instances` and `predictions`, or the open inference protocol's (V2) named tensors.

    instance     an object: its fields · a text: the first text column · a list: the input and feature columns in
                 the contract's order · a number: the one feature column
    prediction   an object: its fields · a word or a number: the prediction column, else the score
    tensor       the column of its name, a row each
    beside them  `parameters`, `model_version` and other plain top-level fields, and the event's own attributes
                 (`endpoint`, `inferenceservicename`, …), for the columns that are declared
    id, time     the event's id (with /0, /1 … where a request holds several), the time of the request
    latency      from the time of the request to that of the response, in ms, unless a field says it
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from monitor.contract import Contract
from monitor.sources.intake import Refusal, id_of, one_object, time_of
from monitor.sources.raw_json import to_bytes

Half = Literal["request", "response"]
TYPES: Mapping[str, Half] = {
    "org.kubeflow.serving.inference.request": "request",
    "org.kubeflow.serving.inference.response": "response",
}
_UTC = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_FIELDS = frozenset({"specversion", "id", "type", "source", "data", "data_base64", "datacontenttype"})
_ROWS = {"request": ("instances", "inputs"), "response": ("predictions", "outputs")}


@dataclass(frozen=True, slots=True)
class Event:
    """One half of an inference. `body` is {"attributes": …, "data": …} as one line."""

    id: str
    half: Half
    us: int
    body: bytes


def from_headers(headers: Mapping[str, str], data: bytes, now_us: int) -> Event:
    """An event in binary mode: attributes as `ce-` headers, the body its data. Raises Refusal."""
    attributes = {
        name[3:].lower(): value for name, value in headers.items() if name.lower().startswith("ce-")
    }
    return _event(attributes, one_object(data), now_us)


def from_document(raw: bytes, now_us: int) -> Event:
    """An event in structured mode: one JSON object with `data` in it. Raises Refusal."""
    document = one_object(raw)
    data = document.get("data")
    if not isinstance(data, dict):
        raise Refusal("unmapped")
    plain = {name: value for name, value in document.items() if isinstance(value, str | int)}
    return _event(plain, data, now_us)


def records(request: Event, response: Event, contract: Contract) -> list[bytes]:
    """The records of an inference, a line each, with the columns that the contract has. Raises Refusal."""
    asked, answered = one_object(request.body), one_object(response.body)
    inputs = _rows(asked["data"], "request", contract)
    outputs = _rows(answered["data"], "response", contract)
    if not inputs or len(inputs) != len(outputs):
        raise Refusal("unmapped")
    common = _beside(asked) | _beside(answered)
    for name in contract.names("latency"):
        common.setdefault(name, (response.us - request.us) / 1000)
    made = []
    for index, (given, predicted) in enumerate(zip(inputs, outputs, strict=True)):
        fields = common | given | predicted
        record = {name: fields[name] for name in contract.column_specs if name in fields}
        several = f"/{index}" if len(inputs) > 1 else ""
        assert contract.source.id is not None
        record[contract.source.id] = request.id + several
        record[contract.source.time] = (_EPOCH + timedelta(microseconds=request.us)).isoformat()
        made.append(to_line(record))
    return made


def first_id(event_id: str) -> tuple[str, str]:
    """The ids that the first record of an inference may have: alone, or of several."""
    return event_id, f"{event_id}/0"


def to_line(value: Any) -> bytes:
    """JSON as one line of bytes; what was no UTF-8 when it came is none again."""
    return to_bytes(json.dumps(value, ensure_ascii=False))


def _event(attributes: Mapping[str, Any], data: Mapping[str, Any], now_us: int) -> Event:
    half = TYPES.get(str(attributes.get("type")))
    if half is None:
        raise Refusal("unmapped")
    event_id = id_of(attributes.get("id"), "id").decode("utf-8", "backslashreplace")
    us = time_of(attributes["time"], "time", _UTC, now_us) if "time" in attributes else now_us
    kept = {name: value for name, value in attributes.items() if name not in _NOT_FIELDS}
    return Event(event_id, half, us, to_line({"attributes": kept, "data": data}))


def _beside(event: Mapping[str, Any]) -> dict[str, Any]:
    """The plain fields around the rows, weakest first: the event's attributes, the body's fields, its parameters."""
    data = event["data"]
    parameters = data.get("parameters")
    fields = {**event["attributes"], **data, **(parameters if isinstance(parameters, dict) else {})}
    return {name: value for name, value in fields.items() if not isinstance(value, dict | list)}


def _rows(data: Mapping[str, Any], half: Half, contract: Contract) -> list[dict[str, Any]]:
    rows = next((data[name] for name in _ROWS[half] if name in data), None)
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise Refusal("unmapped")
    if rows and all(_is_tensor(row) for row in rows):
        return _of_tensors(rows)
    return [_fields(row, half, contract) for row in rows]


def _is_tensor(row: Any) -> bool:
    return isinstance(row, dict) and {"name", "shape", "datatype", "data"} <= row.keys()


def _of_tensors(tensors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    columns = {str(tensor["name"]): tensor["data"] for tensor in tensors}
    if any(not isinstance(cells, list) for cells in columns.values()):
        raise Refusal("unmapped")
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) != 1:
        raise Refusal("unmapped")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _fields(row: Any, half: Half, contract: Contract) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    if half == "response":
        names = contract.names("prediction") or contract.names("score")
        if names and isinstance(row, str | int | float):
            return {names[0]: row}
        raise Refusal("unmapped")
    inputs, features = contract.names("input"), contract.names("feature")
    if isinstance(row, str) and inputs:
        return {inputs[0]: row}
    order = [name for name in contract.column_specs if name in inputs or name in features]
    if isinstance(row, list) and len(row) == len(order):
        return dict(zip(order, row, strict=True))
    if isinstance(row, int | float) and len(features) == 1:
        return {features[0]: row}
    raise Refusal("unmapped")
