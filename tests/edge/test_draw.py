"""Drawing: sides, labels, bars, the lecture's people, and sheets of a network's maps."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose import draw, draw_maps
from edgepose.cli.pictures import Pictures
from edgepose.decoders import Maps
from edgepose.drawn_video import DrawnVideo
from edgepose.errors import SettingsError
from edgepose.openpose import COCO18
from edgepose.openpose_lecture import lecture_links, lecture_persons, lecture_points
from edgepose.pipeline import Step
from edgepose.skeletons import BOXES, COCO17
from edgepose.sources import SourceInfo
from edgepose.types import Event, Frame, Pose, Scores, Track, Window
from tests.end_to_end.programs import edgepose
from tests.onnx_files import constant_network

GREY = 100
SIZES = [(180, 320), (320, 180), (2160, 3840)]


def ground(height: int = 540, width: int = 960) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def changed(image: np.ndarray) -> np.ndarray:
    """(N, 2) x, y of the pixels drawn on."""
    return np.argwhere((image != GREY).any(axis=2))[:, ::-1]


def shows(image: np.ndarray, x: int, y: int, colour: draw.Colour) -> bool:
    """Whether the colour is there, give or take 2 px and the softened rim of a thin line."""
    near = image[y - 2 : y + 3, x - 2 : x + 3].astype(int)
    return bool((np.abs(near - colour).max(axis=2) < 30).any())


def pose(**joints: tuple[float, float]) -> Pose:
    """The named joints with confidence 0.9, all others missing."""
    keypoints = np.full((17, 3), (np.nan, np.nan, 0), np.float32)
    for name, place in joints.items():
        keypoints[COCO17.index(name)] = (*place, 0.9)
    known = keypoints[np.isfinite(keypoints[:, 0]), :2]
    box = np.concatenate([known.min(axis=0), known.max(axis=0)]) if len(known) else np.full(4, np.nan)
    return Pose(keypoints, box.astype(np.float32), 0.9)


def arms() -> Pose:
    return pose(
        right_shoulder=(400, 200), right_elbow=(400, 300), left_shoulder=(500, 200), left_elbow=(500, 300)
    )  # fmt: skip


def test_row_37_the_persons_own_left_and_right_have_their_colours() -> None:
    image = ground()
    draw.tracks(image, [Track(-1, arms())], COCO17)
    assert shows(image, 400, 250, draw.RIGHT)
    assert not shows(image, 400, 250, draw.LEFT)
    assert shows(image, 500, 250, draw.LEFT)
    assert shows(image, 450, 200, draw.MIDDLE)
    assert len({draw.LEFT, draw.RIGHT, draw.MIDDLE}) == 3


def test_joints_below_the_confidence_and_broken_ones_are_left_out() -> None:
    person = arms()
    person.keypoints[COCO17.index("right_elbow"), 2] = 0.29
    person.keypoints[COCO17.index("left_elbow")] = (np.inf, 300, 0.9)
    image = ground()
    draw.tracks(image, [Track(-1, person)], COCO17)
    assert changed(image)[:, 1].max() < 215  # nothing below the shoulders
    assert shows(image, 450, 200, draw.MIDDLE)


def test_every_id_keeps_its_colour_and_neighbours_differ() -> None:
    assert draw.person_colour(3) == draw.person_colour(3)
    assert len({draw.person_colour(track) for track in range(10)}) == 10
    image = ground()
    draw.tracks(image, [Track(3, arms())], COCO17)
    assert shows(image, 400, 300, draw.person_colour(3))


def test_lines_are_thicker_on_larger_people_and_never_invisible() -> None:
    def width(person_px: float) -> int:
        image = ground(1080, 1920)
        person = pose(left_shoulder=(900, 100), left_elbow=(900, 100 + person_px))
        draw.tracks(image, [Track(-1, person)], COCO17)
        return int((image[round(100 + person_px / 2)] != GREY).any(axis=1).sum())

    assert 1 <= width(20) <= 3
    assert width(20) < width(300) < width(900)


def test_an_untracked_person_has_no_label_and_an_empty_one_nothing() -> None:
    image = ground()
    draw.tracks(image, [Track(-1, arms())], COCO17)
    assert changed(image)[:, 1].min() > 180
    image = ground()
    draw.tracks(image, [Track(1, pose())], COCO17)
    assert len(changed(image)) == 0


def test_far_away_joints_do_not_break_the_lines() -> None:
    image = ground()
    person = pose(left_shoulder=(480, 270), left_elbow=(1e9, 270))
    draw.tracks(image, [Track(-1, person)], COCO17)
    assert shows(image, 800, 270, draw.LEFT)


def test_people_without_joints_are_boxes() -> None:
    image = ground()
    boxes = [Pose(np.zeros((0, 3), np.float32), np.array(box, np.float32), 0.9) for box in ((100, 200, 300, 400),)]
    boxes.append(Pose(np.zeros((0, 3), np.float32), np.full(4, np.nan, np.float32), 0.9))
    draw.tracks(image, [Track(i, box) for i, box in enumerate(boxes)], BOXES)
    for x, y in ((100, 300), (300, 300), (200, 200), (200, 400)):
        assert shows(image, x, y, draw.person_colour(0))
    assert not shows(image, 200, 300, draw.person_colour(0))


def test_notes_stand_over_the_head_and_inside_the_picture() -> None:
    image = ground()
    draw.tracks(image, [Track(1, arms())], COCO17, notes={1: ["forehand 0.87"], 2: ["backhand 0.10"]})
    over = changed(image)
    assert over[:, 1].min() > 200 - 4 * draw.line_height(image)  # two lines, not three
    assert over[:, 1].min() < 200 - 2 * draw.line_height(image)
    assert over[:, 0].min() > 380


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("corner", [(-500, -500), (10_000, 10_000), (0, 0)])
def test_text_stays_whole_inside_the_picture(size: tuple[int, int], corner: tuple[int, int]) -> None:
    def drawn(words: str, place: tuple[int, int]) -> np.ndarray:
        image = ground(*size)
        draw.text(image, words, place, draw.person_colour(1))
        return changed(image)

    whole, moved = drawn("#12 forehand", (10, size[0] // 2)), drawn("#12 forehand", corner)
    assert len(moved) == len(whole)
    np.testing.assert_array_equal(np.ptp(moved, axis=0), np.ptp(whole, axis=0))


def test_text_grows_with_the_picture_and_is_never_below_8_px() -> None:
    heights = []
    for size in SIZES:
        image = np.zeros((*size, 3), np.uint8)
        draw.text(image, "H", (10, size[0] // 2))
        heights.append(int(np.ptp(np.argwhere(image.any(axis=2))[:, 0])) + 1)
    assert heights[0] == heights[1] >= 8
    assert heights[2] >= 40


def test_too_long_text_is_made_smaller_then_cut() -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    draw.text(image, "forehand " * 30, (0, 90))
    columns = np.flatnonzero(image.any(axis=(0, 2)))
    assert 300 < columns.max() < 320
    for size in ((1, 1), (2, 3), (5, 400)):
        draw.text(np.zeros((*size, 3), np.uint8), "forehand", (0, 0))


def test_accents_are_dropped_not_garbled() -> None:
    bare, accented = ground(), ground()
    draw.text(bare, "Ruckhand", (100, 100))
    draw.text(accented, "Rückhand", (100, 100))
    np.testing.assert_array_equal(bare, accented)


@pytest.mark.parametrize(("fraction", "filled"), [(-1.0, 0), (0.0, 0), (0.25, 50), (1.0, 200), (7.0, 200)])
def test_a_bar_is_filled_to_its_fraction(fraction: float, filled: int) -> None:
    image = ground()
    draw.bar(image, fraction, "left 4", (100, 100), (200, 20), (0, 255, 0))
    row = image[100 + draw.line_height(image) + 10, 100:300]
    # The white frame takes a pixel at each end.
    assert abs(int((row == (0, 255, 0)).all(axis=1).sum()) - filled) <= 2


def test_an_upright_bar_is_filled_from_below_and_moved_inside() -> None:
    image = ground()
    draw.bar(image, 0.5, "right 12", (5000, 5000), (20, 200), (0, 255, 0))
    green = np.argwhere((image[340:] == (0, 255, 0)).all(axis=2))
    assert green[:, 0].min() + 340 == pytest.approx(440, abs=1)
    assert green[:, 0].max() + 340 == pytest.approx(538, abs=1)


def test_an_unknown_fraction_is_an_empty_bar() -> None:
    image = ground()
    draw.bar(image, np.nan, "left 4", (100, 100), (200, 20), (0, 255, 0))
    row = image[100 + draw.line_height(image) + 10, 102:298]
    assert not (row == (0, 255, 0)).all(axis=1).any()


def test_row_37_the_lectures_people_are_drawn_from_its_own_tables() -> None:
    maps = np.zeros((57, 20, 40), np.float32)
    for joint, (x, y) in {1: (10, 4), 2: (20, 4), 3: (20, 14)}.items():
        maps[joint, y, x] = 1
    for link, direction in ((0, (1, 0)), (2, (0, 1))):  # neck to right shoulder, shoulder to elbow
        channel = 19 + COCO18.fields[link]
        maps[channel : channel + 2] = np.reshape(direction, (2, 1, 1))
    heat, fields = COCO18.split(maps)
    peaks = lecture_points(heat, (320, 160))
    links, _ = lecture_links(peaks, fields, COCO18, (320, 160))
    persons = lecture_persons(peaks.score, links, COCO18)
    assert persons.shape == (1, 19)
    image = ground(160, 320)
    colours = [(0, 0, 250), (250, 0, 0), (0, 250, 0), *[(250, 0, 250)] * 14]
    draw.lecture_people(image, COCO18.links[:17], persons, peaks.xy, colours)
    assert shows(image, 124, 36, (0, 0, 250))  # y 36: the fifth cell's middle, 4 · 8 + 4
    assert shows(image, 164, 76, (0, 250, 0))
    assert not shows(image, 124, 76, (0, 250, 0))
    assert changed(image)[:, 0].min() > 75
    with pytest.raises(ValueError, match="shorter"):
        draw.lecture_people(image, COCO18.links[:17], persons, peaks.xy, colours[:5])


def small_maps() -> Maps:
    """One joint at the left end and one at the right end of the frame, and the field between them."""
    confidence = np.zeros((2, 4, 8), np.float32)
    confidence[0, 2, 0] = confidence[1, 2, 7] = 1
    fields = np.zeros((1, 2, 4, 8), np.float32)
    fields[0, 0, 2] = 1
    return Maps(("nose", "right_ear"), confidence, ((0, 1),), fields, (0.0, 0.0, 1280.0, 640.0))


def test_row_37_a_sheet_shows_every_map_and_field_where_they_lie() -> None:
    image = np.full((640, 1280, 3), GREY, np.uint8)
    before = image.copy()
    sheet = draw_maps.sheet(image, small_maps())
    np.testing.assert_array_equal(image, before)
    assert sheet.shape == (159 + 18 + 2, 4 * 320, 3)  # legend, two joints, one link, 318 × 159 each
    y = 18 + 159 * 5 // 8  # the third of four rows of cells
    legend, nose, ear, field = (sheet[:, column * 320 : column * 320 + 318].astype(int) for column in range(4))
    dark = np.array([GREY * 0.45] * 3)
    for tile, near, far in ((nose, 5, 310), (ear, 312, 8)):
        assert np.abs(tile[y, near] - dark).max() > 40
        assert np.abs(tile[y, far] - dark).max() <= 2
    assert all(field[y, x].argmax() == 2 for x in (20, 160, 300))  # rightwards is red
    assert np.abs(field[18 + 10, 160] - dark).max() <= 2
    assert legend[18:].max() > 200


def test_row_37_a_sheet_is_at_most_1920_px_wide_whatever_the_frame() -> None:
    maps = Maps(
        COCO18_JOINTS, np.zeros((18, 46, 82), np.float32), COCO18.links, np.zeros((19, 2, 46, 82), np.float32),
        (0.0, 0.0, 100.0, 100.0),
    )  # fmt: skip
    for height, width in ((1080, 1920), (1920, 1080), (1, 1), (10, 5000), (5000, 10)):
        sheet = draw_maps.sheet(np.zeros((height, width, 3), np.uint8), maps)
        assert sheet.shape[1] <= 1920


COCO18_JOINTS = tuple(f"joint_{joint}" for joint in range(18))


def test_row_37_maps_cut_off_by_padding_still_lie_right() -> None:
    maps = small_maps()
    padded = Maps(maps.joints, maps.confidence, maps.links, maps.fields, (0.0, -640.0, 1280.0, 640.0))
    sheet = draw_maps.sheet(np.full((640, 1280, 3), GREY, np.uint8), padded)
    tile = sheet[18:177, 320:638].astype(int)
    assert np.abs(tile[40, 5] - GREY * 0.45).max() > 40  # row 2 of 4 is now at a quarter of the frame
    assert np.abs(tile[130, 5] - GREY * 0.45).max() <= 2


def openpose_file(path: Path) -> Path:
    return constant_network(path, (1, 3, 368, 656), np.zeros((1, 57, 46, 82), np.float32))


def test_row_37_pose_draws_maps_and_people(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), ground(90, 160))
    model, out = openpose_file(tmp_path / "net.onnx"), tmp_path / "r.json"
    result = edgepose("pose", tmp_path / "a.png", "-m", model, "-o", out, "--draw", "maps", "--draw", "people")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "r_pictures"
    assert folder.name in result.stderr
    sheet = cv2.imread(str(folder / "maps" / "a_000000.png"))
    assert sheet is not None
    assert sheet.shape[1] <= 1920
    assert (folder / "a_000000.jpg").is_file()
    assert json.loads(out.read_text()) == []


def test_row_37_a_network_without_maps_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), ground(90, 160))
    model = constant_network(tmp_path / "yolo.onnx", (1, 3, 64, 64), np.zeros((1, 56, 100), np.float32))
    out = tmp_path / "r.json"
    result = edgepose("pose", tmp_path / "a.png", "-m", model, "-o", out, "--draw", "maps")
    assert result.returncode == 2
    assert "yolo" in result.stderr
    assert "not with maps" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("draw_what", "folder", "expected"),
    [
        ([], None, None),
        (["people"], None, ("x/r_pictures", True, False)),
        (["maps"], None, ("x/r_pictures", False, True)),
        (["people,maps"], None, ("x/r_pictures", True, True)),
        (["shown"], None, ("shown", True, False)),
        (["shown", "maps"], None, ("shown", True, True)),
        (["maps"], "there", ("there", False, True)),
        (["there"], "there", ("there", True, False)),
    ],
)
def test_row_37_what_draw_means(draw_what: list[str], folder: str | None, expected: tuple[str, bool, bool]) -> None:
    wanted = Pictures.wanted(draw_what, Path(folder) if folder else None, Path("x/r.json"))
    assert wanted == (Pictures(Path(expected[0]), *expected[1:]) if expected else None)


@pytest.mark.parametrize(("draw_what", "folder"), [(["a", "b"], None), (["a"], "b"), ([], "b")])
def test_two_folders_or_nothing_to_draw_is_said(draw_what: list[str], folder: str | None) -> None:
    with pytest.raises(SettingsError, match="--draw"):
        Pictures.wanted(draw_what, Path(folder) if folder else None, Path("r.json"))


def stroke(track: int, peak_s: float) -> Event:
    return Event(
        "id", "boot", 1, "device", "camera", "stroke", "forehand", 0.87, {}, track,
        0, 0, 0, peak_s - 0.2, peak_s, peak_s + 0.2,
    )  # fmt: skip


def test_the_highest_scores_are_bars_under_the_person() -> None:
    image = ground()
    draw.scores(image, arms(), {"forehand": 0.5, "backhand": 0.3, "idle": 0.15, "serve": 0.05})
    step = draw.line_height(image)
    rows = np.unique(changed(image)[:, 1])
    assert 300 < rows.min() < 300 + 2 * step  # under the elbows
    assert np.ptp(rows) == pytest.approx(3 * step, abs=4)  # three, not four
    low, lower = arms(), ground()
    low.keypoints[:, 1] += 235
    draw.scores(lower, low, {"forehand": 0.5, "backhand": 0.3, "idle": 0.15})
    assert len(changed(lower)) == len(changed(image))  # moved into the picture, whole


def test_scores_are_shown_until_no_newer_ones_came_for_a_second(tmp_path: Path) -> None:
    video = DrawnVideo(tmp_path / "drawn.mp4", SourceInfo("test", 320, 180, 10.0, False, 0.0), COCO17, ("hit", "idle"))
    person = pose(left_shoulder=(100, 50), right_shoulder=(80, 50))
    window = Window(1, 3, np.array([0.1, 0.5]), np.zeros((2, 17, 3), np.float32))
    for index in range(20):
        scores = [Scores(window, np.array([0.9, 0.1], np.float32))] if index == 3 else []
        video.step(Frame(index, index / 10, ground(180, 320)), Step([Track(1, person)], scores))
    video.close()
    read = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    images = [read.read()[1] for _ in range(20)]
    assert [i for i, image in enumerate(images) if np.ptp(image[65:90, 80:120]) > 60] == list(range(3, 13))


@pytest.mark.parametrize(("options", "said"), [([], "--draw FILE"), (["--count", "bicep_curl"], "strokes.model")])
def test_scores_to_draw_need_a_video_and_a_classifier(tmp_path: Path, options: list[str], said: str) -> None:
    options = [*options, "--draw", str(tmp_path / "drawn.mp4")] if options else []
    cv2.imwrite(str(tmp_path / "a.png"), ground(90, 160))
    model = openpose_file(tmp_path / "net.onnx")
    result = edgepose("run", "-s", tmp_path, "-m", model, "--no-mqtt", "--draw-scores", *options)
    assert result.returncode == 2
    assert said in result.stderr


@pytest.mark.parametrize(("known_at", "first"), [(5, 3), (15, 3), (25, 12)])
def test_row_37_a_stroke_stands_over_its_player_for_a_second(tmp_path: Path, known_at: int, first: int) -> None:
    """Eight frames a second, peak at frame 3. Frames wait 1.5 s: after frame 24, frame 12 is the first that waits."""
    info = SourceInfo("test", 320, 180, 8.0, False, 0.0)
    video = DrawnVideo(tmp_path / "drawn.mp4", info, COCO17)
    person = pose(left_shoulder=(100, 150), right_shoulder=(80, 150))
    for index in range(30):
        events = [stroke(1, 3 / 8)] if index == known_at else []
        video.step(Frame(index, index / 8, ground(180, 320)), Step([Track(1, person)], [], events))
    video.close()
    read = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    labelled = []
    for index in range(30):
        _, image = read.read()
        if image[95:150, 115:200].min() < GREY - 40:  # right of "#1", over the head
            labelled.append(index)
    assert labelled == list(range(first, first + 8))


def test_every_frame_is_in_the_video_though_few_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgepose.drawn_video._MOST_BYTES", 2 * 180 * 320 * 3)
    video = DrawnVideo(tmp_path / "drawn.mp4", SourceInfo("test", 320, 180, 10.0, False, 0.0), COCO17)
    for index in range(7):
        video.step(Frame(index, index / 10, np.full((180, 320, 3), 30 * index, np.uint8)), Step([]))
        assert len(video._waiting) <= 2
    video.close()
    read = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    assert [round(read.read()[1].mean() / 30) for _ in range(7)] == list(range(7))
    assert not read.read()[0]
