"""What lifters are judged on: motion-capture takes that virtual cameras see, recorded sessions with true 3D poses."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgepose import session as sessions
from edgepose.conversions import convert
from edgepose.errors import SessionError, SettingsError, SourceError
from edgepose.pinhole import Camera
from edgepose.resampling import rate_of, resampled
from edgepose.skeletons import COCO17, H36M17, Skeleton, named
from edgepose.types import Array, Float32
from edgepose.window import STEP_S
from edgepose_trainer import projection
from edgepose_trainer.lifter import JUDGED_BY, kept_aside, load_take, name_of, player_of, takes_in
from edgepose_trainer.motions import Take
from edgepose_trainer.views import CENTRE_PX, EXACT, Cameras, Detector, detected, facing

Float64 = NDArray[np.float64]
RATE_HZ = 30.0
"""Takes are seen at this rate; steps from frame to frame are of this rate for every recording."""
EXACT_2D, NOISY_2D, RECORDED_2D = "exact 2D", "detector-like noise", "recorded 2D"
_DETECTORS = ((EXACT_2D, EXACT), (NOISY_2D, Detector()))
_PICTURE_WH = (round(2 * CENTRE_PX[0]), round(2 * CENTRE_PX[1]))
_TRIES = 64
"""Places for a camera, of which those are taken that see the whole take."""
_NEAREST_M = 1.0
_HIPS = H36M17.indices("left_hip", "right_hip")
_ALIKE = {"shoulder_top": "shoulder", "trochanter_major": "hip"}
"""Joints of runningpose18 that stand for those of contracts §7."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to judge on."""

    data: tuple[Path, ...]
    groups: tuple[str, ...] = ()
    """Only these players; none: all."""
    aside: bool = False
    """Only the players of each folder that ``train lifter`` keeps aside."""
    limit: int | None = None
    """At most so many takes, evenly spread."""
    cameras: int = 4
    """For each take."""


@dataclass(frozen=True, slots=True)
class Item:
    """A take's file or a session's folder."""

    path: Path
    source: str
    group: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One person as one camera saw them, and the truth."""

    name: str
    take: str
    """Drawn whole by the bootstrap."""
    group: str
    source: str
    condition: str
    times_s: Float64
    """(F,)."""
    frame: NDArray[np.int64]
    """(F,) of the recording."""
    keypoints: Float32
    """(F, K, 3) px; NaN, NaN, 0 where unknown."""
    truth: Float64
    """(F, 17, 3) h36m17: metres, camera axes, origin at mid-hips; NaN where the recording does not say."""
    skeleton: Skeleton
    """Of ``keypoints``."""
    size_wh: tuple[int, int]
    height_m: float
    """NaN: not known."""
    camera: Camera | None = None
    up: tuple[float, float, float] = (0.0, -1.0, 0.0)
    """Camera axes; that of a level camera where nobody knows better."""
    without_2d: int = 0
    """Frames with truth in which nobody was seen."""


def items(wanted: Wanted, unseen: Sequence[str] = ()) -> tuple[list[Item], list[str]]:
    """What will be judged, in the order given, and remarks; ``unseen``: players whom the model does not know.

    Raises SettingsError, SourceError for nothing.
    """
    found: list[Item] = []
    remarks: list[str] = []
    for path in wanted.data:
        if (path / "session.json").is_file():
            found.append(Item(path, path.resolve().name, path.resolve().name))
        elif sorted(path.glob("*/session.json")):
            found += [
                Item(file.parent, path.resolve().name, file.parent.name) for file in sorted(path.glob("*/session.json"))
            ]
        else:
            paths = takes_in(path)
            aside = kept_aside(paths, unseen)
            remarks += _trained(path, aside, wanted.aside)
            chosen = [file for file in paths if player_of(file) in aside] if wanted.aside and aside else paths
            found += [Item(file, path.resolve().name, player_of(file)) for file in chosen]
    if wanted.groups:
        there = sorted({item.group for item in found})
        for name in wanted.groups:
            if name not in there:
                raise SettingsError(f"no player or session {name!r} in the data; it has {', '.join(there[:20])}")
        found = [item for item in found if item.group in wanted.groups]
    if wanted.limit is not None and len(found) > wanted.limit:
        remarks.append(f"{wanted.limit} of {len(found)} recordings, evenly spread.")
        found = [found[at] for at in np.linspace(0, len(found) - 1, wanted.limit).round().astype(int)]
    return found, remarks


def seen_in(item: Item, cameras: int) -> Iterator[Seen]:
    """Every camera and kind of 2D of a take, every person of a session. Raises SourceError, SessionError."""
    if item.path.is_dir():
        yield from _of_session(item)
    else:
        yield from _of_take(item, load_take(item.path), cameras)


def root_relative(points: Array) -> Float64:
    """(F, 17, 3) h36m17 -> the same with the middle of the hips at the origin, which the pelvis is then."""
    moved: Float64 = np.asarray(points, np.float64) - points[:, _HIPS].mean(axis=1, keepdims=True)
    moved[:, H36M17.index("pelvis")] = moved[:, _HIPS].mean(axis=1)
    return moved


def as_h36m17(points: Array, skeleton: Skeleton) -> Float64:
    """(F, K, 3) -> (F, 17, 3) by the joints' names; NaN for those that ``skeleton`` does not have."""
    out = np.full((len(points), len(H36M17), 3), np.nan)
    for at, joint in enumerate(skeleton.joints):
        side, _, part = joint.partition("_")
        name = f"{side}_{_ALIKE[part]}" if part in _ALIKE else joint
        if name in H36M17.joints:
            out[:, H36M17.index(name)] = points[:, at]
    return out


def _trained(path: Path, aside: Sequence[str], only: bool) -> list[str]:
    names = ", ".join(aside)
    if only:
        said = (
            f"only the players that `train lifter` keeps aside: {names}"
            if aside
            else "too few players to keep one aside"
        )
        return [f"{path.resolve().name}: {said}."]
    flattered = f"a model trained on this folder knows all players but {names}, which flatters it; --aside: those alone"
    return [f"{path.resolve().name}: {flattered}."] if aside else []


def _of_take(item: Item, take: Take, count: int) -> Iterator[Seen]:
    name = name_of(item.path)
    if len(take.coco17) < 2:
        raise SourceError(f"{item.path}: expected two frames at least, got {len(take.coco17)}")
    times_s = np.asarray(np.arange(len(take.coco17)) * take.frame_s, np.float64)
    both = resampled(times_s, np.concatenate([take.coco17, take.h36m17], axis=1), RATE_HZ)
    coco17, h36m17 = both.points[:, : len(COCO17)], both.points[:, len(COCO17) :]
    for number, camera in enumerate(cameras_for(coco17, count, zlib.crc32(name.encode()))):
        placed = _into(camera, coco17)
        truth = root_relative(_into(camera, h36m17))
        points_px = camera.project(placed[None])
        for kind, (condition, detector) in enumerate(_DETECTORS):
            rng = np.random.default_rng([zlib.crc32(name.encode()), number, kind])
            yield Seen(
                f"{name}, camera {number + 1}", name, item.group, item.source, condition, both.times_s,
                np.arange(len(truth)), detected(points_px, detector, rng)[0], truth, COCO17, _PICTURE_WH,
                take.height_m, JUDGED_BY, tuple(camera.rotation[0, :, 1].tolist()),
            )  # fmt: skip


def cameras_for(points: Float64, count: int, seed: int) -> list[Cameras]:
    """``count`` cameras, the same for the same take (F, 17, 3): those that see all of it, else most of it."""
    rng = np.random.default_rng(seed)
    middle = np.nanmedian(points, axis=(0, 1))
    tried = facing(rng, np.tile(middle, (max(_TRIES, count), 1)))
    share = np.array([_share_seen(_one(tried, at), points) for at in range(len(tried.focal_px))])
    return [_one(tried, int(at)) for at in np.argsort(-share, kind="stable")[:count]]


def _share_seen(camera: Cameras, points: Float64) -> float:
    """Of the joints, inside the picture and not too near."""
    placed = _into(camera, points[:: max(1, len(points) // 40)])
    with np.errstate(invalid="ignore", divide="ignore"):
        px = camera.project(placed[None])[0]
        inside = ((px >= 0) & (px <= _PICTURE_WH)).all(axis=-1) & (placed[..., 2] > _NEAREST_M)
    near = np.nanmin(placed[..., 2]) < _NEAREST_M
    return -1.0 if near else float(inside.mean())


def _one(cameras: Cameras, at: int) -> Cameras:
    part = slice(at, at + 1)
    return Cameras(cameras.rotation[part], cameras.position[part], cameras.focal_px[part])


def _into(camera: Cameras, points: Float64) -> Float64:
    """(F, K, 3) world -> camera axes of one camera."""
    return np.asarray(camera.into(points[None])[0])


def _of_session(item: Item) -> Iterator[Seen]:
    info, poses = sessions.read_info(item.path), sessions.read_poses(item.path)
    truth = sessions.read_poses3d(item.path)
    points = _camera_axes(item.path, info, truth)
    skeleton = named(info.skeleton)
    if nameless := int((truth.track < 0).sum()):
        raise SessionError(f"{item.path}: {nameless} poses of poses3d have no track, so nobody knows whose they are")
    for track in np.unique(truth.track).tolist():
        true, found = np.flatnonzero(truth.track == track), np.flatnonzero(poses.track == track)
        frame, first = np.unique(np.concatenate([truth.frame[true], poses.frame[found]]), return_index=True)
        times_s = np.concatenate([truth.time_s[true], poses.time_s[found]])[first]
        if not np.all(np.diff(times_s) >= STEP_S):
            raise SessionError(f"{item.path}: track {track}: times do not rise from frame to frame")
        keypoints = np.full((len(frame), len(skeleton), 3), (np.nan, np.nan, 0), np.float32)
        keypoints[np.searchsorted(frame, poses.frame[found])] = poses.keypoints[found]
        aligned = np.full((len(frame), len(H36M17), 3), np.nan)
        aligned[np.searchsorted(frame, truth.frame[true])] = points[true]
        player = info.players.get(track)
        height_m = player.height_m if player is not None and player.height_m else np.nan
        yield Seen(
            f"{item.group}, track {track}", f"{item.source}/{item.group}/{track}", item.group, item.source, RECORDED_2D,
            times_s, frame, keypoints, root_relative(aligned),
            skeleton, (info.width, info.height), height_m, sessions.lens_of(info),
            without_2d=len(np.setdiff1d(truth.frame[true], poses.frame[found])),
        )  # fmt: skip


def _camera_axes(path: Path, info: sessions.SessionInfo, truth: sessions.Poses3D) -> Float64:
    """(N, 17, 3) h36m17 in camera axes, metres."""
    points = as_h36m17(truth.keypoints, named(truth.skeleton))
    if not np.isfinite(points[:, _HIPS]).any():
        raise SessionError(f"{path}: the true poses ({truth.skeleton}) have no hips: there is no origin to compare at")
    if truth.space != "world":
        return points
    if info.calibration is None:
        raise SessionError(f"{path}: poses3d are in world axes; session.json needs a calibration with R and t")
    return projection.camera(info.calibration, str(path / "session.json")).into(points)


def for_lifter(seen: Seen, skeleton: Skeleton) -> Seen:
    """With the joints that a lifter expects; raises ModelError when they do not follow from those seen."""
    if seen.skeleton.name == skeleton.name:
        return seen
    return replace(seen, keypoints=convert(seen.keypoints, seen.skeleton.name, skeleton.name), skeleton=skeleton)


def at_30_hz(times_s: Float64, points: Float64) -> Float64:
    """(F, J, 3) -> the same at ``RATE_HZ``; as it is where it has that rate."""
    if len(times_s) < 2 or abs(rate_of(times_s) / RATE_HZ - 1) < 0.02:
        return points
    return resampled(times_s, points, RATE_HZ).points
