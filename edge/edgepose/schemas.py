"""What every MQTT message looks like: pydantic models and the JSON Schemas made from them (contracts §4).

Readers ignore keys that they do not know, so a key may be added without a new schema name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
Timestamp = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"),
    Field(description="UTC, ISO 8601, milliseconds", json_schema_extra={"format": "date-time"}),
]
Probability = Annotated[float, Field(ge=0, le=1)]
Number = float | None
"""null: not known (a NaN on our side)."""
Triple = tuple[Number, Number, Number]


class Message(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Media(Message):
    """Times inside the video or session, seconds since its first frame."""

    start_s: Number
    peak_s: Number
    end_s: Number


class Quantity(Message):
    """A measured value with its unit."""

    value: Number
    unit: str


class Keypoints2D(Message):
    """Joints at the peak: x, y in px of the original frame, confidence 0..1."""

    skeleton: str
    units: Literal["px"]
    keypoints: list[Triple]


class Keypoints3D(Message):
    """Joints at the peak: x right, y down, z away from the camera, metres."""

    skeleton: str
    space: Literal["root", "camera", "world"]
    units: Literal["m"]
    keypoints: list[Triple]


class Event(Message):
    """One stroke, action or count, on ``…/<camera>/event``; QoS 1: may arrive twice with the same ``id``."""

    schema_: Literal["edgepose/event/1"] = Field(alias="schema")
    id: str = Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
    boot: str
    seq: int = Field(ge=0, description="gapless per boot and camera")
    device: Name
    camera: Name
    kind: Literal["stroke", "action", "count"]
    label: str
    score: Number
    scores: dict[str, Number]
    track: int
    player: str | None
    handedness: Literal["right", "left"] | None
    start: Timestamp
    peak: Timestamp
    end: Timestamp
    media: Media
    models: dict[str, str] = Field(description='pose, strokes, lifter: "name@sha256[:12]"')
    kinematics: dict[str, Quantity]
    pose2d: Keypoints2D | None
    pose3d: Keypoints3D | None
    published: Timestamp
    replayed: bool = Field(description="true when it waited in the outbox while the broker was away")


class Status(Message):
    """Retained on ``…/status``; also the will (then ``at`` is the time of connecting)."""

    state: Literal["online", "stopped", "offline"]
    boot: str
    at: Timestamp


class CameraInfo(Message):
    """A camera of the device; further keys are free."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Name


class ModelInfo(Message):
    """A model in use; further keys are free."""

    model_config = ConfigDict(extra="allow", frozen=True)
    task: str
    name: str
    sha256: str


class Info(Message):
    """Retained on ``…/info``: what this device is and how its messages are to be read."""

    schema_: Literal["edgepose/info/1"] = Field(alias="schema")
    device: Name
    version: str
    cameras: list[CameraInfo]
    models: list[ModelInfo]
    topics: dict[str, str]
    schemas: dict[str, dict[str, Any]]


class Delivery(Message):
    """The publisher's own counters, since its start."""

    published: int = Field(description="events that the broker acknowledged")
    dropped: int = Field(description="events lost because the outbox was full")
    refused: int = Field(description="events that the broker refused (access list)")
    queued: int = Field(description="events that wait in the outbox")
    reconnects: int
    poses_dropped: int


class Metrics(Message):
    """Retained on ``…/metrics``; cameras and further keys are the pipeline's."""

    model_config = ConfigDict(extra="allow", frozen=True)
    schema_: Literal["edgepose/metrics/1"] = Field(alias="schema")
    boot: str
    at: Timestamp
    mqtt: Delivery


class Person(Message):
    """One tracked person of a live picture."""

    track: int
    score: Number
    box: tuple[Number, Number, Number, Number] = Field(description="x1, y1, x2, y2 px")
    keypoints: list[Triple] = Field(description="x px, y px, confidence, in skeleton order")


class Poses(Message):
    """Live skeletons on ``…/<camera>/poses``, rate-limited, off by default."""

    schema_: Literal["edgepose/poses/1"] = Field(alias="schema")
    camera: Name
    frame: int
    at: Timestamp
    skeleton: str
    people: list[Person]


class Command(Message):
    """A request on ``…/command``."""

    transaction: str = Field(min_length=1, max_length=200)
    command: str = Field(max_length=200)
    arguments: dict[str, Any] = {}


class Response(Message):
    """The answer on ``…/response``; ``transaction`` is null when the request could not be read."""

    transaction: str | None
    command: str | None
    ok: bool
    result: Any = None
    error: str | None = None
    at: Timestamp


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas (draft 2020-12) by message name."""
    messages: dict[str, type[Message]] = {
        "event": Event,
        "status": Status,
        "info": Info,
        "metrics": Metrics,
        "poses": Poses,
        "command": Command,
        "response": Response,
    }
    return {name: model.model_json_schema(by_alias=True) for name, model in messages.items()}
