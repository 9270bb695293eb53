"""Makes what bench/run.py measures on: a YOLO11n-pose-sized ONNX file with five people planted in its output.

Needs a Python with ultralytics, torch and onnx (comparison only, never a dependency of EdgePose):

    PYTHON bench/run_prepare.py --out out/bench

The weights are random, so the network computes all it must and finds nobody; five people are written
over the first columns of its raw output. The video is any 1280×720 file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import stand_in


def planted_people() -> np.ndarray:
    """(1, 56, 5): standing people side by side, score 0.9, in 640×640 input pixels."""
    people = np.zeros((1, 56, 5), np.float32)
    for i in range(5):
        x = 80 + 120 * i
        joints = np.stack([np.full(17, x), 220 + 12 * np.arange(17), np.full(17, 0.9)], axis=1)
        people[0, :, i] = [x, 320, 80, 220, 0.9, *joints.ravel()]
    return people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    stand_in.torchvision()
    import onnx
    import torch
    from onnx import helper, numpy_helper
    from ultralytics.nn.tasks import PoseModel

    torch.manual_seed(0)
    network = PoseModel("yolo11n-pose.yaml", nc=1, verbose=False).eval()
    network.model[-1].export, network.model[-1].format = True, "onnx"
    raw = out / "yolo11n-pose.onnx"
    torch.onnx.export(
        network, torch.zeros(1, 3, 640, 640), raw, dynamo=False, opset_version=17,
        input_names=["images"], output_names=["output0"],
    )  # fmt: skip
    model = onnx.load(raw)
    graph = model.graph
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == "output0":
                node.output[i] = "network"
    for name, value in (
        ("planted", planted_people()),
        ("from", np.array([5])),
        ("to", np.array([8400])),
        ("axis", np.array([2])),
    ):
        graph.initializer.append(numpy_helper.from_array(value, name))
    graph.node.append(helper.make_node("Slice", ["network", "from", "to", "axis"], ["rest"]))
    graph.node.append(helper.make_node("Concat", ["planted", "rest"], ["output0"], axis=2))
    names = {0: "person"}
    helper.set_model_props(
        model,
        {
            "task": "pose",
            "kpt_shape": "[17, 3]",
            "names": str(names),
            "stride": "32",
            "imgsz": "[640, 640]",
            "batch": "1",
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, raw)
    print(raw, f"{raw.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
