"""ultralytics predict or track over a video, for bench/run.py. Comparison only. Prints JSON."""

from __future__ import annotations

import sys
import time

import report
import stand_in


def main(mode: str, model: str, video: str) -> None:
    stand_in.torchvision()
    import onnxruntime
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(1)
    session = onnxruntime.InferenceSession

    def one_thread(path: str, options: onnxruntime.SessionOptions | None = None, **more: object) -> object:
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # ultralytics has no setting for it and would take every core
        return session(path, options, **more)

    onnxruntime.InferenceSession = one_thread
    network = YOLO(model, task="pose")
    call = {"predict": network.predict, "track": network.track}[mode]
    frames = people = 0
    first_s = 0.0
    for result in call(video, stream=True, verbose=False, imgsz=640, device="cpu"):
        frames, people = frames + 1, people + len(result.boxes)
        first_s = first_s or time.monotonic()
    report.show(frames, people, first_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
