"""A time after which a connection is cut, whatever the peer is doing.

A timeout per read is no bound: a receiver that sends one byte now and then would hold its sender for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType


class Deadline:
    """Cuts every connection that it watches `seconds` after it was made; a context manager.

    A cut connection ends the reading and writing of whoever uses it with an OSError or an end of file.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        self.seconds = seconds

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._at

    @property
    def left(self) -> float:
        """Seconds, at least a thousandth: a timeout of nothing would mean none."""
        return max(self._at - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection too. TLS takes the socket over; its descriptor's copy still ends the same connection."""
        copy = connection.dup()
        with self._lock:
            self._watched.append(copy)
        if self.passed:
            self._cut()

    def __enter__(self) -> Deadline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for copy in self._watched:
                copy.close()
            self._watched.clear()

    def _cut(self) -> None:
        with self._lock:
            for copy in self._watched:
                try:
                    copy.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the peer was faster
