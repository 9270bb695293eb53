"""The motion model: per stroke a mean, principal components and how players and strokes differ; slices as differences.

The file is one ``.npz`` of float16 and float32 arrays; nothing else is needed to make motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose import models
from edgepose.errors import ModelError
from edgepose_trainer.motionmodel.body import LENGTHS
from edgepose_trainer.motionmodel.clips import CHANNELS, SAMPLES

Float64 = NDArray[np.float64]
FILE = "motion.npz"
BASE_OF_SLICE = {"forehand_slice": "forehand", "backhand_slice": "backhand"}
SLICE_CHANNELS = ("right_wrist", "left_wrist")


@dataclass(frozen=True, slots=True)
class StrokeKind:
    """One label: a clip is ``mean`` + scores · ``components``; its last two values are logarithms of seconds."""

    mean: Float64
    """(SAMPLES · CHANNELS + 2,)."""
    components: Float64
    """(K, SAMPLES · CHANNELS + 2)."""
    between: Float64
    """(K, K) covariance of the players' own styles."""
    within: Float64
    """(K, K) covariance of one player's strokes."""
    skill: Float64
    """(K,) scores of one standard deviation more of wrist speed."""

    def clip(self, scores: Float64) -> tuple[Float64, float, float]:
        """(SAMPLES, CHANNELS), seconds before and after the peak."""
        flat = self.mean + scores @ self.components
        before_s, after_s = np.exp(flat[-2:])
        return flat[:-2].reshape(SAMPLES, CHANNELS), float(before_s), float(after_s)


@dataclass(frozen=True, slots=True)
class MotionModel:
    """What ``models/tennis-motion`` holds."""

    strokes: dict[str, StrokeKind]
    slices: dict[str, Float64]
    """By label (SAMPLES, 2, 3): right and left wrist from the middle of the shoulders, against the plain stroke, in
    lengths of an arm; axes of the shoulders (x to the left, y up)."""
    ready: Float64
    """(CHANNELS,) the stance between strokes."""
    proportions: Float64
    """(L,) mean lengths in metres, in the order of ``LENGTHS``."""
    proportion_spread: Float64
    """(L,) standard deviation of their logarithms."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every stroke that can be made."""
        return (*self.strokes, *self.slices)


def save(model: MotionModel, path: Path) -> None:
    """Writes one ``.npz``; clips as float16, whose steps are a millimetre at most."""
    arrays = {"ready": model.ready, "proportions": model.proportions, "proportion_spread": model.proportion_spread}
    arrays |= {f"slice/{label}": value for label, value in model.slices.items()}
    small: dict[str, Float64] = {}
    for label, kind in model.strokes.items():
        small |= {f"stroke/{label}/mean": kind.mean, f"stroke/{label}/components": kind.components}
        arrays |= {f"stroke/{label}/{name}": getattr(kind, name) for name in ("between", "within", "skill")}
    named: dict[str, Any] = {name: value.astype(np.float32) for name, value in arrays.items()}
    named |= {name: value.astype(np.float16) for name, value in small.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **named)


def load(name: str = "tennis-motion", models_dir: Path | None = None) -> MotionModel:
    """The model folder of that name; raises ModelError for a wrong hash, task or shape."""
    folder = models.find(name, models_dir)
    card = models.load_card(folder, "motion")
    return read(folder / card.files[0].path)


def read(path: Path) -> MotionModel:
    """Raises ModelError when arrays are missing or of another shape."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.float64) for name in archive.files}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as a motion model: {error}") from None
    labels = sorted({name.split("/")[1] for name in arrays if name.startswith("stroke/")})
    parts = ("mean", "components", "between", "within", "skill")
    try:
        kinds = {label: StrokeKind(*(arrays[f"stroke/{label}/{part}"] for part in parts)) for label in labels}
        slices = {name.split("/")[1]: value for name, value in arrays.items() if name.startswith("slice/")}
        model = MotionModel(kinds, slices, arrays["ready"], arrays["proportions"], arrays["proportion_spread"])
    except KeyError as error:
        raise ModelError(f"{path}: array {error} is missing") from None
    long = SAMPLES * CHANNELS + 2
    for label, kind in kinds.items():
        if kind.mean.shape != (long,) or kind.components.shape[1:] != (long,):
            raise ModelError(f"{path}: {label}: expected clips of {long} values, got {kind.mean.shape[0]}")
    if model.proportions.shape != (len(LENGTHS),) or model.ready.shape != (CHANNELS,):
        raise ModelError(f"{path}: expected {len(LENGTHS)} lengths and a stance of {CHANNELS} values")
    return model
