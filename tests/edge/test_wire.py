"""Messages as JSON: exact values, NaN as null, schemas that hold for every event."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jsonschema import Draft202012Validator

from edgepose import schemas, wire
from edgepose.types import Event, Pose, Pose3D, Track
from tests.device import an_event, sample_info

SCHEMAS = schemas.schemas()
VALIDATOR = Draft202012Validator(SCHEMAS["event"])
EVENT_KEYS = [
    *(
        "schema",
        "id",
        "boot",
        "seq",
        "device",
        "camera",
        "kind",
        "label",
        "score",
        "scores",
        "track",
        "player",
    ),
    *("handedness", "start", "peak", "end", "media", "models", "kinematics", "pose2d", "pose3d"),
    *("published", "replayed"),
]


def test_uuid7_is_version_7_and_in_order() -> None:
    ids = [wire.uuid7() for _ in range(2000)]
    form = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
    assert all(form.match(one) for one in ids)
    assert len(set(ids)) == 2000
    times = [one[:18] for one in ids]
    assert times == sorted(times)
    milliseconds = int(ids[0].replace("-", "")[:12], 16)
    assert datetime.fromtimestamp(milliseconds / 1000, timezone.utc).year >= 2024


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (0.9996, "1970-01-01T00:00:01.000Z"),
        (1_700_000_000.123, "2023-11-14T22:13:20.123Z"),
        (1_709_210_096.0015, "2024-02-29T12:34:56.001Z"),
    ],
)
def test_timestamp(unix_s: float, text: str) -> None:
    assert wire.timestamp(unix_s) == text


def test_an_event_by_hand() -> None:
    keypoints = np.array([[100.04, 200.06, 0.98765], [np.nan, np.nan, 0.0]], np.float32)
    lifted = np.array([[0.12345, -1.0, np.nan]], np.float32)
    event = replace(
        an_event(7),
        score=float("nan"),
        scores={"forehand": 0.87654321},
        player="Ann",
        handedness="left",
        models={"pose": "movenet@0123456789ab"},
        kinematics={"wrist_speed": (12.34567, "px/s"), "knee_angle": (math.inf, "deg")},
        pose2d=keypoints,
        pose3d=Pose3D("h36m17", lifted),
    )
    message = wire.event_message(event, 1.7e9 + 2, replayed=True)
    assert list(message) == EVENT_KEYS
    assert message["score"] is None
    assert message["scores"] == {"forehand": 0.8765}
    assert (message["start"], message["peak"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.400Z")
    assert message["published"] == "2023-11-14T22:13:22.000Z"
    assert message["media"] == {"start_s": 1.0, "peak_s": 1.4, "end_s": 1.8}
    assert message["kinematics"] == {
        "wrist_speed": {"value": 12.3457, "unit": "px/s"},
        "knee_angle": {"value": None, "unit": "deg"},
    }
    assert message["pose2d"] == {
        "skeleton": "coco17",
        "units": "px",
        "keypoints": [[100.0, 200.1, 0.988], [None, None, 0.0]],
    }
    assert message["pose3d"] == {
        "skeleton": "h36m17",
        "space": "root",
        "units": "m",
        "keypoints": [[0.123, -1.0, None]],
    }
    VALIDATOR.validate(message)
    assert json.loads(wire.encode(message)) == message


def test_a_broken_event_does_not_pass_the_schema() -> None:
    good = wire.event_message(an_event(0), 1.7e9, replayed=False)
    VALIDATOR.validate(good)
    wrong: list[dict[str, Any]] = [
        {"seq": -1},
        {"seq": 1.5},
        {"kind": "smash"},
        {"id": "0"},
        {"start": "2023-11-14 22:13:20"},
        {"handedness": "both"},
        {"camera": "a/b"},
        {"pose2d": {"skeleton": "coco17", "units": "px", "keypoints": [[1, 2]]}},
        {"schema": "edgepose/event/2"},
    ]
    for change in wrong:
        assert not VALIDATOR.is_valid(good | change), change
    for key in EVENT_KEYS:
        assert not VALIDATOR.is_valid({name: value for name, value in good.items() if name != key}), key


keypoints = arrays(np.float32, (17, 3), elements=st.floats(width=32, allow_nan=True, allow_infinity=True))
names = st.from_regex(r"\A[A-Za-z0-9_-]{1,20}\Z")
texts = st.text(max_size=20)
numbers = st.floats(allow_nan=True, allow_infinity=True)
moments = st.floats(0, 4e9)
a_pose = st.none() | st.builds(Pose3D, st.just("h36m17"), keypoints)
any_event = st.builds(
    Event,
    id=st.builds(wire.uuid7),
    boot=texts,
    seq=st.integers(0, 2**53),
    device=names,
    camera=names,
    kind=st.sampled_from(["stroke", "action", "count"]),
    label=texts,
    score=numbers,
    scores=st.dictionaries(texts, numbers, max_size=4),
    track=st.integers(-1, 2**31 - 1),
    start_unix_s=moments,
    peak_unix_s=moments,
    end_unix_s=moments,
    start_s=numbers,
    peak_s=numbers,
    end_s=numbers,
    player=st.none() | texts,
    handedness=st.sampled_from([None, "right", "left"]),
    models=st.dictionaries(texts, texts, max_size=3),
    kinematics=st.dictionaries(texts, st.tuples(numbers, texts), max_size=4),
    pose2d=st.none() | keypoints,
    pose3d=a_pose,
)


@settings(max_examples=60, deadline=None)
@given(event=any_event, replayed=st.booleans())
def test_every_event_survives_the_wire(event: Event, replayed: bool) -> None:
    message = wire.event_message(event, 1.7e9, replayed)
    arrived = json.loads(wire.stamped(wire.event_body(event), 1.7e9, replayed))
    assert arrived == message
    VALIDATOR.validate(arrived)
    schemas.Event.model_validate(arrived)
    assert (arrived["label"], arrived["seq"]) == (event.label, event.seq)
    if event.pose2d is not None:
        sent = np.array(event.pose2d, np.float64)
        back = np.array(arrived["pose2d"]["keypoints"], np.float64)
        known = np.isfinite(sent) & (np.abs(sent) < 1e9)
        assert np.all(np.abs(sent - back)[known] <= np.broadcast_to([0.051, 0.051, 0.00051], sent.shape)[known])
        assert np.isnan(back[~np.isfinite(sent)]).all()
    spread = datetime.fromisoformat(arrived["start"].replace("Z", "+00:00")).timestamp() - event.start_unix_s
    assert abs(spread) <= 0.00051


def test_every_other_message_fits_its_schema() -> None:
    track = Track(1, Pose(np.full((17, 3), np.nan, np.float32), np.zeros(4, np.float32), float("nan")))
    messages = {
        "status": wire.status_message("online", "b"),
        "info": sample_info(),
        "poses": wire.poses_message("north", 3, 1.7e9, [track], "coco17"),
    }
    for name, message in messages.items():
        Draft202012Validator(SCHEMAS[name]).validate(json.loads(wire.encode(message)))


def test_schemas_are_valid_and_complete() -> None:
    assert set(SCHEMAS) == {"event", "status", "info", "metrics", "poses", "command", "response"}
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    assert SCHEMAS["event"]["required"] == EVENT_KEYS


def test_finite() -> None:
    messy = {"a": float("nan"), 2: (np.float32("inf"), np.int64(3)), "c": np.array([1.0, np.nan]), "d": None}
    assert wire.finite(messy) == {"a": None, "2": [None, 3], "c": [1.0, None], "d": None}
    with pytest.raises(ValueError):
        wire.encode({"a": float("nan")})
