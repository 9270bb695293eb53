"""The publisher against a real Mosquitto: state, delivery, restarts, refusals, TLS, commands."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from servers import Heard, Mosquitto, Subscriber, free_port

from edgepose import schemas, wire
from edgepose.config import MqttSettings, TlsSettings
from edgepose.errors import BrokerError, EdgePoseError, SettingsError
from edgepose.mqtt import Publisher
from edgepose.mqtt_link import address
from edgepose.mqtt_poses import LivePoses
from edgepose.types import Event, Pose, Track

BASE = "edgepose/court"
STATUS = f"{BASE}/status"
NewMosquitto = Callable[..., Mosquitto]
NewPublisher = Callable[..., Publisher]


def an_event(seq: int) -> Event:
    return Event(
        id=wire.uuid7(), boot="boot-1", seq=seq, device="court", camera="north", kind="stroke",
        label="forehand", score=0.9, scores={"forehand": 0.9, "idle": 0.1}, track=1,
        start_unix_s=1.7e9, peak_unix_s=1.7e9 + 0.4, end_unix_s=1.7e9 + 0.8,
        start_s=1.0, peak_s=1.4, end_s=1.8, pose2d=np.ones((17, 3), np.float32),
    )  # fmt: skip


def settings(url: str, **more: object) -> MqttSettings:
    return MqttSettings.model_validate({"broker": url, "keepalive_s": 5, "connect_timeout_s": 2.0, **more})


@pytest.fixture
def new_publisher() -> Iterator[NewPublisher]:
    made: list[Publisher] = []

    def make(url: str, boot: str = "boot-1", commands: object = None, **more: object) -> Publisher:
        info = wire.info_message("court", [{"name": "north"}], [])
        publisher = Publisher("court", settings(url, **more), info, boot, commands=commands)  # type: ignore[arg-type]
        publisher.start()
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.stop(0)


def state_is(state: str) -> Callable[[list[Heard]], bool]:
    """The latest status says so."""

    def check(heard: list[Heard]) -> bool:
        states = [one.json["state"] for one in heard if one.topic == STATUS]
        return bool(states) and states[-1] == state

    return check


def events(count: int) -> Callable[[list[Heard]], bool]:
    """So many different events have arrived."""
    return lambda heard: len({one.json["seq"] for one in heard if one.topic.endswith("/event")}) >= count


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_birth_event_metrics_and_clean_stop(
    mosquitto: Mosquitto, new_publisher: NewPublisher, version: str
) -> None:
    publisher = new_publisher(mosquitto.url, version=version)
    assert publisher.connected(5)
    publisher.publish_metrics({"cameras": {"north": {"fps": float("nan"), "dropped": 0}}})
    with Subscriber(mosquitto.port) as late:
        for seq in range(50):
            publisher.publish_event(an_event(seq))
        late.wait(events(50))
        late.wait(lambda heard: any(one.topic == f"{BASE}/metrics" for one in heard))
        assert [event["seq"] for event in late.on("/event")] == list(range(50))
        assert not any(event["replayed"] for event in late.on("/event"))
        retained = {one.topic for one in late.heard if one.retained}
        assert {STATUS, f"{BASE}/info"} <= retained
        assert {one.qos for one in late.heard if one.topic.endswith("/event")} == {1}
        assert late.last(f"{BASE}/metrics")["cameras"] == {"north": {"fps": None, "dropped": 0}}
        schemas.Metrics.model_validate(late.last(f"{BASE}/metrics"))
        info = schemas.Info.model_validate(late.last(f"{BASE}/info"))
        assert info.topics["north/event"] == f"{BASE}/north/event"
        assert publisher.stop(5) == 0
        late.wait(state_is("stopped"))
        assert [status["state"] for status in late.on("/status")] == ["online", "stopped"]
    with Subscriber(mosquitto.port) as later:
        later.wait(state_is("stopped"))
        assert not later.on("/event")
    assert publisher.counters.published == 50
    assert publisher.counters.queued == 0


KILLED = """
import sys, time
from edgepose import wire
from edgepose.config import MqttSettings
from edgepose.mqtt import Publisher
publisher = Publisher("court", MqttSettings(broker=sys.argv[1]), wire.info_message("court", [], []), "boot-0")
publisher.start()
print(publisher.connected(10), flush=True)
time.sleep(60)
"""


def test_a_killed_device_is_offline_and_its_next_boot_is_online(
    mosquitto: Mosquitto, new_publisher: NewPublisher
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, mosquitto.url], stdout=subprocess.PIPE, text=True
    ) as device:
        assert device.stdout is not None
        assert device.stdout.readline() == "True\n"
        os.kill(device.pid, signal.SIGKILL)
    with Subscriber(mosquitto.port) as watcher:
        watcher.wait(state_is("offline"))
        assert watcher.last(STATUS)["boot"] == "boot-0"
        new_publisher(mosquitto.url).connected(5)
        watcher.wait(state_is("online"))
    with Subscriber(mosquitto.port) as later:
        later.wait(state_is("online"))
        assert later.heard[0].retained


def test_a_will_that_comes_late_does_not_leave_us_offline(
    mosquitto: Mosquitto, new_publisher: NewPublisher
) -> None:
    assert new_publisher(mosquitto.url).connected(5)
    with Subscriber(mosquitto.port) as watcher:
        watcher.wait(state_is("online"))
        late_will = wire.encode(wire.status_message("offline", "boot-0"))
        watcher.send(STATUS, late_will, retain=True)
        watcher.wait(lambda heard: [one.json["state"] for one in heard if one.topic == STATUS][-2:]
                     == ["offline", "online"])  # fmt: skip


def test_half_open_device_is_taken_over(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    """A device that lost its power comes back before the broker noticed: the stopped process stands for it."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, mosquitto.url], stdout=subprocess.PIPE, text=True
    ) as frozen:
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == "True\n"
        os.kill(frozen.pid, signal.SIGSTOP)
        try:
            assert new_publisher(mosquitto.url).connected(5)
            with Subscriber(mosquitto.port) as watcher:
                watcher.wait(state_is("online"))
                assert watcher.last(STATUS)["boot"] == "boot-1"
        finally:
            os.kill(frozen.pid, signal.SIGKILL)


def test_broker_appears_later(
    new_mosquitto: NewMosquitto, new_publisher: NewPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edgepose.mqtt")
    broker = new_mosquitto()
    publisher = new_publisher(broker.url)
    assert not publisher.connected(0.6)
    for seq in range(3):
        publisher.publish_event(an_event(seq))
    broker.start()
    assert publisher.connected(10)
    with Subscriber(broker.port) as watcher:
        watcher.wait(state_is("online"))
        publisher.publish_event(an_event(3))
        watcher.wait(lambda heard: any(one.topic.endswith("/event") for one in heard))
        assert watcher.on("/event")[-1]["seq"] == 3
        assert watcher.on("/event")[-1]["replayed"] is False
        assert publisher.stop(5) == 0
    lines = [record.message for record in caplog.records]
    assert sum("trying again" in line for line in lines) == 1
    assert sum("is back" in line for line in lines) == 1
    assert publisher.counters.published == 4


def test_broker_restart_loses_no_event(mosquitto: Mosquitto, new_publisher: NewPublisher) -> None:
    publisher = new_publisher(mosquitto.url)
    assert publisher.connected(5)
    with Subscriber(mosquitto.port) as before:
        for seq in range(20):
            publisher.publish_event(an_event(seq))
        before.wait(events(20))
    mosquitto.kill()
    for seq in range(20, 40):
        publisher.publish_event(an_event(seq))
    assert publisher.counters.queued == 20
    # the subscriber must be there first, or the new broker forgets events that nobody listens to
    publisher_stays_away = Subscriber
    mosquitto.start()
    with publisher_stays_away(mosquitto.port) as after:
        for seq in range(40, 60):
            publisher.publish_event(an_event(seq))
        after.wait(lambda heard: any(one.topic.endswith("/event") and one.json["seq"] == 59 for one in heard))
        after.wait(state_is("online"))
        assert publisher.stop(5) == 0
        heard = [event["seq"] for event in after.on("/event")]
    assert sorted(set(heard)) == heard, "in order, none twice"
    assert publisher.counters.reconnects == 1
