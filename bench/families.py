"""What each family's decoder costs a frame on made outputs of ten people, and whole frames of networks that are here.

    OMP_NUM_THREADS=1 python bench/families.py [NETWORK FILES] > out/families.md

Outputs have the real networks' sizes; people stand side by side, and anchors beside the best one see them too.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np

import openpose
from edgepose import build, importing, mannequin
from edgepose.config import PoseSettings
from edgepose.decoders import DecoderSettings
from edgepose.models import decoder_module, decoders
from edgepose.recognising import Answers
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import BOXES, COCO17
from edgepose.types import Pose, Track

PEOPLE, ROUNDS, FRAME_WH = 10, 100, (1280, 720)
SIDE, STRIDES = 640, (8, 16, 32)
CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)
X = np.linspace(60, SIDE - 60, PEOPLE)
"""Centres of the people, px of the input; all 40 wide and 160 high, around y = 320."""
JOINTS = np.stack(
    [np.tile(X[:, None], 17), np.tile(np.linspace(250, 390, 17), (PEOPLE, 1)), np.full((PEOPLE, 17), 0.9)], axis=2
)


@dataclass(frozen=True)
class Made:
    """A network's input shape and one answer; ``batch``: one crop for each person."""

    input: tuple[int, ...]
    outputs: tuple[np.ndarray, ...]
    dtype: str = "float32"


def rows(count: int, columns: int, *values: np.ndarray, near: int = 5) -> np.ndarray:
    """(1, count, columns): people's values, each again in ``near`` rows with a little less confidence."""
    found = np.zeros((1, count, columns), np.float32)
    one = np.concatenate([value.reshape(PEOPLE, -1) for value in values], axis=1)
    for again in range(near):
        place = slice(again * PEOPLE, (again + 1) * PEOPLE)
        found[0, place] = one
        found[0, place, 4] *= 1 - 0.05 * again
    return found


def column(value: float) -> np.ndarray:
    return np.full((PEOPLE, 1), value)


CENTRED = np.stack([X, np.full(PEOPLE, 320.0), np.full(PEOPLE, 40.0), np.full(PEOPLE, 160.0)], axis=1)
CORNERS = np.stack([X - 20, np.full(PEOPLE, 240.0), X + 20, np.full(PEOPLE, 400.0)], axis=1)
SURE, CLASS = column(0.9), column(0.0)
ONE_CLASS = column(1.0)
CLASSES = np.eye(1, 80, dtype=np.float32).repeat(PEOPLE, axis=0)
NCHW = (1, 3, SIDE, SIDE)


def yolov7_raw() -> Made:
    """Logits of -6 everywhere, of 4 in ten cells of stride 16."""
    maps = [np.full((1, 3, SIDE // s, SIDE // s, 57), -6, np.float32) for s in (8, 16, 32, 64)]
    for x in X:
        maps[1][0, 1, 20, int(x // 16)] = np.concatenate([[0, 0, 0, 0, 4, 4], np.tile([0, 0, 4], 17)])
    return Made(NCHW, tuple(maps))


def yolox(columns: int, *values: np.ndarray) -> np.ndarray:
    """One row per cell, raw: ten rows of stride 16 carry a person."""
    found = np.zeros((1, CELLS, columns), np.float32)
    for person, x in enumerate(X):
        row = (SIDE // 8) ** 2 + 20 * (SIDE // 16) + int(x // 16)
        found[0, row] = np.concatenate([[0.5, 0.5, 1.0, 2.3, 0.9], *(value[person].ravel() for value in values)])
    return found


def movenet_multi() -> Made:
    found = np.zeros((1, 6, 56), np.float32)
    yxs = np.stack([np.full(17, 0.5), np.full(17, 0.5), np.full(17, 0.9)], axis=1).ravel()
    found[0] = [*yxs, 0.3, 0.4, 0.7, 0.6, 0.8]
    return Made((1, 160, 256, 3), (found,), "int32")


def posenet() -> Made:
    """Every person's joints on one cell: the walk along the tree finds them all."""
    heat = np.full((1, 23, 31, 17), -8, np.float32)
    heat[0, 11, 3 * np.arange(PEOPLE) + 1] = 4
    offsets, steps = np.zeros((1, 23, 31, 34), np.float32), np.zeros((1, 23, 31, 64), np.float32)
    return Made((1, 353, 481, 3), (heat, offsets, steps), "uint8")


def heatmaps() -> Made:
    y, x = np.mgrid[:64, :48]
    one = np.stack([np.exp(-((x - 24) ** 2 + (y - 4 - 3 * k) ** 2) / 8) for k in range(17)])
    return Made((PEOPLE, 3, 256, 192), (np.tile(one, (PEOPLE, 1, 1, 1)).astype(np.float32),))


def simcc() -> Made:
    along, down = np.zeros((PEOPLE, 17, 384), np.float32), np.zeros((PEOPLE, 17, 512), np.float32)
    along[:, :, 192] = down[:, np.arange(17), 40 + 24 * np.arange(17)] = 0.9
    return Made((PEOPLE, 3, 256, 192), (along, down))


def darknet() -> Made:
    """416 px: 507, 2028 and 8112 rows in fractions of the input."""
    found = [np.zeros((3 * (416 // s) ** 2, 85), np.float32) for s in (32, 16, 8)]
    found[1][:PEOPLE] = np.concatenate([CENTRED / SIDE, SURE, 0.9 * CLASSES], axis=1)
    return Made((1, 3, 416, 416), tuple(found))


MADE: dict[str, Callable[[], Made]] = {
    "yolo_pose": lambda: Made(NCHW, (rows(CELLS, 56, CENTRED, SURE, JOINTS).transpose(0, 2, 1).copy(),)),
    "yolo_end2end": lambda: Made(NCHW, (rows(300, 57, CORNERS, SURE, CLASS, JOINTS, near=1),)),
    "yolov7_raw": yolov7_raw,
    "yolov7_grid": lambda: Made(NCHW, (rows(25500, 57, CENTRED, SURE, ONE_CLASS, JOINTS),)),
    "yolov7_nms": lambda: Made(NCHW, (rows(PEOPLE, 57, CORNERS, SURE, CLASS, JOINTS, near=1)[0],)),
    "yolox_pose": lambda: Made(NCHW, (yolox(57, ONE_CLASS, np.zeros((PEOPLE, 51))),)),
    "yolox_nms": lambda: Made(NCHW, (rows(PEOPLE, 57, CORNERS, SURE, CLASS, JOINTS, near=1)[0],)),
    "rtmo": lambda: Made(NCHW, (rows(PEOPLE, 5, CORNERS, SURE, near=1), JOINTS[None].astype(np.float32))),
    "movenet_single": lambda: Made((1, 192, 192, 3), (np.full((1, 1, 17, 3), 0.5, np.float32),), "uint8"),
    "movenet_multi": movenet_multi,
    "posenet": posenet,
    "openpose": lambda: Made(
        (1, 3, 368, 656), (openpose.drawn(openpose.standing(PEOPLE, np.random.default_rng(1)))[None],)
    ),
    "topdown_heatmaps": heatmaps,
    "topdown_simcc": simcc,
    "boxes_yolo": lambda: Made(NCHW, (rows(CELLS, 84, CENTRED, 0.9 * CLASSES).transpose(0, 2, 1).copy(),)),
    "boxes_end2end": lambda: Made(NCHW, (rows(300, 6, CORNERS, SURE, CLASS, near=1),)),
    "boxes_yolov5": lambda: Made(NCHW, (rows(3 * CELLS, 85, CENTRED, SURE, CLASSES),)),
    "boxes_yolox": lambda: Made(NCHW, (yolox(85, CLASSES),)),
    "boxes_mmdet": lambda: Made(NCHW, (rows(100, 5, CORNERS, SURE, near=1), np.zeros((1, 100), np.float32))),
    "boxes_gluoncv": lambda: Made(
        (1, 3, 416, 736),
        tuple(
            np.concatenate([value[None], np.full((1, 100 - PEOPLE, value.shape[1]), -1.0)], axis=1).astype(np.float32)
            for value in (CLASS, SURE, CORNERS)
        ),
    ),
    "boxes_darknet": darknet,
}  # fmt: skip


def decoding(name: str, made: Made) -> tuple[int, float, float]:
    """People found, and median ms of making the inputs and of decoding one 1280×720 frame."""
    batch = made.input[0] if made.input[0] > 1 else None
    image = Tensor("image", (None if batch else 1, *made.input[1:]), made.dtype)
    shapes = [
        Tensor(f"out{i}", (None if batch else o.shape[0], *o.shape[1:]), "float32") for i, o in enumerate(made.outputs)
    ]
    skeleton = BOXES if name.startswith("boxes") else COCO17
    decoder = decoder_module(name).create(Signature((image,), tuple(shapes), {}), skeleton, DecoderSettings())
    frame = np.random.default_rng(0).integers(0, 255, (FRAME_WH[1], FRAME_WH[0], 3), np.uint8)
    boxes = CORNERS.astype(np.float32) * 2 - (0, 280, 0, 280)
    people = [Track(-1, Pose(np.zeros((17, 3), np.float32), box.astype(np.float32), 1.0)) for box in boxes]
    given = people if decoder.needs_boxes else people[:1] if decoder.follows else None
    views = decoder.views(frame, given)
    found = len(decoder.decode(made.outputs, views[0]))
    decode_ms = median_ms(lambda: [decoder.decode(made.outputs, view) for view in views])
    return found, median_ms(lambda: decoder.views(frame, given)), decode_ms


def median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Processor time of the process, which other programs on the machine hardly change."""
    took_s = []
    for _ in range(rounds):
        started_s = time.process_time()
        work()
        took_s.append(time.process_time() - started_s)
    return 1e3 * float(np.median(took_s))


def whole_frames(files: list[Path]) -> None:
    """Each file imported into a folder that is thrown away, and run on the test picture: input, network, decoding."""
    print("\n| network | family | input | people | whole frame, ms |\n|---|---|---|---|---|")
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            done = importing.import_model(file, Path(folder), Answers())
            estimator = build.estimator(PoseSettings(model=str(done.folder), threads=1), None, boxes=True)
            picture = mannequin.picture()
            followed = [Track(0, pose) for pose in estimator(picture)] if estimator.decoder.follows else None
            whole_ms = median_ms(lambda: estimator(picture, followed), 20)  # noqa: B023 - called at once
        size = "×".join(map(str, done.trial.inputs[0][1:]))
        print(f"| {file.stem} | {done.card.decoder} | {size} | {done.trial.people} | {whole_ms:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", type=Path)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    missing = set(decoders()) ^ set(MADE)
    load = os.getloadavg()[0]
    print(f"{date.today()}, {platform.machine()}, load {load:.1f}, one thread, processor time, median of {ROUNDS}.")
    if missing:
        print(f"Without figures: {', '.join(sorted(missing))}.")
    print("\n| family | people | input, ms | decoding, ms |\n|---|---|---|---|")
    for name in sorted(set(decoders()) & set(MADE)):
        found, input_ms, decode_ms = decoding(name, MADE[name]())
        print(f"| {name} | {found} | {input_ms:.2f} | {decode_ms:.2f} |")
    if chosen.networks:
        whole_frames(chosen.networks)


if __name__ == "__main__":
    main()
