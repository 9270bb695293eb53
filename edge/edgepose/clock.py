"""Capture times: from a file's timestamps, or a live stream's timestamps laid on the monotonic clock."""

from __future__ import annotations

STEP_S = 0.001
"""Least step between two frames where the timestamps say none."""


class FileClock:
    """A file's timestamps, made strictly increasing where the file has none or jumps back.

    AVI files with B-frames leave frames without a timestamp, raw H.264 has none at all, and a
    joined MPEG-TS starts again in the middle.
    """

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1.0 / fps if fps else 1.0 / 30.0
        self._last: float | None = None
        self._shift = 0.0

    def stamp(self, stamp_s: float) -> float:
        """The file's own seconds -> strictly increasing seconds, the same wherever the file is sound."""
        if self._last is None or stamp_s > self._last:
            self._last = stamp_s
            return stamp_s
        if stamp_s + self._shift <= self._last:
            self._shift = self._last + self._period_s - stamp_s
        self._last = stamp_s + self._shift
        return self._last


class StreamClock:
    """Stream timestamps mapped on the monotonic clock, never further than ``most_s`` from arrival.

    Capture cannot be later than arrival, and the frame with the least delay tells the most: the map
    follows the lower envelope of (arrival - timestamp), quickly down, slowly up (clock drift). A jump
    anchors it anew; timestamps that keep jumping are not believed any more.
    """

    DOWN = 0.05
    UP = 0.002
    MOST_ANCHORS = 5

    def __init__(self, most_s: float = 0.5) -> None:
        self._most_s = most_s
        self._offset: float | None = None
        self._stamp: float | None = None
        self._last: float | None = None
        self._anchors = 0
        self._sound_since = 0.0

    @property
    def believed(self) -> bool:
        """False once the stream's timestamps have jumped too often."""
        return self._anchors <= self.MOST_ANCHORS

    def stamp(self, stamp_s: float | None, arrival_s: float) -> float:
        """Stream seconds (None: it has none) and monotonic arrival -> monotonic capture, increasing."""
        time_s = arrival_s
        if stamp_s is not None and self.believed:
            time_s = self._map(stamp_s, arrival_s)
        if self._last is not None:
            time_s = max(time_s, self._last + STEP_S)
        self._last = time_s
        return time_s

    def _map(self, stamp_s: float, arrival_s: float) -> float:
        if self._offset is None or self._stamp is None:
            self._offset = arrival_s - stamp_s
        step = stamp_s - self._stamp if self._stamp is not None else 0.0
        self._stamp = stamp_s
        late = arrival_s - (stamp_s + self._offset)
        if step < 0 or abs(late) > self._most_s:
            self._anchor(stamp_s, arrival_s)
        else:
            self._offset += min(late, self.UP * step) if late > 0 else max(late, -self.DOWN * step)
        return stamp_s + self._offset

    def _anchor(self, stamp_s: float, arrival_s: float) -> None:
        """A minute without a jump makes the earlier ones forgiven."""
        self._anchors = self._anchors + 1 if arrival_s - self._sound_since < 60.0 else 1
        self._sound_since = arrival_s
        self._offset = arrival_s - stamp_s
