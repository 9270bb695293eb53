"""Real servers for tests: a Mosquitto of our own on a free loopback port, and a subscriber that collects."""

from __future__ import annotations

import contextlib
import getpass
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """One broker process with a configuration file in ``folder``; keeps its port over a restart."""

    def __init__(self, folder: Path, *lines: str, anonymous: bool = True) -> None:
        assert MOSQUITTO is not None
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        base = [
            f"user {getpass.getuser()}",
            "persistence false",
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if anonymous else 'false'}",
        ]
        self._config.write_text("\n".join([*base, *lines]) + "\n")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> Mosquitto:
        assert MOSQUITTO is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.01)
        raise RuntimeError(f"mosquitto did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """As a power cut: no goodbye to anyone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Relay:
    """A network between a client and a server, to be cut: a port of its own, passed on to ``target``."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.deaf = False
        """True: what the server says is lost, what the client says arrives."""
        self._target = target
        self._listener: socket.socket | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def mend(self) -> Relay:
        """From now on connections work."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((client, server))
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (from_server and self.deaf):
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


@dataclass(frozen=True)
class Heard:
    """One received message."""

    topic: str
    payload: bytes
    retained: bool
    qos: int

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Subscriber:
    """Collects everything on ``topic``; reconnects by itself when the broker comes back."""

    def __init__(self, port: int, topic: str = "edgepose/#", **login: str) -> None:
        self.heard: list[Heard] = []
        self._news = threading.Condition()
        self._listening = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.on_socket_open = lambda _, __, sock: sock.setsockopt(  # no 40 ms pauses
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Subscriber:
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(5)

    def wait(self, enough: Callable[[list[Heard]], bool], timeout_s: float = 15) -> list[Heard]:
        """Until ``enough`` holds for what was heard; fails the test when it does not in time."""
        with self._news:
            done = self._news.wait_for(lambda: enough(self.heard), timeout_s)
            assert done, [(heard.topic, heard.payload[:200]) for heard in self.heard]
            return list(self.heard)

    def last(self, topic: str) -> Any:
        """The JSON of the latest message on a topic, None when there was none."""
        with self._news:
            found = [heard.json for heard in self.heard if heard.topic == topic]
        return found[-1] if found else None

    def on(self, ending: str) -> list[Any]:
        """The JSON of all messages whose topic ends so."""
        with self._news:
            return [heard.json for heard in self.heard if heard.topic.endswith(ending)]

    def _hear(self, _: Any, __: Any, message: Any) -> None:
        with self._news:
            self.heard.append(Heard(message.topic, message.payload, message.retain, message.qos))
            self._news.notify_all()
