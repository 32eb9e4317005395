"""The JSON of the API. Fields are named for readers; `validation_alias` names the column of the store."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from monitor.api.inputs import MAX_INTEGER, Instant, plain
from monitor.store.keys import Scope

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(us: object) -> str:
    """Microseconds UTC as `2026-11-16T03:00:00Z`; with the fraction of a second only if there is one."""
    if not isinstance(us, int):
        raise ValueError("not microseconds")
    return (_EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: where a number does not exist it is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _object(text: Any) -> Any:
    """A JSON column; numbers that JSON cannot carry become null."""
    if not isinstance(text, str):
        return text
    return json.loads(text, parse_constant=lambda _: None, parse_float=lambda digits: _finite(float(digits)))


Time = Annotated[str, BeforeValidator(rfc3339), Field(json_schema_extra={"format": "date-time"})]
Real = Annotated[float | None, BeforeValidator(_finite)]
Object = Annotated[dict[str, Any], BeforeValidator(_object)]
Item = TypeVar("Item")


class Schema(BaseModel):
    # Rows of the store are mappings or dataclasses.
    model_config = ConfigDict(frozen=True, populate_by_name=True, from_attributes=True)


class Page(Schema, Generic[Item]):
    """One page, newest first. `next` is the cursor of the page after, null on the last one."""

    items: list[Item]
    next: str | None


class Model(Schema):
    name: str
    state: str
    contract_version: int | None
    plan_id: str | None
    judged_until: Time | None = Field(
        validation_alias="judged_until_us", description="end of the last judged window"
    )
    open_episodes: int
    created: Time = Field(validation_alias="created_us")
    paused: Time | None = Field(
        validation_alias="paused_us", description="since when nothing of it is read, measured or judged"
    )


class AlertState(Schema):
    """Where one family of a model stands; `health` is separate: absent data never resolves an alert."""

    family: str
    state: str
    health: str
    alert_id: int | None = Field(validation_alias="episode_id")


class ModelDetail(Model):
    alerts: list[AlertState]


class ContractVersion(Schema):
    version: int
    sha256: str
    author: str
    created: Time = Field(validation_alias="created_us")


class Contract(ContractVersion):
    """One immutable version; `body` is its YAML as it was saved."""

    body: str


class Window(Schema):
    """A half-open span [start, end) of event time."""

    start: Time = Field(validation_alias="start_us")
    end: Time = Field(validation_alias="end_us")
    revision: int
    state: str
    records: int
    duplicates: int
    quarantined: int
    source_count: int | None = Field(description="what the source itself counted, where it was asked")
    measured: Time | None = Field(validation_alias="measured_us")
    judged: Time | None = Field(validation_alias="judged_us")
    reason: str | None = Field(description="why it is not judged, where its state is `skipped`")


class Measurement(Schema):
    """One number of one window, what was expected of it, and (once judged) its verdict."""

    window_start: Time = Field(validation_alias="window_start_us")
    revision: int
    series_id: int
    metric: str
    column: str
    segment: str
    term: str
    kind: str
    family: str
    n: Real
    value: Real
    low: Real
    high: Real
    expected: Real
    expected_low: Real
    expected_high: Real
    status: str | None
    z: Real
    p: Real
    effect: Real
    cusum: Real
    threshold: Real
    provisional: bool | None


class Moved(Schema):
    """A series that carries a change; the heaviest comes first."""

    series: str
    metric: str
    column: str
    segment: str
    term: str
    weight: Real
    value: Real
    expected: Real
    expected_low: Real
    expected_high: Real
    effect: Real
    z: Real


class Share(Schema):
    """How much of the change one segment carries, 0..1."""

    segment: str
    share: Real


class Alert(Schema):
    """An episode: one stretch from firing to resolved of one family of one model."""

    id: int
    model: str
    family: str
    severity: str
    state: str = Field(description="of the alert while the episode is open, `resolved` after")
    since: Time = Field(validation_alias="since_us", description="first window of the change, as estimated")
    opened: Time = Field(validation_alias="opened_us", description="the window whose verdict opened it")
    last: Time = Field(validation_alias="last_us", description="the last window that still breached")
    closed: Time | None = Field(validation_alias="closed_us")
    close_reason: str | None
    inhibited_by: str | None = Field(description="the family whose break explains this episode")
    summary: str


class Event(Schema):
    event: str
    window_start: Time = Field(validation_alias="window_start_us")
    at: Time = Field(validation_alias="at_us")
    detail: Object


class Evidence(Schema):
    """A kept record that shows the change: redacted, invisible characters made visible."""

    window_start: Time = Field(validation_alias="window_start_us")
    event_id: str
    label: str
    excerpt: str
    repair: str | None = Field(
        description="what ftfy would make of it, redacted again: evidence, never applied"
    )


class Codec(Schema):
    """UTF-8 that was read as this codec explains this share of the suspected messages, 0..1."""

    name: str
    share: Real


class BrokenSequence(Schema):
    """A wrongly read sequence as code points, and how many of the suspected records looked at hold it."""

    points: str
    messages: int


class Damage(Schema):
    """Mojibake since the change began: suspected by the screen in every message, confirmed by ftfy in a sample."""

    column: str
    suspected: Real = Field(description="share of all messages, counted")
    codecs: list[Codec] = Field(description="what it is consistent with, the most common first")
    legacy: Real = Field(
        description="share of the suspected that is one legacy codec's text read with another"
    )
    looked_at: int = Field(description="suspected records that ftfy looked at")
    confirmed: int
    outside: int = Field(description="looked at, but of a codec that ftfy cannot confirm")
    others_looked_at: int = Field(description="records without suspicion that ftfy looked at")
    missed: int = Field(description="of those, the ones that it would repair")
    rate: Real | None = Field(description="share of all messages that ftfy confirms; null if no text is kept")
    low: Real | None = Field(description="lower end of its 95 % interval")
    high: Real | None = Field(description="upper end of its 95 % interval")
    sequences: list[BrokenSequence]


class Notification(Schema):
    id: str = Field(validation_alias="key", description="the webhook-id, stable over retries")
    channel: str
    type: str
    state: str
    attempts: int = Field(validation_alias="attempt")
    created: Time = Field(validation_alias="created_us")
    sent: Time | None = Field(validation_alias="sent_us")
    next_attempt: Time | None = Field(validation_alias="next_us")
    last_status: int | None


class Mix(Schema):
    """How much of the change is another mix of the values of a dimension, and which of them adds most to it."""

    dimension: str
    share: Real = Field(description="of the change, 1 = all of it; the rest is change within the values")
    segment: str
    before: Real = Field(description="the segment's part of the traffic in the reference, 0..1")
    now: Real = Field(description="and since the change")
    sure: bool = Field(description="false: its part may have changed by chance")


class Bin(Schema):
    """Values of a series between these bounds: their part before and now, and what they add to the divergence."""

    series: str
    label: str
    before: Real
    now: Real
    share: Real = Field(description="of the Jensen-Shannon divergence, 0..1")


class Term(Schema):
    """A word or phrase that became more frequent among the kept messages."""

    term: str
    documents: int
    expected_documents: Real
    z: Real


class AlertDetail(Alert):
    named: list[Moved] = Field(description="the series that carry the change, in order of weight")
    segments: list[Share]
    mixes: list[Mix] = Field(description="of the leading series where it is a rate or a mean of all traffic")
    bins: list[Bin] = Field(description="where the values of the first named series went, most telling first")
    terms: list[Term] = Field(description="of an episode of the vocabulary")
    campaign: str = Field(description="on one template that many messages follow; empty for none")
    newcomers: str = Field(description="on languages that the reference did not have; empty for none")
    sentences: list[str]
    breaks: list[str] = Field(description="deterministic breaks of the contract, in words")
    damage: Damage | None = Field(description="of an episode with mojibake")
    evidence: list[Evidence]
    events: list[Event]
    notifications: list[Notification]
    trigger_id: str | None


class Sample(Schema):
    """A kept record. Rates over samples must be weighted with 1 / inclusion_probability."""

    window_start: Time = Field(validation_alias="window_start_us")
    event_id: str
    event_time: Time = Field(validation_alias="event_us")
    stratum: str
    inclusion_probability: Real
    text: str | None
    prediction: str | None
    score: Real
    version: str | None
    segments: Object
    features: Object
    flags: Object


class Quarantined(Schema):
    """Something that could not be read; its raw bytes stay in the store."""

    id: int
    window_start: Time | None = Field(validation_alias="window_start_us")
    piece: str
    place: str
    reason: str
    column: str | None
    detail: str
    counted: bool = Field(description="true: the record still counts, only this cell is set aside")
    created: Time = Field(validation_alias="created_us")


class Guard(Schema):
    guard: str
    passed: bool
    reason: str


Guards = Annotated[list[Guard], BeforeValidator(_object)]


class Trigger(Schema):
    """A request to retrain, and the verdict of every guard that looked at it."""

    id: str
    model: str
    episode_id: int
    state: str
    reason: str
    guards: Guards
    window_start: Time = Field(validation_alias="window_start_us")
    external_run_id: str | None
    created: Time = Field(validation_alias="created_us")
    updated: Time = Field(validation_alias="updated_us")


class TriggerEvent(Schema):
    from_state: str | None
    to_state: str
    actor: str
    at: Time = Field(validation_alias="at_us")
    detail: Object


class TriggerDetail(Trigger):
    request: Object = Field(description="what was asked for: reasons, windows, exclusions")
    events: list[TriggerEvent]


Whole = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Plain = Annotated[str, AfterValidator(plain)]
Key = Annotated[Plain, Field(max_length=100)]
Detail = Annotated[Plain, Field(max_length=2_000)] | bool | Whole | FiniteFloat | None


class Report(BaseModel):
    """What a pipeline says about the run that a trigger started."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["accepted", "running", "succeeded", "failed", "cancelled"]
    run_id: Plain | None = Field(
        default=None, max_length=200, description="the pipeline's own name of its run"
    )
    detail: dict[Key, Detail] = Field(default={}, max_length=50, description="kept in the history")


class Accepted(Schema):
    """The state of the trigger now."""

    id: str
    state: str


class Status(Schema):
    status: str


class Ready(Status):
    notes: Annotated[list[str], Field(description="what is late, and no reason to send requests elsewhere")]


class Given(BaseModel):
    """A body that callers write: nothing but what is named, and no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewContract(Given):
    """A contract as YAML."""

    body: Annotated[Plain, Field(min_length=1, max_length=100_000)]


class ContractDiff(Schema):
    from_version: int
    to_version: int
    unified: str = Field(description="a unified diff; empty if the texts are the same")


class NewKey(Given):
    """What a key is for. `models` empty: every model."""

    name: Annotated[Plain, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]
    models: Annotated[list[Annotated[Plain, Field(min_length=1, max_length=200)]], Field(max_length=100)] = []
    expires: Instant | None = None


class ApiKey(Schema):
    id: str
    name: str
    scopes: list[Scope]
    models: list[str] = Field(description="empty: every model")
    created: Time = Field(validation_alias="created_us")
    created_by: str
    expires: Time | None = Field(validation_alias="expires_us")
    revoked: Time | None = Field(validation_alias="revoked_us")
    revoked_by: str | None
    last_used: Time | None = Field(validation_alias="used_us", description="to the minute")


class MadeKey(ApiKey):
    key: str = Field(description="the key itself: shown in this answer and never again")


class NewFeedback(Given):
    verdict: Literal["expected", "false-alarm"]
    note: Annotated[Plain, Field(max_length=2_000)] = ""


class Feedback(Schema):
    verdict: str
    note: str
    author: str
    counts_from: Time = Field(validation_alias="from_us", description="the first window that it counts for")
    created: Time = Field(validation_alias="created_us")


class Decision(Given):
    note: Annotated[Plain, Field(max_length=2_000)] = ""


class NewBackFill(Given):
    """The span [from, to) that is read again at the source."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant


class NewDryRun(Given):
    """A contract to try on the history of its model. Without `from` it begins where the reference ends."""

    body: Annotated[Plain, Field(min_length=1, max_length=100_000)]
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None


class NewReplay(Given):
    """A window whose verdicts are made again; `series` as `metric(column)` names one of them."""

    window_start: Instant
    series: Annotated[Plain, Field(max_length=400)] | None = None


class Progress(Schema):
    stage: str
    done: int
    total: int | None


class Task(Schema):
    """Something that takes longer than a request."""

    id: int
    model: str
    kind: Literal["back_fill", "dry_run", "replay"]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: Annotated[Progress, BeforeValidator(_object)]
    error: str | None
    author: str
    attempt: int
    created: Time = Field(validation_alias="created_us")
    started: Time | None = Field(validation_alias="started_us")
    finished: Time | None = Field(validation_alias="finished_us")


class TaskDetail(Task):
    result: Object | None = Field(description="once it has succeeded")
