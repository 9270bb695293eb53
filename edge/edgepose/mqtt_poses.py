"""Live skeletons on their way to the broker: rate-limited, only the newest of each camera is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable


class LivePoses:
    """At most ``rate_hz`` messages a second and camera (0: none); an unsent one is replaced and counted."""

    def __init__(self, rate_hz: float, clock: Callable[[], float]) -> None:
        self.dropped = 0
        self._pause_s = 1.0 / rate_hz if rate_hz > 0 else float("inf")
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._newest: dict[str, bytes] = {}

    def due(self, camera: str) -> bool:
        """True when it is time for the camera's next message, which is then taken as sent."""
        now = self._clock()
        if self._pause_s == float("inf") or now < self._next.get(camera, now):
            return False
        self._next[camera] = now + self._pause_s
        return True

    def put(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self.dropped += topic in self._newest
            self._newest[topic] = payload

    def take(self) -> tuple[str, bytes] | None:
        """(topic, payload) of the camera that waits longest, or None."""
        with self._lock:
            for topic in self._newest:
                return topic, self._newest.pop(topic)
            return None

    def clear(self) -> None:
        """The broker is away: old pictures are of no use."""
        with self._lock:
            self._newest.clear()
