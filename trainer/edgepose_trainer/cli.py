"""``edgepose train …``: builds model folders from recorded sessions and tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import typer

from edgepose.errors import SettingsError
from edgepose_trainer.lifters import commands, need_torch
from edgepose_trainer.motionmodel.command import motion

app = typer.Typer(help="Build model folders.", no_args_is_help=True)


@app.callback()
def train() -> None:
    """Build model folders from recorded sessions and tables."""


@app.command()
def lifter(
    data: Path = typer.Option(..., help="Folder of .bvh or .bvh.xz takes, <player>_<stroke>."),
    out: Path = typer.Option(..., help="Model folder to write."),
    arch: str = typer.Option("courtlift-n", help="Or videopose3d-27 (81, 243), gast-27, …-causal, martinez."),
    seed: int = typer.Option(1, help="The same seed and takes give the same weights."),
    steps: int = typer.Option(60000, min=1, help="Training steps."),
    batch: int = typer.Option(128, min=2, help="Windows a step."),
    others: Path | None = typer.Option(None, help="Folder of takes of other motion."),
    minutes: float | None = typer.Option(None, min=0.01, help="Instead of steps: processor time, for comparisons."),
    start: Path | None = typer.Option(None, help="weights.onnx or checkpoint.pt of a courtlift-n to begin with."),
    rate: float = typer.Option(1e-3, min=1e-6, help="Highest learning rate of courtlift-n; less after --start."),
    aside: list[str] = typer.Option([], help="Player whom courtlift-n never sees; repeatable. Default: every fourth."),
    seen: list[Path] = typer.Option(
        [], metavar="SESSIONS", help="Also learn from these: 2D as a network saw it, 3D as it was (poses3d)."
    ),
    alike: bool = typer.Option(
        False, "--alike", help="With --arch: courtlift-n's windows: other bodies, cameras turned to the player."
    ),
) -> None:
    """Train 2D -> 3D on motion capture; every fourth player is kept aside and only measured."""
    need_torch()
    from edgepose_trainer.lifters import courttraining, training

    if arch == "courtlift-n":
        out = courttraining.train(data, out, seed, steps, typer.echo, others, batch, minutes, start, aside, rate, seen)
        typer.echo(f"wrote {out}")
        return

    if seen:
        raise SettingsError("--seen is for courtlift-n; other lifters are trained on motion capture alone")
    out = training.train(
        data, out, arch, seed, steps, typer.echo, size=batch, others=others, alike=alike, minutes=minutes,
    )  # fmt: skip
    typer.echo(f"wrote {out}")


app.command("lifter-checkpoint")(commands.checkpoint)
app.command("lifter-data")(commands.data)
app.command("motion")(motion)


@app.command()
def strokes(
    data: list[str] = typer.Option(
        ..., help="Stroke table (.parquet), folder of BVH takes, or session with labels.csv; also s3://bucket/…"
    ),
    out: str = typer.Option(..., help="Model folder to write; also s3://bucket/…"),
    preset: str = typer.Option(
        "tennis", help="tennis; any (other sports, labels of the data); hampen (that data set alone, as published)."
    ),
    labels: str | None = typer.Option(None, help="Labels to learn, NAME or DATAS_NAME=NAME, commas between; else all."),
    rate_hz: float = typer.Option(15.0, min=1.0, help="Samples a second; a window is 15 of them."),
    seed: int = typer.Option(1, help="The same seed and data give the same weights."),
    folds: str | None = typer.Option(
        None, help="Of groups held out; each: every group alone; 0: no figures, a quarter of the time."
    ),
    tune: float | None = typer.Option(
        None, min=0.0, metavar="MINUTES", help="Search settings for so long first; writes OUT/tuning.json."
    ),
    settings: Path | None = typer.Option(None, help="Settings to use: tuning.json, or the card of an earlier model."),
    scheduler: str | None = typer.Option(
        None, help="Dask scheduler, host:port: its workers do the work (extra cluster)."
    ),
    parts: str | None = typer.Option(
        None, help="Keep features in Parquet files in this folder or bucket, not in memory; all workers must see it."
    ),
) -> None:
    """Train the stroke classifier; groups (players, videos) are held out in turn for its figures."""
    from edgepose_trainer.strokes import train

    run = partial(
        train, preset=preset, rate_hz=rate_hz, seed=seed, say=typer.echo, folds=_folds(folds), labels=labels,
        settings=settings, tune_minutes=tune,
    )  # fmt: skip
    if scheduler or parts or any("://" in address for address in (*data, out)):
        from edgepose_trainer.scaleout import starting

        card = starting.train(data, out, scheduler, parts, run, typer.echo)
    else:
        card = run([Path(path) for path in data], Path(out))
    typer.echo(f"wrote {out}: {card.model.stamp}")


def _folds(text: str | None) -> int | Literal["each"] | None:
    if text is None:
        return None
    if text == "each":
        return "each"
    if not text.isdecimal():
        raise SettingsError(f"--folds: expected a number or each, got {text!r}")
    return int(text)


@app.command()
def pose_labels(
    data: Path = typer.Option(..., help="Folder of pose pictures."),
    teacher: Path = typer.Option(..., help="MoveNet SinglePose (.tflite), asked about every labelled person."),
    out: Path = typer.Option(Path("out/pose/labels.npz"), help="Table of the teacher's joints to write."),
    finder: str | None = typer.Option(
        None, help="Pose model or person detector; people whom it finds beside the labelled are added."
    ),
    finder_score: float = typer.Option(  # PoseNet: 98 % of those added on COCO are people (bench/pose_further.py)
        0.4, min=0.0, max=1.0, help="The finder's score of such people, at least."
    ),
    models_dir: Path | None = typer.Option(None, help="Look for the finder here first."),
) -> None:
    """Let a teacher fill in joints and people that the pose pictures leave open, for `pose --labels`."""
    from edgepose_trainer.pose import further, labels

    found = None if finder is None else further.finder(finder, models_dir, finder_score)
    typer.echo(f"wrote {labels.write(data, teacher, out, typer.echo, found, finder_score)}")


@app.command()
def pose(
    data: Path = typer.Option(..., help="Folder of pose pictures."),
    out: Path = typer.Option(..., help="Model folder to write."),
    labels: Path | None = typer.Option(None, help="The teacher's joints, from `pose-labels`."),
    resume: Path | None = typer.Option(
        None, help="checkpoint.pt goes on as planned; weights.onnx starts anew from it."
    ),
    work: Path = typer.Option(Path("out/pose"), help="Folder for checkpoint.pt and log.jsonl."),
    epochs: int = typer.Option(60, min=0, help="Of 14,400 drawn samples each; 0 only exports."),
    minutes: float | None = typer.Option(
        None, min=0.0, help="Instead of epochs: a time that the schedule is fitted to."
    ),
    batch: int = typer.Option(12, min=1),
    size: int = typer.Option(256, min=64, help="Side of the training samples, px; a multiple of 32."),
    export_size: int | None = typer.Option(None, min=64, help="Side of the written network's input; as trained."),
    width: float = typer.Option(1.0, min=0.25, help="Channels, times those of courtpose-n."),
    rate: float = typer.Option(3e-3, min=0.0, help="Learning rate at its height."),
    device: str = typer.Option("cpu", help="cpu or cuda."),
    workers: int = typer.Option(0, min=0, help="Processes that draw samples; 0: the training itself, between steps."),
    processes: int = typer.Option(1, min=1, help="Learn together, a core and a batch each; one per core is fastest."),
    threads: int = typer.Option(1, min=1, help="Of each process; on shared machines one is often fastest."),
    seed: int = typer.Option(1, help="The same seed, pictures, plan and machine draw the same samples."),
    extra: list[Path] = typer.Option(
        [], metavar="FOLDER", help="Also learn from these pictures: `synth --pose-images`, or COCO person keypoints."
    ),
) -> None:
    """Train the multi-person pose network from scratch, resumable; kept-aside pictures are only measured."""
    from edgepose_trainer.pose.engine import use_threads  # isort: skip - says that PyTorch is missing
    from edgepose_trainer.pose.batches import Plan
    from edgepose_trainer.pose.recipe import train

    use_threads(threads, device)
    plan = Plan(size, width, batch, epochs, minutes=minutes, rate=rate, seed=seed, device=device)
    card = train(data, out, plan, labels, resume, work, export_size, workers, typer.echo, extra, processes)
    typer.echo(f"wrote {out}: {card.model.stamp}")


def quantize(
    model: str = typer.Argument(help="ONNX pose model: installed name or folder."),
    data: Path = typer.Option(..., help="Pose pictures as for `train pose`, or a folder of any pictures."),
    max_drop: float = typer.Option(1.5, min=0.0, help="Points of PCK@0.2 that may be lost."),
    out: Path | None = typer.Option(None, help="Model folder to write; without: the model's own, float stays beside."),
    calibrate: int = typer.Option(300, min=8, help="Pictures that set the ranges, at most."),
    judge: int = typer.Option(600, min=8, help="Pictures that keypoints are compared on, at most."),
    engine: str = typer.Option("onnx", help="Of the written model: onnx, or litert (extra litert-export)."),
    force: bool = typer.Option(False, "--force", help="Replace the folder."),
    models_dir: Path | None = typer.Option(None, help="Look for models here first."),
) -> None:
    """Make a pose model int8; layers that the keypoints cannot do without stay in float, and are named."""
    from edgepose import models
    from edgepose_trainer.pose.int8 import Wish
    from edgepose_trainer.pose.int8 import quantize as quantized

    folder = models.find(model, models_dir)
    card = quantized(folder, data, out, Wish(max_drop, calibrate, judge, engine), force, typer.echo)
    typer.echo(f"wrote {out or folder}: {card.model.stamp}")
