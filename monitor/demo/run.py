"""The demo: the stream arrives hour by hour on its own clock, and the main job watches it.

Nothing is special-cased: the contract, the store, the judging, the outbox and the API are those of the service.
Only the clock is simulated, and the receivers of the webhooks are started here, on loopback.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.delivery.receiver import Answer, Received, Receiver, call_back
from monitor.delivery.signing import encode_secret
from monitor.demo.generate import CONTRACT, TRUTH, contract_text, generate, release
from monitor.demo.scoreboard import Board, SeenEpisode, render, scoreboard
from monitor.demo.truth import HOUR_US, Truth
from monitor.errors import UsageError
from monitor.progress import Progress, on_terminal, silent
from monitor.settings import load_settings
from monitor.store import listing
from monitor.store.engine import Store

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

STREAM, DATABASE = "stream", "driftglass.db"


@dataclass(frozen=True)
class Outcome:
    """What a demo found: the board, every episode and trigger, and what the receivers got."""

    board: Board
    episodes: list[RowMapping]
    triggers: list[RowMapping]
    notifications: int
    requests: list[Received]
    rejected: list[str]
    seconds: float


def run_demo(
    folder: Path, *, seed: int, incidents: bool, database: str | None, alertmanager_url: str | None = None
) -> Outcome:
    """Generate the stream, watch it, and print what was found. Writes only into `folder` (and `database`)."""
    from rich.console import Console

    from monitor.terminal import episode_list, trigger_list

    prepare(folder)
    url = database or f"sqlite:///{folder / DATABASE}"
    with on_terminal() as progress:
        truth = generate(folder / STREAM, seed=seed, incidents=incidents, progress=progress)
        outcome = watch(folder / STREAM, truth, url, progress, alertmanager_url)
    out = Console()
    out.print(
        f"\n{truth.records:,} messages in {(truth.end_us - truth.start_us) // HOUR_US:,} hourly windows, "
        f"watched in {outcome.seconds:.0f} s\n",
        highlight=False,
    )
    store = Store(url)
    out.print(episode_list(store, outcome.episodes), highlight=False)
    out.print(trigger_list(outcome.triggers), highlight=False)
    store.close()
    out.print(render(outcome.board))
    out.print(
        f"\nThe receivers on loopback got {outcome.notifications} signed notifications and "
        f"{len(outcome.requests)} retraining request{'s' if len(outcome.requests) != 1 else ''} "
        f"({len(outcome.rejected)} with a bad signature).\n\n"
        "Where to look next:\n"
        f"  driftglass alerts   --database {url}\n"
        f"  driftglass review   --database {url} --week {_last_week(truth)}\n"
        f"  driftglass serve    --database {url}      then open http://127.0.0.1:{load_settings().port}/\n"
        f"  {folder / STREAM / CONTRACT} is the contract, {folder / STREAM / TRUTH} what was planted",
        highlight=False,
        soft_wrap=True,
    )
    return outcome


def prepare(folder: Path) -> None:
    """Make the folder, without what an earlier demo left in it. UsageError if it holds anything else."""
    stream, database = folder / STREAM, folder / DATABASE
    if not (stream / TRUTH).exists():
        for found in (stream, database):
            if found.exists():
                raise UsageError(f"{found} is there and was not written by a demo: give another --folder")
    else:
        shutil.rmtree(stream)
        for suffix in ("", "-wal", "-shm"):
            database.with_name(DATABASE + suffix).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def watch(
    stream: Path,
    truth: Truth,
    database: str,
    progress: Progress = silent,
    alertmanager_url: str | None = None,
) -> Outcome:
    """Let a generated stream arrive hour by hour and run the main job after each.

    Alerts also go to the Alertmanager at `alertmanager_url`, one of this machine, if it is given.
    """
    started = time.monotonic()
    webhook_secret, retraining_secret = (encode_secret(secrets.token_bytes(32)) for _ in range(2))
    os.environ["DEMO_WEBHOOK_SECRET"] = webhook_secret
    os.environ["DEMO_RETRAINING_SECRET"] = retraining_secret
    clock = SimulatedClock(truth.reference_end_us)
    with Receiver(webhook_secret) as alerts, Receiver(retraining_secret, _start_training) as retraining:
        contract = contract_text(
            truth,
            webhook_url=alerts.url,
            retraining_url=retraining.url,
            alertmanager_url=alertmanager_url,
        )
        (stream / CONTRACT).write_text(contract, "utf-8")
        settings = load_settings().model_copy(update={"database_url": database})
        app = App.open(settings, clock)
        with _api(app) as public_url:
            app.settings = settings.model_copy(update={"public_url": public_url})
            watched = app.register(load(stream / CONTRACT), author="demo")
            app.one_pass(watched, progress=progress)
            hours = (truth.end_us - truth.reference_end_us) // HOUR_US
            for hour in range(1, hours + 1):
                clock.set(truth.reference_end_us + hour * HOUR_US)
                release(stream, clock.now_us())
                app.one_pass(watched)
                app.deliver()
                progress("watching two weeks, hour by hour", hour, hours)
        with app.store.read() as conn:
            episodes = list(listing.episodes(conn, limit=500).rows)
            triggers = list(listing.triggers(conn, limit=500).rows)
        app.store.close()
        return Outcome(
            board=scoreboard(truth, [_seen(row) for row in episodes]),
            episodes=episodes,
            triggers=triggers,
            notifications=len(alerts.received),
            requests=list(retraining.received),
            rejected=[*alerts.rejected, *retraining.rejected],
            seconds=time.monotonic() - started,
        )


def _start_training(request: Received) -> Answer:
    """A pipeline that takes every request and says that it trains; like real ones it takes longer than a week."""
    # From a thread of its own: a pipeline reports after it has answered the request, not before.
    threading.Thread(target=call_back, args=(request,), daemon=True).start()
    return Answer(202)


@contextmanager
def _api(app: App) -> Iterator[str]:
    """The API on a free port of loopback while the demo runs: the pipeline calls back to it."""
    import uvicorn

    from monitor.api import create_app

    config = uvicorn.Config(create_app(app.store, app.clock), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        if not thread.is_alive():
            raise UsageError("the API of the demo could not be started on loopback")
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _seen(row: RowMapping) -> SeenEpisode:
    return SeenEpisode(row["opened_us"], row["closed_us"], row["family"], f"alert {row['id']}")


def _last_week(truth: Truth) -> str:
    from datetime import UTC, datetime

    year, week, _ = datetime.fromtimestamp((truth.end_us - 1) / 1e6, UTC).isocalendar()
    return f"{year}-W{week:02d}"
