"""Who is who: gives every pose of a frame the id of its person.

Per-person tracking by the centre of the pose as in the seed lecture, one-to-one, with a gate in
person sizes and a memory for lost people. The centre is predicted (``motion``), and the cost of a
match (``association``) is how unlikely centre and posture are, so two people who cross are told
apart by where they were going and how they hold themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgepose.association import Looks
from edgepose.config import TrackerSettings
from edgepose.following import Follower
from edgepose.motion import Tuning
from edgepose.skeletons import Skeleton
from edgepose.smoothing import KeypointSmoother
from edgepose.types import Pose, Track

UNTRACKED = -1


class Tracker:
    """Ids of one camera: they start at 0, belong to this object and are never used again."""

    def __init__(self, skeleton: Skeleton, settings: TrackerSettings, tuning: Tuning | None = None) -> None:
        self._joints = len(skeleton)
        self._settings = settings
        self._follower = Follower(self._joints, settings, tuning or Tuning())
        self._ids: dict[int, int] = {}
        """Serial number -> id, of the people followed now and confirmed."""
        self._smoothers: dict[int, KeypointSmoother] = {}
        self._next_id = 0
        self._ended: list[int] = []

    @property
    def ended(self) -> list[int]:
        """Ids that ended in the last ``update``: nobody will be seen under them again."""
        return self._ended

    def update(self, poses: Sequence[Pose], time_s: float) -> list[Track]:
        """One Track per pose, in the order given; id -1 while it is not sure that this is a person.

        ``time_s`` may run at any, even a changing, rate; when it goes back by more than a second
        (the source started again) everybody's track ends. With ``smooth`` the poses of tracked
        people are copies with smoothed keypoints; otherwise they are the very ones given.
        """
        looks = Looks.of(poses, self._joints)
        serials = self._follower.follow(looks, time_s)
        self._ended = [self._ids.pop(lost) for lost in self._follower.lost.tolist() if lost in self._ids]
        self._confirm()
        ids = [self._ids.get(serial, UNTRACKED) for serial in serials.tolist()]
        if self._settings.smooth:
            poses = self._smoothed(poses, ids, looks, time_s)
        return [Track(identity, pose) for identity, pose in zip(ids, poses, strict=True)]

    def _confirm(self) -> None:
        people = self._follower.people
        if len(self._ids) == len(people.hits):
            return
        for serial in people.serials[people.hits >= self._settings.confirm].tolist():
            if serial not in self._ids:
                self._ids[serial] = self._next_id
                self._next_id += 1

    def _smoothed(self, poses: Sequence[Pose], ids: list[int], looks: Looks, time_s: float) -> list[Pose]:
        for identity in self._ended:
            self._smoothers.pop(identity, None)
        out = list(poses)
        for i, identity in enumerate(ids):
            if identity == UNTRACKED:
                continue
            smoother = self._smoothers.setdefault(identity, KeypointSmoother(self._joints))
            keypoints = smoother.smooth(poses[i].keypoints, float(looks.sizes[i]), time_s)
            out[i] = replace(poses[i], keypoints=keypoints)
        return out
