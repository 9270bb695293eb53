"""Times OpenPose's decoding on drawn maps of 2, 10 and 20 people, beside the lecture's loops; prints Markdown."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np

from edgepose.openpose import COCO18, people
from edgepose.openpose_lecture import lecture_links, lecture_persons, lecture_points

FRAME_WH = (1280, 720)
INPUT_WH = (656, 368)
CELL = 8
RIGHT_PX = 16.0  # of the frame: one cell of the network
SIGMA, LIMB = 7.0, 8.0  # what OpenPose was trained on, px of the input
SCALE = 368 / 720
# Standing person of height 1, origin at the neck, x to the right, y down.
BODY = np.array(
    [(0, -0.10), (0, 0), (-0.11, 0), (-0.15, 0.17), (-0.16, 0.33), (0.11, 0), (0.15, 0.17), (0.16, 0.33), (-0.07, 0.32),
     (-0.08, 0.56), (-0.08, 0.80), (0.07, 0.32), (0.08, 0.56), (0.08, 0.80), (-0.03, -0.13), (0.03, -0.13),
     (-0.07, -0.12), (0.07, -0.12)]
)  # fmt: skip


def standing(count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 18, 2) joints in frame px: people in rows as on a court or a stand, smaller the more there are.

    Each is somewhere in the middle half of a place of its own, so that neighbours' arms may touch and cross.
    """
    columns, rows, tallest = {2: (2, 1, 480), 10: (5, 2, 320), 20: (7, 3, 220)}[count]
    places = random.permutation(columns * rows)[:count]
    centre = np.stack([places % columns, places // columns], axis=1) + 0.5 + random.uniform(-0.25, 0.25, (count, 2))
    heights = tallest * random.uniform(0.75, 1, count)
    room = np.stack([np.full(count, 1280.0), 720 - heights], axis=1)
    necks = centre * room / (columns, rows) + np.stack([np.zeros(count), 0.15 * heights], axis=1)
    return _people(necks, heights, random)


def overlapping(count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 18, 2) joints in frame px: people of 200 to 320 px at random places, necks 90 px or more apart."""
    necks: list[np.ndarray] = []
    heights = random.uniform(200, 320, count)
    while len(necks) < count:
        height = heights[len(necks)]
        neck = random.uniform((0.25 * height, 0.2 * height), (1280 - 0.25 * height, 720 - 0.9 * height))
        if all(np.hypot(*(neck - other)) >= 90 for other in necks):
            necks.append(neck)
    return _people(np.stack(necks), heights, random)


def _people(necks: np.ndarray, heights: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Joints of the body, not of the head, are moved by a random 3 % of the height."""
    shape = BODY[None] + random.normal(0, 0.03, (len(necks), 18, 2)) * (np.arange(18) < 14)[:, None]
    return necks[:, None] + shape * heights[:, None, None]


def drawn(joints: np.ndarray) -> np.ndarray:
    """(57, 46, 82) maps as a perfect network would answer: highest Gaussian, mean unit vector on each limb."""
    at = joints * SCALE
    y, x = ((np.mgrid[:46, :82]) + 0.5) * CELL - 0.5
    maps = np.zeros((57, 46, 82))
    for joint in range(18):
        distance = (x[None] - at[:, joint, 0, None, None]) ** 2 + (y[None] - at[:, joint, 1, None, None]) ** 2
        maps[joint] = np.exp(-distance / (2 * SIGMA**2)).max(axis=0)
    maps[18] = 1 - maps[:18].max(axis=0)
    for (a, b), field in zip(COCO18.links, COCO18.fields, strict=True):
        hits = np.zeros((46, 82))
        for person in at:
            step = person[b] - person[a]
            length = max(float(np.hypot(*step)), 1e-6)
            along = ((x - person[a, 0]) * step[0] + (y - person[a, 1]) * step[1]) / length
            across = ((x - person[a, 0]) * step[1] - (y - person[a, 1]) * step[0]) / length
            on = (along >= -LIMB) & (along <= length + LIMB) & (np.abs(across) <= LIMB)
            hits += on
            maps[19 + field] += on * step[0] / length
            maps[20 + field] += on * step[1] / length
        maps[19 + field : 21 + field] /= np.maximum(hits, 1)
    return maps.astype(np.float32)


def loops(maps: np.ndarray) -> list[np.ndarray]:
    """The lecture's getAllPoints, getAllLinks and getPersons as it writes them, map by map and pair by pair."""
    width, height = FRAME_WH
    points: list[list[tuple[int, int, float, int]]] = []
    flat: list[tuple[int, int, float]] = []
    for joint in range(18):
        big = cv2.resize(maps[joint], (width, height))
        mask = np.uint8(cv2.GaussianBlur(big, (3, 3), 0) > 0.1)
        found = []
        for contour in cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]:
            blob = cv2.fillConvexPoly(np.zeros(mask.shape), contour, 1)
            _, _, _, (x, y) = cv2.minMaxLoc(big * blob)
            found.append((x, y, float(big[y, x]), len(flat)))
            flat.append((x, y, float(big[y, x])))
        points.append(found)
    links = []
    for (a, b), field in zip(COCO18.links, COCO18.fields, strict=True):
        paf_x, paf_y = (cv2.resize(maps[19 + field + axis], (width, height)) for axis in (0, 1))
        rows = []
        for one in points[a]:
            best, best_score = -1, -1.0
            for other in points[b]:
                step = np.subtract(other[:2], one[:2])
                length = np.linalg.norm(step)
                if not length:
                    continue
                unit = step / length
                line = zip(np.linspace(one[0], other[0], 10), np.linspace(one[1], other[1], 10), strict=True)
                field_at = [[paf_x[round(v), round(u)], paf_y[round(v), round(u)]] for u, v in line]
                scores = np.dot(field_at, unit)
                if (scores > 0.1).sum() / 10 > 0.7 and scores.mean() > best_score:
                    best, best_score = other[3], scores.mean()
            if best >= 0:
                rows.append((one[3], best, best_score))
        links.append(np.array(rows, np.float32).reshape(-1, 3))
    table = lecture_persons(np.array([point[2] for point in flat]), links, COCO18)
    return _keypoints(table, np.array(flat).reshape(-1, 3)[:, :2])


def lecture(maps: np.ndarray) -> list[np.ndarray]:
    """The lecture's mode of this package."""
    heat, fields = COCO18.split(maps)
    peaks = lecture_points(heat, FRAME_WH)
    links, _ = lecture_links(peaks, fields, COCO18, FRAME_WH)
    return _keypoints(lecture_persons(peaks.score, links, COCO18), peaks.xy)


def own(maps: np.ndarray) -> list[np.ndarray]:
    """OpenPose's own mode of this package."""
    return [keypoints[:, :2] / SCALE for keypoints, _ in people(maps, COCO18, INPUT_WH)]


def _keypoints(table: np.ndarray, xy: np.ndarray) -> list[np.ndarray]:
    ids = table[:, :18].astype(int)
    return [np.where(row[:, None] >= 0, xy[row], np.nan) for row in ids] if len(xy) else []


def right(found: list[np.ndarray], joints: np.ndarray) -> int:
    """Joints within 16 px of the truth, every true person with the found one that has most of theirs."""
    if not found:
        return 0
    with np.errstate(invalid="ignore"):
        hits = (np.linalg.norm(np.stack(found)[:, None] - joints[None], axis=3) <= RIGHT_PX).sum(axis=2)
    total = 0
    while hits.any():
        one, true = np.unravel_index(hits.argmax(), hits.shape)
        total += int(hits[one, true])
        hits[one], hits[:, true] = 0, 0
    return total


def measured(decode: Callable[[np.ndarray], list[np.ndarray]], maps: list[np.ndarray]) -> tuple[float, float, list]:
    """Median ms by the clock and of the processor (one thread: alike on a machine at rest), and the people found."""
    decode(maps[0])
    times, found = [], []
    for one in maps:
        started_s = time.perf_counter(), time.process_time()
        found.append(decode(one))
        times.append((time.perf_counter() - started_s[0], time.process_time() - started_s[1]))
    clock_s, processor_s = np.median(times, axis=0)
    return 1000 * clock_s, 1000 * processor_s, found


def accuracy(scenes: list[np.ndarray], found: list) -> str:
    """Share of joints right, fewest and most people found."""
    hits = sum(right(people, joints) for people, joints in zip(found, scenes, strict=True))
    counts = [len(people) for people in found]
    share = hits / sum(joints[:, :, 0].size for joints in scenes)
    return f"{share:.3f} | " + (f"{min(counts)}–{max(counts)}" if min(counts) < max(counts) else str(counts[0]))


def main() -> None:
    """Prints the tables of bench/openpose.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for draw in (standing, overlapping):
        random = np.random.default_rng(arguments.seed)
        print(f"\n{draw.__name__}:\n")
        print("| people | decoder | ms | processor ms | loops / this | joints right | people found |")
        print("|---:|---|---:|---:|---:|---:|---|")
        for count in (2, 10, 20):
            scenes = [draw(count, random) for _ in range(arguments.scenes)]
            maps = [drawn(joints) for joints in scenes]
            loops_ms = 0.0
            for name, decode in (("the lecture's loops", loops), ("lecture mode", lecture), ("OpenPose mode", own)):
                clock_ms, processor_ms, found = measured(decode, maps)
                loops_ms = loops_ms or processor_ms
                times = f"{clock_ms:.1f} | {processor_ms:.1f} | {loops_ms / processor_ms:.0f}"
                print(f"| {count} | {name} | {times} | {accuracy(scenes, found)} |", flush=True)


if __name__ == "__main__":
    main()
