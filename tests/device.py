"""A device "court" with one camera "north", as the MQTT tests use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgepose import wire
from edgepose.config import MqttSettings
from edgepose.types import Event
from tests.servers import Heard

BASE = "edgepose/court"
STATUS = f"{BASE}/status"


def an_event(seq: int) -> Event:
    """The forehand number ``seq``."""
    return Event(
        id=wire.uuid7(),
        boot="boot-1",
        seq=seq,
        device="court",
        camera="north",
        kind="stroke",
        label="forehand",
        score=0.9,
        scores={"forehand": 0.9, "idle": 0.1},
        track=1,
        start_unix_s=1.7e9,
        peak_unix_s=1.7e9 + 0.4,
        end_unix_s=1.7e9 + 0.8,
        start_s=1.0,
        peak_s=1.4,
        end_s=1.8,
        pose2d=np.ones((17, 3), np.float32),
    )


def sample_info() -> dict[str, Any]:
    return wire.info_message("court", [{"name": "north"}], [])


def publisher_settings(url: str, **more: Any) -> MqttSettings:
    return MqttSettings.model_validate({"broker": url, "keepalive_s": 5, "connect_timeout_s": 2.0, **more})


def state_is(state: str) -> Callable[[list[Heard]], bool]:
    """The latest status says so."""

    def check(heard: list[Heard]) -> bool:
        states = [one.json["state"] for one in heard if one.topic == STATUS]
        return bool(states) and states[-1] == state

    return check


def has_event(seq: int) -> Callable[[list[Heard]], bool]:
    """The event number ``seq`` has arrived."""
    return lambda heard: any(one.topic.endswith("/event") and one.json["seq"] == seq for one in heard)
