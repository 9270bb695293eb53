"""A plain MQTT subscriber, as a dashboard has one: what the demo listens with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edgepose.errors import BrokerError


class Subscriber:
    """Calls ``heard(topic, payload)`` for every message on ``topic``, in its own thread, until closed."""

    def __init__(self, url: str, topic: str, heard: Callable[[str, bytes], None]) -> None:
        """Connects to an mqtt:// address; raises BrokerError when the subscription is not granted in 5 s."""
        address = urlsplit(url)
        ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: ready.set()

        def on_message(_: Client, __: Any, message: MQTTMessage) -> None:
            heard(message.topic, bytes(message.payload))

        self._client.on_message = on_message
        try:
            self._client.connect(address.hostname or "localhost", address.port or 1883)
        except OSError as error:
            raise BrokerError(f"broker {address.hostname}:{address.port}: {error}") from None
        self._client.loop_start()
        if not ready.wait(5.0):
            self.close()
            raise BrokerError(f"broker {address.hostname}:{address.port} grants no subscription to {topic}")

    def close(self) -> None:
        """Disconnects and ends the thread."""
        self._client.disconnect()
        self._client.loop_stop()
