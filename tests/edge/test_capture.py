"""Files lose nothing, of live sources the newest frame wins, and a lost one is opened again."""

import threading
import time

import pytest

from edgepose.capture import Capture
from edgepose.config import CaptureSettings
from edgepose.errors import SourceError, SourceLost
from edgepose.sources import SourceInfo
from edgepose.types import Frame

QUICK = CaptureSettings(backoff_s=0.01, backoff_most_s=0.05)


class Script:
    """A source that plays a list: numbers are frames (n, n / 10 s), errors are raised, events waited for.

    ``read`` counts the frames that were asked for.
    """

    def __init__(self, *steps, live=False, started_s=0.0):
        self.info = SourceInfo("script", 4, 3, 10.0, live, 1000.0 + started_s, started_monotonic_s=50.0 + started_s)
        self.skipped = 0
        self.closed = threading.Event()
        self.read = 0
        self._steps = steps

    def frames(self):
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                while not step.wait(0.005):
                    if self.closed.is_set():
                        return
            else:
                self.read += 1
                yield Frame(step, step / 10)

    def close(self):
        self.closed.set()


def in_turn(*sources):
    """An opener that gives one after another; an error among them is raised."""
    left = list(sources)

    def open_source():
        source = left.pop(0)
        if isinstance(source, Exception):
            raise source
        return source

    return open_source


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "did not happen in 10 s"
        time.sleep(0.002)


def test_a_file_loses_nothing_and_is_read_at_most_two_ahead():
    source = Script(*range(50))
    with Capture(lambda: source, QUICK) as capture:
        seen = []
        for frame in capture:
            seen.append(frame.index)
            wait_for(lambda: capture.status == "ended" or source.read >= min(50, len(seen) + 2))
            assert source.read <= len(seen) + 3  # two wait, one is in hand
        assert seen == list(range(50))
        assert (capture.dropped, capture.reconnects, capture.status) == (0, 0, "ended")
        assert list(capture) == []


def test_prepare_runs_in_the_capture_thread():
    def prepare(frame):
        return frame.index, threading.current_thread().name

    with Capture(lambda: Script(7, 8), QUICK, prepare) as capture:
        assert list(capture) == [(7, "capture"), (8, "capture")]


def test_of_a_live_source_the_newest_frame_wins_and_the_others_are_counted():
    go_on = threading.Event()
    source = Script(0, 1, 2, 3, 4, go_on, 5, live=True)
    with Capture(lambda: source, QUICK) as capture:
        wait_for(lambda: capture.dropped == 4)
        frames = iter(capture)
        assert next(frames).index == 4
        go_on.set()
        assert [frame.index for frame in frames] == [5]
        assert capture.dropped == 4


def test_gaps_that_the_source_itself_leaves_count_as_dropped():
    taken = threading.Event()
    frames = iter(capture := Capture(lambda: Script(3, taken, 9, live=True), QUICK))
    assert next(frames).index == 3
    taken.set()
    assert next(frames).index == 9
    assert capture.dropped == 3 + 5


def test_a_lost_source_is_opened_again_and_index_and_time_go_on(caplog):
    taken = [threading.Event() for _ in range(3)]
    first = Script(0, taken[0], 1, taken[1], SourceLost("court: the stream ended"), live=True)
    second = Script(0, taken[2], live=True, started_s=20.0)
    capture = Capture(in_turn(first, SourceError("nobody"), SourceError("nobody"), second), QUICK)
    frames = iter(capture)
    seen = []
    for event in taken:
        frame = next(frames)
        seen.append((frame.index, frame.time_s))
        event.set()
    assert seen == [(0, 0.0), (1, 0.1), (2, 20.0)]
    assert (capture.reconnects, capture.dropped) == (1, 0)
    assert capture.info.started_unix_s == 1000.0
    assert first.closed.is_set()
    assert list(frames) == []
    messages = [record.message for record in caplog.records]
    assert messages[0] == "court: the stream ended; opening again until it is back"
    assert messages[1].startswith("script: back after ")
    assert len(messages) == 2


def test_time_grows_even_when_a_reopened_source_starts_too_early():
    taken = threading.Event()
    first, second = Script(5, taken, SourceLost("x"), live=True), Script(0, live=True)
    frames = iter(Capture(in_turn(first, second), QUICK))
    before = next(frames)
    taken.set()
    after = next(frames)
    assert after.time_s > before.time_s
    assert after.index == 6


def test_skipped_is_summed_over_openings():
    first, second = Script(SourceLost("x"), live=True), Script(live=True)
    first.skipped, second.skipped = 2, 3
    capture = Capture(in_turn(first, second), QUICK)
    assert list(capture) == []
    assert capture.skipped == 5


def test_status_says_lost_until_it_is_back():
    gate = threading.Event()
    first, second = Script(SourceLost("x"), live=True), Script(gate, live=True)
    back = threading.Event()
    left = [first]

    def reopen():
        if not left and not back.is_set():
            raise SourceError("nobody")
        return left.pop() if left else second

    capture = Capture(reopen, QUICK)
    wait_for(lambda: capture.status == "lost")
    back.set()
    wait_for(lambda: capture.status == "running" and capture.reconnects == 1)
    gate.set()
    wait_for(lambda: capture.status == "ended")


def test_the_first_opening_fails_loudly():
    with pytest.raises(SourceError, match="nobody"):
        Capture(in_turn(SourceError("nobody")), QUICK)


@pytest.mark.parametrize("error", [SourceError("broken"), ValueError("a defect"), SourceLost("a file is not weather")])
def test_what_ends_the_thread_reaches_the_consumer_after_the_frames(error):
    capture = Capture(lambda: Script(0, error), QUICK)
    frames = iter(capture)
    assert next(frames).index == 0
    with pytest.raises(type(error), match=str(error)):
        next(frames)


def test_an_error_in_prepare_reaches_the_consumer():
    def prepare(frame):
        raise ZeroDivisionError(frame.index)

    with pytest.raises(ZeroDivisionError):
        list(Capture(lambda: Script(0), QUICK, prepare))


@pytest.mark.parametrize("live", [True, False])
def test_stop_wakes_a_blocked_consumer_and_closes_the_source(live):
    source = Script(0, threading.Event(), live=live)
    capture = Capture(lambda: source, QUICK)
    seen = []
    consumer = threading.Thread(target=lambda: seen.extend(capture))
    consumer.start()
    wait_for(lambda: len(seen) == 1)
    capture.stop()
    consumer.join(5)
    assert not consumer.is_alive()
    assert source.closed.is_set()
    capture.stop()


def test_stop_while_lost_ends_the_waiting():
    settings = CaptureSettings(backoff_s=60.0, backoff_most_s=60.0)
    capture = Capture(in_turn(Script(SourceLost("x"), live=True)), settings)
    wait_for(lambda: capture.status == "lost")
    capture.stop()
    assert capture.status == "ended"
    assert list(capture) == []


def test_stop_frees_a_reader_that_waits_for_room():
    capture = Capture(lambda: Script(*range(10)), QUICK)
    capture.stop()
    assert capture.status == "ended"
