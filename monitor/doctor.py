"""What is wrong with an installation, why, and what to do: everything that can be seen from its store and its settings.

It looks and repairs nothing. A `problem` means that something is not watched, told or kept as promised; a `warning`
that it soon may be.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from monitor import canary
from monitor.absent import columns_of_everyone
from monitor.alerts.watching import stood_still
from monitor.contract import Contract, parse, resolve_secret
from monitor.errors import ContractError, DependencyUnavailable, DriftglassError, UsageError
from monitor.settings import Settings
from monitor.store import chores, contracts, existing, keys, models, outbox, outlets, processes
from monitor.store import tables as t
from monitor.store.clock import clock_of
from monitor.store.engine import Store
from monitor.watched import Watched

MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US
ALIVE_US = MINUTE_US  # a process writes its sign of life every few seconds
LATE_US = 60 * MINUTE_US
SOON_US = 14 * DAY_US
FULL, ALMOST_FULL = 64 << 20, 1 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what was seen, and what to do. Never a secret."""

    severity: Literal["problem", "warning"]
    about: str
    what: str
    cure: str

    def to_dict(self) -> dict[str, str]:
        """JSON-safe."""
        return asdict(self)


def problem(about: str, what: str, cure: str) -> Finding:
    return Finding("problem", about, what, cure)


def warning(about: str, what: str, cure: str) -> Finding:
    return Finding("warning", about, what, cure)


def examine(
    settings: Settings,
    *,
    wall: Callable[[], float] = time.time,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> list[Finding]:
    """Everything that is wrong, what keeps others from being seen first; empty if nothing is. Never raises for it."""
    try:
        store = Store(settings.database_url)
    except UsageError as error:
        return [problem("store", str(error), "correct DRIFTGLASS_DATABASE_URL")]
    try:
        blocking = list(_store(store, free))
        if any(one.about == "store" and one.severity == "problem" for one in blocking):
            return blocking
        now_us = clock_of(store).now_us() if store.dialect == "postgresql" else round(wall() * 1e6)
        with store.read() as conn:
            return [
                *blocking,
                *_clock(conn, now_us, round(wall() * 1e6)),
                *_processes(conn, now_us),
                *_runs(conn),
                *_watched(conn, store),
                *_models(conn, now_us),
                *_columns(conn),
                *_links(conn, settings),
                *_receivers(conn, now_us),
                *_canary(conn, settings, now_us),
                *_keys(conn, now_us),
            ]
    except DriftglassError as error:
        return [problem("store", str(error), "see that the database is there and may be read")]
    finally:
        store.close()


def alive(settings: Settings, host: str, *, wall: Callable[[], float] = time.time) -> bool:
    """Whether a process on this host that works gave a sign of life within the last minute."""
    store = Store(settings.database_url)
    try:
        now_us = clock_of(store).now_us() if store.dialect == "postgresql" else round(wall() * 1e6)
        with store.read() as conn:
            found = processes.since(conn, now_us - ALIVE_US)
    except DriftglassError:
        return False
    finally:
        store.close()
    return any(one.role != "api" and one.name.startswith(f"{host}:") for one in found)


# ----- the store ----------------------------------------------------------------------------------------------


def _store(store: Store, free: Callable[[Path], int]) -> Iterator[Finding]:
    if (absent := existing.missing(store)) is not None:
        yield problem("store", absent, existing.CURE)
        return
    try:
        revision = store.current()
    except DependencyUnavailable as error:
        yield problem("store", str(error), "see that the database runs and the URL is right")
        return
    if revision != store.head():
        if revision is None or store.knows(revision):
            what = "there are no tables" if revision is None else f"the tables are of revision {revision}"
            yield problem(
                "store", f"{what}, this release needs {store.head()}", "run `driftglass db upgrade`"
            )
        else:
            what = f"the tables are of revision {revision}, which this release does not know"
            yield problem("store", what, "run the newer release that made them")
        return
    if store.file is not None:
        yield from _disk(Path(store.file).absolute().parent, free)
    fresh = Store(store.address)  # a connection that was used for reading is no longer as the server made it
    try:
        with fresh.write() as conn:
            chores.note(conn, "probe", {})
    except (DependencyUnavailable, DBAPIError) as error:
        first = str(error).splitlines()[0]
        yield problem("store", f"it takes no writes: {first}", "free the disk, or make the store writable")
    finally:
        fresh.close()


def _disk(folder: Path, free: Callable[[Path], int]) -> Iterator[Finding]:
    left = free(folder)
    if left < ALMOST_FULL:
        make = problem if left < FULL else warning
        cure = "free some, or shorten DRIFTGLASS_REPLAY_DAYS, DRIFTGLASS_RESULTS_DAYS or `window.keep` of contracts"
        yield make("disk", f"{left >> 20} MB are left where the store lies ({folder})", cure)


def _clock(conn: Connection, now_us: int, wall_us: int) -> Iterator[Finding]:
    if abs(now_us - wall_us) > MINUTE_US:
        what = f"this machine's clock is {(wall_us - now_us) / 1e6:+.0f} s off the database's"
        yield warning("clock", what, "let both follow NTP; the service goes by the database's")
    ahead = conn.execute(select(func.max(t.processes.c.seen_us))).scalar_one()
    if ahead is not None and ahead - now_us > MINUTE_US:
        what = f"a process was seen {(ahead - now_us) / 1e6:.0f} s ahead of now: the clock went back"
        yield warning("clock", what, "let the clock follow NTP; windows close once it is past that time")


# ----- what works ---------------------------------------------------------------------------------------------


def _processes(conn: Connection, now_us: int) -> Iterator[Finding]:
    found = processes.since(conn, now_us - ALIVE_US)
    if not any(one.role != "api" for one in found) and models.everyone(conn):
        what = "no working process gave a sign of life within a minute: nothing is read, judged or sent"
        yield problem("processes", what, "start `driftglass serve`, or look into its log")
    if len(versions := sorted({one.version for one in found})) > 1:
        cure = "finish the roll-out: stop the processes of the older one"
        yield warning("processes", f"releases {', '.join(versions)} run side by side", cure)


def _runs(conn: Connection) -> Iterator[Finding]:
    r, m = t.runs, t.models
    query = (
        select(m.c.name, func.count(), func.max(r.c.id))
        .join_from(r, m, m.c.id == r.c.model_id)
        .where(r.c.state == "dead")
        .group_by(m.c.name)
        .order_by(m.c.name)
    )
    for name, count, newest in conn.execute(query).all():
        error = conn.execute(select(r.c.error).where(r.c.id == newest)).scalar_one()
        what = f"{count} runs were given up, the last for: {error}"
        cure = f"cure that, then `driftglass runs list -m {name}` and `driftglass runs requeue RUN`"
        yield problem(f"model {name}", what, cure)
    failing = (
        select(m.c.name, r.c.kind, r.c.attempt, r.c.error)
        .join_from(r, m, m.c.id == r.c.model_id)
        .where(r.c.state == "failed", m.c.paused_us.is_(None))
        .order_by(m.c.name, r.c.id)
    )
    for name, kind, attempt, error in conn.execute(failing.limit(20)).all():
        what = f"a {kind} has failed {attempt} times and is tried again: {error}"
        yield warning(f"model {name}", what, "see whether its source is there")


def _watched(conn: Connection, store: Store) -> Iterator[Finding]:
    if all(model.name == models.CANARY for model in models.everyone(conn)):
        cure = "`driftglass init FILE`, then `driftglass run`; or check DRIFTGLASS_DATABASE_URL and the working folder"
        yield warning("models", f"no model is watched in {store.shown}", cure)


def _models(conn: Connection, now_us: int) -> Iterator[Finding]:
    for model in models.everyone(conn):
        if model.contract_id is None:
            continue
        version = contracts.current(conn, model.id)
        about = f"model {model.name}"
        try:
            contract = parse(version.body, f"{model.name}.yaml")
        except ContractError as error:
            what = f"its contract cannot be used by this release, and it is not watched: {error.problems[0]}"
            yield problem(
                about, what, "correct the contract and register it again, or run the release that took it"
            )
            continue
        base_path = Path(version.base_path)
        if model.name != models.CANARY:
            yield from _secrets(about, contract, base_path)
        if model.paused_us is not None:
            yield warning(
                about,
                f"it is paused since {_minute(model.paused_us)}: nothing of it is read or judged",
                f"`driftglass resume {model.name}` once it is to be watched again",
            )
            continue
        last_us = stood_still(conn, Watched(model.id, model.name, contract, base_path), now_us)
        if last_us is not None:
            what = f"no window was judged since the one of {_minute(last_us)}"
            yield problem(about, what, "see what is said of processes, runs and its source")


def _minute(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _columns(conn: Connection) -> Iterator[Finding]:
    """Declared columns that the data do not have now. No break tells of one that was never there."""
    for name, start_us, columns in columns_of_everyone(conn):
        lacking = ", ".join(columns)
        what = (
            f"no record of its newest window ({_minute(start_us)}) has {lacking}: nothing is measured there"
        )
        cure = (
            "correct what writes the data, or the contract (`driftglass check-contract` shows the names of both) "
            "and let it learn in a new store"
        )
        yield problem(f"model {name}", what, cure)


def _secrets(about: str, contract: Contract, base_path: Path) -> Iterator[Finding]:
    for reference in sorted(set(_references(contract.model_dump()))):
        try:
            resolve_secret(reference, base_path)
        except UsageError as error:
            cure = "set it where the service runs (here it is looked for in this command's environment)"
            yield warning(about, f"a secret is not there: {error}", cure)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _references(one)
    elif isinstance(value, str) and value.startswith(("env:", "file:")):
        yield value


# ----- what is told -------------------------------------------------------------------------------------------


def _receivers(conn: Connection, now_us: int) -> Iterator[Finding]:
    names = list(conn.execute(select(t.outlets.c.channel).order_by(t.outlets.c.channel)).scalars())
    for name, outlet in sorted(outlets.known(conn, names).items()):
        if outlet.state == "disabled":
            cure = (
                "correct its address, then enable the channel (POST /v1/models/MODEL/channels/CHANNEL/enable)"
            )
            yield problem(f"channel {name}", f"nothing is sent any more: {outlet.last_error}", cure)
        elif outlet.state != "well":
            last = outbox.last_error(conn, name) or outlet.last_error
            what = f"{outlet.failures} attempts in a row failed, the last attempt with: {last}"
            make = problem if outlet.state == "down" else warning
            yield make(
                f"channel {name}", what, "see that the receiver is up: `driftglass notify test` tries it"
            )
    if dead := outbox.counts(conn).get("dead", 0):
        cure = "`driftglass outbox list --dead` shows them, `driftglass outbox replay --all-dead` sends them again"
        yield problem("outbox", f"{dead} notifications were given up", cure)
    oldest_us = outbox.oldest_pending_us(conn)
    if oldest_us is not None and now_us - oldest_us > LATE_US:
        what = f"the oldest notification has waited for {(now_us - oldest_us) // MINUTE_US} minutes"
        yield problem("outbox", what, "see what is said of channels and processes")


def _links(conn: Connection, settings: Settings) -> Iterator[Finding]:
    if settings.public_url is not None:
        return
    for model in models.everyone(conn):
        if model.contract_id is None or model.name == models.CANARY:
            continue
        try:
            contract = parse(contracts.current(conn, model.id).body, f"{model.name}.yaml")
        except ContractError:
            continue  # told of by `_models`
        if contract.channels:
            what = f"links in notifications point to this machine only: {settings.base_url}"
            cure = "set DRIFTGLASS_PUBLIC_URL to the address at which readers reach the pages"
            yield warning("links", what, cure)
            return


def _canary(conn: Connection, settings: Settings, now_us: int) -> Iterator[Finding]:
    sung = canary.look(conn, now_us)
    if sung.state == "missed":
        cure = "something between inbox and outbox does not work although it runs: see the log of the working process"
        yield problem("canary", sung.why, cure)
    elif sung.state == "off" and settings.has_canary:
        yield warning("canary", "it has not begun", "start `driftglass serve` with the same settings")
    last = chores.last(conn, "heartbeat")
    if last is not None and settings.heartbeat_url is not None and last.body.get("problems"):
        why = "; ".join(last.body["problems"])
        yield problem("heartbeat", f"it is held back: {why}", "cure that; it goes on by itself")


def _keys(conn: Connection, now_us: int) -> Iterator[Finding]:
    for key in keys.everyone(conn):
        if key.revoked_us is None and key.expires_us is not None and 0 < key.expires_us - now_us < SOON_US:
            days = (key.expires_us - now_us) // DAY_US
            cure = f"`driftglass keys create` another and give it to who uses {key.name}"
            yield warning(f"key {key.name}", f"it expires in {days} days", cure)
