"""The API process stays small: nothing heavy imported, little memory, also after it has answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from monitor.store.engine import Store
from tests.monitor.seeded import NOW, Seeded

ROOT = Path(__file__).parents[3]
MAX_RSS_MB = 150

CODE = """
import socket, sys, threading, time
import httpx, psutil, uvicorn
from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store.engine import Store

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
app = create_app(Store(sys.argv[1]), SimulatedClock(int(sys.argv[2])))
server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.01)
with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
    for path in "/readyz /metrics /v1/models /v1/alerts /review/2026-W47 /alerts/2 /openapi.json".split():
        client.get(path).raise_for_status()
heavy = "numpy pandas pyarrow numba scipy evidently sklearn".split()
print([name for name in heavy if name in sys.modules], psutil.Process().memory_info().rss / 1e6)
server.should_exit = True
"""


def test_a_process_that_has_served_imports_nothing_heavy_and_stays_small(light: tuple[Store, Seeded]) -> None:
    command = [sys.executable, "-c", CODE, light[0].shown, str(NOW)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    heavy, megabytes = done.stdout.rsplit(maxsplit=1)
    assert heavy.strip() == "[]"
    assert float(megabytes) <= MAX_RSS_MB
