"""The queue between the pipeline and the broker: what an outbox promises, and the one in memory."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """One event on its way."""

    topic: str
    body: bytes
    """``wire.event_body``: the event without ``published`` and ``replayed``."""
    link: int
    """The connection that was up when it was put; 0: none, the broker was away (or the device was off)."""


class Outbox(Protocol):
    """A bounded queue, oldest first; safe between the thread that puts and the one that sends.

    A letter that was taken stays in the outbox until ``done``; ``rewind`` makes everything that was taken
    and is not done come again, in the old order, before what waits. At least once, never out of order.
    """

    def put(self, letter: Letter) -> int:
        """Adds a letter; returns how many of the oldest were dropped to make room."""

    def take(self) -> tuple[int, Letter] | None:
        """The oldest letter that was not taken, with its ticket; None when there is none."""

    def done(self, ticket: int) -> None:
        """The broker has it: forget the letter."""

    def rewind(self) -> None:
        """The connection broke: what was taken and is not done will be taken again."""

    def __len__(self) -> int:
        """Letters that are not done."""


class MemoryOutbox:
    """An Outbox that lives as long as the process; ``capacity`` counts the letters that wait to be taken."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, Letter]] = deque()
        self._taken: dict[int, Letter] = {}
        self._last = 0

    def put(self, letter: Letter) -> int:
        with self._lock:
            self._last += 1
            self._waiting.append((self._last, letter))
            dropped = max(0, len(self._waiting) - self._capacity)
            for _ in range(dropped):
                self._waiting.popleft()
            return dropped

    def take(self) -> tuple[int, Letter] | None:
        with self._lock:
            if not self._waiting:
                return None
            ticket, letter = self._waiting.popleft()
            self._taken[ticket] = letter
            return ticket, letter

    def done(self, ticket: int) -> None:
        with self._lock:
            self._taken.pop(ticket, None)

    def rewind(self) -> None:
        with self._lock:
            self._waiting.extendleft(sorted(self._taken.items(), reverse=True))
            self._taken.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting) + len(self._taken)
