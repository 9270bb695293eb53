"""3D poses as a moving picture: skeletons on a ground, slowly turned, the video they come from beside them.

Writes .mp4 (MPEG-4 part 2, as all videos here) and .gif. OpenCV writes both, so neither needs another library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose import draw, stage3d
from edgepose.errors import SessionError, SettingsError
from edgepose.kinematics import UP_CAMERA
from edgepose.resampling import rate_of
from edgepose.session import Poses3D
from edgepose.skeletons import Skeleton, named
from edgepose.types import Array, Image
from edgepose.videocapture import VideoCapture

ENDINGS = (".mp4", ".gif")
Up = tuple[float, float, float]
UP_WORLD: Up = (0.0, 1.0, 0.0)
"""As the takes of the trainer have it; no file says it."""
GIF_RATE_HZ = 20.0
"""GIF knows hundredths of a second: 20 and 25 are rates that it keeps."""
GIF_FRAMES = 600
"""A GIF is made in memory, and nobody wants a longer one."""
_RATES_HZ = (1.0, 60.0)
_HELD_S = 0.1
"""A person is shown so long without a new pose."""
_APART_M = 1.3
"""Between people whose places are not known."""
_FAR_M = 4.0
"""People further from each other would be too small to see."""
_FOLLOW_S = 2.0
"""The view follows the mean of so long."""
_MOST_PEOPLE = 8


@dataclass(frozen=True, slots=True)
class Look:
    """How it is shown."""

    side_px: int = 480
    rate_hz: float | None = None
    """Pictures a second; None: as recorded, a GIF ``GIF_RATE_HZ``."""
    turn_deg_s: float = 15.0
    """How fast the view goes round; 0: seen from the recording camera."""
    up: Up | None = None
    """Of poses in world axes; None: y."""
    video: Path | None = None
    """Shown beside, frame by frame as the poses name them."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording as it is drawn."""

    skeleton: Skeleton
    tracks: tuple[int, ...]
    times_s: NDArray[np.float64]
    """(T,) of the pictures."""
    frames: NDArray[np.int64]
    """(T,) of the recording."""
    rows: NDArray[np.intp]
    """(T, P) row of ``points``; -1: not there."""
    points: NDArray[np.float64]
    """(N, K, 3) stage axes."""


def animate(poses: Poses3D, path: Path, look: Look, said: Callable[[int], None] | None = None) -> str:
    """Writes ``path``, whole or not at all; says what was drawn. ``said`` hears how many pictures are done.

    Raises SettingsError for another ending, rate or a GIF that is too long, SessionError when there is no pose.
    """
    kind = check(path)
    rate_hz = look.rate_hz or (GIF_RATE_HZ if kind == ".gif" else _recorded_hz(poses))
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        raise SettingsError(f"{rate_hz:g} pictures a second: expected {_RATES_HZ[0]:g} to {_RATES_HZ[1]:g}")
    clip, notes = clip_of(poses, rate_hz, look.up)
    if kind == ".gif" and len(clip.times_s) > GIF_FRAMES:
        raise SettingsError(f"{path}: a GIF of {len(clip.times_s)} pictures; at most {GIF_FRAMES}: less time, or .mp4")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        with closing(pictures(clip, look)) as made:
            counted = _counted(made, said)
            (_write_gif if kind == ".gif" else _write_video)(partial, counted, rate_hz)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    people = f"{len(clip.tracks)} {'person' if len(clip.tracks) == 1 else 'people'}"
    return "; ".join([f"{len(clip.times_s)} pictures, {rate_hz:g} a second, {people}", *notes])


def check(path: Path) -> str:
    """The ending; raises SettingsError before anything is computed."""
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise SettingsError(f"{path}: an animation is written as {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise SettingsError(f"{path}: no folder {path.parent}")
    if kind == ".gif" and not hasattr(cv2, "imwriteanimation"):
        raise SettingsError(f"{path}: this OpenCV ({cv2.__version__}) writes no GIF: 4.12 does, or give .mp4")
    return kind


def clip_of(poses: Poses3D, rate_hz: float, up: Up | None = None) -> tuple[Clip, tuple[str, ...]]:
    """The people with most poses on one stage, and what was left out. Raises SessionError when nobody has a pose."""
    known = np.logical_or.reduce(np.isfinite(poses.keypoints).all(axis=2), axis=1)
    if not known.any():
        raise SessionError("no pose in it: every row is unknown")
    tracks, rows = np.unique(poses.track[known], return_counts=True)
    kept = np.sort(tracks[np.argsort(-rows, kind="stable")][:_MOST_PEOPLE])
    notes = [f"{len(tracks) - len(kept)} people with fewer poses left out"] if len(kept) < len(tracks) else []
    notes += [f"{int((~known).sum())} unknown poses"] if not known.all() else []
    upward = up if up is not None else UP_WORLD if poses.space == "world" else UP_CAMERA
    points = poses.keypoints.astype(np.float64) @ stage3d.basis(np.array(upward)).T
    times_s = np.arange(poses.time_s[known].min(), poses.time_s[known].max() + 1e-6, 1 / rate_hz)
    shown = np.full((len(times_s), len(kept)), -1, np.intp)
    rows_of = [np.flatnonzero(known & (poses.track == track)) for track in kept.tolist()]
    rows_of = [rows[np.argsort(poses.time_s[rows], kind="stable")] for rows in rows_of]
    for place, of in enumerate(rows_of):
        shown[:, place] = _nearest(poses.time_s[of], times_s, of)
    apart = poses.space != "root" and _far_apart(points, shown)
    notes += ["people far apart are shown side by side"] if apart else []
    if apart or poses.space == "root":
        for place, of in enumerate(rows_of):
            points[of] = stage3d.on_ground(points[of] - _ground_places(points[of])[:, None])
            points[of, :, 0] += (place - (len(kept) - 1) / 2) * _APART_M
    else:
        points[known, :, 2] -= np.percentile(np.fmin.reduce(points[known, :, 2], axis=1), 2)
    order = np.argsort(poses.time_s, kind="stable")
    frames = np.interp(times_s, poses.time_s[order], poses.frame[order]).round().astype(np.int64)
    return Clip(named(poses.skeleton), tuple(kept.tolist()), times_s, frames, shown, points), tuple(notes)


def pictures(clip: Clip, look: Look) -> Generator[Image, None, None]:
    """(H, W, 3) one after the other; raises SettingsError when the video cannot be read."""
    path = _followed(clip)
    eye = stage3d.eye_for(
        np.concatenate([clip.points[clip.rows[at][clip.rows[at] >= 0]] - path[at] for at in range(len(path))])
    )
    beside = _Beside(look.video, look.side_px) if look.video else None
    try:
        for time_s, frame, rows, centre in zip(clip.times_s, clip.frames.tolist(), clip.rows, path, strict=True):
            turn = math.radians(look.turn_deg_s) * float(time_s - clip.times_s[0])
            people = [clip.points[row] for row in rows if row >= 0]
            turned = stage3d.Eye(eye.centre + centre, eye.reach_m, turn)
            image = stage3d.picture(people, clip.skeleton, turned, look.side_px)
            _names(image, clip, rows, turned)
            draw.text(image, f"{time_s:.2f} s", (6, look.side_px - 4), plate=False)
            yield image if beside is None else np.concatenate([beside.at(frame), image], axis=1)
    finally:
        if beside is not None:
            beside.close()


def _ground_places(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K, 3) -> (N, 3) middle of each person on the ground, z 0; 0 for an unknown one."""
    known = np.asarray(np.isfinite(points).all(axis=2))
    middle = np.where(known[..., None], points, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)[:, None]
    return np.asarray(middle * (1, 1, 0))


def _far_apart(points: NDArray[np.float64], shown: NDArray[np.intp]) -> bool:
    """Whether people who are there together stand further from their common middle than can be shown well."""
    places = np.where((shown >= 0)[..., None], _ground_places(points)[shown], np.nan)
    together = places[np.count_nonzero(shown >= 0, axis=1) > 1]
    if not len(together):
        return False
    spread = np.fmax.reduce(together, axis=1) - np.fmin.reduce(together, axis=1)
    return float(np.median(np.linalg.norm(spread, axis=1))) > _FAR_M


def _followed(clip: Clip) -> NDArray[np.float64]:
    """(T, 3) where the view goes: the middle of those who are there, slowly; z 0."""
    places = np.where((clip.rows >= 0)[..., None], _ground_places(clip.points)[clip.rows], 0)
    there = np.count_nonzero(clip.rows >= 0, axis=1)
    seen = np.flatnonzero(there)
    middles = places[seen].sum(axis=1) / there[seen, None]
    every = np.arange(len(there))
    path = np.stack([np.interp(every, seen, column) for column in middles.T], axis=1)
    step_s = float(clip.times_s[1] - clip.times_s[0]) if len(every) > 1 else 1.0
    half = min(round(_FOLLOW_S / step_s / 2), len(every) - 1)
    padded = np.pad(path, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")  # who runs, runs on
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0).mean(axis=-1))


def _names(image: Image, clip: Clip, rows: Array, eye: stage3d.Eye) -> None:
    """Ids over heads, where there are several people."""
    for track, row in zip(clip.tracks, rows.tolist(), strict=True):
        if len(clip.tracks) > 1 and row >= 0:
            places = stage3d.seen(clip.points[row], eye, image.shape[0])
            x, y = np.nanmean(places[:, 0]), np.nanmin(places[:, 1])
            if np.isfinite([x, y]).all():
                draw.text(image, f"#{track}", (int(x), int(y) - 6), draw.person_colour(track), plate=False)


def _nearest(known_s: Array, wanted_s: Array, rows: Array) -> Array:
    """(T,) the row nearest in time, -1 where none is within ``_HELD_S``."""
    after = np.searchsorted(known_s, wanted_s).clip(1, max(len(known_s) - 1, 1)) if len(known_s) > 1 else None
    if after is None:
        at = np.zeros(len(wanted_s), np.intp)
    else:
        at = np.where(wanted_s - known_s[after - 1] <= known_s[after] - wanted_s, after - 1, after)
    return np.where(np.abs(known_s[at] - wanted_s) <= _HELD_S, rows[at], -1)


def _recorded_hz(poses: Poses3D) -> float:
    """Of the recording, within what players show; 30 for a single frame."""
    rate_hz = rate_of(np.unique(poses.time_s))
    return float(np.clip(round(rate_hz, 2), *_RATES_HZ)) if math.isfinite(rate_hz) else 30.0


def _counted(images: Iterator[Image], said: Callable[[int], None] | None) -> Iterator[Image]:
    for done, image in enumerate(images, start=1):
        if said is not None:
            said(done)
        yield image


def _write_video(path: Path, images: Iterator[Image], rate_hz: float) -> None:
    writer: cv2.VideoWriter | None = None
    try:
        for image in images:
            if writer is None:
                size = (image.shape[1], image.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, size)
                if not writer.isOpened():
                    raise SettingsError(f"{path.parent}: OpenCV cannot write a video here")
            writer.write(image)
    finally:
        if writer is not None:
            writer.release()


def _write_gif(path: Path, images: Iterator[Image], rate_hz: float) -> None:
    animation = cv2.Animation()
    animation.frames = list(images)
    animation.durations = [round(1000 / rate_hz)] * len(animation.frames)
    # Without dither: a tenth of the size, and the ground stays plain.
    if not cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_GIF_QUALITY, cv2.IMWRITE_GIF_FAST_NO_DITHER]):
        raise SettingsError(f"{path.parent}: OpenCV cannot write a GIF here")


class _Beside:
    """The frames of a video, as high as the stage; the last one stays where the video ends."""

    def __init__(self, path: Path, side_px: int) -> None:
        self._capture = VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not path.is_file() or not self._capture.opened:
            raise SettingsError(f"{path}: no video that can be read")
        wide, high = (self._capture.get(prop) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self._size = (max(2, round(side_px * wide / max(high, 1) / 2) * 2), side_px)
        self._next = 0
        self._shown = np.zeros((side_px, self._size[0], 3), np.uint8)

    def at(self, frame: int) -> Image:
        while self._next <= frame and self._capture.grab():
            if self._next == frame and (image := self._capture.retrieve()) is not None:
                self._shown = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)
            self._next += 1
        return self._shown

    def close(self) -> None:
        self._capture.close()
