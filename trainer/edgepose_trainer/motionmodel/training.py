"""``edgepose train motion``: takes of motion capture (and Kinect takes of slices) -> a motion model and its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose import card as cards
from edgepose.card import Card, Dataset, Figure
from edgepose.errors import SourceError
from edgepose_trainer.importers import mocap
from edgepose_trainer.motionmodel import clips, slices
from edgepose_trainer.motionmodel.body import BONES, turns_of
from edgepose_trainer.motionmodel.clips import CHANNELS, Clips
from edgepose_trainer.motionmodel.model import FILE, MotionModel, StrokeKind, save
from edgepose_trainer.motionmodel.rotations import about, six

Float64 = NDArray[np.float64]
COMPONENTS = 16
_READY = ("forehand", "backhand", "forehand_volley", "backhand_volley")
"""The stance between strokes is where these begin."""
_WIDER_RAD, _LOWER = 0.13, 0.95
"""The mean of many stances stands with its feet together: by rule its legs are spread and its hips lower."""
_WEIGHTS = {"hips": 3.0, "feet": 0.3, "seconds": 6.0}
"""Of channels that are no rotations, in the distance that principal components keep."""
_LICENCE = "CC BY-SA 3.0"
_CREDIT = (
    "Tennis-MoCap: J. D. Pulgarin-Giraldo, A. M. Alvarez-Meza, S. Van Vaerenbergh, I. Santamaria, "
    "G. Castellanos-Dominguez, 2017"
)


def train(data: Path, out: Path, kinect: Path | None, say: Callable[[str], None]) -> Card:
    """Writes the model folder; raises SourceError for takes that are none, or without a whole stroke."""
    files = mocap.files_of(data)
    if not files:
        raise SourceError(f"{data}: no .bvh or .bvh.xz takes there")
    recorded = []
    for number, file in enumerate(files, 1):
        recorded.append(clips.read(file))
        if number % 20 == 0 or number == len(files):
            say(f"{number} of {len(files)} takes read")
    by_label = clips.cut(recorded)
    kinds, kept = {}, {}
    for label, found in by_label.items():
        kinds[label], kept[label] = _kind(found)
        say(f"{label}: {len(found.players)} strokes of {len(set(found.players.tolist()))} players, "
            f"{COMPONENTS} components keep {kept[label]:.1%}")  # fmt: skip
    cut = slices.learn(kinect) if kinect else {}
    lengths = np.stack([one.lengths_m for one in recorded])
    model = MotionModel(kinds, cut, _stance(by_label), np.exp(np.log(lengths).mean(0)), np.log(lengths).std(0))
    out.mkdir(parents=True, exist_ok=True)
    save(model, out / FILE)
    card = _card(out, files, kinect, by_label, kept, model)
    cards.save(card, out)
    return card


def _kind(found: Clips) -> tuple[StrokeKind, float]:
    """Principal components of one class, and the share of the (weighted) variance that they keep."""
    flat = np.concatenate([found.samples.reshape(len(found.samples), -1), np.log(found.durations_s)], axis=1)
    weights = _flat_weights()
    players = sorted(set(found.players.tolist()))
    members = {player: found.players == player for player in players}
    mean = np.mean([flat[rows].mean(axis=0) for rows in members.values()], axis=0)
    _, sizes, ways = np.linalg.svd((flat - mean) * weights, full_matrices=False)
    basis = ways[:COMPONENTS]
    scores = (flat - mean) * weights @ basis.T
    own = np.stack([scores[rows].mean(axis=0) for rows in members.values()])
    left = np.concatenate([scores[rows] - scores[rows].mean(axis=0) for rows in members.values()])
    pace = (found.speeds - found.speeds.mean()) / found.speeds.std()
    kind = StrokeKind(
        mean, basis / weights, own.T @ own / max(len(own) - 1, 1), left.T @ left / max(len(left) - len(own), 1),
        pace @ scores / len(pace),
    )  # fmt: skip
    return kind, float((sizes[:COMPONENTS] ** 2).sum() / (sizes**2).sum())


def _flat_weights() -> Float64:
    sample = np.ones(CHANNELS)
    sample[len(BONES) * 6 :] = [_WEIGHTS["hips"]] * 3 + [_WEIGHTS["feet"]] * 2
    return np.concatenate([np.tile(sample, clips.SAMPLES), [_WEIGHTS["seconds"]] * 2])


def _stance(by_label: Mapping[str, Clips]) -> Float64:
    """(CHANNELS,) the mean of where strokes begin, every class alike."""
    begins = [by_label[label].samples[:, 0].mean(axis=0) for label in _READY if label in by_label]
    if not begins:
        raise SourceError(f"the ready stance needs takes of {' or '.join(_READY)}")
    stance = np.mean(begins, axis=0)
    bones = len(BONES) * 6
    stance[[bones, bones + 2]] = 0
    stance[bones + 1] *= _LOWER
    stance[bones + 3 :] = 1
    turns = turns_of(stance[None])[0]
    for bone, turn in zip(BONES, turns, strict=True):
        if bone.endswith(("Hip", "Knee")):
            side = 1.0 if bone.startswith("Left") else -1.0
            turn[:] = about(np.array((0.0, 0.0, 1.0)), np.array(side * _WIDER_RAD)) @ turn
    stance[:bones] = six(turns).ravel()
    return np.asarray(stance, np.float64)


def _card(
    out: Path,
    files: list[Path],
    kinect: Path | None,
    by_label: Mapping[str, Clips],
    kept: Mapping[str, float],
    model: MotionModel,
) -> Card:
    digest = hashlib.sha256()
    for file in files:
        digest.update(cards.sha256_of(file).encode())
    count = sum(len(found.players) for found in by_label.values())
    data = [
        Dataset(name=_CREDIT, sha256=digest.hexdigest(),
                licence=_LICENCE, use=f"training: {len(files)} takes, {count} strokes"),
    ]  # fmt: skip
    if kinect:
        data.append(Dataset(name="THETIS skeletons (Gourgari et al. 2013)", sha256=cards.sha256_of(kinect),
                            licence="public, asks to be cited", use="how a slice's wrists differ"))  # fmt: skip
    today = date.today().isoformat()
    figures = [
        Figure(name=f"{label}: share of variance kept", value=round(share, 4), date=today, data="the training takes",
               command="edgepose train motion --data TAKES --kinect TABLE --out DIR")
        for label, share in kept.items()
    ]  # fmt: skip
    return Card(
        name=out.resolve().name, version="0.1.0", task="motion", runtime="numpy", files=[cards.weights(out / FILE)],
        skeleton="coco17", labels=list(model.labels), licence=_LICENCE, data=data, figures=figures,
        limits="All players of the takes were right-handed and swung without a ball, some of them beginners; slices "
        "are plain strokes whose wrists were moved as a Kinect saw it; running is made by rule, not learned. "
        "Changed from the data: means and principal components. What is made with it falls under the same licence.",
    )  # fmt: skip
