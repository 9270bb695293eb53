"""ultralytics predict or track over a video, for bench/run.py. Comparison only. Prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time

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
    last_s = time.monotonic()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "frames": frames,
                "people": people / frames,
                "fps": (frames - 1) / (last_s - first_s),
                "first_s": first_s,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_memory_mb": usage.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
