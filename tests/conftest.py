"""Fixtures for every test: real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgepose.mqtt import Publisher
from edgepose.videocapture import silence
from tests.device import publisher_settings, sample_info
from tests.servers import MOSQUITTO, Mosquitto, Relay


@pytest.fixture(scope="session", autouse=True)
def quiet_opencv() -> None:
    """FFmpeg inside OpenCV reads its log level once in a process: before any test may open a video by itself."""
    silence()


@pytest.fixture
def new_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers, not yet started: ``new_mosquitto("a line of its settings", anonymous=True)``."""
    if MOSQUITTO is None:
        pytest.skip("no mosquitto here (Debian package mosquitto)")
    made: list[Mosquitto] = []

    def make(*lines: str, anonymous: bool = True) -> Mosquitto:
        folder = tmp_path / f"mosquitto-{len(made)}"
        folder.mkdir()
        made.append(Mosquitto(folder, *lines, anonymous=anonymous))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def mosquitto(new_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running broker that lets everyone in."""
    return new_mosquitto().start()


@pytest.fixture
def new_publisher() -> Iterator[Callable[..., Publisher]]:
    """Makes started publishers of device "court": ``new_publisher(url, boot="boot-1", **MqttSettings)``."""
    made: list[Publisher] = []

    def make(url: str, boot: str = "boot-1", commands: Any = None, **settings: Any) -> Publisher:
        mqtt = publisher_settings(url, **settings)
        made.append(Publisher("court", mqtt, sample_info(), boot, commands=commands))
        made[-1].start()
        return made[-1]

    yield make
    for publisher in made:
        publisher.stop(0)


@pytest.fixture
def relay(mosquitto: Mosquitto) -> Iterator[Relay]:
    """A network to the broker ``mosquitto`` that can be cut; whole at first."""
    network = Relay(mosquitto.port).mend()
    yield network
    network.cut()
