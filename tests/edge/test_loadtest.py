"""What a load test says of a camera, from moments set by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edgepose import loadtest
from edgepose.cli.bench_load import lines
from edgepose.loadtest import Heard, Load, Meter, row, spread_ms, strokes
from edgepose.pipeline import Step
from edgepose.session import Label
from edgepose.types import Event, Frame


class Clock:
    """Instead of the module time."""

    def __init__(self) -> None:
        self.now_s = self.cpu_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def thread_time(self) -> float:
        return self.cpu_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(loadtest, "time", made)
    return made


def event(name: str, peak_s: float, label: str = "serve") -> Event:
    return Event(
        name, "boot", 0, "device", "camera", "stroke", label, 0.9, {label: 0.9}, 5,
        0.0, 0.0, 0.0, peak_s - 0.4, peak_s, peak_s + 0.4,
    )  # fmt: skip


@pytest.fixture
def meter(clock: Clock) -> Meter:
    """Frames 3, 4 and 6 of a camera that began at 100 s; they are through 20, 30 and 60 ms after they were due."""
    begun = []
    found = Meter("near", 100.0, lambda: begun.append(clock.now_s))
    clock.cpu_s = 7.0
    for index, time_s, late_s in ((3, 0.1, 0.02), (4, 0.15, 0.03), (6, 0.2, 0.06)):
        clock.now_s = 100.0 + time_s + late_s
        found.step(Frame(index, time_s), Step([], events=[event("one", 0.05)] if index == 6 else []))
    found.step(None, Step([], events=[event("last", 0.19)]))
    clock.cpu_s = 7.5
    found.close()
    assert begun == [pytest.approx(100.12)]
    return found


def test_frames_drops_and_times_by_hand(meter: Meter) -> None:
    found = row(meter, {"one": 100.5, "last": 100.6}, [], wall_s=2.0)
    assert (found["offered"], found["processed"], found["dropped"]) == (4, 3, 1)
    assert found["fps"] == 20.0  # two steps in 0.1 s
    assert found["camera_to_poses_ms"] == {"p50": 30.0, "p95": 57.0}
    assert found["camera_to_event_ms"] == {"p50": 300.0, "p95": 300.0}  # frame 6, due at 100.2 s, brought it
    assert found["peak_to_event_ms"] == {"p50": 450.0, "p95": 450.0}
    assert (found["events"], found["lost_events"]) == (2, 0)  # what the end of the run brought has no latency
    assert found["cpu"] == 0.25
    assert found["strokes"] is None


def test_an_event_that_nobody_heard_is_lost(meter: Meter) -> None:
    found = row(meter, {"last": 100.6}, [], wall_s=2.0)
    assert (found["events"], found["lost_events"], found["camera_to_event_ms"]) == (2, 1, None)


def test_a_camera_without_frames_has_no_figures(clock: Clock) -> None:
    idle = Meter("dark", 0.0, lambda: None)
    idle.close()
    found = row(idle, {}, [Label(1, 2, "serve")], wall_s=2.0)
    assert (found["offered"], found["processed"], found["dropped"], found["fps"]) == (0, 0, 0, None)
    assert "dark" in lines({"cameras": [found], "seconds": 0.0, "fps": 0.0, "cpu": None})[1]


def test_only_strokes_well_within_what_was_seen_are_expected() -> None:
    """Seen from 1 s to 9 s: the first had begun, the last ends within a second of the end."""
    labels = [Label(at - 0.4, at + 0.4, label, 0) for at, label in
              ((1.2, "serve"), (3.0, "forehand"), (5.0, "backhand"), (6.5, "forehand"), (8.0, "serve"))]  # fmt: skip
    told = [event("a", 3.1, "forehand"), event("b", 5.2, "forehand"), event("c", 1.2, "serve")]
    meter = Meter("near", 0.0, lambda: None, span_s=(1.0, 9.0), events=[(one, None) for one in told])
    assert strokes(meter, labels) == {"shown": 3, "found": 2, "right": 1}


def test_spread() -> None:
    assert spread_ms([]) is None
    assert spread_ms([0.001 * ms for ms in range(101)]) == {"p50": 50.0, "p95": 95.0}


def test_heard_keeps_the_first_arrival(clock: Clock) -> None:
    """At-least-once delivery may bring an event twice."""
    heard = Heard()
    for clock.now_s in (3.0, 4.0):
        heard("edgepose/load/camera-1/event", b'{"id": "x"}')
    heard.wait(1, 0.0)
    assert heard.at_s == {"x": 3.0}


def test_the_end_stops_every_camera_once(clock: Clock) -> None:
    stopped = []
    load = Load(60.0)
    for name in ("near", "far"):
        line = SimpleNamespace(
            name=name, info=SimpleNamespace(started_monotonic_s=0.0), stop=lambda name=name: stopped.append(name)
        )
        load.watch(line)  # type: ignore[arg-type]
    load.end()
    assert not stopped  # nothing has begun
    clock.now_s = 5.0
    load.meters[1].step(Frame(0, 4.9), Step([]))
    clock.now_s = 7.0
    load.end()
    load.end()
    assert stopped == ["near", "far"]
    assert load.wall_s == 2.0


def test_the_table_shows_what_was_measured(meter: Meter) -> None:
    found = row(meter, {"one": 100.5}, [], wall_s=2.0)
    heads, cells, total = lines({"cameras": [found], "seconds": 2.0, "fps": 20.0, "cpu": 0.5, "cpu_ms_a_frame": 25.0})
    assert heads.split()[:4] == ["camera", "offered", "processed", "dropped"]
    assert cells.split() == "near 4 3 1 (25 %) 20.00 30/57 300/300 450/450 2 (1 lost) - 0.25".split()
    assert total == "2 s, 20 frames/s in all, 0.50 cores busy, 25.0 processor ms a frame; times: median/p95"
