"""The publisher against a real Mosquitto: state, delivery, cuts and restarts, commands, live poses."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from edgepose import schemas, wire
from edgepose.errors import EdgePoseError
from edgepose.mqtt import Publisher
from edgepose.mqtt_poses import LivePoses
from edgepose.types import Pose, Track
from tests.device import BASE, STATUS, an_event, has_event, publisher_settings, sample_info, state_is
from tests.servers import Mosquitto, Relay, Subscriber

NewMosquitto = Callable[..., Mosquitto]
NewPublisher = Callable[..., Publisher]

DEVICE = """
import sys, time
from edgepose import wire
from edgepose.config import MqttSettings
from edgepose.mqtt import Publisher
publisher = Publisher("court", MqttSettings(broker=sys.argv[1]), wire.info_message("court", [], []), "boot-0")
publisher.start()
print(publisher.connected(10), flush=True)
time.sleep(60)
"""


@contextmanager
def other_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """The device's earlier boot, connected; killed at the latest at the end."""
    command = [sys.executable, "-c", DEVICE, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_birth_events_metrics_and_clean_stop(mosquitto: Mosquitto, new_publisher: NewPublisher, version: str) -> None:
    publisher = new_publisher(mosquitto.url, version=version)
    assert publisher.connected(5)
    publisher.publish_metrics({"cameras": {"north": {"fps": float("nan"), "dropped": 0}}})
    with Subscriber(mosquitto.port) as listener:
        for seq in range(50):
            publisher.publish_event(an_event(seq))
        listener.wait(has_event(49))
        listener.wait(lambda heard: any(one.topic == f"{BASE}/metrics" for one in heard))
        assert publisher.stop(5) == 0
        listener.wait(state_is("stopped"))
        assert [event["seq"] for event in listener.on("/event")] == list(range(50))
        assert not any(event["replayed"] for event in listener.on("/event"))
        assert {one.qos for one in listener.heard if one.topic.endswith("/event")} == {1}
        assert {STATUS, f"{BASE}/info"} <= {one.topic for one in listener.heard if one.retained}
        assert [status["state"] for status in listener.on("/status")] == ["online", "stopped"]
        metrics = schemas.Metrics.model_validate(listener.last(f"{BASE}/metrics"))
        assert metrics.model_extra == {"cameras": {"north": {"fps": None, "dropped": 0}}}
        info = schemas.Info.model_validate(listener.last(f"{BASE}/info"))
        assert info.topics["north/event"] == f"{BASE}/north/event"
    counters = publisher.counters
    assert (counters.published, counters.queued, counters.dropped, counters.reconnects) == (50, 0, 0, 0)
    with Subscriber(mosquitto.port) as later:
        later.wait(state_is("stopped"))
        later.wait(lambda heard: {one.topic for one in heard} == {STATUS, f"{BASE}/info", f"{BASE}/metrics"})


def test_a_killed_device_is_offline_and_its_next_boot_online(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    with Subscriber(mosquitto.port) as listener:
        with other_process(mosquitto.url) as device:
            listener.wait(state_is("online"))
            device.kill()
            listener.wait(state_is("offline"))
            assert listener.last(STATUS)["boot"] == "boot-0"
        with Subscriber(mosquitto.port) as later:
            later.wait(state_is("offline"))
            assert later.heard[0].retained
        new_publisher(mosquitto.url)
        listener.wait(state_is("online"))
        assert listener.last(STATUS)["boot"] == "boot-1"


def test_a_device_back_before_the_broker_noticed_is_online(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    """A power cut leaves the old connection half open; a stopped process stands for the dead device."""
    with other_process(mosquitto.url) as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        with Subscriber(mosquitto.port) as listener:
            assert new_publisher(mosquitto.url).connected(5)
            listener.wait(lambda heard: any(one.topic == STATUS and b"boot-1" in one.payload for one in heard))
            states = [(status["state"], status["boot"]) for status in listener.on("/status")]
            assert states[-2:] == [("offline", "boot-0"), ("online", "boot-1")]


def test_a_will_that_comes_late_is_contradicted(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    assert new_publisher(mosquitto.url).connected(5)
    with Subscriber(mosquitto.port) as listener:
        listener.wait(state_is("online"))
        listener.send(STATUS, wire.encode(wire.status_message("offline", "boot-0")), retain=True)
        listener.wait(lambda heard: len([one for one in heard if one.topic == STATUS]) == 3)
        assert [status["state"] for status in listener.on("/status")] == ["online", "offline", "online"]


def test_two_devices_of_one_name_are_told(
    mosquitto: Mosquitto, new_publisher: NewPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    assert new_publisher(mosquitto.url).connected(5)
    assert new_publisher(mosquitto.url, boot="boot-2").connected(5)
    with Subscriber(mosquitto.port) as listener:
        listener.wait(lambda _: "does another device call itself 'court'?" in caplog.text)


def test_broker_appears_later(
    new_mosquitto: NewMosquitto, new_publisher: NewPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edgepose")
    broker = new_mosquitto()
    publisher = new_publisher(broker.url)
    assert not publisher.connected(0.6)
    publisher.publish_event(an_event(0))
    broker.start()
    assert publisher.connected(10)
    with Subscriber(broker.port) as listener:
        listener.wait(state_is("online"))
        publisher.publish_event(an_event(1))
        listener.wait(has_event(1))
        assert listener.on("/event")[-1]["replayed"] is False
    assert publisher.stop(5) == 0
    assert publisher.counters.published == 2
    lines = [record.message for record in caplog.records]
    assert [("refused" in line, "is back" in line) for line in lines] == [(True, False), (False, True)]


def test_broker_restart_loses_no_event(mosquitto: Mosquitto, relay: Relay, new_publisher: NewPublisher) -> None:
    """Killed, started again with empty memory: state is retained anew, events come in order, seq gapless."""
    publisher = new_publisher(relay.url)
    assert publisher.connected(5)
    with Subscriber(mosquitto.port) as before:
        for seq in range(20):
            publisher.publish_event(an_event(seq))
        before.wait(has_event(19))
        first = [event["seq"] for event in before.on("/event")]
        relay.cut()
        before.wait(state_is("offline"))
    mosquitto.kill()
    for seq in range(20, 40):
        publisher.publish_event(an_event(seq))
    mosquitto.start()
    with Subscriber(mosquitto.port) as after:
        relay.mend()
        after.wait(has_event(39))
        publisher.publish_event(an_event(40))
        after.wait(has_event(40))
        assert after.last(STATUS)["state"] == "online"
        assert after.last(f"{BASE}/info") is not None
        second = [event["seq"] for event in after.on("/event")]
        replayed = {event["seq"] for event in after.on("/event") if event["replayed"]}
    assert list(dict.fromkeys(first + second)) == list(range(41))
    assert replayed >= set(range(20, 40))
    assert 40 not in replayed
    assert publisher.counters.reconnects == 1


def test_events_without_an_answer_are_sent_again(
    mosquitto: Mosquitto, relay: Relay, new_publisher: NewPublisher
) -> None:
    """The broker gets 16 events, its answers are lost, the line breaks: the same 16 come again, replayed."""
    publisher = new_publisher(relay.url)
    assert publisher.connected(5)
    with Subscriber(mosquitto.port) as listener:
        publisher.publish_event(an_event(0))
        listener.wait(has_event(0))
        listener.wait(lambda _: publisher.counters.queued == 0)
        relay.deaf = True
        for seq in range(1, 31):
            publisher.publish_event(an_event(seq))
        listener.wait(has_event(16))
        assert publisher.counters.queued == 30
        relay.cut()
        relay.deaf = False
        relay.mend()
        listener.wait(has_event(30))
        heard = [(event["seq"], event["replayed"]) for event in listener.on("/event")]
        ids = {event["seq"]: set() for event in listener.on("/event")}  # type: ignore[var-annotated]
        for event in listener.on("/event"):
            ids[event["seq"]].add(event["id"])
    once = [(seq, False) for seq in range(17)]
    assert heard == once + [(seq, True) for seq in range(1, 31)]
    assert all(len(same) == 1 for same in ids.values())


def test_full_outbox_drops_the_oldest_and_counts(new_mosquitto: NewMosquitto, new_publisher: NewPublisher) -> None:
    broker = new_mosquitto()
    publisher = new_publisher(broker.url, queue=5)
    for seq in range(8):
        publisher.publish_event(an_event(seq))
    assert (publisher.counters.dropped, publisher.counters.queued) == (3, 5)
    assert publisher.stop(0) == 5
    relayed = Relay(broker.start().port)
    survivor = new_publisher(relayed.url, queue=5)
    for seq in range(8):
        survivor.publish_event(an_event(seq))
    with Subscriber(broker.port) as listener:
        relayed.mend()
        listener.wait(has_event(7))
        assert [event["seq"] for event in listener.on("/event")] == [3, 4, 5, 6, 7]
        assert all(event["replayed"] for event in listener.on("/event"))


def test_stop_waits_for_a_broker_that_comes_back(
    mosquitto: Mosquitto, relay: Relay, new_publisher: NewPublisher
) -> None:
    publisher = new_publisher(relay.url)
    assert publisher.connected(5)
    with Subscriber(mosquitto.port) as listener:
        relay.cut()
        listener.wait(state_is("offline"))
        publisher.publish_event(an_event(0))
        relay.mend()
        assert publisher.stop(10) == 0
        listener.wait(state_is("stopped"))
        assert has_event(0)(listener.heard)


def test_an_unwritable_topic_is_counted_as_refused(
    new_mosquitto: NewMosquitto, new_publisher: NewPublisher, tmp_path: object
) -> None:
    acl = f"{tmp_path}/acl"
    with open(acl, "w") as file:
        file.write("topic read #\ntopic write edgepose/court/status\n")
    broker = new_mosquitto(f"acl_file {acl}").start()
    publisher = new_publisher(broker.url)
    assert publisher.connected(5)
    publisher.publish_event(an_event(0))
    assert publisher.stop(5) == 0
    assert (publisher.counters.refused, publisher.counters.published) == (1, 0)


def answer_to(listener: Subscriber, request: bytes) -> dict[str, object]:
    """The next response on the wire."""
    before = len(listener.on("/response"))
    listener.send(f"{BASE}/command", request)
    listener.wait(lambda heard: len([one for one in heard if one.topic.endswith("/response")]) > before)
    response = listener.on("/response")[-1]
    schemas.Response.model_validate(response)
    return {key: response[key] for key in ("transaction", "ok", "result", "error")}


def test_commands(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    def pause(arguments: dict[str, object]) -> object:
        if "camera" not in arguments:
            raise EdgePoseError("which camera?")
        return {"paused": arguments["camera"], "gain": np.float32("nan")}

    def broken(_: dict[str, object]) -> object:
        return {}["nothing"]

    publisher = new_publisher(mosquitto.url, commands={"pause": pause, "broken": broken, "odd": lambda _: object()})
    assert publisher.connected(5)
    publisher.publish_metrics({"temperature_c": 51.5})
    with Subscriber(mosquitto.port) as listener:
        listener.wait(state_is("online"))
        ping = {"transaction": "t1", "ok": True, "result": "pong", "error": None}
        assert answer_to(listener, b'{"transaction":"t1","command":"ping"}') == ping
        cameras = answer_to(listener, b'{"transaction":"t2","command":"cameras"}')
        assert cameras["result"] == [{"name": "north"}]
        assert answer_to(listener, b'{"transaction":"t","command":"info"}')["result"] == sample_info()
        metrics = answer_to(listener, b'{"transaction":"t3","command":"metrics"}')
        assert metrics["result"]["temperature_c"] == 51.5  # type: ignore[index]
        request = b'{"transaction":"t4","command":"pause","arguments":{"camera":"north"}}'
        assert answer_to(listener, request)["result"] == {"paused": "north", "gain": None}
        refused = answer_to(listener, b'{"transaction":"t5","command":"pause"}')
        assert refused == {"transaction": "t5", "ok": False, "result": None, "error": "which camera?"}
        unknown = answer_to(listener, b'{"transaction":"t6","command":"explode"}')
        assert unknown["error"] == "unknown command; known: broken, cameras, info, metrics, odd, pause, ping"
        for command in ("broken", "odd"):
            request = f'{{"transaction":"t7","command":"{command}"}}'.encode()
            assert answer_to(listener, request)["ok"] is False
        for garbage in (b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"command":"ping"}', b"[" * 100_000):
            response = answer_to(listener, garbage)
            assert (response["ok"], response["transaction"]) == (False, None)
        assert answer_to(listener, b'{"transaction":"t8","command":"ping"}')["result"] == "pong"


def test_a_retained_command_is_not_obeyed(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    with Subscriber(mosquitto.port) as listener:
        listener.send(f"{BASE}/command", b'{"transaction":"old","command":"ping"}', retain=True)
        assert new_publisher(mosquitto.url).connected(5)
        listener.send(f"{BASE}/command", b'{"transaction":"new","command":"ping"}')
        listener.wait(lambda heard: any(one.topic.endswith("/response") for one in heard))
        assert [response["transaction"] for response in listener.on("/response")] == ["new"]


def a_track() -> Track:
    keypoints = np.full((17, 3), 5.04, np.float32)
    keypoints[3] = (np.nan, np.nan, 0.0)
    return Track(7, Pose(keypoints, np.full(4, np.nan, np.float32), 0.5))


def test_live_poses(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    publisher = new_publisher(mosquitto.url, poses_hz=1e-3)
    assert publisher.connected(5)
    with Subscriber(mosquitto.port) as listener:
        for frame in range(3):
            publisher.publish_poses("north", frame, 1.7e9, [a_track()], "coco17")
        publisher.publish_event(an_event(0))
        listener.wait(has_event(0))
        listener.wait(lambda heard: any(one.topic == f"{BASE}/north/poses" for one in heard))
        [poses] = listener.on("/poses")
    person = schemas.Poses.model_validate(poses).people[0]
    assert poses["frame"] == 0
    assert (person.track, person.box) == (7, (None,) * 4)
    assert person.keypoints[2:4] == [(5.0, 5.0, 5.04), (None, None, 0.0)]


def test_live_poses_are_limited_by_camera_and_only_the_newest_is_kept() -> None:
    now = [100.0]
    poses = LivePoses(2.0, lambda: now[0])
    due = []
    for now[0] in (100.0, 100.25, 100.5, 100.75, 101.0):
        due.append(poses.due("north"))
    assert due == [True, False, True, False, True]
    assert poses.due("south")
    assert not LivePoses(0.0, lambda: now[0]).due("north")
    poses.put("a", b"1")
    poses.put("b", b"2")
    poses.put("a", b"3")
    assert (poses.take(), poses.take(), poses.take(), poses.dropped) == (("a", b"3"), ("b", b"2"), None, 1)


def test_stop_without_start_and_twice(mosquitto: Mosquitto) -> None:
    publisher = Publisher("court", publisher_settings(mosquitto.url), sample_info(), "boot-1")
    publisher.publish_event(an_event(0))
    assert publisher.stop(0) == 1
    assert publisher.stop(0) == 1
    publisher.publish_event(an_event(1))
    assert publisher.counters.queued == 2
