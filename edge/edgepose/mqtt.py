"""Events, metrics and state to the broker: one background thread, one link at a time (contracts §4).

The caller never waits for the network: events go to the outbox, metrics and live poses keep only the newest.
An event leaves the outbox when the broker has acknowledged it, so it arrives at least once and in order.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from edgepose import wire
from edgepose.config import MqttSettings
from edgepose.errors import BrokerError
from edgepose.mqtt_address import address, tls_context
from edgepose.mqtt_commands import Handler, answer
from edgepose.mqtt_delivery import Counters, Delivery
from edgepose.mqtt_link import Link, VersionError
from edgepose.mqtt_poses import LivePoses
from edgepose.outbox import MemoryOutbox, Outbox
from edgepose.types import Event, Track

_BACKOFF_S, _BACKOFF_MOST_S = 0.25, 30.0
_STABLE_S = 10.0
"""A link that lived so long was a good one: the next pause is short again."""
_FAREWELL_S = 1.0

_log = logging.getLogger(__name__)


class Publisher:
    """The device's voice. Build it (raises SettingsError), ``start``, publish, ``stop``.

    ``info`` is ``wire.info_message``; ``commands`` adds to ping, metrics, info and cameras; ``outbox`` None
    keeps ``settings.queue`` events in memory. The client id is the device's name: when a device comes back
    before the broker has noticed that it went, the broker ends the old connection (and publishes its will)
    first, so "offline" cannot arrive after "online".
    """

    def __init__(
        self,
        device: str,
        settings: MqttSettings,
        info: Mapping[str, Any],
        boot: str,
        *,
        outbox: Outbox | None = None,
        commands: Mapping[str, Handler] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device, self._boot, self._settings, self._clock = device, boot, settings, clock
        self._address = address(settings)
        secure = self._address.scheme in ("mqtts", "wss")
        self._tls = tls_context(settings.tls) if secure else None
        self._version: str = settings.version
        self._topics = wire.topics(device, [])
        self._base = f"edgepose/{device}"
        self._info = dict(info)
        self._events = Delivery(MemoryOutbox(settings.queue) if outbox is None else outbox)
        self._commands: dict[str, Handler] = {
            "ping": lambda _: "pong",
            "metrics": lambda _: self._metrics,
            "info": lambda _: self._info,
            "cameras": lambda _: self._info.get("cameras", []),
            **(commands or {}),
        }
        self._metrics: dict[str, Any] = {}
        self._metrics_due = False
        self._poses = LivePoses(settings.poses_hz, clock)
        self._changed = threading.Condition()
        self._up = self._away = False
        self._short_lives = 0
        self._error: BrokerError | None = None
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begins to connect, in the background."""
        self._thread.start()

    def connected(self, timeout_s: float) -> bool:
        """Waits for the first answer: True when connected, False when the broker is not there (yet).

        Raises BrokerError when it refuses us: user name, password, certificate.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._up or self._error is not None, timeout_s)
            if self._error is not None:
                raise self._error
            return self._up

    @property
    def error(self) -> BrokerError | None:
        """Why the broker refuses us now; None when it does not."""
        return self._error

    @property
    def counters(self) -> Counters:
        """A copy, with the outbox's depth of this moment."""
        return replace(self._events.counters, poses_dropped=self._poses.dropped)

    def publish_event(self, event: Event) -> None:
        """Puts an event into the outbox; never waits for the network."""
        self._events.put(f"{self._base}/{event.camera}/event", wire.event_body(event))
        self._wake()

    def publish_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replaces the device's metrics; our counters, ``boot`` and ``at`` are added."""
        head = {"schema": "edgepose/metrics/1", "boot": self._boot, "at": wire.timestamp(time.time())}
        self._metrics = head | wire.finite(metrics) | {"mqtt": asdict(self.counters)}
        self._metrics_due = True
        self._wake()

    def publish_poses(self, camera: str, frame: int, unix_s: float, tracks: Sequence[Track], skeleton: str) -> None:
        """Sends live skeletons, at most ``poses_hz`` a second and camera; nothing when off or away."""
        if self._up and self._poses.due(camera):
            payload = wire.encode(wire.poses_message(camera, frame, unix_s, tracks, skeleton))
            self._poses.put(f"{self._base}/{camera}/poses", payload)
            self._wake()

    def stop(self, timeout_s: float) -> int:
        """Sends what waits, publishes "stopped", disconnects; returns how many events were left undelivered.

        Takes ``timeout_s`` only when the broker is away or slow and events wait, and at most a second more.
        """
        self._deadline = time.monotonic() + timeout_s
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s + _FAREWELL_S)
        if not self._thread.is_alive():
            self._wake_read.close()
            self._wake_write.close()
        return len(self._events)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: the thread wakes anyway; closed: it has ended
            self._wake_write.send(b"\0")

    def _run(self) -> None:
        failures = 0
        while not self._finished():
            began = time.monotonic()
            try:
                self._serve()
                return
            except VersionError as error:
                self._version = "3.1.1"
                _log.warning("mqtt: %s; going on with 3.1.1", error)
                continue
            except BrokerError as error:
                self._refused(error)
            except ConnectionError as error:
                self._lost(str(error), time.monotonic() - began)
            except Exception:  # noqa: BLE001 - the thread must outlive its own mistakes; nothing is lost
                _log.exception("mqtt: connecting anew")
            failures = 1 if time.monotonic() - began > _STABLE_S else failures + 1
            self._pause(failures)

    def _finished(self) -> bool:
        if not self._stopping.is_set():
            return False
        return len(self._events) == 0 or self._error is not None or time.monotonic() >= self._deadline

    def _pause(self, failures: int) -> None:
        longest = min(_BACKOFF_MOST_S, _BACKOFF_S * 2.0 ** min(failures - 1, 10))
        pause_s = longest * random.uniform(0.5, 1.0)
        if not self._stopping.wait(pause_s):
            return
        left_s = self._deadline - time.monotonic()
        if not self._finished() and left_s > 0:
            time.sleep(min(_BACKOFF_S, left_s))

    def _serve(self) -> None:
        """One link from its beginning to its end; returns only when everything is said."""
        will = wire.encode(wire.status_message("offline", self._boot))
        link = Link(
            self._address, self._settings, self._version, f"edgepose-{self._device}",
            (self._topics["status"], will), self._tls,
        )  # fmt: skip
        try:
            link.open(self._wake_read)
            self._born(link)
            while link.alive and not self._stopping.is_set():
                self._turn(link, 1.0)
            if link.alive and self._farewell(link):
                return
        finally:
            with self._changed:
                self._up = False
            self._events.end()
            self._poses.clear()
            link.drop()
        raise ConnectionError(f"{self._address.where}: {link.why}")

    def _born(self, link: Link) -> None:
        """The full state again, before anything else; then we listen."""
        self._say_online(link)
        link.publish(self._topics["info"], wire.encode(self._info), 1, True)
        self._metrics_due = bool(self._metrics)
        link.subscribe([self._topics["command"], self._topics["status"]])
        self._events.begin()
        with self._changed:
            self._up, self._error = True, None
            self._changed.notify_all()
        if self._away:
            _log.info("mqtt: %s is back", self._address.where)
        self._away = False

    def _say_online(self, link: Link) -> None:
        link.publish(self._topics["status"], wire.encode(wire.status_message("online", self._boot)), 1, True)

    def _turn(self, link: Link, wait_s: float) -> None:
        self._events.send(link)
        if self._metrics_due:
            self._metrics_due = False
            link.publish(self._topics["metrics"], wire.encode(self._metrics), 0, True)
        while not link.congested and (live := self._poses.take()) is not None:
            link.publish(*live)
        link.step(wait_s, self._wake_read)
        self._events.settle(link)
        while link.inbox:
            received = link.inbox.popleft()
            self._hear(link, received.topic, received.payload, received.retained)

    def _hear(self, link: Link, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._topics["status"]:
            # the will of an earlier connection that the broker noticed late, or a stranger's message
            if b'"online"' not in payload or self._boot.encode() not in payload:
                self._say_online(link)
        elif retained:
            _log.warning("mqtt: a retained message on %s is not obeyed; clear it", topic)
        else:
            link.publish(self._topics["response"], wire.encode(answer(payload, self._commands)), 1)

    def _farewell(self, link: Link) -> bool:
        """Sends what waits, says "stopped" and leaves; False when the link broke before."""
        while link.alive and len(self._events) and time.monotonic() < self._deadline:
            self._turn(link, 0.1)
        if link.alive:
            self._turn(link, 0.0)
        status = wire.encode(wire.status_message("stopped", self._boot))
        last = link.publish(self._topics["status"], status, 1, True)
        until = time.monotonic() + _FAREWELL_S
        said = False
        while link.alive and not said and time.monotonic() < until:
            link.step(0.1, self._wake_read)
            said = last in [mid for mid, _ in link.acknowledged]
        self._events.settle(link)
        if said:
            link.close()
        return said or time.monotonic() >= self._deadline

    def _refused(self, error: BrokerError) -> None:
        if self._error is None:
            _log.error("mqtt: %s", error)
        self._away = True
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _lost(self, reason: str, lived_s: float) -> None:
        if not self._away:
            self._short_lives = self._short_lives + 1 if lived_s < _STABLE_S else 0
            # brokers end the older of two connections with one name, many without saying so
            clash = f"; does another device call itself {self._device!r}?" if self._short_lives >= 3 else ""
            _log.warning("mqtt: %s; trying again%s", reason, clash)
        self._away = True
