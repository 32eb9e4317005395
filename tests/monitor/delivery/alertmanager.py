"""A real Alertmanager on loopback, from Debian's package."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

BINARY = Path("/usr/bin/prometheus-alertmanager")
TEMPLATE = Path("/usr/share/prometheus/alertmanager/default.tmpl")

_CONFIG = """
route: {{receiver: hook, group_by: [model], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: hook
    webhook_configs: [{{url: "{hook}", send_resolved: true}}]
"""


def lacking() -> str | None:
    """What this machine lacks to run it, None if nothing. The binary exits without its template file."""
    gone = [str(path) for path in (BINARY, TEMPLATE) if not path.exists()]
    if not gone:
        return None
    return f"{', '.join(gone)} is missing (apt-get install --reinstall prometheus-alertmanager)"


class Alertmanager:
    """A running one: `url` is its base address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=5.0)

    def alerts(self) -> list[dict[str, Any]]:
        """Its active alerts; one that was resolved is not among them."""
        found: list[dict[str, Any]] = self._client.get("/api/v2/alerts").raise_for_status().json()
        return found

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self._client.close()


@contextmanager
def running(hook: str) -> Iterator[Alertmanager]:
    """Start one that passes everything on to `hook`, and stop it in the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "alertmanager.yml")
        config.write_text(_CONFIG.format(hook=hook), encoding="utf-8")
        command = [
            str(BINARY),
            f"--config.file={config}",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        server = Alertmanager(f"http://127.0.0.1:{port}")
        try:
            deadline = time.monotonic() + 20
            while not server.ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(f"Alertmanager did not start: {process.communicate()[1]}")
                time.sleep(0.05)
            yield server
        finally:
            server.close()
            process.terminate()
            process.communicate(timeout=20)
