"""schemathesis on the whole description, against a served process: few cases here, many in `make chaos`."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store import keys
from monitor.store.engine import Store
from tests.monitor.seeded import NOW, Seeded


@pytest.fixture
def served(light: tuple[Store, Seeded]) -> Iterator[tuple[str, str]]:
    """A URL and an admin's key."""
    store = light[0]
    with store.write() as conn:
        key = keys.create(conn, "schemathesis", ["admin"], (), None, "test", NOW - 1)[1]
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    config = uvicorn.Config(
        create_app(store, SimulatedClock(NOW)), host="127.0.0.1", port=port, log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}", key
    server.should_exit = True
    thread.join()


@pytest.mark.slow
def test_no_case_of_schemathesis_finds_an_answer_that_is_not_described(
    served: tuple[str, str], tmp_path: Path
) -> None:
    url, key = served
    command = [str(Path(sys.executable).with_name("st")), "run", f"{url}/openapi.json", "--no-color"]
    command += ["-H", f"Authorization: Bearer {key}", "-n", "2", "--seed", "1", "--phases", "fuzzing"]
    # What a contract says, or a span that is empty, no schema can tell; who may call is tested route by route.
    command += ["--exclude-checks", "positive_data_acceptance,ignored_auth"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout[-5_000:]
    assert "Tested: " in done.stdout
