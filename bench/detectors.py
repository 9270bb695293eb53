"""Person detectors: our boxes against Ultralytics' own ``predict(classes=[0])``, and what decoding costs.

    PYTHON bench/detectors.py speed
    PYTHON bench/detectors.py ultralytics --out out/detectors ../shared/data/video/*.mp4

The second needs a Python with EdgePose, ultralytics, torch, onnx and onnxruntime (comparison only). The networks
are built from their yaml with random weights: batch norms take the statistics of real frames, the last layers are
scaled so that boxes and the person's score vary over the picture; the other 79 classes stay below.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import stand_in
from yolo import CONF, IOU, MAX_DET, SIZES, Export, pictures

ROUNDS = 500


EXPORTS = (
    Export("yolov8n", "ONNX raw"),
    Export("yolo11n", "ONNX raw"),
    Export("yolo11n", "ONNX raw, input 640×384", {"imgsz": (384, 640)}),
    Export("yolo11n", "ONNX raw, dynamic sides", {"dynamic": True}),
    Export("yolo12n", "ONNX raw"),
    Export("yolo11n", "ONNX, NMS inside", {"nms": True}),
    Export("yolov10n", "ONNX end-to-end", {"nms": False}),
    Export("yolo26n", "ONNX raw"),
    Export("yolo26n", "ONNX end-to-end", {"nms": False}),
)


def network(name: str, frames: list[np.ndarray]) -> Any:
    """A detector of 80 classes and random weights that finds people here and there."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    yolo = YOLO(f"{name}.yaml", task="detect", verbose=False)
    model = yolo.model
    model.names = {0: "person", **{index: f"thing {index}" for index in range(1, 80)}}
    small = [cv2.resize(frame, (640, 640))[..., ::-1].transpose(2, 0, 1) for frame in frames]
    batch = torch.from_numpy(np.stack(small).astype(np.float32) / 255)
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.momentum = None  # the mean over all batches instead of a moving one
        norm.reset_running_stats()
    with torch.no_grad():
        model.train()
        model(batch)
        model.eval()
        for branch in ("cv2", "cv3", "one2one_cv2", "one2one_cv3"):
            for level in getattr(model.model[-1], branch, None) or ():
                _scale(model, batch, level[-1], branch.endswith("cv3"))
    return yolo


def _scale(model: Any, batch: Any, layer: Any, is_class: bool) -> None:
    """Box logits of mean 0 and deviation 2, distances of 4 and 1.5 cells; people in one cell of five hundred."""
    seen = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(batch)
    hook.remove()
    if not seen:
        return
    values = seen[0].transpose(0, 1).flatten(1)
    if is_class:
        top = values.topk(values.shape[1] // 500, dim=1).values
        low, high = top[:, -1], top[:, 0]
        factor = 3 / (high - low)
        shift = -1.1 - low * factor
        shift[1:] -= 100
    else:
        mean, std = (4.0, 1.5) if model.model[-1].reg_max == 1 else (0.0, 2.0)
        factor = std / values.std(dim=1)
        shift = mean - values.mean(dim=1) * factor
    layer.weight *= factor[:, None, None, None]
    layer.bias.copy_(layer.bias * factor + shift)


def exported(export: Export, frames: list[np.ndarray], out: Path) -> Path:
    """The export's file, under a name of its own."""
    from ultralytics import YOLO

    weights = out / f"{export.network}.pt"
    network(export.network, frames).save(weights)
    options = {"format": "onnx", "imgsz": 640, "verbose": False, **export.options}
    if options.get("nms"):
        options.update(conf=CONF, iou=IOU)
    file = YOLO(weights, task="detect").export(**options)
    words = "".join(c if c.isalnum() else "_" for c in export.words)
    return Path(shutil.move(file, out / f"{export.network}-{words}.onnx"))


def theirs(file: Path, frames: list[np.ndarray], imgsz: Any) -> list[np.ndarray]:
    """Per picture: (N, 5) x1, y1, x2, y2, score."""
    from ultralytics import YOLO

    yolo = YOLO(file, task="detect")
    options = {"conf": CONF, "iou": IOU, "max_det": MAX_DET, "imgsz": imgsz, "rect": False, "classes": [0]}
    found = [yolo.predict(frame, verbose=False, device="cpu", **options)[0] for frame in frames]
    boxes = [result.boxes.data[:, :5].numpy() for result in found]
    return [rows[(rows[:, 2:4] > rows[:, :2]).all(axis=1)] for rows in boxes]  # they keep those in the padding


def ours(file: Path, frames: list[np.ndarray]) -> tuple[str, list[np.ndarray]]:
    """The decoder's name, and the same of our Estimator."""
    from edgepose.decoders import DecoderSettings
    from edgepose.estimator import Estimator
    from edgepose.models import Engine, load_pose

    estimator = Estimator(*load_pose(file, Engine(threads=1), DecoderSettings(CONF, IOU, MAX_DET)))
    found = [[[*pose.box_xyxy, pose.score] for pose in estimator(frame)] for frame in frames]
    return type(estimator.decoder).__module__.rpartition(".")[2], [np.reshape(rows, (-1, 5)) for rows in found]


def compared(a: list[np.ndarray], b: list[np.ndarray]) -> tuple[int, int, int, float, float]:
    """Boxes of both, pairs within 2 px, and the largest differences of corners and scores."""
    pairs, box_px, score = 0, 0.0, 0.0
    for left, right in zip(a, b, strict=True):
        free = list(range(len(right)))
        for row in left:
            apart = {index: float(np.abs(right[index, :4] - row[:4]).max()) for index in free}
            best = min(apart, key=lambda index: apart[index], default=None)
            if best is None or apart[best] > 2:
                continue
            free.remove(best)
            pairs, box_px = pairs + 1, max(box_px, apart[best])
            score = max(score, float(abs(right[best, 4] - row[4])))
    return sum(map(len, a)), sum(map(len, b)), pairs, box_px, score


def against_ultralytics(videos: list[Path], out: Path) -> None:
    """Prints one row for every export."""
    os.environ["YOLO_AUTOINSTALL"] = "false"
    out.mkdir(parents=True, exist_ok=True)
    stand_in.torchvision()
    frames = pictures(videos, SIZES[:3])
    print(f"{len(frames)} pictures, conf {CONF}, IoU {IOU}, max_det {MAX_DET}\n")
    print("| network | export | decoder | boxes: theirs | ours | both | box px | score |")
    print("|---|---|---|---:|---:|---:|---:|---:|", flush=True)
    for export in EXPORTS:
        file = exported(export, frames, out)
        decoder, our_boxes = ours(file, frames)
        *counts, box_px, score = compared(theirs(file, frames, export.options.get("imgsz", 640)), our_boxes)
        row = (export.network, export.words, decoder, *map(str, counts), f"{box_px:.4f}", f"{score:.5f}")
        print(f"| {' | '.join(row)} |", flush=True)


def speed() -> None:
    """Processor milliseconds of one decode: 10 people in 1280×720, 15 boxes over the threshold for each."""
    from edgepose.decoders import DecoderSettings
    from edgepose.runtimes import Signature, Tensor
    from edgepose.skeletons import BOXES

    generator = np.random.default_rng(0)
    centres = np.repeat(np.stack([60 + 55 * np.arange(10), np.full(10, 320)], axis=1), 15, axis=0)
    sizes = generator.normal((45, 150), 2, (150, 2))
    people = np.concatenate([centres + generator.normal(0, 1, (150, 2)), sizes], axis=1)
    scores = generator.uniform(0.3, 0.9, 150)
    print("| decoder | outputs | people | ms, median | 95 % |\n|---|---|---:|---:|---:|")
    for name, shape in (
        ("boxes_yolo", (1, 84, 8400)),
        ("boxes_yolov5", (1, 25200, 85)),
        ("boxes_end2end", (1, 300, 6)),
    ):
        array = np.zeros(shape, np.float32)
        rows = array[0].T if name == "boxes_yolo" else array[0]
        finished = name == "boxes_end2end"
        at = np.sort(generator.choice(len(rows), 150, replace=False))[:: 15 if finished else 1]
        corners = np.concatenate([people[:, :2] - people[:, 2:] / 2, people[:, :2] + people[:, 2:] / 2], axis=1)
        rows[at, :4] = corners[::15] if finished else people
        rows[at, 4] = scores[: len(at)]
        if name == "boxes_yolov5":
            rows[at, 5] = 1
        network = Signature((Tensor("images", (1, 3, 640, 640), "float32"),), (Tensor("o", shape, "float32"),), {})
        decoder = importlib.import_module(f"edgepose.decoders.{name}").create(network, BOXES, DecoderSettings())
        view = decoder.views(np.zeros((720, 1280, 3), np.uint8), None)[0]
        times = []
        for _ in range(ROUNDS):
            start = time.thread_time()
            found = decoder.decode([array], view)
            times.append(1000 * (time.thread_time() - start))
        median, late = np.percentile(times, [50, 95])
        print(f"| {name} | {shape} | {len(found)} | {median:.2f} | {late:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed")
    comparison = commands.add_parser("ultralytics")
    comparison.add_argument("videos", type=Path, nargs="+")
    comparison.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "speed":
        speed()
    else:
        against_ultralytics(given.videos, given.out)
