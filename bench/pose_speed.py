"""Times the shipped pose network in turn with its peers, one thread; prints Markdown (bench/pose.md).

The peer YOLO11n-pose at 320 px comes as a float ONNX file with random weights (bench/yolo.py says how to export one)
and is made int8 here, by the way that `edgepose models quantize` takes; MoveNet Lightning is int8 as it is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from edgepose import models
from edgepose.decoders import DecoderSettings
from edgepose.estimator import Estimator
from edgepose.types import Image
from edgepose_trainer.quantizing import quantize


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/courtpose-n"))
    parser.add_argument("--yolo", type=Path, required=True, help="float ONNX export of YOLO11n-pose at 320 px")
    parser.add_argument("--movenet", type=Path, required=True, help="int8 MoveNet SinglePose Lightning (.tflite)")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    images = frames(arguments.video)
    with tempfile.TemporaryDirectory() as folder:
        yolo = Path(folder) / "yolo11n-pose-int8.onnx"
        decoder = estimator(arguments.yolo).decoder
        inputs = [decoder.views(image, None)[0].tensor.copy() for image in images[:32]]
        quantize(arguments.yolo, yolo, inputs, lambda path: 0.0, 0.0)
        files = sorted(arguments.model.glob("weights*"))
        peers = {f"{arguments.model.name} {path.name}": estimator(path) for path in files}
        peers |= {"YOLO11n-pose 320, int8 ONNX, random weights": estimator(yolo)}
        peers |= {"MoveNet Lightning, int8 LiteRT, one person's crop": estimator(arguments.movenet)}
        times = measured(peers, images, arguments.rounds)
    own = times[f"{arguments.model.name} weights-int8.onnx"]
    print("| network | network alone, ms | int8 ONNX of ours / this |\n|---|---:|---:|")
    for name, values in times.items():
        print(f"| {name} | {np.median(values):.2f} | {np.median(own / values):.2f} |")


def frames(video: Path) -> list[Image]:
    """The first hundred."""
    capture = cv2.VideoCapture(str(video))
    found = []
    while len(found) < 100 and (read := capture.read())[0]:
        found.append(np.asarray(read[1], np.uint8))
    return found


def estimator(path: Path) -> Estimator:
    return Estimator(*models.load_pose(path, models.Engine(threads=1), DecoderSettings()))


def measured(peers: dict[str, Estimator], images: list[Image], rounds: int) -> dict[str, np.ndarray]:
    """Processor milliseconds of one network run each, all peers in turn in every round."""
    views = {
        name: [peer.decoder.views(image, None)[0].tensor.copy() for image in images] for name, peer in peers.items()
    }
    times: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + 5):
        for name, peer in peers.items():
            started = time.process_time()
            peer.runtime.run(views[name][number % len(images)])
            times[name].append(1000 * (time.process_time() - started))
    return {name: np.array(values[5:]) for name, values in times.items()}


if __name__ == "__main__":
    main()
