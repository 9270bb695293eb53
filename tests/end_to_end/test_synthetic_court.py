"""From pixels to strokes with known answers: a made video through capture, network, tracker, windows and spotter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgepose import comparing
from edgepose.cli import record
from edgepose.session import read_labels, read_poses
from edgepose_trainer.motionmodel.model import load
from edgepose_trainer.synth.sessions import Wish, write
from tests.shared import MOVENET, needs


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One player at a ball machine, 7 s, a serve and another stroke, filmed from 8 m away."""
    folder = tmp_path_factory.mktemp("court") / "session"
    wish = Wish(seed=1, duration_s=7.0, players=1, size_wh=(256, 256), fps=15.0, place_m=(-7.0, 2.0, -6.0))
    write(folder, wish, load(), True, lambda text: None)
    return folder


@needs(MOVENET)
def test_the_strokes_of_a_made_video_are_found(court: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    assert record.command(seen, source=str(court / "video.mp4"), model=str(MOVENET), threads=1) == 0
    poses = read_poses(seen)
    assert len(set(poses.frame.tolist()) | set(poses.empty_frame.tolist())) == 105  # 7 s of 15 frames
    people = comparing.seen(poses, read_poses(court))
    assert people.found > 0.95
    assert people.error < 0.12  # torso lengths; measured: 0.09
    assert set(people.players.values()) == {0}
    events = [json.loads(line) for line in (seen / "events.jsonl").read_text().splitlines()]
    judged = comparing.strokes(events, read_labels(court), people.players)
    assert [one.truth.label for one in judged.judged] == ["serve", "forehand"]
    assert str(judged) == "2 of 2 strokes found with the right label, 0 wrong label, 0 missed, 0 false"
