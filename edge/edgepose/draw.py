"""Skeletons, ids, labels on pictures: the one place that draws."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgepose.skeletons import Skeleton
from edgepose.types import Image, Track

_SEEN = 0.3
_COLOURS = ((80, 175, 76), (243, 150, 33), (54, 67, 244), (0, 193, 255), (176, 39, 156), (136, 150, 0))
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def tracks(image: Image, people: Sequence[Track], skeleton: Skeleton, min_confidence: float = _SEEN) -> None:
    """Draws bones, joints and "#id" of every person onto ``image``; unsure joints are left out."""
    for track in people:
        scale = _scale(image, track)
        colour = _COLOURS[track.id % len(_COLOURS)] if track.id >= 0 else (160, 160, 160)
        keypoints = track.pose.keypoints
        seen = keypoints[:, 2] >= min_confidence
        points = np.nan_to_num(keypoints[:, :2]).round().astype(int)
        for a, b in skeleton.edges:
            if seen[a] and seen[b]:
                cv2.line(image, tuple(points[a]), tuple(points[b]), colour, max(1, round(2 * scale)), cv2.LINE_AA)
        for x, y in points[seen]:
            cv2.circle(image, (x, y), max(1, round(2.5 * scale)), (255, 255, 255), -1, cv2.LINE_AA)
        if seen.any() and track.id >= 0:
            x, y = int(points[seen, 0].min()), int(points[seen, 1].min())
            text(image, f"#{track.id}", (x, y - round(8 * scale) - 2), colour)


def _scale(image: Image, track: Track) -> float:
    """Line width: of the picture's size, but thin on small people."""
    most = max(1.0, image.shape[0] / 540)
    x1, y1, x2, y2 = (float(edge) for edge in track.pose.box_xyxy)
    side = max(x2 - x1, y2 - y1)
    return float(most if np.isnan(side) else min(most, max(0.4, side / 150)))


def text(image: Image, words: str, at_xy: tuple[int, int], colour: tuple[int, int, int] = (255, 255, 255)) -> None:
    """One line of text with a dark outline; ``at_xy`` is its lower left corner, px."""
    size = max(0.5, image.shape[0] / 1080)
    for ink, width in (((0, 0, 0), 4), (colour, 2)):
        cv2.putText(image, words, at_xy, _FONT, size, ink, max(1, round(width * size)), cv2.LINE_AA)
