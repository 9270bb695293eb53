"""What a swing looks like as a whole: the columns that feature set tennis-2 adds to tennis-1.

They are few beside the positions sample by sample, and steadier: arms seen from their own shoulders in
means of three samples, the body round the moment in which the right wrist is fastest, and extremes over
the window that tell volleys from ground strokes and serves from smashes.
"""

from __future__ import annotations

import numpy as np

from edgepose.types import Float32

_MOMENTS = np.array([-4, -2, -1, 0, 1, 2, 4])
"""Samples from the right wrist's fastest."""
_RUN = 3
_SPANS = ("hands_apart", "hips_apart", "stance", "lowest_leg", "left_over_nose", "right_over_nose", "right_across")


def compute(body: Float32, speed: Float32) -> Float32:
    """(N, T, 13, 2) normalised joints of tennis-1, (N, T-1, 2) wrist speeds -> (N, D)."""
    count, frames = body.shape[:2]
    shoulders = body[:, :, 1:3]
    arms = np.empty((count, frames, 4, 2), np.float32)
    np.subtract(body[:, :, 5:7], shoulders, out=arms[:, :, :2])
    np.subtract(body[:, :, 3:5], shoulders, out=arms[:, :, 2:])
    neck = (body[:, :, 1] + body[:, :, 2]) * np.float32(0.5)
    runs = arms[:, : frames // _RUN * _RUN].reshape(count, frames // _RUN, _RUN, -1)
    known = runs == runs
    seen = speed == speed
    moving = np.where(seen, speed, np.float32(0))
    states = np.concatenate([body[:, :, 3:7].reshape(count, frames, -1), arms[:, :, 1], neck], axis=2)
    fastest = moving[:, :, 1].argmax(axis=1) + 1
    rows = np.minimum(np.maximum(fastest[:, None] + _MOMENTS, 0), frames - 1)
    spans = _spans(body, arms, neck)
    parts = (
        np.where(known, runs, np.float32(0)).sum(axis=2) / known.sum(axis=2, dtype=np.float32),
        states[np.arange(count)[:, None], rows],
        np.where(seen.any(axis=1), moving.sum(axis=1), np.float32(np.nan)),
        np.fmin.reduce(spans, axis=1), np.fmax.reduce(spans, axis=1), spans[:, ::2, 4:],
    )  # fmt: skip
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def _spans(body: Float32, arms: Float32, neck: Float32) -> Float32:
    """(N, T, 7) in the order of ``_SPANS``: what is far apart, low, above the nose or across the body."""
    pairs = body[:, :, 5:8:2] - body[:, :, 6:9:2]
    pairs *= pairs
    apart = np.sqrt(pairs[..., 0] + pairs[..., 1])
    stance = body[:, :, 12, :1] - body[:, :, 11, :1]
    leg = np.fmax.reduce(body[:, :, 9:13, 1], axis=2)[:, :, None]
    over_nose = body[:, :, 5:7, 1] - body[:, :, :1, 1]
    own_side = body[:, :, 2, :1] - body[:, :, 1, :1]
    across = (body[:, :, 6, :1] - neck[:, :, :1]) * own_side
    return np.concatenate([apart, stance, leg, over_nose, across], axis=2)


def names(frames: int) -> list[str]:
    """What every column means, for windows of ``frames`` samples."""
    limbs = ("left_wrist", "right_wrist", "left_elbow", "right_elbow")
    state = (*limbs[2:], *limbs[:2], "right_wrist_from_shoulder", "neck")
    return [
        *(f"arm/{limb}/{axis}/{run:02d}" for run in range(frames // _RUN) for limb in limbs for axis in "xy"),
        *(f"fastest{moment:+d}/{thing}/{axis}" for moment in _MOMENTS for thing in state for axis in "xy"),
        *(f"path/{limb}" for limb in limbs[:2]),
        *(f"{end}/{span}" for end in ("least", "most") for span in _SPANS),
        *(f"span/{span}/{sample:02d}" for sample in range(0, frames, 2) for span in _SPANS[4:]),
    ]
