"""The model card beside the weights: read, checked against file hashes, written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from edgepose.errors import ModelError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which weights: what events and ``info`` say of a model."""

    task: str
    name: str
    sha256: str

    @property
    def stamp(self) -> str:
        """ "name@sha256[:12]", as events carry it."""
        return f"{self.name}@{self.sha256[:12]}"


class Part(BaseModel):
    """Base of every table of a card."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightsFile(Part):
    """One file of the model folder."""

    path: str
    sha256: Sha256


class WindowSpec(Part):
    """Windows as the model was trained on them (contracts §6)."""

    frames: int = Field(15, gt=1)
    rate_hz: float = Field(gt=0)


class SpotterSpec(Part):
    """Event thresholds chosen on training groups."""

    enter: float = 0.5
    leave: float = 0.3
    abstain: float = 0.5
    min_length_s: float = 0.1
    refractory_s: float = 0.7


class Statistics(Part):
    """Of a lifter that sees and gives z-scores: (value - mean) / std, joint by joint, x, y (z) of each in turn."""

    input_mean: list[float] = Field(min_length=1, description="px of a picture of `picture_width`")
    input_std: list[Annotated[float, Field(gt=0)]]
    output_mean: list[float] = Field(min_length=1, description="metres, root-relative, camera axes")
    output_std: list[Annotated[float, Field(gt=0)]]
    picture_width: int = Field(gt=0, description="px of the training pictures; others are scaled to it")

    @model_validator(mode="after")
    def _same_lengths(self) -> Statistics:
        for side in ("input", "output"):
            means, stds = getattr(self, f"{side}_mean"), getattr(self, f"{side}_std")
            if len(means) != len(stds):
                raise ValueError(f"{side}: {len(means)} means and {len(stds)} standard deviations")
        return self


class Dataset(Part):
    """Training data with its licence."""

    name: str
    sha256: Sha256 | None = None
    licence: str
    use: str = ""


class Figure(Part):
    """A measured number and what it was measured on."""

    name: str
    value: float
    unit: str = ""
    data: str
    command: str = ""
    date: str = ""


class Card(Part):
    """``card.json``, format edgepose-card/1."""

    format: Literal["edgepose-card/1"] = "edgepose-card/1"
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
    version: str
    task: Literal["pose", "strokes", "lifter", "motion"]
    runtime: Literal["onnx", "litert", "opencv", "lightgbm", "numpy"]
    files: list[WeightsFile] = Field(min_length=1)
    decoder: str | None = None
    options: dict[str, str] = Field({}, description="the decoder's own choices")
    detector: str | None = Field(None, description="top-down pose: the person detector that goes with it")
    input_shape: list[int | None] | None = None
    input_layout: Literal["NCHW", "NHWC"] | None = None
    output_shapes: list[list[int | None]] | None = None
    skeleton: str = "coco17"
    output_skeleton: str | None = Field(None, description="lifter only")
    labels: list[str] = []
    idle: str | None = Field(None, description="strokes: the label that is no stroke")
    window: WindowSpec | None = None
    features: str | None = Field(None, description="name and version of the feature set")
    causal: bool = Field(False, description="lifter: the pose is that of the newest frame, not of the middle one")
    statistics: Statistics | None = None
    normalisation: str = ""
    quantisation: str | None = None
    spotter: SpotterSpec | None = None
    temperature: float | None = Field(
        None, gt=0, description="strokes: log probabilities are divided by it; not given: as the weights say"
    )
    training: dict[str, str | int | float] | None = Field(
        None, description="settings of the training that are not usual"
    )
    licence: str
    data: list[Dataset] = []
    figures: list[Figure] = []
    limits: str = ""

    @property
    def model(self) -> ModelId:
        """Name and hash of the first file."""
        return ModelId(self.task, self.name, self.files[0].sha256)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load(folder: Path) -> Card:
    """Reads ``folder/card.json`` and checks every hash; raises ModelError naming file, expected, got."""
    path = folder / "card.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot read the card: {error.strerror}") from None
    except ValueError as error:
        raise ModelError(f"{path}: not JSON: {error}") from None
    try:
        card = Card.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: {key}: {first['msg'].lower()}") from None
    for file in card.files:
        _check(folder / file.path, file.sha256)
    return card


def _check(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: named by the card but missing")
    got = sha256_of(path)
    if got != expected:
        raise ModelError(f"{path}: sha256 is {got[:12]}…, the card says {expected[:12]}…: wrong or damaged file")


def save(card: Card, folder: Path) -> None:
    """Writes ``folder/card.json``, whole or not at all."""
    partial = folder / "card.json.partial"
    text = json.dumps(card.model_dump(mode="json", exclude_none=True), indent=2, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / "card.json")


def weights(path: Path) -> WeightsFile:
    """The card's entry for a file that lies in the model folder."""
    return WeightsFile(path=path.name, sha256=sha256_of(path))


def as_json(card: Card) -> dict[str, Any]:
    """The card as it is written: unset keys are left out."""
    return card.model_dump(mode="json", exclude_none=True)
