"""A small MQTT broker inside our own process, for the demo and for tests (amqtt; MQTT 3.1.1 only)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from queue import Queue
from types import TracebackType
from typing import Any

from edgepose.config import MqttSettings
from edgepose.errors import BrokerError, SettingsError


class EmbeddedBroker:
    """amqtt in its own thread; anonymous, so it listens on this machine only unless told otherwise.

    ``port`` and ``ws_port`` 0 take a free one; ``ws_port`` None: no websockets. ``start`` raises
    SettingsError when amqtt is not installed and BrokerError when the port cannot be had.
    """

    def __init__(self, bind: str = "127.0.0.1", port: int = 0, ws_port: int | None = None) -> None:
        self._bind = bind
        self.port = port
        self.ws_port = ws_port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for MqttSettings.broker."""
        return f"mqtt://{_reachable(self._bind)}:{self.port}"

    @property
    def ws_url(self) -> str:
        """The address over websockets, as a browser needs it."""
        return f"ws://{_reachable(self._bind)}:{self.ws_port}/mqtt"

    def settings(self, mqtt: MqttSettings) -> MqttSettings:
        """The same settings, talking to this broker; amqtt knows MQTT 3.1.1 only."""
        return mqtt.model_copy(
            update={
                "broker": self.url,
                "version": "3.1.1",
                "username": None,
                "password": None,
                "password_file": None,
            }
        )

    def start(self) -> None:
        """Returns when the broker accepts connections."""
        broker_class = _amqtt()
        self.port = self.port or _free_port(self._bind)
        if self.ws_port == 0:
            self.ws_port = _free_port(self._bind)
        answer: Queue[Exception | None] = Queue()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(broker_class, answer)), name="broker", daemon=True
        )
        self._thread.start()
        failure = answer.get()
        if failure is not None:
            self.stop()
            raise BrokerError(f"embedded broker on {self._bind}:{self.port}: {failure}")

    def stop(self) -> None:
        """Closes every connection and the port; does nothing when not started."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop ended by itself
            loop.call_soon_threadsafe(self._stopping.set)
        thread.join(10)
        self._thread = self._loop = None

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self, broker_class: Any, answer: Queue[Exception | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            broker = broker_class(self._config(), loop=self._loop)
            await broker.start()
        except Exception as error:  # noqa: BLE001 - whatever amqtt's plug-ins raise; start() raises it
            answer.put(error)
            return
        answer.put(None)
        await self._stopping.wait()
        with contextlib.suppress(asyncio.TimeoutError):  # a client that does not let go must not keep us
            await asyncio.wait_for(broker.shutdown(), 5)

    def _config(self) -> dict[str, Any]:
        listeners: dict[str, Any] = {"default": {"type": "tcp", "bind": f"{self._bind}:{self.port}"}}
        if self.ws_port is not None:
            listeners["ws"] = {"type": "ws", "bind": f"{self._bind}:{self.ws_port}"}
        anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        return {"listeners": listeners, "plugins": anonymous}


def _amqtt() -> Any:
    """amqtt's Broker class, its chatter silenced."""
    try:
        from amqtt.broker import Broker
    except ImportError as error:
        raise SettingsError(
            f"the embedded broker needs amqtt ({error}): pip install 'edgepose[demo]', "
            "or set mqtt.broker to the address of a broker"
        ) from None
    for name in ("amqtt", "transitions", "websockets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Broker


def _free_port(bind: str) -> int:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((bind, 0))
        return int(probe.getsockname()[1])


def _reachable(bind: str) -> str:
    return "127.0.0.1" if bind in ("0.0.0.0", "") else bind
