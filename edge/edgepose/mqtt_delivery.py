"""Events on their way: from the outbox over a link until the broker has acknowledged them, all counted."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace

from edgepose import wire
from edgepose.mqtt_link import Link
from edgepose.outbox import Letter, Outbox

_log = logging.getLogger(__name__)


@dataclass
class Counters:
    """What became of the messages since the start."""

    published: int = 0
    """Events that the broker acknowledged."""
    dropped: int = 0
    """Events lost because the outbox was full."""
    refused: int = 0
    """Events that the broker refused (its access list)."""
    queued: int = 0
    """Events in the outbox now."""
    reconnects: int = 0
    poses_dropped: int = 0
    """Live poses that newer ones replaced because the network was slow."""


class Delivery:
    """``put`` may be called by any thread; the rest belongs to the thread of the links."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._counters = Counters()
        self._link = 0
        self._links = 0
        self._sent: dict[int, int] = {}
        """Message id -> outbox ticket of what is in flight."""

    def __len__(self) -> int:
        return len(self._outbox)

    @property
    def counters(self) -> Counters:
        """A copy, with the outbox's depth of this moment; ``poses_dropped`` is not ours."""
        with self._lock:
            return replace(self._counters, queued=len(self._outbox), reconnects=max(0, self._links - 1))

    def put(self, topic: str, body: bytes) -> None:
        """Takes an event (``wire.event_body``); the oldest give way when the outbox is full."""
        dropped = self._outbox.put(Letter(topic, body, self._link))
        if not dropped:
            return
        with self._lock:
            first = self._counters.dropped == 0
            self._counters.dropped += dropped
        if first:
            _log.warning("mqtt: the outbox is full: the oldest events are dropped")

    def begin(self) -> None:
        """A new link is up."""
        self._links += 1
        self._link = self._links

    def end(self) -> None:
        """It is gone: what it had not acknowledged will be sent again."""
        self._link = 0
        self._sent.clear()
        self._outbox.rewind()

    def send(self, link: Link) -> None:
        """Hands over as many events as may be in flight."""
        while len(self._sent) < link.window and link.alive:
            taken = self._outbox.take()
            if taken is None:
                return
            ticket, letter = taken
            payload = wire.stamped(letter.body, time.time(), replayed=letter.link != self._link)
            self._sent[link.publish(letter.topic, payload, 1)] = ticket

    def settle(self, link: Link) -> None:
        """Forgets what the broker has acknowledged."""
        while link.acknowledged:
            mid, refusal = link.acknowledged.popleft()
            ticket = self._sent.pop(mid, None)
            if ticket is not None:
                self._outbox.done(ticket)
                self._count(refusal)

    def _count(self, refusal: str | None) -> None:
        with self._lock:
            first = refusal is not None and self._counters.refused == 0
            if refusal is None:
                self._counters.published += 1
            else:
                self._counters.refused += 1
        if first:
            _log.error("mqtt: the broker refuses our events: %s; check its access list", refusal)
