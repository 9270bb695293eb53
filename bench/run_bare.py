"""The bare loop that bench/run.py compares with: decode, letterbox, session run, suppression. Prints JSON."""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
import onnxruntime as ort

import report


def main(model: str, video: str) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    capture = cv2.VideoCapture(video)
    frames = people = 0
    first_s = 0.0
    while True:
        good, image = capture.read()
        if not good:
            break
        height, width = image.shape[:2]
        scale = min(640 / width, 640 / height)
        w, h = round(width * scale), round(height * scale)
        top, left = (640 - h) // 2, (640 - w) // 2
        canvas = np.full((640, 640, 3), 114, np.uint8)
        canvas[top : top + h, left : left + w] = cv2.resize(image, (w, h))
        blob = cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)
        rows = session.run(None, {"images": blob})[0][0]
        rows = rows[:, rows[4] > 0.25]
        boxes = np.concatenate([rows[:2] - rows[2:4] / 2, rows[2:4]]).T
        keep = cv2.dnn.NMSBoxes(boxes.tolist(), rows[4].tolist(), 0.25, 0.7)
        keypoints = rows[5:, keep].T.reshape(-1, 17, 3)
        keypoints[..., 0] = (keypoints[..., 0] - left) / scale
        keypoints[..., 1] = (keypoints[..., 1] - top) / scale
        frames, people = frames + 1, people + len(keypoints)
        first_s = first_s or time.monotonic()
    report.show(frames, people, first_s)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(*sys.argv[1:])
