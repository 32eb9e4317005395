"""The contract as values: what one YAML file says of one model. Frozen, and nothing in it is a secret."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from monitor.contract import values as v
from monitor.contract.channels import Channel
from monitor.contract.objective import SERVER_ERRORS, Slo

if TYPE_CHECKING:
    from checks.baseline import Budget, Calendar
    from checks.batch import Column, ColumnKind

RoleName = Literal[
    "input", "feature", "prediction", "score", "latency", "segment", "version", "unit", "status"
]
KindName = Literal["text", "number", "category"]
FamilyName = Literal[
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
PiiKind = Literal["email", "phone", "card", "iban", "ip", "handle", "url_query"]
FileFormat = Literal["csv", "jsonl", "parquet"]

# What a column of a role may hold; the first is meant when none is written.
KINDS: dict[str, tuple[KindName, ...]] = {
    "input": ("text",),
    "feature": ("number", "category"),
    "prediction": ("category", "number"),
    "score": ("number",),
    "latency": ("number",),
    "segment": ("category",),
    "version": ("category",),
    "unit": ("category",),
    "status": ("category",),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Of these a model has one; a record has one prediction.
SINGLE_ROLES: tuple[RoleName, ...] = ("prediction", "score", "latency", "version", "unit", "status")


class Part(BaseModel):
    """A mapping of the contract: unknown keys are problems, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class FilesSource(Part):
    """Files of records: a path, a glob or an fsspec URL."""

    type: Literal["files"] = "files"
    path: v.Text
    format: FileFormat | None = None  # else by the suffix
    delimiter: Annotated[str, Field(strict=True, min_length=1, max_length=1)] | None = (
        None  # CSV; "," or by the suffix .tsv
    )
    id: v.Text | None = None
    time: v.Text


class SqlSource(Part):
    """A table or a query, read forward by (ingested or time, id)."""

    type: Literal["sql"] = "sql"
    url: v.Database
    table: v.Text | None = None
    query: v.Text | None = None
    id: v.Text
    time: v.Text
    ingested: v.Text | None = None


class PushSource(Part):
    """Records that are sent to POST /v1/models/{model}/records; a record without an id could not be sent twice."""

    type: Literal["push"]
    id: v.Text
    time: v.Text


def _source_type(value: Any) -> str | None:
    if isinstance(value, FilesSource | SqlSource | PushSource):
        return value.type
    if not isinstance(value, dict):
        return None
    if isinstance(found := value.get("type"), str):
        return found
    return "sql" if "url" in value else "files"


Source = Annotated[
    Annotated[FilesSource, Tag("files")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[PushSource, Tag("push")],
    Discriminator(_source_type),
]


class ColumnSpec(Part):
    """One declared column. Without a role it is the text input, or a feature if its kind is not text."""

    role_written: RoleName | None = Field(None, alias="role")
    kind_written: KindName | None = Field(None, alias="kind")
    languages: Annotated[tuple[v.Text, ...], Field(min_length=1)] | None = None
    detector: v.Text | None = None  # of the language of whole messages; else ours
    # Files of `driftglass learn-profile`, relative to the contract's folder.
    profiles: tuple[v.Text, ...] = ()
    # Whether words are weighed by how common they are in each language.
    lexicon: Annotated[bool, Field(strict=True)] = False
    # A file of labelled messages, relative to the contract's folder, that calibrates the share of mixed ones.
    mixed_labels: v.Text | None = None
    range: v.Range | None = None
    values: Annotated[tuple[v.Word, ...], Field(min_length=1)] | None = None
    slo: Slo | None = None
    evidently: tuple[v.Text, ...] = ()  # names of Evidently stat tests to compute beside ours

    @property
    def role(self) -> RoleName:
        if self.role_written:
            return self.role_written
        return "input" if self.kind_written in (None, "text") else "feature"

    @property
    def kind(self) -> ColumnKind:
        return self.kind_written or KINDS[self.role][0]


class Window(Part):
    """When a window opens, closes and is forgotten; durations in microseconds."""

    every_us: v.DurationUs = Field(v.UNIT_US["h"], alias="every")
    lateness_us: v.DurationOrNoneUs = Field(10 * v.UNIT_US["m"], alias="lateness")
    horizon_us: v.DurationUs = Field(2 * v.DAY_US, alias="horizon")
    sample: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 2_000
    keep_us: v.DurationUs = Field(30 * v.DAY_US, alias="keep")
    catch_up: Literal["oldest-first", "newest-first"] = "oldest-first"
    catch_up_windows: Annotated[int, Field(strict=True, ge=1)] | None = None


class Reference(Part):
    """What is normal: a span of days, a training file, or the time before now. Exactly one of the three."""

    start: v.Moment | None = Field(None, alias="from")
    end: v.Moment | None = Field(None, alias="to")
    path: v.Text | None = None
    trailing_us: v.DurationUs | None = Field(None, alias="trailing")


class LabelFiles(Part):
    """Files of labels: a path, a glob or an fsspec URL."""

    type: Literal["files"] = "files"
    path: v.Text
    format: FileFormat | None = None
    delimiter: Annotated[str, Field(strict=True, min_length=1, max_length=1)] | None = None


class LabelTable(Part):
    """A table or a query of labels, read forward by (`labelled`, key)."""

    type: Literal["sql"] = "sql"
    url: v.Database
    table: v.Text | None = None
    query: v.Text | None = None


class LabelPush(Part):
    """Labels that are sent to POST /v1/models/{model}/labels."""

    type: Literal["push"]


def _label_source_type(value: Any) -> str | None:
    if isinstance(value, LabelFiles | LabelTable | LabelPush):
        return value.type
    return _source_type(value)


class Labels(Part):
    """What turned out to be true of records, told later: where it is, and when a window's labels are complete enough.

    tolerance: how much the error rate may rise over that of the release before somebody is called, 0..1.
    """

    source: Annotated[
        Annotated[LabelFiles, Tag("files")]
        | Annotated[LabelTable, Tag("sql")]
        | Annotated[LabelPush, Tag("push")],
        Discriminator(_label_source_type),
    ]
    key: v.Text  # the column that holds the event id
    value: v.Text  # the column that holds the label
    labelled: v.Text | None = None  # the column that says when; else a label counts whenever it was read
    positive: v.Word | None = None  # of a yes/no model: the label, and the prediction, that is a yes
    mature_after_us: v.DurationUs = Field(7 * v.DAY_US, alias="mature_after")
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.02


class DeploymentSpec(Part):
    """When something new went live, and what it is called."""

    at: v.Moment
    name: v.Word = ""


class CalendarSpec(Part):
    """Days that count as Sundays; deployments that alerts are told beside: a list, a CSV (`at`, `name`) or both."""

    holidays: tuple[v.Day, ...] = ()
    deployments: tuple[DeploymentSpec, ...] = ()
    deployments_path: v.Text | None = None


class BudgetSpec(Part):
    """False episodes that the model may cost in so many days when nothing is wrong."""

    episodes: Annotated[float, Field(gt=0)] = 1.0
    days: Annotated[float, Field(gt=0)] = 90.0


class Recipients(Part):
    """Names of channels, by severity."""

    page: tuple[v.Text, ...] = ()
    ticket: tuple[v.Text, ...] = ()


class Alerts(Part):
    """How often the model may be wrong, and who hears of it."""

    budget: Annotated[
        BudgetSpec,
        BeforeValidator(v.budget_parts),
        WithJsonSchema({"type": "string", "pattern": r"^[\d.]+ per \d+[smhdw]$", "examples": ["1 per 90d"]}),
    ] = BudgetSpec()
    channels: Recipients = Recipients()


class When(Part):
    """An episode of any of these families, open for so many windows."""

    any: Annotated[tuple[FamilyName, ...], Field(min_length=1)]
    persists: v.WindowCount = 3


class RetrainingTarget(Part):
    """Where a trigger is sent."""

    type: Literal["webhook"]
    url: v.Endpoint
    secret: v.SecretReference
    allow: tuple[v.Network, ...] = ()


class Retraining(Part):
    """When to ask for a new model, and who must agree."""

    when: When
    cooldown_us: v.DurationOrNoneUs = Field(7 * v.DAY_US, alias="cooldown")
    approval: Literal["required", "none"] = "required"
    target: RetrainingTarget


class Privacy(Part):
    """What of a record's text may be stored. Flags are always taken before anything is removed."""

    text: Literal["redacted", "full", "none"] = "redacted"
    redact: tuple[PiiKind, ...] = get_args(PiiKind)
    key: v.SecretReference | None = (
        None  # salts the sample and keys the HMAC of units; without it units are not stored
    )


class Contract(Part):
    """Everything that is agreed about one model."""

    model: Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
    owner: v.Text | None = None
    runbook: v.Text | None = None
    timezone: v.TimeZone = "UTC"
    source: Source
    column_specs: Annotated[dict[v.Text, ColumnSpec], Field(min_length=1)] = Field(alias="columns")
    window: Window = Window()
    reference: Reference | None = None
    labels: Labels | None = None
    calendar_spec: CalendarSpec = Field(CalendarSpec(), alias="calendar")
    alerts: Alerts = Alerts()
    channels: dict[v.Text, Channel] = {}
    retraining: Retraining | None = None
    privacy: Privacy = Privacy()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def columns(self) -> tuple[Column, ...]:
        """The declared columns, in the order of the file."""
        from checks.batch import Column

        made = []
        for name, spec in self.column_specs.items():
            limits = spec.slo.limits() if spec.slo else []
            share, limit = limits[0] if limits else (spec.slo.objective if spec.slo else None, None)
            failing = spec.slo is not None and spec.role == "status"
            made.append(
                Column(
                    name=name,
                    role=spec.role,
                    kind=spec.kind,
                    values=spec.values,
                    range=spec.range,
                    languages=spec.languages,
                    detector=spec.detector or "ngrams",
                    slo_ms=limit,
                    slo_objective=share,
                    errors=((spec.slo and spec.slo.errors) or SERVER_ERRORS) if failing else (),
                )
            )
        return tuple(made)

    def names(self, role: RoleName) -> tuple[str, ...]:
        """The columns of a role, in the order of the file."""
        return tuple(name for name, spec in self.column_specs.items() if spec.role == role)

    def calendar(self) -> Calendar:
        """The grid, the zone and the holidays, for the baseline."""
        from checks.baseline import Calendar

        return Calendar(self.window.every_us, self.timezone, self.calendar_spec.holidays)

    def budget(self) -> Budget:
        """The false episodes that the model may cost."""
        from checks.baseline import Budget

        return Budget(self.alerts.budget.episodes, self.alerts.budget.days)

    def reference_span(self, now_us: int | None = None) -> tuple[int, int] | None:
        """[from, to) of the reference in microseconds UTC; None if it is a file, or none is declared.

        A bare day in `to` is inclusive: the span ends at the following midnight of the contract's zone. A
        trailing reference ends at `now_us` (None without it).
        """
        if self.reference is None:
            return None
        if self.reference.start is not None and self.reference.end is not None:
            return start_us(self.reference.start, self.zone), end_us(self.reference.end, self.zone)
        if self.reference.trailing_us is not None and now_us is not None:
            return now_us - self.reference.trailing_us, now_us
        return None


def start_us(value: date | datetime, zone: ZoneInfo) -> int:
    """Microseconds UTC of a moment; of a day its first midnight in `zone`."""
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def end_us(value: date | datetime, zone: ZoneInfo) -> int:
    """Like `start_us`, but a bare day is inclusive: its end is the midnight after it."""
    return start_us(value if isinstance(value, datetime) else value + timedelta(days=1), zone)
