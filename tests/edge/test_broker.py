"""The embedded broker: our publisher on it, websockets, ports, and a clear line when amqtt is missing."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from edgepose.broker import EmbeddedBroker
from edgepose.errors import BrokerError
from edgepose.mqtt import Publisher
from tests.device import BASE, an_event, has_event, publisher_settings, state_is
from tests.servers import Relay, Subscriber

pytest.importorskip("amqtt")
NewPublisher = Callable[..., Publisher]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(ws_port=0) as embedded:
        yield embedded


def check_a_life(publisher: Publisher, port: int) -> None:
    """Birth, events in order, clean stop."""
    assert publisher.connected(10)
    with Subscriber(port) as listener:
        listener.wait(state_is("online"))
        for seq in range(60):
            publisher.publish_event(an_event(seq))
        listener.wait(has_event(59))
        assert [event["seq"] for event in listener.on("/event")] == list(range(60))
        listener.send(f"{BASE}/command", b'{"transaction":"t","command":"ping"}')
        listener.wait(lambda heard: any(one.topic.endswith("/response") for one in heard))
        assert publisher.stop(5) == 0
        listener.wait(state_is("stopped"))
    with Subscriber(port) as later:
        later.wait(state_is("stopped"))
    assert publisher.counters.published == 60


def test_a_whole_life_over_tcp(broker: EmbeddedBroker, new_publisher: NewPublisher) -> None:
    mqtt = broker.settings(publisher_settings("embedded", password="for another broker"))
    assert (mqtt.broker, mqtt.version, mqtt.password) == (broker.url, "3.1.1", None)
    check_a_life(new_publisher(mqtt.broker, version=mqtt.version), broker.port)


def test_a_whole_life_over_websockets(broker: EmbeddedBroker, new_publisher: NewPublisher) -> None:
    check_a_life(new_publisher(broker.ws_url, version="3.1.1"), broker.port)


def test_a_broken_line_publishes_the_will(broker: EmbeddedBroker, new_publisher: NewPublisher) -> None:
    relay = Relay(broker.port).mend()
    publisher = new_publisher(relay.url, version="3.1.1")
    assert publisher.connected(5)
    with Subscriber(broker.port) as listener:
        listener.wait(state_is("online"))
        relay.cut()
        listener.wait(state_is("offline"))
        publisher.publish_event(an_event(0))
        relay.mend()
        listener.wait(state_is("online"))
        listener.wait(has_event(0))
    relay.cut()


def test_broker_restart_loses_no_event(new_publisher: NewPublisher) -> None:
    broker = EmbeddedBroker()
    broker.start()
    relay = Relay(broker.port).mend()
    publisher = new_publisher(relay.url, version="3.1.1")
    assert publisher.connected(5)
    relay.cut()
    broker.stop()
    for seq in range(20):
        publisher.publish_event(an_event(seq))
    broker.start()
    with Subscriber(broker.port) as listener:
        relay.mend()
        listener.wait(has_event(19))
        listener.wait(state_is("online"))
        assert [event["seq"] for event in listener.on("/event")] == list(range(20))
        assert publisher.stop(5) == 0
    relay.cut()
    broker.stop()


def test_it_stops_with_clients_and_leaves_no_thread(new_publisher: NewPublisher) -> None:
    before = set(threading.enumerate())
    broker = EmbeddedBroker()
    broker.stop()
    with broker, Subscriber(broker.port):
        broker.stop()
        assert not [one for one in set(threading.enumerate()) - before if one.name == "broker"]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", broker.port)) != 0


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"127.0.0.1:{port}.*in use"):
            EmbeddedBroker(port=port).start()


WITHOUT_AMQTT = """
import sys
sys.modules["amqtt"] = None
import edgepose.broker
from edgepose.errors import SettingsError
try:
    edgepose.broker.EmbeddedBroker().start()
except SettingsError as error:
    print(error)
"""


def test_without_amqtt_there_is_one_clear_line() -> None:
    shown = subprocess.run([sys.executable, "-c", WITHOUT_AMQTT], capture_output=True, text=True, check=True)
    assert "pip install 'edgepose[demo]'" in shown.stdout
    assert shown.stdout.count("\n") == 1
