"""Our types as JSON: UTC times with milliseconds and "Z", NaN as null, numbers rounded to what they mean.

Pixels keep 0.1, confidences, seconds and metres 0.001, probabilities and measured values 0.0001.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

import edgepose
from edgepose.schemas import schemas
from edgepose.types import Array, Event, Track

JsonObject = dict[str, Any]


def uuid7() -> str:
    """A time-ordered UUID (RFC 9562 §5.7); rand_a holds fractions of the millisecond (§6.2, method 3)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    digits = f"{(milliseconds << 80) | (7 << 76) | (fraction << 64) | (2 << 62) | random:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def timestamp(unix_s: float) -> str:
    """Seconds since 1970 as "2026-11-21T07:03:47.123Z", rounded to the millisecond."""
    moment = datetime.fromtimestamp(round(unix_s, 3), timezone.utc)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def encode(message: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON; raises ValueError on a NaN that a builder let through."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def finite(value: Any) -> Any:
    """A JSON value with every NaN and infinity replaced by None, numpy scalars by Python's own."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def event_message(event: Event, published_unix_s: float, replayed: bool) -> JsonObject:
    """The Event of contracts §4, ready for JSON."""
    return _event(event) | {"published": timestamp(published_unix_s), "replayed": replayed}


def event_body(event: Event) -> bytes:
    """The Event as JSON without ``published`` and ``replayed``: what an outbox keeps."""
    return encode(_event(event))


def stamped(body: bytes, published_unix_s: float, replayed: bool) -> bytes:
    """An ``event_body`` completed at the moment of sending, without parsing it again."""
    tail = f',"published":"{timestamp(published_unix_s)}","replayed":{"true" if replayed else "false"}}}'
    return body[:-1] + tail.encode("ascii")


def poses_message(camera: str, frame: int, unix_s: float, tracks: Sequence[Track], skeleton: str) -> JsonObject:
    """Live skeletons of one frame captured at ``unix_s``."""
    people = [
        {
            "track": track.id,
            "score": _number(track.pose.score, 3),
            "box": _rounded(track.pose.box_xyxy, 1),
            "keypoints": _keypoints2d(track.pose.keypoints),
        }
        for track in tracks
    ]
    return {
        "schema": "edgepose/poses/1",
        "camera": camera,
        "frame": frame,
        "at": timestamp(unix_s),
        "skeleton": skeleton,
        "people": people,
    }


def status_message(state: str, boot: str) -> JsonObject:
    """``state`` is online, stopped or offline."""
    return {"state": state, "boot": boot, "at": timestamp(time.time())}


def topics(device: str, cameras: Sequence[str]) -> dict[str, str]:
    """Every topic of a device by name; a camera's are ``<camera>/event`` and ``<camera>/poses``."""
    base = f"edgepose/{device}"
    names = ["status", "info", "metrics", "command", "response"]
    names += [f"{camera}/{kind}" for camera in cameras for kind in ("event", "poses")]
    return {name: f"{base}/{name}" for name in names}


def info_message(device: str, cameras: Sequence[JsonObject], models: Sequence[JsonObject]) -> JsonObject:
    """``cameras`` have at least ``name``, ``models`` at least ``task``, ``name`` and ``sha256``."""
    return {
        "schema": "edgepose/info/1",
        "device": device,
        "version": edgepose.__version__,
        "cameras": finite(list(cameras)),
        "models": finite(list(models)),
        "topics": topics(device, [camera["name"] for camera in cameras]),
        "schemas": schemas(),
    }


def _event(event: Event) -> JsonObject:
    return {
        "schema": "edgepose/event/1",
        "id": event.id,
        "boot": event.boot,
        "seq": event.seq,
        "device": event.device,
        "camera": event.camera,
        "kind": event.kind,
        "label": event.label,
        "score": _number(event.score, 4),
        "scores": {label: _number(value, 4) for label, value in event.scores.items()},
        "track": int(event.track),
        "player": event.player,
        "handedness": event.handedness,
        "start": timestamp(event.start_unix_s),
        "peak": timestamp(event.peak_unix_s),
        "end": timestamp(event.end_unix_s),
        "media": {
            "start_s": _number(event.start_s, 3),
            "peak_s": _number(event.peak_s, 3),
            "end_s": _number(event.end_s, 3),
        },
        "models": dict(event.models),
        "kinematics": {
            name: {"value": _number(value, 4), "unit": unit} for name, (value, unit) in event.kinematics.items()
        },
        "pose2d": _pose2d(event),
        "pose3d": _pose3d(event),
    }


def _pose2d(event: Event) -> JsonObject | None:
    if event.pose2d is None:
        return None
    return {"skeleton": event.skeleton, "units": "px", "keypoints": _keypoints2d(event.pose2d)}


def _pose3d(event: Event) -> JsonObject | None:
    pose = event.pose3d
    if pose is None:
        return None
    return {
        "skeleton": pose.skeleton,
        "space": pose.space,
        "units": "m",
        "keypoints": _rounded(pose.keypoints, 3),
    }


def _keypoints2d(keypoints: Array) -> list[Any]:
    """(K, 3) px, px, confidence as nested lists; NaN as None."""
    return _rounded(keypoints, np.array([1, 1, 3]))


def _rounded(values: Array, digits: int | Array) -> list[Any]:
    """Nested lists of an array rounded to ``digits`` (one number, or one a column); not finite: None."""
    scale = np.power(10.0, digits)
    # in float64, so that 12.3 is written "12.3" and not "12.300000190734863"
    exact = np.rint(np.asarray(values, dtype=np.float64) * scale) / scale
    missing = ~np.isfinite(exact)
    if not missing.any():
        return list(exact.tolist())
    known = exact.astype(object)
    known[missing] = None
    return list(known.tolist())


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
