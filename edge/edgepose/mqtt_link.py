"""One connection to a broker, from CONNECT to its end; paho-mqtt is imported here only.

A link is used by one thread and never used again after its end: a reconnect is a new link, so nothing of
the old connection (sessions, half-sent messages, wills) can leak into the new one.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, DisconnectFlags, MQTTMessage, WebsocketConnectionError
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgepose.config import MqttSettings
from edgepose.errors import BrokerError
from edgepose.mqtt_address import Address, short_reason

_BUSY = {136, 137, 151, 159}
"""CONNACK reasons that pass by themselves: unavailable, busy, quota, connection rate (MQTT 5 §3.2.2.2)."""
_MOST_UNACKNOWLEDGED = 20
"""What paho sends without an answer, and what Mosquitto grants."""
_STATE_MESSAGES = 4
"""Of these, room for status, info and answers to commands."""
_log = logging.getLogger(__name__)


class VersionError(BrokerError):
    """The broker does not speak MQTT 5; 3.1.1 may do."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool


class Link:
    """``open`` it, then ``step`` until it is no longer ``alive``; ``acknowledged`` and ``inbox`` fill up."""

    def __init__(
        self,
        to: Address,
        settings: MqttSettings,
        version: str,
        client_id: str,
        will: tuple[str, bytes],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.alive = False
        self.window = 1
        """How many events may be on their way without an answer."""
        self.why = "the connection was lost"
        self.acknowledged: deque[tuple[int, str | None]] = deque()
        """(message id, None or why the broker refused the message)."""
        self.inbox: deque[Received] = deque()
        self._to = to
        self._settings = settings
        self._version = version
        self._answer: ReasonCode | None = None
        self._trouble = ""
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if to.scheme in ("ws", "wss") else "tcp",
            reconnect_on_failure=False,
        )
        client.connect_timeout = settings.connect_timeout_s
        client.username_pw_set(to.username, to.password)
        client.will_set(will[0], will[1], qos=1, retain=True)
        client.ws_set_options(path=to.path)
        if tls is not None:
            client.tls_set_context(tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_log = self._on_log

    def open(self, wake: socket.socket) -> None:
        """Connects and waits for the broker's yes.

        Raises BrokerError when the broker or TLS says no (waiting will not help) and ConnectionError when it
        is not there; both with one line that says what to check.
        """
        self._connect()
        deadline = time.monotonic() + self._settings.connect_timeout_s
        while self._answer is None and self._client.socket() is not None and time.monotonic() < deadline:
            self.step(0.1, wake)
        self._judge(self._answer)
        self.alive = self._client.socket() is not None

    def _connect(self) -> None:
        """Everything below MQTT: name, TCP, TLS, websocket."""
        where, to = self._to.where, self._to
        try:
            self._client.connect(to.host, to.port, self._settings.keepalive_s)
        except ssl.SSLCertVerificationError as error:
            raise BrokerError(
                f"{where}: its certificate is not trusted: {error.verify_message}; check mqtt.tls.ca and the host name"
            ) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise ConnectionError(f"{where}: hung up in the TLS handshake; is it a TLS port?") from None
        except ssl.SSLError as error:
            raise BrokerError(f"{where}: TLS fails: {short_reason(error)}; is it a TLS port?") from None
        except UnicodeError:
            raise BrokerError(f"{where}: not a host name; check mqtt.broker") from None
        except OSError as error:
            raise ConnectionError(f"{where}: {short_reason(error)}{self._hint(error)}") from None
        sock: Any = self._client.socket()
        if isinstance(sock, socket.socket):
            # an answer and a message in two small packets must not wait for each other (Nagle)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _hint(self, error: OSError) -> str:
        if isinstance(error, WebsocketConnectionError):
            return f"; is {self._to.path} the broker's websocket path?"
        if isinstance(error, ConnectionResetError) and self._to.scheme in ("mqtts", "wss"):
            return "; is it a TLS port?"
        return ""

    def _judge(self, answer: ReasonCode | None) -> None:
        where = self._to.where
        if answer is None:
            if "alert" in self._trouble.lower():
                raise BrokerError(f"{where}: refuses our TLS: {self._trouble}; check mqtt.tls.certificate and key")
            if self._client.socket() is not None:
                raise ConnectionError(
                    f"{where}: no answer; is it an MQTT port, and does it speak MQTT {self._version}?"
                )
            raise ConnectionError(f"{where}: closed without an answer; is the scheme right (mqtts:// for TLS)?")
        if not answer.is_failure:
            return
        if answer.value == 132 and self._version == "5":
            raise VersionError(f'{where}: does not speak MQTT 5; set mqtt.version = "3.1.1"')
        if answer.value in _BUSY:
            raise ConnectionError(f"{where}: {answer}")
        user = f" for user {self._to.username!r}" if self._to.username else " (no user name given)"
        raise BrokerError(f"{where}: refuses us: {answer}{user}; check mqtt.username and mqtt.password")

    def step(self, timeout_s: float, wake: socket.socket) -> None:
        """Waits for traffic, for a byte on ``wake`` or for the timeout, and does what the network asks."""
        sock: Any = self._client.socket()
        if sock is None:
            self.alive = False
            return
        pending = getattr(sock, "pending", None)
        if pending is not None and pending() > 0:
            timeout_s = 0.0  # decrypted bytes wait where select cannot see them
        writers = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select([sock, wake], writers, [], timeout_s)
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)
        if sock in readable or (pending is not None and pending() > 0):
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()
        if self._client.socket() is None:
            self.alive = False

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> int:
        """Hands a message over; returns its id, which comes back in ``acknowledged`` (QoS 1)."""
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
            self.alive = False
        return info.mid

    def subscribe(self, topics: list[str]) -> None:
        self._client.subscribe([(topic, 1) for topic in topics])

    @property
    def congested(self) -> bool:
        """True while earlier bytes still wait for the network."""
        return self._client.want_write()

    def close(self) -> None:
        """DISCONNECT, which calls the will off; harmless on a dead link."""
        self._client.disconnect()
        self.alive = False

    def drop(self) -> None:
        """Closes without DISCONNECT: the broker publishes the will."""
        sock: Any = self._client.socket()
        if sock is not None:
            sock.close()
        self.alive = False

    def _on_connect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, more: Properties | None) -> None:
        granted = getattr(more, "ReceiveMaximum", _MOST_UNACKNOWLEDGED)
        self.window = max(1, min(granted, _MOST_UNACKNOWLEDGED) - _STATE_MESSAGES)
        self._answer = reason

    def _on_disconnect(self, _: Client, __: Any, flags: DisconnectFlags, reason: ReasonCode, ___: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self.why = f"the broker hung up: {reason}"
        elif self._trouble or reason != "Unspecified error":
            self.why = f"the connection was lost: {self._trouble or reason}"
        self.alive = False

    def _on_publish(self, _: Client, __: Any, mid: int, reason: ReasonCode, ___: Any) -> None:
        self.acknowledged.append((mid, str(reason) if reason.is_failure else None))

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self.inbox.append(Received(message.topic, bytes(message.payload), message.retain))

    def _on_subscribe(self, _: Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            _log.warning("mqtt: %s: we may not hear commands; check its access list", self._to.where)

    def _on_log(self, _: Client, __: Any, level: int, line: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._trouble = line.removeprefix("failed to receive on socket: ")
