"""Ground truth of the public 2D formats, written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from edgepose.errors import SourceError
from edgepose.skeletons import COCO17, H36M17, LSP14, MPII16
from edgepose_trainer import truth2d
from edgepose_trainer.pck import pckh, share

MPII_XML = """<annolist>
  <annotation>
    <image><name>015601864.jpg</name></image>
    <annorect>
      <x1>130</x1><y1>240</y1><x2>100</x2><y2>200</y2>
      <annopoints>
        <point><x>110</x><y>400</y><id>0</id><is_visible>0</is_visible></point>
        <point><x>112.5</x><y>198</y><id>9</id><is_visible>1</is_visible></point>
        <point><x>115</x><y>300</y><id>2</id></point>
        <point><x>135</x><y>300</y><id>3</id></point>
      </annopoints>
    </annorect>
    <annorect><x1>0</x1><y1>0</y1><x2>6</x2><y2>8</y2></annorect>
  </annotation>
  <annotation><image><name>empty.jpg</name></image></annotation>
</annolist>"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_row_14_mpii_xml_gives_joints_and_the_heads_diagonal(tmp_path: Path) -> None:
    truth = truth2d.read(written(tmp_path / "test.xml", MPII_XML))
    assert truth.images == ("015601864.jpg", "015601864.jpg")
    np.testing.assert_array_equal(truth.head_xyxy[0], [100, 200, 130, 240])
    np.testing.assert_allclose(truth.head_px, [50, 10])  # 30² + 40², 6² + 8²
    assert truth.keypoints[0, MPII16.index("right_ankle")].tolist() == [110, 400, 0.5]
    assert truth.keypoints[0, MPII16.index("head_top")].tolist() == [112.5, 198, 1]
    assert np.isfinite(truth.keypoints[..., 0]).sum() == 4
    assert (truth.keypoints[1, :, 2] == 0).all()


def test_row_14_joints_of_mpii_in_coco17_and_h36m17(tmp_path: Path) -> None:
    truth = truth2d.read(written(tmp_path / "test.xml", MPII_XML))
    coco, h36m = truth.joints_of("coco17"), truth.joints_of("h36m17")
    assert coco[0, COCO17.index("right_hip")].tolist() == [115, 300, 1]
    assert np.isnan(coco[0, COCO17.index("nose"), 0])  # a crown is no nose
    assert h36m[0, H36M17.index("left_hip")].tolist() == [135, 300, 1]
    assert h36m[0, H36M17.index("head")].tolist() == [112.5, 198, 1]
    assert np.isnan(h36m[0, H36M17.index("pelvis"), 0])  # labelled apart in MPII, and not here


def test_row_14_pckh_by_the_xmls_head_box(tmp_path: Path) -> None:
    truth = truth2d.read(written(tmp_path / "test.xml", MPII_XML))
    found = truth.keypoints[..., :2].copy()
    found[0, 0] += (0, 20)  # half the head is 25 px, of 0.6 of it 15
    places = truth.keypoints[..., :2]
    assert share(pckh(places, found, truth.head_px, 1.0))[0] == 1
    assert share(pckh(places, found, truth.head_px, 0.6))[0] == 0


def test_row_14_vocs_head_boxes_a_file_a_picture(tmp_path: Path) -> None:
    box = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>13</xmax><ymax>24</ymax></bndbox>"
    text = f"<annotation><filename>a.png</filename><object><name>head</name>{box}</object>"
    written(tmp_path / "a.xml", f"{text}<object><name>ball</name>{box}</object></annotation>")
    truth = truth2d.read(tmp_path)
    assert truth.images == ("a.png",)
    assert truth.head_px.tolist() == [5]
    assert truth2d.read(tmp_path / "a.xml").images == ("a.png",)


def test_row_14_lsp_and_its_extended_set(tmp_path: Path) -> None:
    joints = np.arange(3 * 14 * 2, dtype=float).reshape(3, 14, 2)
    joints[2] = 0
    joints[2, 3, 1] = 1  # hidden left hip of the second picture
    savemat(tmp_path / "joints.mat", {"joints": joints})
    truth = truth2d.read(tmp_path / "joints.mat")
    assert truth.skeleton is LSP14
    assert truth.images == ("im0001.jpg", "im0002.jpg")
    assert truth.keypoints[1, 3].tolist() == [7, 35, 0.5]  # x: 3 · 2 + 1, y: 28 more
    assert truth.joints_of("coco17")[1, COCO17.index("left_hip")].tolist() == [7, 35, 0.5]
    extended = np.ones((14, 3, 1))
    extended[0, :, 0] = 5, 6, 0
    savemat(tmp_path / "joints.mat", {"joints": extended})
    truth = truth2d.read(tmp_path / "joints.mat")
    assert truth.images == ("im00001.jpg",)
    assert np.isnan(truth.keypoints[0, 0, 0])  # not visible: its place is no place
    assert truth.keypoints[0, 1].tolist() == [1, 1, 1]
    np.testing.assert_allclose(truth2d.skull_px(truth), [0])


def test_row_14_coco_and_mpiis_json(tmp_path: Path) -> None:
    keypoints = [0] * 51
    keypoints[15:18] = 30, 40, 1  # left shoulder, hidden
    keypoints[18:21] = 10, 40, 2
    row = {"id": 1, "image_id": 7, "bbox": [0, 0, 50, 90], "keypoints": keypoints, "bbox_head": [5, 5, 3, 4]}
    table = {"images": [{"id": 7, "file_name": "b.jpg"}], "annotations": [row, row | {"id": 2, "iscrowd": 1}]}
    truth = truth2d.read(written(tmp_path / "coco.json", json.dumps(table)))
    assert truth.images == ("b.jpg",)
    assert truth.head_px.tolist() == [5]
    assert truth.keypoints[0, 5:7].tolist() == [[30, 40, 0.5], [10, 40, 1]]
    assert np.isnan(truth.keypoints[0, 0]).tolist() == [True, True, False]
    assert np.isnan(truth.joints_of("h36m17")[0, H36M17.index("pelvis"), 0])
    mpii = [{"image": "c.jpg", "joints": [[i, -1] for i in range(16)], "joints_vis": [1] * 15 + [0]}]
    truth = truth2d.read(written(tmp_path / "mpii.json", json.dumps(mpii)))
    assert truth.keypoints[0, 14].tolist() == [14, -1, 1]
    assert np.isnan(truth.keypoints[0, 15, 0])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.xml", "<annolist>", "no readable XML"),
        ("a.xml", "<annolist></annolist>", "annorect"),
        ("a.xml", MPII_XML.replace("<id>9</id>", "<id>16</id>"), "joint id 16"),
        ("a.xml", MPII_XML.replace("<x1>130</x1>", "<x1>wide</x1>"), "x1, got 'wide'"),
        ("a.json", "[{}]", "joints_vis"),
        ("a.mat", "no mat", "no joints of LSP"),
        ("a.txt", "", "expected ground truth as"),
    ],
)
def test_what_is_no_ground_truth_is_refused_in_one_line(tmp_path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(SourceError, match=expected) as refused:
        truth2d.read(written(tmp_path / name, text))
    assert "\n" not in str(refused.value)
