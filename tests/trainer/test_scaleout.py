"""`train strokes` through Parquet parts: alone, on two worker processes, from and to an S3 server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgepose.card import WindowSpec
from edgepose.errors import SettingsError
from edgepose.skeletons import COCO17
from edgepose_trainer import strokes
from edgepose_trainer.boosting import Boosting
from edgepose_trainer.presets import PRESETS, Preset
from edgepose_trainer.recordings import IDLE, Recording
from edgepose_trainer.samples import Worse, cut, featurise
from edgepose_trainer.scaleout import boosters, parts, starting
from edgepose_trainer.scaleout.crews import Alone, Cluster
from edgepose_trainer.scaleout.outofcore import OutOfCore
from tests.trainer.clusters import dask_cluster, free_port, s3_server

pytest.importorskip("distributed")
pytest.importorskip("s3fs")
pytest.importorskip("moto")

pytestmark = pytest.mark.timeout(300)  # seven processes start; on a busy machine that alone takes a minute

SPEC = WindowSpec(frames=15, rate_hz=15)
LABELS = (IDLE, "forehand", "serve")
JOINTS = 17


def recording(name: str, frames: int, seed: int) -> Recording:
    """Somebody who lifts the right wrist for every serve and swings it sideways for every forehand."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(frames) / 30
    keypoints = np.zeros((frames, JOINTS, 3), np.float32)
    keypoints[..., 0] = np.linspace(0, 40, JOINTS)
    keypoints[..., 1] = np.linspace(0, 200, JOINTS)
    swing = np.maximum(0, np.sin(times_s * 2)) ** 4
    serve = np.sin(times_s) > 0
    keypoints[:, 10, 1] -= 150 * swing * serve
    keypoints[:, 10, 0] += 150 * swing * ~serve
    keypoints[..., :2] += rng.normal(0, 2, (frames, JOINTS, 2))
    keypoints[..., 2] = 1
    keypoints[rng.random((frames, JOINTS)) < 0.05] = (np.nan, np.nan, 0)
    labels = np.where(swing < 0.3, IDLE, np.where(serve, "serve", "forehand"))
    return Recording("made", name, f"made/{name}", times_s, keypoints, labels, handedness="right")


@pytest.fixture(scope="module")
def samples() -> strokes.Samples:
    return cut([recording("ann", 1000, 1), recording("bob", 500, 2)], SPEC)


def preset(worse: Worse | None, rounds: int = 12, rows: float = 0.6) -> Preset:
    chosen = PRESETS["tennis"]
    boosting = Boosting(rate=0.2, most_rounds=rounds, features=0.1, rows=rows)
    return replace(chosen, boosting=boosting, worse=worse or chosen.worse)


def trees(fitted: strokes.Fitted) -> str:
    return str(fitted.booster.model_to_string()).partition("parameters:")[0]


def test_parts_hold_the_features_of_the_whole_recordings_exactly(
    samples: strokes.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_BLOCK", 100)  # recordings are cut in many places
    monkeypatch.setattr(parts, "ROWS", 333)
    some = samples.take(np.flatnonzero(np.arange(len(samples)) % 7 != 3))
    width = np.linspace(0.5, 1, len(some), dtype=np.float32)
    made = list(parts.parts_of(some, width, np.zeros(len(some), np.intp), "tennis-2", 1))
    assert len(made) == -(-len(some) // 333)
    keypoints = some.keypoints
    keypoints[..., 0] *= width[:, None, None]
    np.testing.assert_array_equal(
        np.concatenate([parts.inputs(part) for part in made]), featurise(keypoints, "tennis-2")
    )


def test_a_part_on_disk_reads_back_in_row_groups(
    samples: strokes.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "GROUP", 1024)
    (part,) = parts.parts_of(
        samples.take(np.arange(1400)), np.ones(1400, np.float32), np.arange(1400) % 2, "tennis-2", 1
    )
    file = parts.write(part, str(tmp_path), step=100)
    (chosen,) = parts.whole([file])
    rows = parts.Rows(chosen)
    assert (len(rows), pq.read_metadata(file.address).num_row_groups) == (1400, 2)
    expected = parts.inputs(part)
    np.testing.assert_array_equal(np.concatenate([rows[0:1024], rows[1024:1400]]), expected)
    np.testing.assert_array_equal(parts.matrix([file.bins]), expected[::100])
    assert chosen.labels().tolist() == [0, 1] * 700
    second = parts.Chosen(file, (1,))
    assert (second.rows, second.labels().tolist()) == (376, [0, 1] * 188)
    np.testing.assert_array_equal(parts.Rows(second)[0:376], expected[1024:])


def test_alone_grows_the_trees_of_the_run_in_memory(samples: strokes.Samples, tmp_path: Path) -> None:
    """Every bit of them, where the worse copies are no worse: those are drawn part by part."""
    same = preset(Worse(noise=0, joint_gone=0, sample_gone=0, head_gone=0, aspect=0, tilt_deg=0))
    engine = OutOfCore(Alone(), str(tmp_path / "parts"))
    there = samples.recording == 0
    for held_out in (None, samples.take(~there)):
        learnt = samples if held_out is None else samples.take(there)
        ours = engine.fit_on(learnt, LABELS, same, 3, held_out)
        theirs = strokes.fit_on(learnt, LABELS, same, 3, held_out)
        assert (trees(ours), ours.best) == (trees(theirs), theirs.best)
    rows = np.flatnonzero(~there)
    np.testing.assert_array_equal(
        engine.predict(ours, samples, rows, same, 5, 3), strokes.predict(theirs, samples, rows, same, 5, 3)
    )
    assert not (tmp_path / "parts").exists()


def test_every_row_group_is_dealt_to_one_block_by_chance() -> None:
    files = [parts.File("a", 5000, "a"), parts.File("b", 2048, "b")]  # groups of 2048, 2048, 904 and 2048 rows
    blocks = boosters.drawn(files, 3600, 1)
    assert len(blocks) == 2
    dealt = sorted((one.file.address, group) for block in blocks for one in block for group in one.groups)
    assert dealt == [("a", 0), ("a", 1), ("a", 2), ("b", 0)]
    assert sum(one.rows for block in blocks for one in block) == 7048
    assert blocks == boosters.drawn(files, 3600, 1)
    assert {str(boosters.drawn(files, 3600, seed)) for seed in range(9)} > {str(blocks)}


def test_trees_from_blocks_tell_what_trees_from_all_rows_tell(
    samples: strokes.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2250 rows of 1150 numbers, some 400 rows at once, and the held-out loss says when to stop."""
    monkeypatch.setattr(parts, "ROWS", 130)
    there, few = samples.recording == 0, 500_000
    told = []
    for held in (boosters.HELD, few):
        engine = OutOfCore(Alone(), str(tmp_path / "parts"), held)
        fitted = engine.fit_on(samples, LABELS, preset(None), 3)
        assert fitted.best == 12
        told.append(engine.predict(fitted, samples, np.arange(len(samples)), preset(None), 12, 3))
    at_once, in_blocks = told
    assert 0 < np.abs(at_once - in_blocks).mean() <= 0.03
    assert np.mean(at_once.argmax(axis=1) == in_blocks.argmax(axis=1)) >= 0.99
    slow = replace(preset(None, rounds=60), boosting=Boosting(rate=0.5, most_rounds=60, features=0.1, patience=2))
    learnt, judge = samples.take(there), samples.take(~there)
    stopped = OutOfCore(Alone(), str(tmp_path / "parts"), few).fit_on(learnt, LABELS, slow, 3, judge)
    assert stopped.booster.current_iteration() == stopped.best < 60


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """Folder, scheduler and S3 endpoint; the right keys are in the environment of all."""
    folder = tmp_path_factory.mktemp("cluster")
    with s3_server(folder) as endpoint, pytest.MonkeyPatch.context() as patch:
        keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1", **key_made_by(endpoint)}
        for name, value in keys.items():
            patch.setenv(name, value)
        with dask_cluster(folder, {}) as scheduler:
            yield folder, scheduler, endpoint


def key_made_by(endpoint: str) -> dict[str, str]:
    """A user who may do everything in S3, and the bucket `court`."""
    boto3 = pytest.importorskip("boto3")
    free = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
    }
    iam = boto3.client("iam", **free)
    iam.create_user(UserName="coach")
    key = iam.create_access_key(UserName="coach")["AccessKey"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="coach", PolicyName="all", PolicyDocument=json.dumps(allowed))
    boto3.client("s3", **free).create_bucket(Bucket="court")
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture
def cluster(workplace: tuple[Path, str, str]) -> Iterator[Cluster]:
    said: list[str] = []
    opened = Cluster(workplace[1], said.append)
    opened.said = said  # type: ignore[attr-defined]
    yield opened
    opened.close()


def both_workers(cluster: Cluster) -> dict[str, int]:
    cluster._client.wait_for_workers(2, timeout=60)
    return dict(cluster._client.run(os.getpid))


@pytest.mark.parametrize(
    ("rows", "tolerance", "held"), [(1.0, 0.005, boosters.HELD), (0.6, 0.02, boosters.HELD), (1.0, 0.03, 350_000)]
)
def test_two_workers_find_what_one_process_finds(
    samples: strokes.Samples, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    rows: float, tolerance: float, held: int,
) -> None:  # fmt: skip
    """The features to the bit; the probabilities within ``tolerance`` on average.

    Sums of floats in another order pick another of two splits that are as good, and where a tree is grown from 60 % of
    the rows, each machine draws its own, blocks too.
    """
    assert len(set(both_workers(cluster).values()) - {os.getpid()}) == 2
    monkeypatch.setattr(parts, "ROWS", 300)  # something for everybody
    ones, none = np.ones(len(samples), np.float32), np.zeros(len(samples), np.intp)
    jobs = list(parts.parts_of(samples, ones, none, "tennis-2", 1, Worse()))
    for here, there in zip(Alone().each(parts.inputs, jobs), cluster.each(parts.inputs, jobs), strict=True):
        np.testing.assert_array_equal(here, there)
    chosen = preset(None, rows=rows)
    probabilities = []
    for name, crew in (("alone", Alone()), ("cluster", cluster)):
        engine = OutOfCore(crew, str(tmp_path / name), held)
        fitted = engine.fit_on(samples, LABELS, chosen, 3)
        assert "127.0.0.1" not in fitted.booster.model_to_string()
        probabilities.append(engine.predict(fitted, samples, np.arange(len(samples)), chosen, 12, 3))
    here, there = probabilities
    assert np.abs(here - there).mean() <= tolerance
    assert np.mean(here.argmax(axis=1) == there.argmax(axis=1)) >= 0.99


class Killing(Cluster):
    """Kills one worker when all train for the first time."""

    killed = False

    def _at(self, worker: str, function: Any, *arguments: Any) -> Any:
        running = super()._at(worker, function, *arguments)
        if arguments and not self.killed:
            self.killed = True
            pid = self._client.run(os.getpid)[worker]
            threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        return running


def test_training_begins_again_when_a_worker_is_lost(
    samples: strokes.Samples, workplace: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS", 300)
    said: list[str] = []
    cluster = Killing(workplace[1], said.append)
    both_workers(cluster)
    try:
        fitted = OutOfCore(cluster, str(tmp_path / "parts")).fit_on(samples, LABELS, preset(None, rounds=60), 3)
        both_workers(cluster)
    finally:
        cluster.close()
    assert fitted.best == 60
    assert len(said) == 1
    assert "was lost while training (attempt 1 of 3)" in said[0]


def dies_once(marker: Path) -> str:
    """Takes its worker with it, the first time."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker.name


def test_another_worker_takes_over_the_work_of_a_lost_one(cluster: Cluster, tmp_path: Path) -> None:
    both_workers(cluster)
    assert cluster.each(dies_once, [tmp_path / name for name in "ab"]) == ["a", "b"]
    both_workers(cluster)


def clips(path: Path) -> Path:
    """A table of two videos in the layout of keller_clips.parquet."""
    columns: dict[str, list[object]] = {}
    for video, number in (("one", 1), ("two", 2)):
        for label, name in (("neutral", IDLE), ("forehand", "forehand"), ("serve", "serve")):
            whole = recording(video, 900, number)
            middle = np.flatnonzero(whole.labels == name)[40]
            points = whole.keypoints[middle - 15 : middle + 15] / 200
            rows: dict[str, list[object]] = {
                "clip": [f"{video}/{label}"] * 30, "video": [video] * 30, "handedness": ["right"] * 30,
                "label": [label] * 30, "frame": list(range(30)),
            }  # fmt: skip
            for joint in ("nose", *COCO17.joints[5:]):
                at = COCO17.joints.index(joint)
                rows |= {f"{joint}_x": points[:, at, 0].tolist(), f"{joint}_y": points[:, at, 1].tolist()}
            for column, values in rows.items():
                columns.setdefault(column, []).extend(values)
    pq.write_table(pa.table(columns), path)
    return path


def edgepose(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "edgepose", "train", "strokes", *arguments], capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_from_bucket_to_bucket_on_the_cluster(workplace: tuple[Path, str, str], tmp_path: Path) -> None:
    s3fs = pytest.importorskip("s3fs")
    table = clips(tmp_path / "clips.parquet")
    bucket = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket.put_file(str(table), "court/data/clips.parquet")
    common = ("--preset", "hampen", "--folds", "0")
    here, there = tmp_path / "model", "s3://court/model"
    code, said = edgepose("--data", str(table), "--out", str(here), "--parts", str(tmp_path / "parts"), *common)
    assert (code, f"wrote {here}" in said) == (0, True), said
    code, said = edgepose(
        "--data", "s3://court/data/clips.parquet", "--out", there, "--scheduler", workplace[1], *common
    )
    assert (code, f"wrote {there}" in said) == (0, True), said
    ours, theirs = (
        json.loads(text) for text in ((here / "card.json").read_text(), bucket.cat("court/model/card.json"))
    )
    assert ours["data"] == theirs["data"]
    assert ours["labels"] == theirs["labels"]
    left = [path for path in bucket.find("court") if not path.startswith("court/data/")]
    assert left == ["court/model/card.json", "court/model/strokes.txt"]


def test_chosen_labels_are_the_same_on_the_cluster(workplace: tuple[Path, str, str], tmp_path: Path) -> None:
    """Serves become lobs, forehands idle: in the windows, in the trees and in the card."""
    table = clips(tmp_path / "clips.parquet")
    settings = tmp_path / "few.json"
    settings.write_text(json.dumps({"most_rounds": 5, "rate": 0.3, "rows": 1.0}))
    common = ("--data", str(table), "--preset", "any", "--folds", "0", "--settings", str(settings))
    chosen = ("--labels", "serve=lob,forehand=idle")
    told = []
    for name, more in (("here", ("--parts", str(tmp_path))), ("there", ("--scheduler", workplace[1]))):
        code, said = edgepose("--out", str(tmp_path / name), *common, *chosen, *more)
        assert (code, "labels idle, lob" in said) == (0, True), said
        told.append(json.loads((tmp_path / name / "card.json").read_text()))
    here, there = told
    assert here["labels"] == there["labels"] == ["idle", "lob"]
    assert here["training"] == there["training"]
    assert here["training"]["labels"] == "serve=lob,forehand=idle"


@pytest.mark.parametrize(
    ("data", "key", "said"),
    [
        ("s3://court/nothing.parquet", None, "s3://court/nothing.parquet: not there"),
        ("s3://golf/clips.parquet", None, "s3://golf/clips.parquet: not there"),
        ("s3://court/nothing.parquet", "WRONG", "s3://court/nothing.parquet: access denied: are the credentials right"),
        ("nope://court/nothing.parquet", None, "nope://court/nothing.parquet: Protocol not known: nope"),
    ],
)
def test_what_is_wrong_with_an_address_is_one_line(
    workplace: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    data: str, key: str | None, said: str,
) -> None:  # fmt: skip
    if key:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    assert refused(data, str(tmp_path / "model")).startswith(said)


def test_a_bucket_that_is_not_there_is_told_before_the_training(
    workplace: tuple[Path, str, str], tmp_path: Path
) -> None:
    assert refused(str(clips(tmp_path / "clips.parquet")), "s3://golf/model").startswith("s3://golf/model")


def refused(data: str, out: str) -> str:
    """The one line that is said; with the keys that the environment has now."""
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    with pytest.raises(SettingsError) as error:
        starting.train([data], out, None, None, partial(strokes.train, folds=0), print)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    code, output = edgepose("--data", str(tmp_path), "--out", str(tmp_path / "model"), "--scheduler", address)
    assert (code, output.count("\n")) == (2, 1), output
    assert output.startswith(f"edgepose: no Dask scheduler at {address}")


def test_without_the_extra_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"distributed is not installed: pip install 'edgepose\[cluster\]'"):
        starting.train([str(tmp_path)], str(tmp_path / "model"), "127.0.0.1:1", None, strokes.train, print)
