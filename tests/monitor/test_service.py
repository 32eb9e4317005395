"""`driftglass serve`, a real process: it judges what has closed, serves it, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from monitor.delivery.receiver import Receiver
from monitor.delivery.signing import encode_secret
from tests.monitor import stream

NOW = datetime.now(UTC)
START, DAYS = stream.recent(NOW)
SECRET = encode_secret(b"a secret of 32 bytes, only here.")
CHANNELS = """\
owner: shop
runbook: https://runbooks.example.com/orders
alerts: {{channels: {{page: [hook], ticket: [hook]}}}}
channels:
  hook: {{type: webhook, url: "{url}", secret: env:HOOK_SECRET, allow: [127.0.0.0/8]}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


@dataclass
class Serving:
    """A running service."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10, trust_env=False)

    def until(self, path: str, seconds: float = 120) -> Any:
        """The JSON of a path once it answers 200 with a first item, or without a list."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < deadline, f"{path} gave nothing: {self.log.read_text('utf-8')}"
            try:
                answer = self.get(path)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.is_success and answer.json().get("items", True):
                return answer.json()
            time.sleep(0.1)

    def end(self, signal_: int = signal.SIGTERM) -> int:
        self.process.send_signal(signal_)
        return self.process.wait(timeout=15)


@contextmanager
def serving(folder: Path, *arguments: str, port: int | None = None) -> Iterator[Serving]:
    """Start one on a free port; whatever a test leaves running is ended with its children."""
    port = port or free_port()
    command = [sys.executable, "-m", "monitor.cli", "serve", "--port", str(port), *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DRIFTGLASS_TICK_SECONDS": "0.2",
        "DRIFTGLASS_DATABASE_URL": f"sqlite:///{folder / 'store.db'}",
        "HOOK_SECRET": SECRET,
    }
    log = folder / "serve.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=file, text=True)
    try:
        yield Serving(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Serving]:
    """Watches a stream whose predictions moved two days ago; tests that share it only read."""
    folder = tmp_path_factory.mktemp("served")
    rows = stream.records(DAYS, start=START)
    stream.write(folder / "orders.csv", stream.shifted(rows, START + timedelta(days=15)))
    stream.contract(folder, start=START, more=CHANNELS.format(url=receiver.url))
    with serving(folder, "--contract", "contract.yaml") as running:
        running.until("/v1/models/orders/windows?state=judged")
        running.until("/v1/alerts?family=predictions")
        yield running


def test_it_is_alive_and_ready(served: Serving) -> None:
    assert served.until("/livez") == {"status": "ok"}
    assert served.until("/readyz")["status"] == "ok"


def test_what_has_closed_is_judged_and_can_be_asked_for(served: Serving) -> None:
    expected = round((DAYS - 14) * 4)
    deadline = time.monotonic() + 30
    while True:
        judged = served.get("/v1/models/orders/windows?state=judged&limit=100").json()["items"]
        if len(judged) >= expected:
            break
        assert time.monotonic() < deadline, served.log.read_text("utf-8")
        time.sleep(0.1)
    (model,) = served.get("/v1/models").json()
    assert (model["name"], model["state"]) == ("orders", "live")
    alert = served.get("/v1/alerts?family=predictions").json()["items"][0]
    detail = served.get(f"/v1/alerts/{alert['id']}").json()
    assert "class_share" in {moved["metric"] for moved in detail["named"]}
    assert "driftglass_" in served.get("/metrics").text


def test_the_log_holds_what_happens_and_not_every_tick(served: Serving) -> None:
    served.until("/v1/models/orders/windows?state=judged")
    lines = served.log.read_text("utf-8").splitlines()
    assert any("Uvicorn running on" in line for line in lines)
    chatty = [line for line in lines if re.search(r"(warning|info) (apscheduler|alembic|httpx)", line)]
    assert chatty == []


def test_the_pages_are_there_and_links_lead_to_them(served: Serving, receiver: Receiver) -> None:
    """A notification is delivered by the service, and links to where the service really listens."""
    year, week, _ = NOW.isocalendar()
    page = served.get(f"/review/{year}-W{week:02d}")
    assert page.status_code == 200
    assert "orders" in page.text
    assert receiver.wait_for(1, 30), served.log.read_text("utf-8")
    assert receiver.rejected == []
    links = set(re.findall(r"http://127\.0\.0\.1:\d+/alerts/\d+", str(receiver.received[0].event)))
    assert links
    assert all(link.startswith(served.url) for link in links)
    assert served.get(links.pop().removeprefix(served.url)).status_code == 200


def test_the_process_that_answers_stays_small(served: Serving) -> None:
    served.until("/v1/models/orders/windows?state=judged")
    parent = psutil.Process(served.process.pid)
    (child,) = parent.children()
    assert "monitor.worker" in child.cmdline()
    assert parent.memory_info().rss <= 150e6
    assert child.memory_info().rss > parent.memory_info().rss


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_its_child(tmp_path: Path, how: signal.Signals) -> None:
    stream.write(tmp_path / "orders.csv", stream.records(DAYS, start=START))
    stream.contract(tmp_path, start=START)
    with serving(tmp_path, "--contract", "contract.yaml") as running:
        running.until("/livez")
        deadline = time.monotonic() + 30
        while not (children := psutil.Process(running.process.pid).children()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        began = time.monotonic()
        assert running.end(how) == 0
        assert time.monotonic() - began < 10
        assert not any(child.is_running() for child in children)
        assert "Traceback" not in running.log.read_text("utf-8")


def test_a_child_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    # Somebody to end is there once something is to be worked on.
    stream.write(tmp_path / "orders.csv", stream.records(DAYS, start=START))
    stream.contract(tmp_path, start=START)
    with serving(tmp_path, "--contract", "contract.yaml") as running:
        running.until("/readyz")
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(running.process.pid).children()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.process.kill()
        running.process.wait()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert alive == []


def test_a_contract_with_problems_changes_nothing(tmp_path: Path) -> None:
    stream.contract(tmp_path, more="surprise: 1\n")
    with serving(tmp_path, "--contract", "contract.yaml") as refused:
        assert refused.process.wait(timeout=30) == 2
    assert "surprise" in refused.log.read_text("utf-8")
    assert not (tmp_path / "store.db").exists()


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as refused:
        assert refused.process.wait(timeout=30) == 2
    assert "can be reached by others" in refused.log.read_text("utf-8")


def test_a_port_that_is_taken_is_exit_3_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with serving(tmp_path, port=port) as refused:
            assert refused.process.wait(timeout=30) == 3
    log = refused.log.read_text("utf-8")
    assert f"cannot listen on 127.0.0.1:{port}" in log
    assert "Traceback" not in log


def test_one_process_answers_and_another_works_on_the_same_file(tmp_path: Path) -> None:
    stream.write(tmp_path / "orders.csv", stream.records(DAYS, start=START))
    stream.contract(tmp_path, start=START)
    with serving(tmp_path, "--contract", "contract.yaml", "--role", "api") as answering:
        answering.until("/livez")
        other = tmp_path / "other"
        other.mkdir()
        database = f"sqlite:///{tmp_path / 'store.db'}"
        with serving(other, "--role", "worker", "--database", database) as working:
            answering.until("/v1/models/orders/windows?state=judged", 90)
            assert psutil.Process(answering.process.pid).children() == []
            children = psutil.Process(working.process.pid).children()
            assert ["monitor.worker" in child.cmdline() for child in children] == [True]
            with pytest.raises(httpx.ConnectError):
                working.get("/livez")
            assert working.end() == 0
            assert not any(child.is_running() for child in children)
        assert answering.end() == 0


def test_a_role_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, "--role", "boss") as running:
        assert running.process.wait(timeout=60) == 2
        assert "--role boss: write all, api or worker" in running.log.read_text("utf-8")
