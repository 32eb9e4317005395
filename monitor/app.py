"""The only wiring: one store, one clock, and the models that are watched in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from monitor import absent, canary
from monitor.alerts import rules, watching
from monitor.alerts.audience import audience_of
from monitor.alerts.notify import LIMITS, Audience
from monitor.clock import Clock
from monitor.closing import history_end
from monitor.contract import Contract, Loaded, parse, resolve_secret
from monitor.contract.channels import Channel as ChannelSpec
from monitor.contract.model import RetrainingTarget
from monitor.delivery import dispatch
from monitor.delivery.channels.base import Channel
from monitor.delivery.channels.made import make
from monitor.errors import ContractError, UsageError
from monitor.progress import Progress, silent
from monitor.settings import Settings
from monitor.store import audit, contracts, models
from monitor.store.clock import clock_of
from monitor.store.contracts import Version
from monitor.store.engine import Store
from monitor.watched import Watched

if TYPE_CHECKING:
    from monitor.heartbeat import Heartbeat
    from monitor.pipeline import PassReport, Pipeline


log = logging.getLogger(__name__)

Spec = ChannelSpec | RetrainingTarget


@dataclass
class App:
    """Everything that a door (command line, API, worker, demo) may ask for."""

    store: Store
    clock: Clock
    settings: Settings
    _pipelines: dict[int, Pipeline] = field(default_factory=dict)
    _channels: dict[str, tuple[tuple[Spec, Path], Channel]] = field(default_factory=dict)
    _everyone: list[Watched] = field(default_factory=list)  # of whom `_of_everyone` are the channels
    _of_everyone: dict[str, Channel] = field(default_factory=dict)
    _dispatcher: dispatch.Dispatcher | None = None
    _known: dict[int, Watched | None] = field(default_factory=dict)  # by the contract that counts

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> App:
        """Open the store and bring its tables up to date. DependencyUnavailable if it cannot be reached."""
        store = Store(settings.database_url)
        store.upgrade()
        return cls(store, clock or clock_of(store), settings)

    def register(self, loaded: Loaded, *, author: str) -> Watched:
        """Keep a contract (a new version if its text is new) and watch its model from now on."""
        with self.store.write() as conn:
            saved = register(conn, loaded, author, self.clock.now_us())
        return Watched(saved.model_id, loaded.contract.model, loaded.contract, loaded.base_path)

    def watched(self) -> list[Watched]:
        """Every model with the contract that counts now."""
        with self.store.read() as conn:
            current = {
                model.contract_id: model for model in models.everyone(conn) if model.contract_id is not None
            }
            new = [contracts.current(conn, current[key].id) for key in current if key not in self._known]
        known = {key: watched for key, watched in self._known.items() if key in current}
        for version in new:
            known[version.id] = self._read(version, current[version.id].name)
        self._known = known
        return [watched for key in current if (watched := known.get(key)) is not None]

    def watched_one(self, model_id: int) -> Watched | None:
        """One model with the contract that counts now, None if it has none that this version can use."""
        with self.store.read() as conn:
            model = models.known(conn, model_id)
            if model is None or model.contract_id is None:
                return None
            new = None if model.contract_id in self._known else contracts.current(conn, model_id)
        if new is not None:
            self._known[new.id] = self._read(new, model.name)
        return self._known[model.contract_id]

    def _read(self, version: contracts.Version, name: str) -> Watched | None:
        try:
            contract = parse(version.body, f"{name}.yaml")
        except ContractError as error:
            # Saved by another release: this model waits, the others go on.
            log.error("the contract of %s cannot be used by this version: %s", name, error)
            return None
        return Watched(version.model_id, name, contract, Path(version.base_path))

    def pipeline(self, watched: Watched) -> Pipeline:
        """What passes over a model; the same one as long as its contract does not change."""
        from monitor.pipeline import Pipeline

        known = self._pipelines.get(watched.id)
        if known is None or known.watched != watched:
            known = Pipeline(self.store, self.clock, watched, self.channels(watched), self.settings)
            self._pipelines[watched.id] = known
        return known

    def one_pass(
        self,
        watched: Watched,
        *,
        until_us: int | None = None,
        at_newest: bool | None = False,
        progress: Progress = silent,
    ) -> PassReport:
        """Read what is new, and measure and judge what has closed; see `Pipeline.one_pass`."""
        return self.pipeline(watched).one_pass(until_us=until_us, at_newest=at_newest, progress=progress)

    def channels(self, watched: Watched) -> Mapping[str, Channel]:
        """The channels of one contract and its retraining target, by the names that the outbox knows them by."""
        from monitor.retraining.targets.webhook import channel_name

        if watched.name == models.CANARY:
            return {watched.channel(name): canary.Sink() for name in watched.contract.channels}
        contract = watched.contract
        wanted: dict[str, Spec] = {watched.channel(name): spec for name, spec in contract.channels.items()}
        if contract.retraining is not None:
            wanted[channel_name(watched.name)] = contract.retraining.target
        for name, spec in wanted.items():
            if name not in self._channels or self._channels[name][0] != (spec, watched.base_path):
                self._channels[name] = ((spec, watched.base_path), self._channel(spec, watched.base_path))
        return {name: self._channels[name][1] for name in wanted}

    def _channel(self, spec: Spec, base_path: Path) -> Channel:
        from monitor.delivery.late import LatePoster, LateSigner
        from monitor.retraining.targets.webhook import RetrainingWebhook

        def resolve(reference: str) -> str:
            return resolve_secret(reference, base_path)

        if not isinstance(spec, RetrainingTarget):
            return make(spec, resolve, self.settings.allowed_addresses)
        poster = LatePoster(lambda: resolve(spec.url), (*spec.allow, *self.settings.allowed_addresses))
        return RetrainingWebhook(poster, LateSigner(lambda: resolve(spec.secret)))

    def all_channels(self) -> dict[str, Channel]:
        """The channels of every model, by the names that the outbox knows them by."""
        watched = self.watched()
        if [id(one) for one in watched] != [id(one) for one in self._everyone]:
            self._of_everyone = {
                name: channel for one in watched for name, channel in self.channels(one).items()
            }
            self._everyone = watched
        return self._of_everyone

    def settle(self) -> int:
        """Tell of alerts what is due by the clock: silences and snoozes that ended, storms that were gathered."""
        limits = replace(LIMITS, installation=self.settings.storm_alerts)
        return watching.settle(self.store, self.clock, self._audiences, limits=limits)

    def _audiences(self) -> dict[int, Audience]:
        return {
            one.id: audience_of(one, self.channels(one), self.settings.base_url) for one in self.watched()
        }

    def look_for_stale(self) -> list[str]:
        """Raise a health alert for each model whose windows close and are not judged; their names."""
        now_us, watched = self.clock.now_us(), self.watched()
        with self.store.read() as conn:
            known = {model.id: model for model in models.everyone(conn)}
            live = [
                one
                for one in watched
                if known[one.id].paused_us is None and history_end(conn, one, known[one.id], now_us) is None
            ]
        return watching.look_for_stale(self.store, self.clock, live)

    def sing(self) -> int:
        """Let the canary's hours that have begun into its inbox; the first time it is made. Returns how many hours."""
        with self.store.read() as conn:
            known = [one.id for one in models.everyone(conn) if one.name == models.CANARY]
        model_id = (
            known[0] if known else self.register(canary.contract(self.clock.now_us()), author="driftglass").id
        )
        return canary.send(self.store, self.clock, model_id)

    def heartbeat(self) -> Heartbeat | None:
        """What calls the address of `DRIFTGLASS_HEARTBEAT_URL`; None without one."""
        from monitor.delivery.late import LatePoster
        from monitor.heartbeat import Heartbeat

        reference = self.settings.heartbeat_url
        if reference is None:
            return None
        poster = LatePoster(lambda: resolve_secret(reference, Path()), self.settings.allowed_addresses)
        return Heartbeat(self.store, self.clock, poster)

    def deliver(self, limit: int = 100) -> dispatch.Counts:
        """Send what is due in the outbox of every model, on each channel up to `limit` messages, and repeat what still
        fires to Alertmanager; waits for all of it.
        """
        self.settle()
        channels = self.all_channels()
        counts = dispatch.deliver_due(self.store, self.clock, channels, limit)
        dispatch.resend(self.store, self.clock, channels)
        return counts

    def keep_delivering(self) -> None:
        """What `deliver` does, without waiting: for a tick. `stop_delivering` waits for what is on its way."""
        if self._dispatcher is None:
            self._dispatcher = dispatch.Dispatcher(self.store, self.clock)
        self.settle()
        self._dispatcher.tick(self.all_channels())

    def stop_delivering(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None


def register(conn: Connection, loaded: Loaded, author: str, now_us: int) -> Version:
    """Keep a contract (a new version if its text is new), watch its model from now on, and note it in the audit log.

    UsageError, and nothing is kept, if it has lost a column by which the model is counted.
    """
    why = absent.refusal(conn, loaded.contract)
    if why is not None:
        raise UsageError(f"{loaded.contract.model}: {why}")
    model = models.create(conn, loaded.contract.model, now_us)
    saved = contracts.save_version(conn, model.id, loaded.text, str(loaded.base_path), author, now_us)
    if saved.id != model.contract_id:
        if model.contract_id is not None:
            _close_changed(conn, contracts.get(conn, model.contract_id), loaded.contract, author, now_us)
        payload = {"version": saved.version, "sha256": saved.sha256}
        audit.append(conn, author, "contract.saved", f"model/{model.name}", payload, now_us)
    return saved


def _close_changed(
    conn: Connection, before: contracts.Version, after: Contract, author: str, now_us: int
) -> None:
    """End the episodes that were judged by a rule that is no more."""
    try:
        was = parse(before.body)
    except ContractError:
        return  # of another release: what its episodes rested on cannot be told
    rules.close_changed(conn, before.model_id, was, after, author, now_us)
