"""3D poses as NumPy files in the layouts of the public lifters' programs (feature rows 30 and 55).

.npy   one person, (T, K, 3): VideoPose3D's ``--viz-export``
.npz   everybody: ``reconstruction`` (P, T, K, 3) as GAST-Net writes it, and what its rows are: ``tracks`` (P,),
       ``times_s`` (T,), ``joints`` (K,), ``skeleton``, ``space``
Metres; a row for every frame from 0 to the last, NaN where the person is not there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgepose.errors import SessionError, SettingsError
from edgepose.session import Poses3D
from edgepose.skeletons import named

ENDINGS = (".npy", ".npz")
_MOST_BYTES = 1 << 31


def export(poses: Poses3D, path: Path) -> str:
    """Writes ``path``, whole or not at all; says what is in it.

    Raises SettingsError for several people in a .npy and for what is too large, SessionError for nobody.
    """
    tracks = np.unique(poses.track)
    if not path.parent.is_dir():
        raise SettingsError(f"{path}: no folder {path.parent}")
    if not len(tracks):
        raise SessionError("nobody in it: there is nothing to export")
    if path.suffix.lower() == ".npy" and len(tracks) > 1:
        raise SettingsError(f"{path}: holds one person; choose --track of {', '.join(map(str, tracks))}, or write .npz")
    frames = int(poses.frame.max()) + 1
    shape = (len(tracks), frames, *poses.keypoints.shape[1:])
    if 4 * int(np.prod(shape)) > _MOST_BYTES:
        raise SettingsError(f"{path}: {len(tracks)} people in {frames} frames are too large; choose --track")
    out = np.full(shape, np.nan, np.float32)
    out[np.searchsorted(tracks, poses.track), poses.frame] = poses.keypoints
    partial = path.with_name(f".{path.stem}.partial{path.suffix.lower()}")
    if path.suffix.lower() == ".npy":
        np.save(partial, out[0])
    else:
        joints = np.array(named(poses.skeleton).joints)
        np.savez_compressed(
            partial, reconstruction=out, tracks=tracks, times_s=_times(poses, frames), joints=joints,
            skeleton=np.array(poses.skeleton), space=np.array(poses.space),
        )  # fmt: skip
    partial.replace(path)
    lost = int(np.isnan(out).all(axis=(2, 3)).sum())
    gaps = f", {lost} of them without a pose (NaN)" if lost else ""
    axes = {"root": "from the hips, camera axes", "camera": "camera axes", "world": "world axes, not the camera's"}
    return f"{len(tracks)} × {frames} frames × {shape[2]} joints{gaps}; metres, {axes[poses.space]}"


def _times(poses: Poses3D, frames: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(T,) seconds; between the frames that were seen on a straight line."""
    frame, first = np.unique(poses.frame, return_index=True)
    return np.asarray(np.interp(np.arange(frames), frame, poses.time_s[first]), np.float64)
