"""A receiver of notifications as it is on a bad day: away 30 % of the time, and one request in ten gets a 503.

    python -m tests.chaos.receiver PORT FOLDER SEED [--well]

A process of its own that knows nothing of ours. What is posted to /hook/NAME is in FOLDER/NAME.log (one JSON object a
line, synced to the disk) before it is answered. After SIGUSR1, or with --well, it is always there and makes no errors.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

THERE_SECONDS, AWAY_SECONDS = 3.5, 1.5
ERRORS = 0.1


class Logs:
    """A file for each name; a line is on the disk when `add` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, name: str, **entry: Any) -> None:
        with self._lock:
            if name not in self._files:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._files[name] = os.open(self._folder / f"{name}.log", flags, 0o644)
            os.write(self._files[name], (json.dumps(entry) + "\n").encode())
            os.fsync(self._files[name])


def handler(logs: Logs, generator: random.Random, well: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            event = json.loads(body)
            status = 503 if not well.is_set() and generator.random() < ERRORS else 204
            logs.add(
                Path(self.path).name,
                id=self.headers["webhook-id"],
                subject=event["subject"],
                type=event["type"],
                sha256=hashlib.sha256(body).hexdigest(),
                status=status,
                at=time.time(),
            )
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """The log is the file."""

    return Handler


def main() -> None:
    port, folder, seed = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    well = threading.Event()
    if "--well" in sys.argv:
        well.set()
    signal.signal(signal.SIGUSR1, lambda *_: well.set())
    logs, generator = Logs(folder), random.Random(seed)
    while True:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler(logs, generator, well))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        if well.wait(THERE_SECONDS):
            thread.join()  # until it is killed
        server.shutdown()
        thread.join()
        server.server_close()  # from here on connections are refused
        well.wait(AWAY_SECONDS)


if __name__ == "__main__":
    main()
