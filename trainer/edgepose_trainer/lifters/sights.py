"""What a pose network saw of players whose 3D truth is known: its mistakes hang on the pose, as no made noise does.

Recorded sessions with ``poses3d`` (contracts §1): made clips that a device watched, or players whom several cameras
measured. Their windows are learnt from beside those of motion capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepose.errors import SourceError
from edgepose.lifter import network_input
from edgepose.lifting import CARD_HEIGHT_M
from edgepose.lifting.joints import mirrored
from edgepose.lifting.ray import assumed, straight
from edgepose.session import read_info
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Array, Float32
from edgepose.window import windows_of
from edgepose_trainer.errors3d import EVALUATED
from edgepose_trainer.evaluation.lifter_data import Seen, Wanted, for_lifter, items, seen_in
from edgepose_trainer.lifter import LIFT_WINDOW

Windows = tuple[Float32, Float32, Float32]
"""(N, T, 17, 3) inputs, (N, 17, 3) poses of a 1.75 m person in the middle and at the newest sample, turned axes."""


@dataclass(frozen=True, slots=True)
class Sights:
    """All windows of some sessions."""

    windows: Windows
    sessions: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        """All poses, 2D and 3D."""
        return [file for session in self.sessions for file in sorted(session.glob("poses*/*.parquet"))]

    @property
    def licence(self) -> str:
        """What the sessions state."""
        stated = {read_info(session).license or "not stated" for session in self.sessions}
        return "; ".join(sorted(stated))

    def draw(self, count: int, rng: np.random.Generator) -> Windows:
        """Any of them, half mirrored."""
        rows = rng.integers(len(self.windows[0]), size=count)
        inputs, middle, newest = (side[rows] for side in self.windows)
        turned = rng.random(count) < 0.5
        inputs[turned] = mirrored(inputs[turned], COCO17.mirror)
        for pose in (middle, newest):
            pose[turned] = mirrored(pose[turned], H36M17.mirror)
        return inputs, middle, newest


def read(folders: Sequence[Path]) -> Sights:
    """Of sessions, or folders of sessions. SourceError without any, or where nobody has a height, 2D and 3D."""
    for folder in folders:
        if not [*folder.glob("session.json"), *folder.glob("*/session.json")]:
            raise SourceError(f"{folder}: no recorded session here")
    found, _ = items(Wanted(tuple(folders)))
    parts = [_windows(for_lifter(seen, COCO17)) for item in found for seen in seen_in(item, 0) if seen.height_m > 0]
    if not sum(len(inputs) for inputs, _, _ in parts):
        raise SourceError(f"{folders[0]}: no session with 2D and 3D poses of a player whose height session.json states")
    inputs, middle, newest = (np.concatenate(sides) for sides in zip(*parts, strict=True))
    return Sights((inputs, middle, newest), tuple(item.path for item in found))


def _windows(seen: Seen) -> Windows:
    """Round every frame in which the limbs' true places are known."""
    batch = windows_of(seen.times_s, seen.keypoints, LIFT_WINDOW)
    keypoints, turn = straight(batch.keypoints, seen.camera or assumed(seen.size_wh))
    inputs, usable = network_input(keypoints)
    latest = _nearest(seen.times_s, batch.times_s[:, -1])
    size = CARD_HEIGHT_M / seen.height_m
    middle, newest = (seen.truth[rows] @ turn.transpose(0, 2, 1) * size for rows in (batch.centre, latest))
    newest[np.abs(seen.times_s[latest] - batch.times_s[:, -1]) > 0.5 / LIFT_WINDOW.rate_hz] = np.nan
    usable &= np.isfinite(middle[:, EVALUATED]).all(axis=(1, 2))
    return inputs[usable], middle[usable].astype(np.float32), newest[usable].astype(np.float32)


def _nearest(times_s: Array, wanted_s: Array) -> Array:
    """(N,) ascending, (M,) -> (M,) rows."""
    after = np.searchsorted(times_s, wanted_s).clip(1, len(times_s) - 1)
    return np.asarray(after - (wanted_s - times_s[after - 1] < times_s[after] - wanted_s))
