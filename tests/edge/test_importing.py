"""models import: what a network is, what must be asked, and nothing half-written."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgepose import build, importing, mannequin, models
from edgepose.errors import ModelError, SettingsError
from edgepose.importing import Imported, import_model
from edgepose.model_files import checked
from edgepose.recognising import Answers, Question, family, parsed_size, refuse
from edgepose.runtimes import litert
from edgepose.skeletons import COCO17
from edgepose.staging import staged
from tests.contract.test_decoders import CASES, Case
from tests.onnx_files import column_of_joints, constant_network, finished_yolo, raw_yolo
from tests.shared import MOVENET, POSENET, needs

PERSON = ([320, 300, 60, 180], 0.9, column_of_joints(320, 240))


def imported(file: Path, answers: Answers = Answers(), replies: Sequence[str] = (), **rest: object) -> Imported:  # noqa: B008
    """Into the folder ``models`` beside the file; ``replies`` answer the questions in order."""
    left = list(replies)
    ask = (lambda question: left.pop(0)) if replies else importing.refuse
    done = import_model(file, file.parent / "models", answers, ask, **rest)
    assert not left
    return done


def nothing_left(folder: Path) -> bool:
    return not (folder / "models").exists() or not list((folder / "models").iterdir())


def yolo(path: Path, output: np.ndarray | None = None, **metadata: str) -> Path:
    return constant_network(path, (1, 3, 640, 640), raw_yolo([PERSON]) if output is None else output, metadata)


def test_a_yolo_export_needs_no_answer(tmp_path: Path) -> None:
    licence = "AGPL-3.0 License (https://ultralytics.com/license)"
    done = imported(yolo(tmp_path / "yolo11n pose.onnx", license=licence))
    card = done.card
    assert (card.name, card.runtime, card.decoder, card.skeleton) == ("yolo11n-pose", "onnx", "yolo_pose", "coco17")
    assert (card.input_shape, card.input_layout) == ([1, 3, 640, 640], "NCHW")
    assert card.output_shapes == [[1, 56, 100]]
    assert card.licence == licence
    assert done.trial.people == 1
    assert (done.trial.inputs, done.trial.outputs) == ([(1, 3, 640, 640)], [(1, 56, 100)])
    assert done.trial.alike  # a constant network
    assert {path.name for path in done.folder.iterdir()} == {"card.json", "weights.onnx", "import.jpg"}
    assert build.verify(done.folder) is None
    assert not list(done.folder.parent.glob(".*"))


def test_a_finished_layout_is_told_apart_and_an_unknown_licence_said(tmp_path: Path) -> None:
    card = imported(constant_network(tmp_path / "y.onnx", (1, 3, 640, 640), finished_yolo([]))).card
    assert (card.decoder, card.licence) == ("yolo_end2end", "unknown (imported)")


@needs(MOVENET, POSENET)
@pytest.mark.parametrize(("file", "decoder"), [(MOVENET, "movenet_single"), (POSENET, "posenet")])
def test_the_real_networks_see_the_drawn_figure(tmp_path: Path, file: Path, decoder: str) -> None:
    done = import_model(file, tmp_path, Answers(name="net"))
    assert done.card.decoder == decoder
    assert done.trial.people == 1
    assert not done.trial.alike


def test_nobody_who_can_be_asked_means_one_line_with_the_option(tmp_path: Path) -> None:
    """Rows of 57 without a batch axis are YOLOv7's and YOLOX's: a tie."""
    file = constant_network(tmp_path / "net.onnx", (1, 3, 640, 640), np.zeros((5, 57), np.float32))
    with pytest.raises(
        SettingsError, match=r"net.onnx: .*may be yolov7_nms or yolox_nms: give --family yolov7_nms\|yo"
    ):
        imported(file)
    assert nothing_left(tmp_path)
    assert imported(file, replies=["yolox_nms"]).card.decoder == "yolox_nms"
    assert imported(file, Answers(family="yolov7_nms"), force=True).card.decoder == "yolov7_nms"


def test_a_reply_that_is_no_choice_is_refused(tmp_path: Path) -> None:
    file = constant_network(tmp_path / "net.onnx", (1, 3, 640, 640), np.zeros((5, 57), np.float32))
    with pytest.raises(SettingsError, match="--family posenet: give yolov7_nms or yolox_nms"):
        imported(file, replies=["posenet"])


def test_a_joint_count_that_two_sets_have_is_asked(tmp_path: Path) -> None:
    """47 channels: a box, a class, and 14 joints of three values or 21 of two."""
    file = yolo(tmp_path / "net.onnx", raw_yolo([])[:, :47])
    with pytest.raises(SettingsError, match=r"--skeleton (body21a\|lsp14|lsp14\|body21a)"):
        imported(file)
    assert imported(file, replies=["lsp14"]).card.skeleton == "lsp14"


def test_the_exporters_joint_count_decides(tmp_path: Path) -> None:
    """5 + 26 · 3 channels."""
    file = yolo(tmp_path / "net.onnx", np.zeros((1, 83, 100), np.float32), kpt_shape="[26, 3]", task="pose")
    assert imported(file).card.skeleton == "halpe26"
    file = yolo(tmp_path / "dog.onnx", np.zeros((1, 65, 100), np.float32), kpt_shape="[20, 3]", task="pose")
    with pytest.raises(
        ModelError, match=r"dog.onnx: an export of 20 joints; joint sets known here: coco17 17, .*halpe26 26"
    ):
        imported(file)


def test_a_family_or_joint_set_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = yolo(tmp_path / "net.onnx")
    for answers, said in (
        (Answers(family="posenet"), r"\(1, 56, 100\) is not the layout of posenet"),
        (Answers(skeleton="body25", family="yolo_pose"), "body25 needs 80 values per person, got 56"),
        (Answers(family="telepathy"), "unknown decoder 'telepathy'; known"),
        (Answers(skeleton="h37"), "unknown skeleton 'h37'"),
        (Answers(options={"mode": "x"}), "net.onnx: unknown option 'mode'"),
        (Answers(detector="other"), "finds people by itself: leave --detector out"),
        (Answers(input_wh=(320, 320)), r"input is \(1, 3, 640, 640\) and cannot be changed"),
        (Answers(name="../net"), "letters, digits"),
        (Answers(name=".net"), "letters, digits"),
        (Answers(topology=file), "leave --topology out"),
    ):
        with pytest.raises((ModelError, SettingsError), match=said):
            imported(file, answers)
    assert nothing_left(tmp_path)


def heatmaps(path: Path) -> Path:
    """17 maps with one peak each, in the middle of the crop."""
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[:, :, 32, 24] = 0.9
    return constant_network(path, (1, 3, 256, 192), maps)


def test_a_top_down_network_wants_its_detector(tmp_path: Path) -> None:
    file = heatmaps(tmp_path / "hrnet.onnx")
    with pytest.raises(SettingsError, match=r"hrnet.onnx: finds joints inside boxes .*: give --detector .*none"):
        imported(file)
    assert nothing_left(tmp_path)
    alone = imported(file, Answers(detector="none"))
    assert (alone.card.decoder, alone.card.detector, alone.trial.people) == ("topdown_heatmaps", None, 1)
    imported(yolo(tmp_path / "finder.onnx"))
    boxes = np.zeros((1, 84, 8400), np.float32)
    imported(constant_network(tmp_path / "yolo11n.onnx", (1, 3, 640, 640), boxes, {"task": "detect"}))
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "card.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"--detector yolo11n\|.*finder.*\|none"):
        imported(file, Answers(name="third"))
    both = imported(file, Answers(detector="finder", name="both"))
    assert (both.card.detector, both.trial.people) == ("finder", 1)
    assert build.verify(both.folder) is None
    with pytest.raises(SettingsError, match="no model 'gone'"):
        imported(file, Answers(detector="gone", name="third"))


def test_a_detector_export_becomes_a_model_of_boxes(tmp_path: Path) -> None:
    """80 classes on 8400 cells; the person class is 0."""
    rows = np.zeros((1, 84, 8400), np.float32)
    rows[0, :5, 0] = [320, 320, 100, 200, 0.9]
    done = imported(constant_network(tmp_path / "yolo11n.onnx", (1, 3, 640, 640), rows, {"task": "detect"}))
    assert (done.card.decoder, done.card.skeleton, done.trial.people) == ("boxes_yolo", "boxes", 1)


def test_a_network_of_no_numbers_gets_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net.onnx: .*scores are not finite"):
        imported(yolo(tmp_path / "net.onnx", np.full((1, 56, 100), np.nan, np.float32)))
    assert nothing_left(tmp_path)


def test_a_network_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    for name, shape in (("grey", (1, 1, 64, 64)), ("flat", (1, 765)), ("clip", (1, 3, 8, 64, 64))):
        with pytest.raises(ModelError, match=f"{name}.onnx: input .* is no picture of three channels"):
            imported(constant_network(tmp_path / f"{name}.onnx", shape, raw_yolo([])))


def test_an_open_input_is_pinned_by_its_size(tmp_path: Path) -> None:
    file = constant_network(tmp_path / "net.onnx", (1, 3, "h", "w"), raw_yolo([PERSON]))
    done = imported(file, Answers(input_wh=(320, 192)))
    assert (done.card.input_shape, done.trial.inputs) == ([1, 3, 192, 320], [(1, 3, 192, 320)])
    assert imported(file, Answers(name="open")).card.input_shape == [1, 3, None, None]


def test_tensors_kept_outside_the_file_come_along(tmp_path: Path) -> None:
    big = onnx.load(yolo(tmp_path / "whole.onnx"))
    file = tmp_path / "split.onnx"
    onnx.save(big, file, save_as_external_data=True, location="split.data", size_threshold=0)
    assert checked(file).outside == ("split.data",)
    done = imported(file)
    assert [entry.path for entry in done.card.files] == ["weights.onnx", "split.data"]
    assert (done.trial.people, build.verify(done.folder)) == (1, None)
    (tmp_path / "split.data").unlink()
    with pytest.raises(ModelError, match="split.onnx: keeps its tensors in 'split.data', which is not beside it"):
        imported(file, Answers(name="second"))


def openpose_caffe(folder: Path, sides: str = "1 1") -> Path:
    """57 channels out of three, without a weight: pooled by 8, then joined 19 times."""
    height, width = sides.split()
    bottoms = "\n".join('bottom: "small"' for _ in range(19))
    (folder / "pose_deploy_linevec.prototxt").write_text(
        f"""name: "net"\ninput: "image"\ninput_dim: 1\ninput_dim: 3\ninput_dim: {height} # any\ninput_dim: {width}
        layer {{ name: "small" type: "Pooling" bottom: "image" top: "small"
                 pooling_param {{ pool: AVE kernel_size: 8 stride: 8 }} }}
        layer {{ name: "maps" type: "Concat" {bottoms} top: "maps" }}"""
    )
    file = folder / "pose_iter_440000.caffemodel"
    file.write_bytes(b"\x0a\x03net")  # NetParameter.name
    return file


def test_caffe_of_any_size_finds_its_topology_and_shapes(tmp_path: Path) -> None:
    done = imported(openpose_caffe(tmp_path))
    assert (done.card.decoder, done.card.runtime) == ("openpose", "opencv")
    assert (done.card.input_shape, done.card.output_shapes) == ([1, 3, None, None], [[1, 57, None, None]])
    assert [file.path for file in done.card.files] == ["weights.caffemodel", "weights.prototxt"]
    assert done.trial.inputs == [(1, 3, 368, 496)]  # 480 · 640 at a height of 368, to a multiple of 16
    assert build.verify(done.folder) is None


def test_caffe_with_declared_sides_keeps_them_and_can_be_overruled(tmp_path: Path) -> None:
    file = openpose_caffe(tmp_path, "368 656")
    assert imported(file).card.output_shapes == [[1, 57, 46, 82]]
    assert imported(file, Answers(input_wh=(320, 240), name="small")).card.output_shapes == [[1, 57, 30, 40]]


def test_caffe_topologies_that_must_be_named(tmp_path: Path) -> None:
    file = openpose_caffe(tmp_path)
    given = (tmp_path / "pose_deploy_linevec.prototxt").rename(tmp_path / "a.prototxt")
    (tmp_path / "b.prototxt").write_text("x")
    with pytest.raises(ModelError, match=r"give --topology FILE; beside it: a.prototxt, b.prototxt"):
        imported(file)
    with pytest.raises(ModelError, match="c.prototxt: no such topology"):
        imported(file, Answers(topology=tmp_path / "c.prototxt"))
    with pytest.raises(ModelError, match="caffemodel: OpenCV DNN cannot load it"):
        imported(file, Answers(topology=tmp_path / "b.prototxt"))
    assert imported(file, Answers(topology=given)).card.decoder == "openpose"


def test_darknet_takes_its_size_from_the_cfg(tmp_path: Path) -> None:
    """One [yolo] layer of three anchors at stride 1: (3 · 8 · 16, 7) rows."""
    (tmp_path / "tiny.cfg").write_text(
        "[net]\nwidth=32\nheight=64\nchannels=3\n[maxpool]\nsize=8\nstride=8\n[convolutional]\nfilters=21\nsize=1\n"
        "stride=1\npad=0\nactivation=linear\n[yolo]\nmask=0,1,2\nanchors=4,8, 8,16, 16,32\nclasses=2\nnum=3\n"
    )
    file = tmp_path / "tiny.weights"
    file.write_bytes(struct.pack("<3iq", 0, 2, 5, 0) + np.zeros(21 + 63, np.float32).tobytes())
    done = imported(file)
    assert (done.card.decoder, done.card.skeleton) == ("boxes_darknet", "boxes")
    assert (done.card.input_shape, done.card.output_shapes) == ([1, 3, 64, 32], [[96, 7]])
    assert [entry.path for entry in done.card.files] == ["weights.weights", "weights.cfg"]


def test_what_ultralytics_appends_to_a_tflite_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(b"TFL3" * 50)
    assert litert._metadata(file) == {}
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("metadata.json", json.dumps({"kpt_shape": [17, 3], "license": "AGPL-3.0"}))
    assert litert._metadata(file) == {"kpt_shape": "[17, 3]", "license": "AGPL-3.0"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("net.pt", r"PyTorch weights: export it to ONNX first \(Ultralytics: yolo export"),
        ("net.pth", "export it to ONNX first"),
        ("net.h5", "convert them to .tflite"),
        ("net.pb", "TensorFlow graph"),
        ("net.params", "MXNet weights"),
        ("net.engine", "TensorRT engine, made for one GPU"),
        ("net.prototxt", "give the .caffemodel"),
        ("net.cfg", "give the .weights"),
        ("net.zip", "unpack it"),
        ("net.txt", "known: .onnx"),
        ("net.onnx", "the file is empty"),
        ("net.caffemodel", "the file is empty"),
    ],
)
def test_a_file_that_is_no_network_says_what_to_do(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ModelError, match=f"{name}: .*{said}"):
        imported(tmp_path / name)
    assert nothing_left(tmp_path)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a folder: give the network's file; none that we know"):
        imported(tmp_path)
    yolo(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="a folder: give the network's file in it: net.onnx"):
        imported(tmp_path)
    with pytest.raises(ModelError, match="gone.onnx: no such file"):
        imported(tmp_path / "gone.onnx")


def test_a_taken_name_is_kept_unless_forced(tmp_path: Path) -> None:
    first = imported(yolo(tmp_path / "net.onnx"), Answers(licence="mine"))
    with pytest.raises(SettingsError, match="is there already: give another --name, or --force"):
        imported(tmp_path / "net.onnx")
    assert imported(tmp_path / "net.onnx", Answers(licence="new"), force=True).card.licence == "new"
    assert [path.name for path in first.folder.parent.iterdir()] == ["net"]


def test_a_failed_replacement_leaves_the_old_model(tmp_path: Path) -> None:
    old = imported(yolo(tmp_path / "net.onnx"))
    yolo(tmp_path / "net.onnx", np.full((1, 56, 100), np.nan, np.float32))
    with pytest.raises(ModelError, match="not finite"):
        imported(tmp_path / "net.onnx", force=True)
    assert build.verify(old.folder) is None


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    diary = tmp_path / "models" / "net" / "diary.txt"
    diary.parent.mkdir(parents=True)
    diary.write_text("dear")
    with pytest.raises(SettingsError, match="holds no model"):
        imported(yolo(tmp_path / "net.onnx"), force=True)
    assert diary.read_text() == "dear"


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".net.{gone.pid}.partial").mkdir()
    alive = tmp_path / f".other.{os.getppid()}.partial"
    alive.mkdir()
    (alive / "card.json").write_text("{}")
    with staged(tmp_path / "net") as stage:
        assert {path.name for path in tmp_path.iterdir()} == {stage.name, alive.name}
    assert {path.name for path in tmp_path.iterdir()} == {"net", alive.name}
    assert alive not in list(models.installed(tmp_path))  # half a model is none


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    def stop(question: Question) -> str:
        raise KeyboardInterrupt

    file = constant_network(tmp_path / "net.onnx", (1, 3, 640, 640), np.zeros((5, 57), np.float32))
    with pytest.raises(KeyboardInterrupt):
        import_model(file, tmp_path / "models", Answers(), stop)
    assert nothing_left(tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device", str(source), None, str(target))

    monkeypatch.setattr("edgepose.model_files.shutil.copyfile", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/models'"):
        imported(yolo(tmp_path / "net.onnx"))
    assert nothing_left(tmp_path)


def test_a_picture_of_the_users_is_tried_but_not_kept(tmp_path: Path) -> None:
    done = imported(yolo(tmp_path / "net.onnx"), picture=np.zeros((720, 1280, 3), np.uint8))
    assert done.trial.drawn.shape == (720, 1280, 3)
    assert not (done.folder / "import.jpg").exists()


def test_sizes_are_read() -> None:
    assert parsed_size("640x480") == parsed_size("640×480") == (640, 480)
    for wrong in ("640", "x", "0x480", "-1x2", "axb"):
        with pytest.raises(SettingsError, match="give width x height"):
            parsed_size(wrong)


def test_the_drawn_figure_stands_in_its_box() -> None:
    picture, (x1, y1, x2, y2) = mannequin.picture(), mannequin.box_xyxy()
    assert (picture.shape, picture.dtype) == ((480, 640, 3), np.uint8)
    assert (0 < x1 < x2 < 640, 0 < y1 < y2 < 480) == (True, True)
    shirt = (picture[:, :, 0].astype(int) - picture[:, :, 2]) > 100
    rows, columns = np.nonzero(shirt)
    assert (x1 < columns.min(), columns.max() < x2, y1 < rows.min(), rows.max() < y2) == (True,) * 4


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.decoder)
def test_every_family_is_recognised_whatever_joint_sets_there_are(case: Case) -> None:
    """Without an answer, but for the two that no file tells apart."""
    if case.decoder in ("yolov7_nms", "yolox_nms"):
        with pytest.raises(SettingsError, match=r"--family yolov7_nms\|yolox_nms"):
            family(Path("net.onnx"), case.network, Answers(), refuse)
    else:
        assert family(Path("net.onnx"), case.network, Answers(), refuse) == (case.decoder, COCO17)


def test_a_network_of_two_inputs_is_refused(tmp_path: Path) -> None:
    model = onnx.load(yolo(tmp_path / "net.onnx"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("scale", onnx.TensorProto.FLOAT, [1, 2]))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(
        ModelError, match="net.onnx: a pose network takes one picture; inputs of this one: images, scale"
    ):
        imported(tmp_path / "net.onnx")
