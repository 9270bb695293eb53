"""The capture thread: reads a source ahead of the consumer, opens a lost one again, counts drops."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, TypeVar, cast, overload

from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import Source, SourceInfo
from edgepose.types import Frame

T = TypeVar("T")
Status = Literal["running", "lost", "ended"]
_DEPTH = 2
"""Frames read ahead of a file: enough to overlap, and a 1280×720 picture is 2.8 MB."""
_STEP_S = 0.001
_log = logging.getLogger(__name__)


class Capture(Generic[T]):
    """Iterates over what ``prepare`` makes of a source's frames, read in a thread of its own.

    Files go through a short bounded queue and lose nothing. Of a live source the consumer always
    gets the newest frame; the others count as ``dropped`` and leave a gap in the indices. A live
    source that is lost is opened again; its indices and times go on from the first opening.
    """

    @overload
    def __init__(self: Capture[Frame], open_source: Callable[[], Source], settings: CaptureSettings) -> None: ...

    @overload
    def __init__(
        self, open_source: Callable[[], Source], settings: CaptureSettings, prepare: Callable[[Frame], T]
    ) -> None: ...

    def __init__(
        self,
        open_source: Callable[[], Source],
        settings: CaptureSettings,
        prepare: Callable[[Frame], Any] | None = None,
    ) -> None:
        """Opens the source and starts reading; raises SourceError when it cannot be opened.

        ``prepare`` runs in the capture thread, overlapped with the consumer; without it, frames are
        handed over as they are.
        """
        self._open = open_source
        self._settings = settings
        self._prepare = prepare
        self._source = open_source()
        self.info: SourceInfo = self._source.info
        """Of the first opening."""
        self.status: Status = "running"
        self.dropped = 0
        self.reconnects = 0
        self._skipped_before = 0
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._next_index = 0
        self._last_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def skipped(self) -> int:
        """Pictures or rows that could not be read, over all openings."""
        return self._skipped_before + self._source.skipped

    def __iter__(self) -> Iterator[T]:
        """Yields until the source ends or ``stop``; raises what ended the thread, if anything did."""
        while (item := self._take()) is not None:
            yield item[0]

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends the iteration at once, frees the source; safe to call twice and from any thread."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        self._source.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def __enter__(self) -> Capture[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _take(self) -> tuple[T] | None:
        with self._changed:
            while not self._items and self.status != "ended" and not self._stopped.is_set():
                self._changed.wait()
            if self._stopped.is_set():
                return None
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return (item,)
            if self._error is not None:
                raise self._error
            return None

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001 - whatever it was, the consumer must see it
            self._error = error
        finally:
            self._source.close()
            with self._changed:
                self.status = "ended"
                self._changed.notify_all()

    def _read(self) -> None:
        """Reads the source to its end; a live one that is lost is opened again and read on."""
        while True:
            try:
                self._read_once()
            except SourceLost as lost:
                if self._stopped.is_set():
                    return
                if not self.info.live:
                    raise
                self._reopen(lost)
            else:
                return

    def _read_once(self) -> None:
        index_0 = self._next_index
        time_0 = self._source.info.started_monotonic_s - self.info.started_monotonic_s
        for frame in self._source.frames():
            if self._stopped.is_set():
                return
            frame.index += index_0
            if self.info.live:
                self.dropped += frame.index - self._next_index
                frame.time_s = max(frame.time_s + time_0, self._last_s + _STEP_S)
                self._last_s = frame.time_s
            self._next_index = frame.index + 1
            self._hand_over(self._prepare(frame) if self._prepare else cast(T, frame))

    def _hand_over(self, item: T) -> None:
        with self._changed:
            if self.info.live:
                self.dropped += len(self._items)
                self._items.clear()
            else:
                while len(self._items) >= _DEPTH and not self._stopped.is_set():
                    self._changed.wait()
            self._items.append(item)
            self._changed.notify_all()

    def _reopen(self, lost: SourceLost) -> None:
        """Pauses with backoff and jitter until the source opens again; gives up only on ``stop``."""
        lost_at, pause_s = time.monotonic(), self._settings.backoff_s
        self.status = "lost"
        _log.warning("%s; opening again until it is back", lost)
        self._source.close()
        self._skipped_before += self._source.skipped
        self._source.skipped = 0
        while not self._stopped.wait(pause_s * random.uniform(0.75, 1.25)):
            try:
                self._source = self._open()
            except (SourceError, SourceLost):
                pause_s = min(2.0 * pause_s, self._settings.backoff_most_s)
                continue
            self.reconnects += 1
            self.status = "running"
            away_s = time.monotonic() - lost_at
            _log.warning("%s: back after %.1f s", self.info.address, away_s)
            if self._stopped.is_set():  # stopped meanwhile: ``stop`` closed the old one
                self._source.close()
            return
