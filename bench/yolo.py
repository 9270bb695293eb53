"""Our people against Ultralytics' own ``predict`` on the same export and the same pictures. Comparison only.

Needs a Python with EdgePose, ultralytics, torch, onnx and onnxruntime (litert-torch for the LiteRT rows):

    PYTHON bench/yolo.py --out out/yolo ../shared/data/video/*.mp4 ../shared/data/video/*.avi

The networks are built from their yaml with random weights. So that boxes, scores and joints vary as a trained
network's do, batch norms take the statistics of real frames and the last layers are scaled to given spreads.
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import stand_in

CONF, IOU, MAX_DET = 0.25, 0.7, 50
SPREADS = {"box": (0.0, 2.0), "box26": (4.0, 1.5), "kpts": (0.0, 2.0)}
"""(mean, standard deviation) of the last layers' outputs: logits of 16 bins, plain distances, cells."""
BEST_LOGITS = (-1.5, 2.0)
"""The score's logit that one cell of a hundred reaches, and the best of all."""


@dataclass(frozen=True)
class Export:
    """One export to compare."""

    network: str
    words: str
    options: dict[str, Any] = field(default_factory=dict)


EXPORTS = (
    Export("yolo11n-pose", "ONNX raw"),
    Export("yolov8n-pose", "ONNX raw"),
    Export("yolo11n-pose", "ONNX raw, input 640×384", {"imgsz": (384, 640)}),
    Export("yolo11n-pose", "ONNX raw, dynamic sides", {"dynamic": True}),
    Export("yolo11n-pose", "ONNX, NMS inside, max_det 100", {"nms": True, "max_det": 100}),
    Export("yolov8n-pose", "ONNX, NMS inside, max_det 300", {"nms": True, "max_det": 300}),
    Export("yolo26n-pose", "ONNX end-to-end (nms=False)", {"nms": False}),
    Export("yolo26n-pose", "ONNX raw (8.4.190's default)"),
)
LITERT_EXPORTS = (
    Export("yolo11n-pose", "LiteRT float", {"format": "litert"}),
    Export("yolo11n-pose", "LiteRT int8 weights", {"format": "litert", "quantize": "w8a32"}),
    Export("yolo26n-pose", "LiteRT end-to-end", {"format": "litert", "nms": False}),
)


SIZES = ((1270, 717), (717, 1271), (333, 500), (101, 50))


def pictures(videos: list[Path], sizes: tuple[tuple[int, int], ...] = SIZES) -> list[np.ndarray]:
    """Two frames of each video, and the first again in sizes that the letterbox has to round."""
    frames = []
    for path in videos:
        capture = cv2.VideoCapture(str(path))
        for number in (10, 60):
            capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            good, frame = capture.read()
            frames += [frame] if good else []
    return [*frames, *(cv2.resize(frames[0], wh) for wh in sizes)]


def network(name: str, frames: list[np.ndarray]) -> Any:
    """A network of random weights whose outputs vary over the picture and from picture to picture."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    yolo = YOLO(f"{name}.yaml", task="pose", verbose=False)
    # The yaml says 80 classes; Ultralytics' own pose weights have one.
    from ultralytics.nn.tasks import PoseModel

    yolo.model = PoseModel(f"{name}.yaml", nc=1, verbose=False)
    yolo.model.names, yolo.model.args = {0: "person"}, {**yolo.model.args} if hasattr(yolo.model, "args") else {}
    yolo.model.task = "pose"
    small = [cv2.resize(frame, (640, 640))[..., ::-1].transpose(2, 0, 1) for frame in frames[:6]]
    batch = torch.from_numpy(np.stack(small).astype(np.float32) / 255)
    norms = [m for m in yolo.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches instead of a moving one
        norm.reset_running_stats()
    with torch.no_grad():
        yolo.model.train()
        yolo.model(batch)
        yolo.model.eval()
        _spread(yolo.model, batch)
    return yolo


def _spread(model: Any, batch: Any) -> None:
    """Scales the last layers so that their outputs over the frames have the spreads above."""
    import torch

    head = model.model[-1]
    plain = head.reg_max == 1
    for kind, names in {"box": ("cv2",), "cls": ("cv3",), "kpts": ("cv4_kpts",) if plain else ("cv4",)}.items():
        for name in (*names, *(f"one2one_{n}" for n in names)):
            for level in getattr(head, name, None) or ():
                last = level if isinstance(level, torch.nn.Conv2d) else level[-1]
                _scale(model, batch, last, "box26" if kind == "box" and plain else kind)


def _scale(model: Any, batch: Any, layer: Any, kind: str) -> None:
    seen = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(batch)
    hook.remove()
    if not seen:
        return
    values = seen[0].transpose(0, 1).flatten(1)
    if kind == "cls":
        low, high = values.quantile(0.99, dim=1), values.amax(dim=1)
        factor = (BEST_LOGITS[1] - BEST_LOGITS[0]) / (high - low)
        shift = BEST_LOGITS[0] - low * factor
    else:
        mean, std = SPREADS[kind]
        factor = std / values.std(dim=1)
        shift = mean - values.mean(dim=1) * factor
    layer.weight *= factor[:, None, None, None]
    layer.bias.copy_(layer.bias * factor + shift)


def exported(export: Export, frames: list[np.ndarray], out: Path) -> Path:
    """The export's file, under a name of its own."""
    yolo = network(export.network, frames)
    weights = out / f"{export.network}.pt"
    yolo.save(weights)
    from ultralytics import YOLO

    options = {"format": "onnx", "imgsz": 640, "conf": CONF, "iou": IOU, "verbose": False, **export.options}
    if not options.get("nms"):
        del options["conf"], options["iou"]
    file = Path(YOLO(weights, task="pose").export(**options))
    words = "".join(c if c.isalnum() else "_" for c in export.words)
    place = out / f"{export.network}-{words}{file.suffix}"
    if file.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.move(file, place))


def theirs(file: Path, frames: list[np.ndarray], imgsz: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per picture: (N, 5) x1, y1, x2, y2, score and (N, 17, 3) keypoints of ultralytics predict."""
    from ultralytics import YOLO

    yolo = YOLO(file, task="pose")
    found = []
    for frame in frames:
        (result,) = yolo.predict(
            frame, conf=CONF, iou=IOU, max_det=MAX_DET, imgsz=imgsz, rect=False, verbose=False, device="cpu"
        )
        found.append((result.boxes.data[:, :5].numpy(), result.keypoints.data.numpy()))
    return found


def ours(file: Path, frames: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same of our Estimator."""
    from edgepose.decoders import DecoderSettings
    from edgepose.estimator import Estimator
    from edgepose.models import Engine, load_pose

    estimator = Estimator(*load_pose(file, Engine(threads=1), DecoderSettings(CONF, IOU, MAX_DET)))
    found = []
    for frame in frames:
        poses = estimator(frame)
        boxes = [[*pose.box_xyxy, pose.score] for pose in poses]
        found.append((np.reshape(boxes, (-1, 5)), np.reshape([pose.keypoints for pose in poses], (-1, 17, 3))))
    return found


def compared(a: list[tuple[np.ndarray, np.ndarray]], b: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """People of both (matched by box, each once) and the largest differences; joints that they show (v ≥ 0.5)."""
    total = {"theirs": 0, "ours": 0, "matched": 0, "joints": 0, "box_px": 0.0, "joint_px": 0.0, "score": 0.0}
    for (their_boxes, their_joints), (our_boxes, our_joints) in zip(a, b, strict=True):
        total["theirs"] += len(their_boxes)
        total["ours"] += len(our_boxes)
        free = list(range(len(our_boxes)))
        for box, joints in zip(their_boxes, their_joints, strict=True):
            shown = joints[:, 2] >= 0.5  # Ultralytics writes zeros for the others
            near = [i for i in free if np.abs(our_boxes[i] - box).max() < 2]
            if not near:
                continue
            i = min(near, key=lambda i: float(np.abs(our_joints[i, shown, :2] - joints[shown, :2]).sum()))
            free.remove(i)
            total["matched"] += 1
            total["joints"] += int(shown.sum())
            total["box_px"] = max(total["box_px"], float(np.abs(our_boxes[i, :4] - box[:4]).max()))
            total["score"] = max(total["score"], float(abs(our_boxes[i, 4] - box[4])))
            apart = np.abs(our_joints[i, shown, :2] - joints[shown, :2])
            total["joint_px"] = max(total["joint_px"], float(apart.max(initial=0)))
    return total


def main(videos: list[Path], out: Path, litert: bool) -> None:
    """Prints one row for every export."""
    out.mkdir(parents=True, exist_ok=True)
    stand_in.torchvision()
    frames = pictures(videos)
    print(f"{len(frames)} pictures, conf {CONF}, IoU {IOU}, max_det {MAX_DET}\n")
    print("| network | export | people: theirs | ours | both | joints | box px | joint px | score |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for export in LITERT_EXPORTS if litert else EXPORTS:
        file = exported(export, frames, out)
        row = compared(theirs(file, frames, export.options.get("imgsz", 640)), ours(file, frames))
        figures = (f"{row[key]:.4f}" if isinstance(row[key], float) else str(row[key]) for key in row)
        print(f"| {export.network} | {export.words} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--litert", action="store_true", help="the LiteRT exports instead of the ONNX ones")
    given = parser.parse_args()
    os.environ["YOLO_AUTOINSTALL"] = "false"
    main(given.videos, given.out, given.litert)
