"""Sessions with 2D as it was seen and 3D as it was, to learn lifting from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra trainer)")

from edgepose import card as cards  # noqa: E402
from edgepose.errors import SourceError  # noqa: E402
from edgepose.lifter import Lifter  # noqa: E402
from edgepose.lifting.joints import mirrored  # noqa: E402
from edgepose.session import read_info, write_info  # noqa: E402
from edgepose.skeletons import COCO17  # noqa: E402
from edgepose_trainer.errors3d import EVALUATED, mpjpe, n_mpjpe  # noqa: E402
from edgepose_trainer.lifters import courttraining, sights  # noqa: E402
from edgepose_trainer.motionmodel.model import load  # noqa: E402
from edgepose_trainer.synth.sessions import Wish, write  # noqa: E402
from tests.shared import SHARED, needs  # noqa: E402

MODEL = Path(__file__).parents[2] / "models" / "courtlift-n"
CALDAS = SHARED / "data" / "mocap" / "caldas"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two players, exact 2D and 3D."""
    folder = tmp_path_factory.mktemp("sights") / "rally"
    write(folder, Wish(7, 2.0, 2, size_wh=(640, 360)), load(), False, lambda text: None)
    return folder


def test_windows_are_what_the_shipped_lifter_expects(session: Path) -> None:
    inputs, middle, newest = sights.read([session]).windows
    assert len(inputs) > 60
    runtime = Lifter(MODEL)._runtime
    answers = runtime.run(inputs.reshape(len(inputs), -1))
    for answer, truth in zip(answers, (middle, newest), strict=True):
        known = np.isfinite(truth[:, EVALUATED]).all(axis=(1, 2))
        found, true = answer.reshape(-1, 17, 3)[known][:, EVALUATED], truth[known][:, EVALUATED]
        assert 1000 * n_mpjpe(found.astype(float), true.astype(float)) < 75
        assert 1000 * mpjpe(found.astype(float), true.astype(float)) < 90  # the size is that of a 1.75 m person
    assert 0.5 < known.mean() < 1  # the last windows reach beyond the recording


def test_half_of_those_drawn_are_mirrored(session: Path) -> None:
    known = sights.read([session.parent])
    inputs, middle, _ = known.draw(400, np.random.default_rng(0))
    originals = {row.tobytes(): pose for row, pose in zip(known.windows[0], known.windows[1], strict=True)}
    plain = [row.tobytes() in originals for row in inputs]
    assert 140 < sum(plain) < 260
    for row, pose, same in zip(inputs, middle, plain, strict=True):
        if not same:
            assert originals[mirrored(row[None], COCO17.mirror)[0].tobytes()][0, 0] == -pose[0, 0]


def test_a_player_without_a_height_is_of_no_use(session: Path, tmp_path: Path) -> None:
    other = shutil.copytree(session, tmp_path / "nameless")
    write_info(other, read_info(other).model_copy(update={"players": {}}))
    with pytest.raises(SourceError, match="whose height session.json states"):
        sights.read([other])


def test_a_folder_without_sessions_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="elsewhere: no recorded session here"):
        sights.read([tmp_path / "elsewhere"])


@needs(CALDAS)
def test_they_are_learnt_from_beside_motion_capture(session: Path, tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    for player in ("astrejos", "cferrero", "jangel", "jarua"):
        path = next(iter(sorted(CALDAS.glob(f"{player}_*"))))
        (takes / path.name).symlink_to(path.resolve())
    out = courttraining.train(takes, tmp_path / "out", steps=3, size=16, say=lambda text: None, seen=[session])
    assert any("1 sessions as a pose network saw them" in dataset.name for dataset in cards.load(out).data)
