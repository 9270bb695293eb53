"""Typed settings from one TOML file. An unknown key, a wrong type or value is one clear line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, model_validator

from edgepose.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Height = Annotated[float, Field(ge=0.5, le=2.6)]
"""Of a person, metres."""


class Section(BaseModel):
    """Base of every table: frozen, no unknown keys, no silent conversions of strings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class CaptureSettings(Section):
    """How a source is opened and kept open."""

    width: int | None = Field(None, gt=0, description="asked of cameras and pipe presets, px")
    height: int | None = Field(None, gt=0)
    fps: Positive | None = Field(None, description="asked of cameras; the rate of image folders and raw pipes")
    stall_s: Positive = Field(5.0, description="no frame for so long: the stream is dead, open it again")
    open_timeout_s: Positive = 10.0
    backoff_s: Positive = Field(0.5, description="first pause before opening again; doubles")
    backoff_most_s: Positive = 30.0


class PoseSettings(Section):
    """The pose network and its engine."""

    model: str = Field("courtpose-n", description="name in the models folder, a model folder, or a weights file")
    detector: str | None = Field(None, description="person detector of a top-down network; unset: its card says")
    options: dict[str, str] = Field(
        {}, description="the network's own, over those of its card; detector.NAME: the detector's"
    )
    threads: int = Field(0, ge=0, description="of the engine; 0: the engine's choice")
    providers: list[str] = Field(["CPUExecutionProvider"], description="ONNX Runtime execution providers")
    min_score: Fraction = 0.25
    iou: Fraction = 0.7
    most_people: int = Field(50, gt=0)


class TrackerSettings(Section):
    """Who is who."""

    memory_s: Positive = Field(2.0, description="a lost person's id is kept so long")
    confirm: int = Field(3, ge=1, description="detections before a person counts")
    gate: Positive = Field(1.0, description="furthest step between two frames, in person sizes")
    smooth: bool = Field(False, description="One-Euro filter on the keypoints")


class StrokeSettings(Section):
    """Windows, classifier, spotter."""

    enabled: bool = True
    model: str | None = Field("tennis-strokes", description="name or folder")
    enter: Fraction | None = Field(None, description="a stroke begins above; unset: from the model's card")
    leave: Fraction | None = Field(None, description="... and ends below")
    abstain: Fraction | None = Field(None, description="no event when its label's score stays below")
    min_length_s: Annotated[float, Field(ge=0)] | None = None
    hop_s: Annotated[float, Field(ge=0)] = Field(1 / 30, description="least step between windows; 0: every frame")
    refractory_s: Annotated[float, Field(ge=0)] | None = Field(None, description="least time between two peaks")


class CounterSettings(Section):
    """Repetitions of an exercise, counted per person and side."""

    enabled: bool = False
    exercise: Literal["bicep_curl"] = "bicep_curl"
    extended_deg: Annotated[float, Field(gt=0, lt=180)] = Field(150.0, description="extended at or above, inner angle")
    bent_deg: Annotated[float, Field(gt=0, lt=180)] = Field(60.0, description="bent at or below")
    min_confidence: Fraction = Field(0.3, description="joints below give no reading")
    smooth_s: Annotated[float, Field(ge=0)] = Field(0.25, description="the angle is a median over so long")
    gap_s: Positive = Field(1.0, description="without a reading for so long, a repetition that was under way is void")
    least_s: Annotated[float, Field(ge=0)] = Field(0.5, description="what takes less is no repetition")

    @model_validator(mode="after")
    def _bent_is_below_extended(self) -> CounterSettings:
        if self.bent_deg >= self.extended_deg:
            raise ValueError(f"bent_deg {self.bent_deg:g} must be below extended_deg {self.extended_deg:g}")
        return self


class LifterSettings(Section):
    """2D -> 3D on events."""

    enabled: bool = True
    model: str | None = Field("courtlift-n", description="name or folder")
    height_m: Height = Field(1.75, description="of people whose height nobody states: metres scale with it")


class TlsSettings(Section):
    """TLS of mqtts:// and wss:// addresses."""

    ca: Path | None = Field(None, description="PEM file; unset: the system's CAs")
    certificate: Path | None = Field(None, description="client certificate, PEM")
    key: Path | None = Field(None, description="its key")
    insecure: bool = Field(False, description="do not check the host name (tests only)")


class MqttSettings(Section):
    """Where events go."""

    enabled: bool = True
    broker: str = Field("mqtt://localhost:1883", description="mqtt://, mqtts://, ws://, wss:// or embedded")
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    version: Literal["5", "3.1.1"] = "5"
    tls: TlsSettings = TlsSettings()
    keepalive_s: int = Field(30, ge=5, le=65535)
    queue: int = Field(10_000, ge=1, description="events kept while the broker is away; the oldest drop first")
    metrics_s: Positive = Field(10.0, description="pause between two metrics messages")
    poses_hz: Annotated[float, Field(ge=0)] = Field(0.0, description="live skeletons a second; 0: off")
    connect_timeout_s: Positive = 5.0


class PlayerSettings(Section):
    """A known player of a camera's court."""

    name: str | None = None
    handedness: Literal["right", "left"] | None = None
    height_m: Height | None = Field(None, description="unset: lifter.height_m")


class CameraSettings(Section):
    """One camera. ``handedness`` and ``player`` hold when only one person is on its side."""

    name: Name = "camera"
    source: str = Field(description="camera number, device path, RTSP/HTTP address, file, folder, session, preset")
    capture: CaptureSettings = CaptureSettings()
    pose: PoseSettings | None = Field(None, description="unset: the common [pose]")
    player: PlayerSettings | None = None
    focal_px: Positive | None = Field(None, description="of the lens, where known: better 3D beside the middle")


class Settings(Section):
    """The whole file."""

    device: Name = "edgepose"
    models_dir: Path | None = Field(None, description="unset: models/ here, then the ones that ship")
    pose: PoseSettings = PoseSettings()
    tracker: TrackerSettings = TrackerSettings()
    strokes: StrokeSettings = StrokeSettings()
    counter: CounterSettings = CounterSettings()
    lifter: LifterSettings = LifterSettings()
    mqtt: MqttSettings = MqttSettings()
    camera: list[CameraSettings] = Field([], description="one [[camera]] table each")


def load(path: Path) -> Settings:
    """Reads and checks a TOML file; raises SettingsError naming file, key and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot read settings: {getattr(error, 'strerror', None) or error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    return parse(data, str(path))


def parse(data: dict[str, Any], where: str) -> Settings:
    """Checks a settings object; raises SettingsError as ``load`` does."""
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        raise SettingsError("; ".join(_line(where, detail) for detail in error.errors())) from None
    names = [camera.name for camera in settings.camera]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"{where}: camera names must differ: {', '.join(twice)} is used twice")
    return settings


def _line(where: str, detail: Any) -> str:
    key = re.sub(r"\.(\d+)", r"[\1]", ".".join(str(part) for part in detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key {key}; allowed here: {', '.join(_allowed(detail['loc'][:-1]))}"
    if detail["type"] == "missing":
        return f"{where}: key {key} is missing"
    return f"{where}: {key} = {detail['input']!r}: {detail['msg'].lower()}"


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Settings
    for part in loc:
        if isinstance(part, str):
            section = section_of(section.model_fields[part].annotation) or section
    return list(section.model_fields)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The Section inside ``Section``, ``list[Section]`` or ``Section | None``; None for a plain value."""
    for inner in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None
