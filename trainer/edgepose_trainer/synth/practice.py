"""Recordings to learn strokes from, made by a motion model: new players in rallies, seen by virtual cameras.

Slices are as frequent as plain ground strokes here: the same players hit both, before the same cameras, so that a model
must tell a slice by the swing and not by how it was recorded.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Dataset
from edgepose.skeletons import COCO17
from edgepose_trainer import peaks
from edgepose_trainer.motionmodel.model import BASE_OF_SLICE, MotionModel, load
from edgepose_trainer.recordings import IDLE, UNSURE, Recording, Source
from edgepose_trainer.synth.rally import Hit, Part, plan
from edgepose_trainer.synth.scene import Person, perform
from edgepose_trainer.takes import Take, seen
from edgepose_trainer.views import Detector

Float64 = NDArray[np.float64]
DATASET = "synth"
SCENES = 60
FIRST_SEED = 1_000_000
"""Of the training's scenes: seeds that users ask `edgepose synth` for are below."""
_LASTS_S = 30.0
_PLAYERS = 2
_RATE_HZ = 60.0
_DEPTH_M = 5.2
_GROUND = (*BASE_OF_SLICE, *BASE_OF_SLICE.values())
_DETECTORS = (
    Detector(),
    Detector(sigma=0.045, missing=0.08, swaps=0.02),
    Detector(sigma=0.07, missing=0.1, swaps=0.03),
    Detector(sigma=0.1, missing=0.1, swaps=0.03),
)
"""One for each view: a good network first, then such as err more, as on small or blurred people."""


def fits(path: Path) -> bool:
    """Whether the folder is a motion model."""
    return (path / "card.json").is_file() and cards.load(path).task == "motion"


def read(path: Path, scenes: int = SCENES, first: int = FIRST_SEED) -> Source:
    """A recording for each player and view; every player is a group. Raises ModelError for a broken model."""
    model = load(str(path))
    rng = np.random.default_rng(first)
    recordings: list[Recording] = []
    for seed in range(first, first + scenes):
        for take in takes(model, seed):
            views = enumerate(_DETECTORS)
            recordings += [seen(take, rng, detector, number).recording for number, detector in views]
    card = cards.load(path)
    return Source(
        recordings,
        Dataset(
            name=f"{card.model.stamp}: {scenes} made rallies",
            sha256=card.files[0].sha256,
            licence=card.licence,
            use=f"training, {len(_DETECTORS)} virtual cameras a player, seeds {first} to {first + scenes - 1}",
        ),
    )


def takes(model: MotionModel, seed: int) -> list[Take]:
    """One of each player of a scene."""
    rng = np.random.default_rng([seed, 4])
    parts = plan(np.random.default_rng([seed, 1]), _PLAYERS, _LASTS_S, _DEPTH_M)
    people = perform(model, seed, [_sliced(rng, part) for part in parts], _LASTS_S).people
    times_s = np.arange(0, _LASTS_S, 1 / _RATE_HZ)
    return [_take(person, f"{seed}-{number}", times_s) for number, person in enumerate(people)]


def _sliced(rng: np.random.Generator, part: Part) -> Part:
    """Ground strokes drawn anew, the four alike."""
    return replace(part, hits=[_drawn(rng, hit) if hit.label in _GROUND else hit for hit in part.hits])


def _drawn(rng: np.random.Generator, hit: Hit) -> Hit:
    return replace(hit, label=str(rng.choice(_GROUND)))


def _take(person: Person, name: str, times_s: Float64) -> Take:
    hits = person.part.hits
    labels = np.full(len(times_s), IDLE, dtype=object)
    for hit in hits:
        labels[np.abs(times_s - hit.time_s) <= peaks.HALF_STROKE_S + peaks.DOUBT_S] = UNSURE
    for hit in hits:
        labels[np.abs(times_s - hit.time_s) <= peaks.HALF_STROKE_S] = hit.label
    peaks_s = np.array([hit.time_s for hit in hits])
    points = person.at(times_s).joints[:, : len(COCO17)]
    return Take(DATASET, name, name, times_s, points, labels.astype(np.str_), peaks_s, person.player.handedness)
