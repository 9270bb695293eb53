"""What makes a slice: how the wrists go otherwise than in the plain stroke, from Kinect takes of both.

Kinect joints are noisy, so only differences of medians over many strokes are kept, smoothed; the motion itself stays
that of the motion capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17
from edgepose_trainer.importers import thetis
from edgepose_trainer.motionmodel.body import BONES, Measures, joints_of, turns_of
from edgepose_trainer.motionmodel.clips import SAMPLES, times_of
from edgepose_trainer.motionmodel.model import BASE_OF_SLICE
from edgepose_trainer.motionmodel.rotations import between, reach, six, unit
from edgepose_trainer.takes import Take, sampled

Float64 = NDArray[np.float64]
BEFORE_S, AFTER_S = 0.9, 0.8
_TWO_HANDS = "backhand2hands"
"""The plain backhand of the motion capture is hit with two hands."""
_SIDES = ("right", "left")
_SMOOTH = 3.0
"""Standard deviation of the smoothing, samples."""
_FADE = 0.25
"""Of the clip's own time at either end: there a slice is the plain stroke."""


def learn(path: Path) -> dict[str, Float64]:
    """(SAMPLES, 2, 3) by label, as ``MotionModel.slices``; raises SourceError when the table has no such strokes."""
    takes = thetis.takes(path)
    found = {}
    for label, base in BASE_OF_SLICE.items():
        cut = _median([take for take in takes if _stroke(take) == label])
        plain = _median([take for take in takes if _stroke(take) == base])
        found[label] = _faded(cut - plain)
    return found


def _stroke(take: Take) -> str:
    """The label; a backhand with one hand is none of ours."""
    labels = set(take.labels.tolist()) & {*BASE_OF_SLICE, *BASE_OF_SLICE.values()}
    if labels == {"backhand"} and _TWO_HANDS not in take.name:
        return ""
    return labels.pop() if len(labels) == 1 else ""


def _median(takes: Sequence[Take]) -> Float64:
    """(SAMPLES, 2, 3) over every stroke of right-handed players."""
    wanted_s = times_of(np.linspace(-1, 1, SAMPLES), BEFORE_S, AFTER_S)
    strokes = [
        _wrists(sampled(take.times_s, take.points, peak_s + wanted_s))
        for take in takes if take.handedness == "right"
        for peak_s in take.peaks_s
        if take.times_s[0] <= peak_s - BEFORE_S and peak_s + AFTER_S <= take.times_s[-1]
    ]  # fmt: skip
    if not strokes:
        raise SourceError("the Kinect table has no slices beside plain strokes")
    return np.asarray(np.nanmedian(strokes, axis=0), np.float64)


def _wrists(points: Float64) -> Float64:
    """(S, 17, 3) -> (S, 2, 3) from the middle of the shoulders, in the shoulders' axes and lengths of an arm."""
    at = {joint: points[:, COCO17.index(joint)] for joint in COCO17.joints}
    upper = np.linalg.norm(at["right_elbow"] - at["right_shoulder"], axis=1)
    lower = np.linalg.norm(at["right_wrist"] - at["right_elbow"], axis=1)
    arm = np.nanmedian(upper) + np.nanmedian(lower)
    axes = _axes(at["left_shoulder"] - at["right_shoulder"])
    middle = (at["left_shoulder"] + at["right_shoulder"]) / 2
    from_middle = np.stack([at[f"{side}_wrist"] - middle for side in _SIDES], axis=1)
    return np.asarray(np.einsum("nji,nkj->nki", axes, from_middle) / arm)


def _axes(across: Float64) -> Float64:
    """(N, 3) from the right to the left shoulder -> (N, 3, 3): columns to the left, up, forward; level."""
    left = unit(across * (1.0, 0.0, 1.0))
    up = np.broadcast_to((0.0, 1.0, 0.0), left.shape)
    return np.stack([left, up, np.cross(left, up)], axis=-1)


def _faded(difference: Float64) -> Float64:
    """Smoothed, and nothing at the stroke's ends."""
    u = np.abs(np.linspace(-1, 1, SAMPLES))
    fade = np.clip((1 - u) / _FADE, 0, 1)
    smooth = _smooth(difference.reshape(SAMPLES, -1), _SMOOTH).reshape(difference.shape)
    return np.asarray(smooth * (fade * fade * (3 - 2 * fade))[:, None, None])


def _smooth(values: Float64, sigma: float) -> Float64:
    """(S, D) through a Gaussian of so many samples; the ends are held."""
    half = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(one, kernel / kernel.sum(), "valid") for one in padded.T], axis=1)


def sliced(clip: Float64, difference: Float64, measures: Measures) -> Float64:
    """(SAMPLES, CHANNELS) of a plain stroke -> of a slice: the arms reach for wrists moved by ``difference``."""
    bones = len(BONES) * 6
    turns = turns_of(clip)
    places = joints_of(turns, np.zeros((len(clip), 3)), measures)
    middle = (places["LeftShoulder"] + places["RightShoulder"]) / 2
    axes = _axes(places["LeftShoulder"] - places["RightShoulder"])
    arm = measures.lengths["upper_arm"] + measures.lengths["forearm"]
    for number, side in enumerate(("Right", "Left")):
        shift = np.einsum("nij,nj->ni", axes, difference[:, number]) * arm
        _arm_to(turns, places, side, places[f"{side}Wrist"] + shift, middle, measures)
    return np.concatenate([_smooth(six(turns).reshape(len(clip), bones), 1.0), clip[:, bones:]], axis=1)


def _arm_to(
    turns: Float64, places: dict[str, Float64], side: str, target: Float64, middle: Float64, measures: Measures
) -> None:
    """Turns upper arm, forearm and hand so that the wrist is at ``target``; the elbow stays where it points."""
    shoulder, elbow, wrist = (places[f"{side}{part}"] for part in ("Shoulder", "Elbow", "Wrist"))
    outward = unit(shoulder - middle)
    pole = unit(elbow - (shoulder + wrist) / 2) + 0.6 * outward - (0.0, 0.8, 0.0)
    lengths = measures.lengths["upper_arm"], measures.lengths["forearm"]
    new_elbow, new_wrist = reach(shoulder, target, *lengths, pole, straight=0.99)
    upper = between(elbow - shoulder, new_elbow - shoulder)
    lower = between(wrist - elbow, new_wrist - new_elbow)
    for bone, turn in ((f"{side}Shoulder", upper), (f"{side}Elbow", lower), (f"{side}Wrist", lower)):
        turns[:, BONES.index(bone)] = turn @ turns[:, BONES.index(bone)]
