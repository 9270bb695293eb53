"""The classifier on a small booster that knows one thing: which wrist is the higher."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from edgepose import card as cards
from edgepose.card import Card, WindowSpec
from edgepose.classifier import StrokeClassifier, tempered
from edgepose.errors import ModelError
from edgepose.features import features, mirror
from edgepose.runtimes.lightgbm import LightGbmRuntime
from edgepose.skeletons import COCO17
from edgepose.types import Float32, Window

LABELS = ["idle", "forehand", "serve"]
WRISTS = COCO17.indices("left_wrist", "right_wrist")
SHIPPED = Path(__file__).parents[2] / "models" / "tennis-strokes"


def people(count: int, raised: str, seed: int = 0) -> Float32:
    """(N, 15, 17, 3): standing people with noise; the ``raised`` wrist is above the head."""
    rng = np.random.default_rng(seed)
    points = np.zeros((count, 15, 17, 3), np.float32)
    points[..., 0] = np.where(np.char.startswith(COCO17.joints, "left"), 120.0, 80.0)
    points[..., 0, 0] = 100
    points[..., 1] = [0, 0, 0, 0, 0, 20, 20, 50, 50, 80, 80, 100, 100, 150, 150, 200, 200]
    points[..., 2] = 1
    if raised != "none":
        points[:, :, COCO17.index(f"{raised}_wrist"), 1] = -40
    points[..., :2] += rng.normal(0, 4, points[..., :2].shape)
    return points


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    windows = np.concatenate([people(80, "none"), people(80, "right", 1), people(80, "left", 2)])
    labels = np.repeat([0, 2, 1], 80)
    data = lgb.Dataset(features(windows, "tennis-1", COCO17), labels)
    fixed = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1, "num_leaves": 7}
    lgb.train({**fixed, "feature_fraction": 0.3, "seed": 1}, data, 12).save_model(str(out / "strokes.txt"))
    cards.save(card_of(out), out)
    return out


def card_of(folder: Path, **changes: Any) -> Card:
    fields: dict[str, Any] = {
        "name": "small", "version": "1", "task": "strokes", "runtime": "lightgbm",
        "files": [cards.weights(folder / "strokes.txt")], "labels": LABELS, "idle": "idle",
        "window": WindowSpec(frames=15, rate_hz=15), "features": "tennis-1", "licence": "Apache-2.0",
    }  # fmt: skip
    return Card(**{**fields, **changes})


def windows(keypoints: Float32, track: int = 1) -> list[Window]:
    return [Window(track, i, i + np.arange(15) / 15, one) for i, one in enumerate(keypoints)]


def told(scores: list[Any]) -> list[str]:
    return [LABELS[int(s.probabilities.argmax())] for s in scores]


def test_a_left_hander_is_seen_in_the_mirror(folder: Path) -> None:
    classifier = StrokeClassifier(folder)
    right, left = windows(people(4, "right", 5)), windows(people(4, "left", 5))
    assert told(classifier.scores(right, {1: "right"})) == ["serve"] * 4
    scores = classifier.scores(left, lambda track: "left")
    assert told(scores) == ["serve"] * 4
    assert {s.handedness for s in scores} == {"left"}
    assert told(classifier.scores(left, {1: "right"})) == ["forehand"] * 4


def test_probabilities_are_those_of_the_booster(folder: Path) -> None:
    keypoints = people(20, "right", 6)
    scores = StrokeClassifier(folder).scores(windows(keypoints), {1: "right"})
    booster = lgb.Booster(model_file=str(folder / "strokes.txt"))
    expected = booster.predict(features(keypoints, "tennis-1", COCO17))
    np.testing.assert_allclose([s.probabilities for s in scores], expected, atol=1e-6)
    assert scores[0].probabilities.dtype == np.float32
    np.testing.assert_allclose(sum(s.probabilities.sum() for s in scores), 20, rtol=1e-5)


def test_known_and_unknown_hands_in_one_call_keep_the_order(folder: Path) -> None:
    keypoints = people(3, "right", 7)
    mixed = [windows(keypoints[i : i + 1], track=i)[0] for i in range(3)]
    scores = StrokeClassifier(folder).scores(mixed, {0: "left", 2: "right"})
    assert [s.window.track for s in scores] == [0, 1, 2]
    assert (scores[0].handedness, scores[2].handedness) == ("left", "right")
    assert scores[1].handedness in ("left", "right")
    assert told(scores)[::2] == ["forehand", "serve"]


def test_nothing_in_nothing_out_and_blind_windows_are_survived(folder: Path) -> None:
    classifier = StrokeClassifier(folder)
    assert classifier.scores([], {}) == []
    blind = np.full((1, 15, 17, 3), np.nan, np.float32)
    (score,) = classifier.scores(windows(blind), {})
    assert np.isfinite(score.probabilities).all()
    with pytest.raises(ValueError, match=r"expected a window \(15, 17, 3\), got \(15, 13, 3\)"):
        classifier.scores(windows(np.zeros((1, 15, 13, 3), np.float32)), {})


def test_an_unknown_hand_is_found_out_and_both_views_are_mixed_until_then(folder: Path) -> None:
    """Log odds 0.05 · evidence + 0.25, as the classifier documents; the surer view wins in the end."""
    booster = LightGbmRuntime(folder / "strokes.txt")
    keypoints = people(200, "left", 8)
    one = features(keypoints[:1], "tennis-1", COCO17)
    other = features(mirror(keypoints[:1], COCO17), "tennis-1", COCO17)
    right, left = booster.predict(one)[0], booster.predict(other)[0]
    evidence = (right[1:] ** 2).sum() - (left[1:] ** 2).sum()
    weight = 1 / (1 + np.exp(-(0.05 * evidence + 0.25)))
    scores = StrokeClassifier(folder).scores(windows(keypoints), {})
    np.testing.assert_allclose(scores[0].probabilities, weight * right + (1 - weight) * left, atol=1e-6)
    assert scores[0].handedness == "right"
    expected = "left" if evidence < 0 else "right"
    assert scores[-1].handedness == expected


class Seen:
    """A booster that sees a clear serve, or nobody who plays; in the mirror never a stroke."""

    def __init__(self) -> None:
        self.stroke = True

    def predict(self, features: Float32) -> Any:
        idle, serve = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
        return np.array([serve if self.stroke and row < len(features) // 2 else idle for row in range(len(features))])


def test_an_estimated_hand_is_surer_with_every_stroke_and_nothing_is_forgotten_between(folder: Path) -> None:
    """Two strokes of 20 windows, ten seconds of waiting between them: log odds 0.05 · (1 + 0.995 + …) + 0.25."""
    classifier, seen = StrokeClassifier(folder), Seen()
    classifier._booster = seen  # type: ignore[assignment]
    sure = []
    for count, seen.stroke in ((20, True), (300, False), (20, True)):
        last = classifier.scores(windows(people(count, "right")), {})[-1]
        assert last.handedness == "right"
        sure.append(last.handedness_confidence)
    odds = [0.05 * (1 - 0.995**strokes) / 0.005 + 0.25 for strokes in (20, 20, 40)]
    assert sure == pytest.approx([1 / (1 + np.exp(-one)) for one in odds])


def test_a_given_hand_has_no_confidence(folder: Path) -> None:
    (given,) = StrokeClassifier(folder).scores(windows(people(1, "right", 8)), {1: "right"})
    assert (given.handedness, given.handedness_confidence) == ("right", None)


def test_temperature_of_the_card_softens_the_probabilities(folder: Path, tmp_path: Path) -> None:
    """By hand: (0.9, 0.1) at temperature 2 is (sqrt .9, sqrt .1) / sum = (0.75, 0.25)."""
    np.testing.assert_allclose(tempered(np.array([0.9, 0.1]), 2.0), [0.75, 0.25])
    np.testing.assert_allclose(tempered(np.array([[0.75, 0.25]]), 0.5), [[0.9, 0.1]])
    shutil.copy(folder / "strokes.txt", tmp_path)
    cards.save(card_of(tmp_path, temperature=2.0), tmp_path)
    seen = windows(people(3, "right", 6))
    for hand in ("right", None):
        plain, soft = (StrokeClassifier(one).scores(seen, {1: hand}) for one in (folder, tmp_path))
        for before, after in zip(plain, soft, strict=True):
            expected = np.sqrt(before.probabilities) / np.sqrt(before.probabilities).sum()
            np.testing.assert_allclose(after.probabilities, expected, atol=1e-6)
            assert after.handedness_confidence == before.handedness_confidence
    text = (tmp_path / "card.json").read_text().replace('"temperature": 2.0', '"temperature": 0.0')
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError, match=r"temperature: input should be greater than 0"):
        StrokeClassifier(tmp_path)


def test_memory_of_hands_is_bounded(folder: Path) -> None:
    classifier = StrokeClassifier(folder)
    one = people(1, "right")
    for track in range(300):
        classifier.scores(windows(one, track), {})
    assert len(classifier._evidence) == 256


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "seed-180"}, "expected 180 features .* got 986"),
        ({"labels": ["idle", "serve"]}, "expected 986 features .* and 2 labels .* got 986 and 3"),
        ({"features": "tennis-9"}, "unknown feature set 'tennis-9'"),
        ({"skeleton": "h36m17"}, "no joint 'nose'"),
        ({"idle": "rest"}, "idle label 'rest' is not among idle, forehand, serve"),
        ({"window": None}, "needs window, features and idle"),
        ({"window": WindowSpec(frames=30, rate_hz=30)}, "got 986"),
        ({"runtime": "onnx"}, "expected task strokes on lightgbm, got strokes on onnx"),
    ],
)
def test_what_does_not_fit_fails_at_start(folder: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    shutil.copy(folder / "strokes.txt", tmp_path)
    cards.save(card_of(tmp_path, **changes), tmp_path)
    with pytest.raises(ModelError, match=message):
        StrokeClassifier(tmp_path)


def test_damaged_weights_and_no_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "strokes.txt").write_text("tree\n")
    with pytest.raises(ModelError, match="wrong or damaged file"):
        StrokeClassifier(tmp_path / "model")
    (tmp_path / "none.txt").write_text("hello")
    with pytest.raises(ModelError, match="not a LightGBM text model"):
        LightGbmRuntime(tmp_path / "none.txt")
    with pytest.raises(ModelError, match="cannot read the model: No such file"):
        LightGbmRuntime(tmp_path / "gone.txt")


def test_runtime_equals_the_booster_for_few_and_many_rows(folder: Path) -> None:
    runtime = LightGbmRuntime(folder / "strokes.txt")
    booster = lgb.Booster(model_file=str(folder / "strokes.txt"))
    rows = features(people(50, "left", 9), "tennis-1", COCO17)
    rows[::3, ::5] = np.nan
    for count in (0, 1, 2, 5, 50):
        got = runtime.predict(rows[:count])
        assert got.shape == (count, 3)
        if count:
            np.testing.assert_allclose(got, booster.predict(rows[:count]), rtol=0, atol=1e-12)
    (same,) = runtime.run(rows)
    assert same.dtype == np.float32
    with pytest.raises(ModelError, match=r"expected features \(N, 986\), got \(2, 3\)"):
        runtime.predict(np.zeros((2, 3), np.float32))


def test_runtime_is_shared_between_threads(folder: Path) -> None:
    runtime = LightGbmRuntime(folder / "strokes.txt")
    rows = features(people(30, "left", 9), "tennis-1", COCO17)
    expected = runtime.predict(rows)
    wrong: list[int] = []

    def work() -> None:
        for i in range(200):
            row = i % 30
            if not np.array_equal(runtime.predict(rows[row : row + 1]), expected[row : row + 1]):
                wrong.append(row)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_device_never_imports_the_python_package() -> None:
    code = "import sys, edgepose.classifier; print(sorted({'lightgbm', 'scipy', 'pandas'} & set(sys.modules)))"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "[]"


def test_the_shipped_model_loads_and_is_small() -> None:
    classifier = StrokeClassifier(SHIPPED)
    assert classifier.labels == (
        "idle", "forehand", "backhand", "forehand_slice", "backhand_slice", "serve", "smash",
        "forehand_volley", "backhand_volley",
    )  # fmt: skip
    assert (SHIPPED / "strokes.txt").stat().st_size <= 6e6
    card = json.loads((SHIPPED / "card.json").read_text())
    assert card["limits"]
    assert card["figures"]
    assert all(dataset["sha256"] for dataset in card["data"])
