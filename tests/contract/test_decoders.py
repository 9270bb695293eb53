"""One contract over every decoder: a known person comes out where they stand, nobody is nobody, NaN is an error."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgepose.decoders import Decoder, DecoderSettings
from edgepose.errors import ModelError
from edgepose.models import decoders, recognise
from edgepose.openpose import COCO18
from edgepose.runtimes import Signature, Tensor
from edgepose.skeletons import COCO17, H36M17
from edgepose.types import Pose, Track
from tests.onnx_files import column_of_joints, finished_yolo, raw_yolo

FRAME_WH = (1280, 720)
BOX_PX = (580, 140, 700, 500)


@dataclass(frozen=True)
class Case:
    """A network's tensors, and outputs that hold one person whose nose is at ``nose_px`` of the frame.

    A person detector's has no nose: its box is BOX_PX.
    """

    decoder: str
    input: Tensor
    outputs: tuple[Tensor, ...]
    one_person: tuple[np.ndarray, ...]
    nobody: tuple[np.ndarray, ...]
    nose_px: tuple[float, float] | None
    ankle_px: tuple[float, float] | None
    twin: str = ""
    """The decoder that has the same layout: only a card can tell."""
    people: tuple[Track, ...] = ()
    """For a decoder that needs boxes: the person of ``one_person``, as the detector gives them."""

    @property
    def network(self) -> Signature:
        return Signature((self.input,), self.outputs, {})


def yolo_raw() -> Case:
    # 1280×720 in 640×640: scale 0.5, 140 px above and below; input (320, 240) is frame (640, 200).
    person = ([320, 300, 60, 180], 0.9, column_of_joints(320, 240))
    return Case(
        "yolo_pose",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("output0", (1, 56, 100), "float32"),),
        (raw_yolo([person]),),
        (raw_yolo([]),),
        (640, 200),
        (640, 520),
    )


def yolo_maps() -> Case:
    # Stride 8: the nose's map is 1 in cell (39, 29) alone, whose middle is (316, 236); no other joint's map is sure.
    person = ([320, 300, 60, 180], 0.9, column_of_joints(320, 240))
    maps = np.zeros((1, 17, 80, 80), np.float32)
    maps[0, 0, 29, 39] = 1
    return Case(
        "yolo_pose_maps",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("rows", (1, 56, 100), "float32"), Tensor("maps", (1, 17, 80, 80), "float32")),
        (raw_yolo([person]), maps),
        (raw_yolo([]), np.zeros_like(maps)),
        (632, 192),
        (640, 520),
    )


def yolo_finished() -> Case:
    person = ([290, 230, 350, 410], 0.9, column_of_joints(320, 240))
    return Case(
        "yolo_end2end",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("output0", (1, 300, 57), "float32"),),
        (finished_yolo([person]),),
        (finished_yolo([]),),
        (640, 200),
        (640, 520),
    )


def yolov7_grid() -> Case:
    # Two strides of a 640 input would give more rows; 400 are past the 300 of finished exports.
    rows = np.zeros((1, 400, 57), np.float32)
    rows[0, 0] = [320, 300, 60, 180, 0.9, 0.8, *column_of_joints(320, 240).ravel()]
    rows[0, 1] = [320, 300, 60, 170, 0.8, 0.8, *column_of_joints(320, 240).ravel()]
    maps = np.zeros((1, 3, 80, 80, 57), np.float32)
    return Case(
        "yolov7_grid",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("output", (1, 400, 57), "float32"), Tensor("map", (1, 3, 80, 80, 57), "float32")),
        (rows, maps),
        (np.zeros_like(rows), maps),
        (640, 200),
        (640, 520),
    )


def yolov7_raw() -> Case:
    # Cell (40, 37) at stride 8: box centre (2 · 0.25 - 0.5 + 40, 2 · 0.5 - 0.5 + 37) · 8 = (320, 300), size the third
    # anchor's 38×94; a joint at y is (2k - 0.5 + 37) · 8.
    maps = [np.full((1, 3, 640 // s, 640 // s, 57), -8, np.float32) for s in (8, 16, 32, 64)]
    nobody = [level.copy() for level in maps]
    joints = [(0.25, (y / 8 - 36.5) / 2, 2) for y in 240 + 10 * np.arange(17)]
    maps[0][0, 2, 37, 40] = [np.log(1 / 3), 0, 0, 0, 2, 2, *np.ravel(joints)]
    return Case(
        "yolov7_raw",
        Tensor("images", (1, 3, 640, 640), "float32"),
        tuple(Tensor(f"map{i}", level.shape, "float32") for i, level in enumerate(maps)),
        tuple(maps),
        tuple(nobody),
        (640, 200),
        (640, 520),
    )


def yolov7_nms() -> Case:
    person = ([290, 230, 350, 410], 0.9, column_of_joints(320, 240))
    return Case(
        "yolov7_nms",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("detections", (None, 57), "float32"),),
        (finished_yolo([person], rows=1)[0],),
        (np.zeros((0, 57), np.float32),),
        (640, 200),
        (640, 520),
        twin="yolox_nms",
    )


def yolox_pose() -> Case:
    # The picture lies at the top: frame (640, 200) is input (320, 100). Cell (40, 12) of 80×80 at stride 8: box centre
    # (0 + 40, 10.5 + 12) · 8 = (320, 180); a joint at y is (2k - 0.5 + 12) · 8; its logit (2 · 0.5 - 0.5) · 8 = 4.
    rows = np.zeros((1, 8400, 57), np.float32)
    joints = [(0.25, (y / 8 - 11.5) / 2, 0.5) for y in 100 + 10 * np.arange(17)]
    rows[0, 12 * 80 + 40] = [0, 10.5, np.log(60 / 8), np.log(180 / 8), 0.9, 0.8, *np.ravel(joints)]
    return Case(
        "yolox_pose",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("output", (1, 8400, 57), "float32"),),
        (rows,),
        (np.zeros_like(rows),),
        (640, 200),
        (640, 520),
    )


def yolox_nms() -> Case:
    person = ([290, 90, 350, 270], 0.9, column_of_joints(320, 100, confidence=2.2))
    return Case(
        "yolox_nms",
        Tensor("images", (1, 3, 640, 640), "float32"),
        (Tensor("detections", (None, 57), "float32"),),
        (finished_yolo([person], rows=1)[0],),
        (np.zeros((0, 57), np.float32),),
        (640, 200),
        (640, 520),
        twin="yolov7_nms",
    )


def movenet_single() -> Case:
    # The first search crop is the padded square: side 1280, 280 px above the frame.
    joints = np.stack([0.4 + 0.01 * np.arange(17), np.full(17, 0.5), np.full(17, 0.9)], axis=1)
    return Case(
        "movenet_single",
        Tensor("input", (1, 192, 192, 3), "uint8"),
        (Tensor("output", (1, 1, 17, 3), "float32"),),
        (joints[None, None].astype(np.float32),),
        (np.full((1, 1, 17, 3), 0.01, np.float32),),
        (640, 0.4 * 1280 - 280),
        (640, 0.56 * 1280 - 280),
    )


def movenet_multi() -> Case:
    # 1280×720 with a long side of 256: 256×144 in 256×160; a fraction y of 160 px is y · 160 · 5 frame px.
    rows = np.zeros((1, 6, 56), np.float32)
    joints = np.stack([0.25 + 0.01 * np.arange(17), np.full(17, 0.5), np.full(17, 0.9)], axis=1)
    rows[0, 0] = [*joints.ravel(), 0.25, 0.4, 0.41, 0.6, 0.8]
    return Case(
        "movenet_multi",
        Tensor("input", (1, None, None, 3), "int32"),
        (Tensor("output", (1, 6, 56), "float32"),),
        (rows,),
        (np.zeros((1, 6, 56), np.float32),),
        (640, 200),
        (640, 0.41 * 160 * 5),
    )


def posenet() -> Case:
    # 1280×720 in 257×257, top left: resized to 257×145; every joint sits exactly on cell (4, 8), stride 16.
    heat = np.full((1, 17, 17, 17), -8.0, np.float32)
    heat[0, 4, 8] = 4.0
    nothing = np.full_like(heat, -8.0)
    offsets, steps = np.zeros((1, 17, 17, 34), np.float32), np.zeros((1, 17, 17, 64), np.float32)
    at = (8 * 16 * 1280 / 257, 4 * 16 * 720 / 145)
    return Case(
        "posenet",
        Tensor("input", (1, 257, 257, 3), "uint8", 1 / 128, 128),
        tuple(Tensor(f"out{n}", (1, 17, 17, n), "float32") for n in (17, 34, 64)),
        (heat, offsets, steps),
        (nothing, offsets, steps),
        at,
        at,
    )


def openpose() -> Case:
    # Joint k is one full cell, (20 + (k mod 5) · 3, 4 + k); every field points its link's way everywhere.
    maps = np.zeros((1, 57, 46, 82), np.float32)
    cells = np.array([(20 + (k % 5) * 3, 4 + k) for k in range(18)])
    maps[0, np.arange(18), cells[:, 1], cells[:, 0]] = 1
    for (a, b), field in zip(COCO18.links, COCO18.fields, strict=True):
        step = (cells[b] - cells[a]) / np.linalg.norm(cells[b] - cells[a])
        maps[0, 19 + field : 21 + field] = step[:, None, None]
    # A cell's centre lies between two px; the first is the peak, its 7 px are 3.5 px before to 2.5 px behind.
    px = np.arange(-3.5, 3)
    weight = (1.25 * np.abs(px / 8) - 2.25) * (px / 8) ** 2 + 1
    resized = np.array([1280 / 654, 720 / 368])
    nose, ankle = ((8 * cell + 4 + (px * weight).sum() / weight.sum()) * resized for cell in cells[[0, 10]])
    return Case(
        "openpose",
        Tensor("image", (1, 3, 368, 656), "float32"),
        (Tensor("net_output", (1, 57, 46, 82), "float32"),),
        (maps,),
        (np.zeros_like(maps),),
        (float(nose[0]), float(nose[1])),
        (float(ankle[0]), float(ankle[1])),
    )


def detector(
    decoder: str, input_shape: tuple[int | None, ...], one_person: Sequence[np.ndarray], empty: float = 0
) -> Case:
    outputs = tuple(Tensor(f"output{i}", array.shape, "float32") for i, array in enumerate(one_person))
    nobody = tuple(np.full_like(array, empty) for array in one_person)
    return Case(decoder, Tensor("images", input_shape, "float32"), outputs, tuple(one_person), nobody, None, None)


def boxes_yolo() -> Case:
    # Letterboxed by 0.5 with 140 px above: the box is x 290..350, y 210..390 of 640. Class 0 of 80; a dog is not asked.
    columns = np.zeros((1, 84, 8400), np.float32)
    columns[0, :5, 7000] = [320, 300, 60, 180, 0.9]
    columns[0, :5, 7001] = [320, 300, 60, 170, 0.8]
    columns[0, [0, 1, 2, 3, 4 + 16], 10] = [100, 300, 60, 180, 0.9]
    return detector("boxes_yolo", (1, 3, 640, 640), [columns])


def boxes_end2end() -> Case:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, :2] = [[290, 210, 350, 390, 0.9, 0], [90, 210, 150, 390, 0.95, 16]]
    return detector("boxes_end2end", (1, 3, 640, 640), [rows])


def boxes_yolov5() -> Case:
    rows = np.zeros((1, 25200, 85), np.float32)
    rows[0, 100:103, :6] = [[320, 300, 60, 180, 0.9, 0.8], [320, 300, 60, 170, 0.8, 0.8], [90, 300, 60, 180, 0.3, 0.8]]
    return detector("boxes_yolov5", (1, 3, 640, 640), [rows])


def boxes_yolox() -> Case:
    # Top left by 0.5: the box's centre is (320, 160) of 640, cell (10, 5) of the 20×20 of stride 32.
    rows = np.zeros((1, 8400, 85), np.float32)
    rows[0, 6400 + 1600 + 5 * 20 + 10, :6] = [0, 0, np.log(60 / 32), np.log(180 / 32), 0.9, 0.8]
    return detector("boxes_yolox", (1, 3, 640, 640), [rows])


def boxes_darknet() -> Case:
    # Fractions of the squashed picture are fractions of the frame.
    layers = [np.zeros((rows, 85), np.float32) for rows in (507, 2028, 8112)]
    layers[0][200, :6] = [640 / 1280, 320 / 720, 120 / 1280, 360 / 720, 0.9, 0.8]
    layers[1][900, :6] = [640 / 1280, 320 / 720, 120 / 1280, 350 / 720, 0.9, 0.7]
    return detector("boxes_darknet", (1, 3, 416, 416), layers)


def boxes_gluoncv() -> Case:
    # 720 px become 416, 1280 become 739.6, of which 740 are left. The second row is a dog, the others are empty.
    scale = np.array([740 / 1280, 416 / 720, 740 / 1280, 416 / 720])
    ids, scores, boxes = (np.full((1, 100, n), -1, np.float32) for n in (1, 1, 4))
    ids[0, :2, 0], scores[0, :2, 0], boxes[0, :2] = [0, 16], [0.8, 0.9], BOX_PX * scale
    return detector("boxes_gluoncv", (1, 3, None, None), [ids, scores, boxes], empty=-1)


def boxes_mmdet() -> Case:
    rows, labels = np.zeros((1, 20, 5), np.float32), np.zeros((1, 20), np.float32)
    rows[0, :2] = [[290, 70, 350, 250, 0.8], [90, 70, 150, 250, 0.7]]
    labels[0, 1] = 16
    return detector("boxes_mmdet", (1, 3, 640, 640), [rows, labels])


# 192×256 round (640, 360): × 1.25 the crop is 240×320 px from (520, 200), 5 px per cell of 48×64.
BOX = (Track(-1, Pose(np.zeros((0, 3), np.float32), np.array([544, 232, 736, 488], np.float32), 0.8)),)


def topdown_heatmaps() -> Case:
    # Joint k is one cell, (24, 10 + k), and has no higher neighbour: no quarter offset.
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[0, np.arange(17), 10 + np.arange(17), 24] = 0.9
    return Case(
        "topdown_heatmaps",
        Tensor("input", (None, 3, 256, 192), "float32"),
        (Tensor("output", (None, 17, 64, 48), "float32"),),
        (maps,),
        (np.zeros_like(maps),),
        (640, 200 + 10 * 5),
        (640, 200 + 26 * 5),
        people=BOX,
    )


def topdown_simcc() -> Case:
    # Two bins per input pixel: 0.625 px of the frame each.
    x, y = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
    x[..., 192] = 0.8
    y[0, np.arange(17), 80 + 8 * np.arange(17)] = 0.9
    return Case(
        "topdown_simcc",
        Tensor("input", (None, 3, 256, 192), "float32"),
        (Tensor("simcc_x", (None, 17, 384), "float32"), Tensor("simcc_y", (None, 17, 512), "float32")),
        (x, y),
        (np.zeros_like(x), np.zeros_like(y)),
        (640, 200 + 80 * 0.625),
        (640, 200 + 208 * 0.625),
        people=BOX,
    )


def rtmo() -> Case:
    # 1280×720 top left in 640×640: scale 0.5, nothing above.
    boxes = np.array([[[290, 90, 350, 270, 0.9], [291, 90, 350, 270, 0.6]]], np.float32)
    joints = np.stack([column_of_joints(320, 100), column_of_joints(321, 100)])[None].astype(np.float32)
    return Case(
        "rtmo",
        Tensor("input", (None, 3, 640, 640), "float32"),
        (Tensor("dets", (None, None, 5), "float32"), Tensor("keypoints", (None, None, 17, 3), "float32")),
        (boxes, joints),
        (np.zeros_like(boxes), np.zeros_like(joints)),
        (640, 200),
        (640, 520),
    )


CASES = {
    case.decoder: case
    for case in (
        yolo_raw(), yolo_maps(), yolo_finished(), yolov7_grid(), yolov7_raw(), yolov7_nms(), yolox_pose(),
        yolox_nms(), movenet_single(), movenet_multi(), posenet(), openpose(), topdown_heatmaps(), topdown_simcc(),
        rtmo(),
        boxes_yolo(), boxes_end2end(), boxes_yolov5(), boxes_yolox(), boxes_darknet(), boxes_gluoncv(), boxes_mmdet(),
    )
}  # fmt: skip


def made(case: Case) -> Decoder:
    module = importlib.import_module(f"edgepose.decoders.{case.decoder}")
    return module.create(case.network, COCO17, DecoderSettings())


def decoded(case: Case, outputs: Sequence[np.ndarray]) -> list:
    decoder = made(case)
    view = decoder.views(np.zeros((FRAME_WH[1], FRAME_WH[0], 3), np.uint8), case.people or None)[0]
    return decoder.decode(outputs, view)


def test_every_decoder_has_a_case() -> None:
    assert set(CASES) == set(decoders())


@pytest.mark.parametrize("case", CASES.values(), ids=lambda c: c.decoder)
class TestContract:
    def test_one_person_comes_out_where_they_stand(self, case: Case) -> None:
        (pose,) = decoded(case, case.one_person)
        assert pose.keypoints.dtype == np.float32
        if case.nose_px is None:
            assert pose.keypoints.shape == (0, 3)
            np.testing.assert_allclose(pose.box_xyxy, BOX_PX, atol=0.01)
        else:
            assert pose.keypoints.shape == (17, 3)
            np.testing.assert_allclose(pose.keypoints[0, :2], case.nose_px, atol=0.01)
            np.testing.assert_allclose(pose.keypoints[16, :2], case.ankle_px, atol=0.01)
        assert pose.box_xyxy.shape == (4,)
        assert 0.25 <= pose.score <= 1

    def test_nobody_is_an_empty_list(self, case: Case) -> None:
        if case.people:  # their box was sure enough: nobody is when there is no box, and the network need not run
            assert made(case).views(np.zeros((720, 1280, 3), np.uint8), []) == []
            (pose,) = decoded(case, case.nobody)
            assert np.isnan(pose.keypoints[:, :2]).all()
            assert pose.score == 0
        else:
            assert decoded(case, case.nobody) == []

    def test_outputs_that_are_not_finite_are_an_error_not_nobody(self, case: Case) -> None:
        broken = [np.full_like(output, np.nan) for output in case.one_person]
        with pytest.raises(ModelError, match="not finite"):
            decoded(case, broken)

    def test_views_fit_the_declared_input(self, case: Case) -> None:
        view = made(case).views(np.zeros((720, 1280, 3), np.uint8), case.people or None)[0]
        assert view.tensor.dtype == np.dtype(case.input.dtype)
        for got, declared in zip(view.tensor.shape, case.input.shape, strict=True):
            assert declared is None or got == declared

    def test_only_its_own_decoder_recognises_the_layout(self, case: Case) -> None:
        if case.twin:
            with pytest.raises(
                ModelError, match=rf"network\.onnx: .*{case.twin}.*name its decoder in a card"
            ) as caught:
                recognise(Path("network.onnx"), case.network)
            assert case.decoder in str(caught.value)
        else:
            assert recognise(Path("network.onnx"), case.network) == case.decoder

    def test_another_frame_size_is_taken_without_a_new_decoder(self, case: Case) -> None:
        decoder = made(case)
        for height, width in ((720, 1280), (1, 1), (2160, 3840), (720, 1280)):
            for view in decoder.views(np.zeros((height, width, 3), np.uint8), case.people or None)[:1]:
                for pose in decoder.decode(case.one_person, view):
                    assert np.isfinite(pose.keypoints).all()


def test_row_61_a_grid_scores_objectness_times_class() -> None:
    """0.9 · 0.8; the second row overlaps the first (170/180) and is suppressed."""
    (pose,) = decoded(CASES["yolov7_grid"], CASES["yolov7_grid"].one_person)
    assert pose.score == pytest.approx(0.72)
    np.testing.assert_allclose(pose.box_xyxy, [580, 140, 700, 500], atol=0.01)


@pytest.mark.parametrize("name", ["yolo_pose", "yolo_end2end", "posenet"])
def test_a_skeleton_that_does_not_fit_is_refused(name: str) -> None:
    case = CASES[name]
    module = importlib.import_module(f"edgepose.decoders.{name}")
    network = Signature((case.input,), (Tensor("output0", (1, 20, 100), "float32"),), {})
    with pytest.raises(ModelError, match=r"needs|coco17"):
        module.create(network if name != "posenet" else case.network, H36M17, DecoderSettings())
