"""A small pose data folder in the layouts of the real one: white stick people on dark pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgepose.skeletons import COCO17

WIDTH, HEIGHT = 96, 80
_STANCE = np.array(
    [(0, -30), (2, -32), (-2, -32), (4, -31), (-4, -31), (8, -22), (-8, -22), (12, -10), (-12, -10), (13, 2), (-13, 2),
     (5, 2), (-5, 2), (6, 16), (-6, 16), (6, 30), (-6, 30)], np.float32
)  # fmt: skip
"""Facing the camera: the person's left is on the right."""
LSP = ("right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
       "left_shoulder left_elbow left_wrist neck head_top").split()  # fmt: skip


def standing(x: float, y: float) -> np.ndarray:
    """(17, 2) joints of somebody 62 px tall round (x, y)."""
    return _STANCE + np.array([x, y], np.float32)


def drawn(*people: np.ndarray) -> bytes:
    """Encoded picture; lossless, so that colours stay."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    for joints in people:
        for a, b in COCO17.edges:
            cv2.line(image, joints[a].astype(int).tolist(), joints[b].astype(int).tolist(), (230, 230, 230), 2)
    return cv2.imencode(".png", image)[1].tobytes()


def lspet_row(name: str, joints: np.ndarray, split: str = "train", **changed: object) -> dict[str, object]:
    places = dict(zip(COCO17.joints, joints.tolist(), strict=True))
    places["neck"] = joints[[5, 6]].mean(axis=0).tolist()
    places["head_top"] = (joints[0] - (0, 5)).tolist()
    row: dict[str, object] = {"image": name, "split": split, "width": WIDTH, "height": HEIGHT, "torso_cross": False}
    for joint in LSP:
        row |= {f"{joint}_x": places[joint][0], f"{joint}_y": places[joint][1], f"{joint}_v": 1}
    return row | {"webp": drawn(joints)} | changed


def stanford_row(name: str, joints: np.ndarray) -> dict[str, object]:
    row: dict[str, object] = {"image": name, "action": "running", "width": WIDTH, "height": HEIGHT}
    low, high = joints.min(axis=0) - 3, joints.max(axis=0) + 3
    row |= {"box_x0": low[0], "box_y0": low[1], "box_x1": high[0], "box_y1": high[1], "webp": drawn(joints)}
    for joint, (x, y) in zip(COCO17.joints, joints.tolist(), strict=True):
        row |= {f"{joint}_x": x, f"{joint}_y": y}
    return row


def coco_annotation(image: int, joints: np.ndarray, **changed: object) -> dict[str, object]:
    low, size = joints.min(axis=0) - 3, np.ptp(joints, axis=0) + 6
    flat = np.column_stack([joints, np.full(17, 2)]).ravel().tolist()
    annotation = {"image_id": image, "bbox": [*low.tolist(), *size.tolist()], "keypoints": flat, "num_keypoints": 17}
    return {"iscrowd": 0, **annotation, **changed}


def write_table(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_coco(folder: Path, pictures: dict[str, bytes], annotations: list[dict[str, object]], **more: object) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images = [{"id": i, "file_name": name, **more} for i, name in enumerate(pictures)]
    for name, encoded in pictures.items():
        (folder / "images" / name).write_bytes(encoded)
    (folder / "annotations.json").write_text(json.dumps({"images": images, "annotations": annotations}))


def write_folder(folder: Path) -> Path:
    """Every source, a few pictures each."""
    places = [(30, 40), (48, 42), (60, 38), (40, 41)]
    lspet = [lspet_row(f"im{i}.jpg", standing(*at)) for i, at in enumerate(places)]
    lspet.append(lspet_row("im9.jpg", standing(50, 40), "val"))
    write_table(folder / "lspet224.parquet", lspet)
    write_table(folder / "stanford40_pose.parquet", [stanford_row(f"r_{i}", standing(45 + i, 40)) for i in range(4)])
    two = (standing(25, 40), standing(70, 40))
    write_coco(folder / "coco_train_kp", {"1.png": drawn(*two)}, [coco_annotation(0, joints) for joints in two])
    write_coco(folder / "coco_nopeople", {"2.png": drawn()}, [])
    box = {"image_id": 0, "bbox": [30, 5, 36, 70], "iscrowd": 0}
    write_coco(folder / "courtside_tennis", {"b_0.png": drawn(standing(48, 40))}, [box], video="b")
    return folder
