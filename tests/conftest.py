"""Fixtures for every test: real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import MOSQUITTO, Mosquitto


@pytest.fixture
def new_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes (not yet started) brokers: ``new_mosquitto("line of its configuration", ..., anonymous=True)``."""
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
