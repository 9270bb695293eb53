"""The demo's page and the pictures in it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose import excerpts
from edgepose.errors import SourceError
from edgepose.summary_page import Cell, Mark, Page, Still, document
from tests.end_to_end.programs import clip


def page(**changes: object) -> Page:
    told = {
        "title": "A & B", "result": "1 of 1", "cards": [("Strokes", "1", "of <1>")], "webp": b"moving",
        "lanes": {"player-1": [Mark(1.0, 2.0, "serve", "right")]}, "span_s": 20.0, "head": ["second", "stroke"],
        "rows": [[Cell("1.50", number=True), Cell("serve", "right")]],
        "stills": [Still(b"jpeg", "serve <0.9>", "right")],
        "facts": {"source": "<script>alert(1)</script>", "nothing": ""},
    }  # fmt: skip
    return Page(**(told | changes))  # type: ignore[arg-type]


def test_the_page_escapes_what_it_is_told_and_loads_nothing() -> None:
    text = document(page())
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "A &amp; B" in text
    assert "default-src 'none'; img-src data:" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "nothing" not in text


def test_what_is_empty_is_left_out() -> None:
    text = document(page(webp=None, lanes={}, rows=[], stills=[]))
    for missing in ("<img", "<svg", "<table", "<figure"):
        assert missing not in text


def test_words_on_the_timeline_do_not_lie_on_each_other() -> None:
    marks = [Mark(start_s, start_s + 0.5, "backhand_slice", "told") for start_s in (1.0, 1.2, 10.0)]
    text = document(page(lanes={"#0": marks}))
    assert text.count(">backhand_slice</text>") == 2
    assert text.count("<title>backhand_slice") == 3


def test_a_crop_is_a_square_moved_into_the_picture_and_black_where_it_is_larger(tmp_path: Path) -> None:
    video = clip(tmp_path / "c.mp4", frames=100, size=(200, 100))
    corner, large = np.array([0.0, 0.0, 20.0, 20.0]), np.array([0.0, 0.0, 100.0, 100.0])
    everything = np.full(4, np.nan)
    spots = [excerpts.Spot(*spot) for spot in ((80, corner), (80, large), (20, everything), (500, everything))]
    cut, larger, whole, gone = excerpts.crops(video, spots)
    image = cv2.imdecode(np.frombuffer(cut, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image.shape == (excerpts.SIDE_PX, excerpts.SIDE_PX)
    assert image.mean() == pytest.approx(160, abs=6), "picture 80 is grey 160"
    over = cv2.imdecode(np.frombuffer(larger, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert over[:60].max() < 12, "200 px of a picture 100 px high: a quarter over it"
    assert over[90:210].mean() == pytest.approx(160, abs=6)
    full = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert full.shape == (excerpts.SIDE_PX, 2 * excerpts.SIDE_PX)
    assert full.mean() == pytest.approx(40, abs=6)
    assert gone == b""


def test_the_moving_picture_keeps_time(tmp_path: Path) -> None:
    data = excerpts.moving(clip(tmp_path / "c.mp4", frames=30, size=(64, 48), fps=30), 24, 10)
    assert data is not None
    (tmp_path / "c.webp").write_bytes(data)
    done, animation = cv2.imreadanimation(str(tmp_path / "c.webp"))
    assert done
    durations = np.ravel(animation.durations)
    assert durations.sum() == 1000
    assert set((durations % 100).tolist()) == {0}, "frames that look alike are one"
    assert animation.frames[0].shape[:2] == (24, 32)


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match=r"c\.mp4: no video that can be read"):
        excerpts.crops(tmp_path / "c.mp4", [excerpts.Spot(0, np.zeros(4))])
