"""Marks of annotation tools on a session's own frames: frame numbers become its times, names become ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgepose.errors import SettingsError
from edgepose.session import Label, Poses, SessionInfo
from edgepose_trainer.importers.labels.marked import Marked
from edgepose_trainer.labelnames import canonical
from edgepose_trainer.peaks import HALF_STROKE_S


def labels_of(
    marks: Sequence[Marked], info: SessionInfo, poses: Poses, names: Mapping[str, str] | None = None
) -> Iterator[Label]:
    """labels.csv of the marks; a moment is a stroke of 0.86 s round it.

    A player who is in session.json gives the label its track. Raises SettingsError for a mark that lies outside the
    recording: it belongs to another one.
    """
    frames = np.concatenate([poses.frame, poses.empty_frame])
    times_s = np.concatenate([poses.time_s, poses.empty_time_s])
    frames, first = np.unique(frames, return_index=True)
    times_s = times_s[first]
    tracks = {player.name: track for track, player in info.players.items() if player.name}
    for mark in marks:
        if mark.unit == "frames":
            start_s, end_s = np.interp([mark.start, mark.end], frames, times_s, np.nan, np.nan)
            # A track may end with the video, one frame after the last one that was read.
            end_s = times_s[-1] if np.isnan(end_s) and mark.end <= frames[-1] + 1 else end_s
        else:
            start_s, end_s = mark.start, mark.end
        if start_s == end_s:
            start_s, end_s = start_s - HALF_STROKE_S, end_s + HALF_STROKE_S
        if np.isnan(start_s + end_s) or start_s > times_s[-1] or end_s < times_s[0]:
            raise SettingsError(
                f"{mark.where}: {mark.label!r} at {mark.start:g} to {mark.end:g} {mark.unit} lies outside the "
                f"recording, frames {frames[0]} to {frames[-1]}, {times_s[0]:.2f} to {times_s[-1]:.2f} s"
            )
        track = mark.track if mark.track is not None else tracks.get(mark.who or "")
        start_s = max(float(start_s), float(times_s[0]))
        yield Label(round(start_s, 4), round(float(end_s), 4), canonical(mark.label, names), track, mark.who)
