"""What the operator of an installation decides; what a model needs stands in its contract.

Every setting is an environment variable `DRIFTGLASS_<NAME>`. No `.env` file is read: what somebody left in
the working folder must not point the service at another database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.store.inbox import Limits

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseSettings):
    """The settings of this process; the URL with its password is left out when they are shown."""

    model_config = SettingsConfigDict(env_prefix="DRIFTGLASS_", env_file=None, frozen=True, extra="forbid")

    database_url: str = Field(default="sqlite:///driftglass.db", repr=False)
    """`sqlite:///file.db` or `postgresql://user:password@host/name`."""
    host: str = "127.0.0.1"
    """The address that `serve` binds."""
    port: int = Field(default=8327, ge=1, le=65535)
    """The port that `serve` binds."""
    open_metrics: bool = False
    """Whether /metrics needs no key; without it, and once there are keys, a scrape needs one that may `read`."""
    public_url: str | None = None
    """How readers reach this service; links in notifications start with it. Default: http://host:port."""
    tick_seconds: float = Field(default=1.0, ge=0.1, le=3600)
    """How often due work is looked for."""
    read_seconds: float = Field(default=30.0, ge=0.1, le=86_400)
    """How long after a reading a source is read again; also whenever a window closes."""
    workers: int = Field(default=1, ge=1, le=64)
    """How many working processes this one keeps; each works on another model."""
    run_seconds: float = Field(default=3600.0, ge=1, le=86_400)
    """How long one run may take: a longer one ends with its working process."""
    worker_memory_mb: int = Field(default=3000, ge=300)
    """What a working process may hold: above it ends with its run, above half of it is replaced after its run."""
    lease_seconds: float = Field(default=60.0, ge=1, le=3600)
    """How long a run stays with a worker that gives no sign of life."""
    allowed_addresses: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts and networks that notifications may go to though not public: `airflow.svc,10.0.0.0/8`."""
    inbox_megabytes: int = Field(default=1024, ge=1, le=1 << 20)
    """How much of one model's pushed records may wait, or be kept until the horizon has passed; then: 429."""
    inbox_records: int = Field(default=5_000_000, ge=1)
    """The same as a number of records."""
    storm_alerts: int = Field(default=50, ge=1)
    """More alerts than this that open within an hour, of all models, are gathered and told together."""
    canary: bool | None = None
    """Whether a small model of our own shows every day that drift is found. Default: where there is a heartbeat."""
    heartbeat_url: str | None = Field(default=None, pattern=r"^(env|file):.+")
    """`env:NAME` or `file:/path` of an address that is called while the canary's drift is found and told."""
    replay_days: int = Field(default=100, ge=7, le=10_000)
    """How long a verdict can be judged again from what it was made from: counts of windows, states between them."""
    results_days: int = Field(default=400, ge=35, le=10_000)
    """How long measurements and verdicts are kept. Texts are kept as long as their contract says (`window.keep`)."""
    log_level: LogLevel = "INFO"
    """The least serious log line that is written."""
    log_format: Literal["text", "json"] = "text"
    """`json`: one object per line."""

    @field_validator("allowed_addresses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @property
    def inbox_limits(self) -> Limits:
        """`inbox_records` and `inbox_megabytes` as the inbox counts them."""
        from monitor.store.inbox import Limits

        return Limits(self.inbox_records, self.inbox_megabytes << 20)

    @property
    def has_canary(self) -> bool:
        """Whether `canary` is wished for, or `heartbeat_url` needs it."""
        return self.canary if self.canary is not None else self.heartbeat_url is not None

    @property
    def base_url(self) -> str:
        """`public_url`, or how this machine itself reaches the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def load_settings() -> Settings:
    """The settings of the environment. UsageError names every variable that is wrong, without its value."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"DRIFTGLASS_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise UsageError("\n".join(problems)) from error
