"""``edgepose evaluate …``: how good a model is on labelled data, as metrics.json and a report to look at."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import typer

from edgepose.errors import SettingsError

app = typer.Typer(help="Measure models on labelled data.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Measure models on labelled data: metrics.json and report.html."""


@app.command()
def pose(
    model: str | None = typer.Option(None, "--model", "-m", help="Name, folder or weights file; else courtpose-n."),
    data: Path = typer.Option(..., help="Pose pictures as for `train pose`, or a folder with COCO keypoints."),
    report: Path = typer.Option(..., help="Folder for report.html, metrics.json and people.json."),
    annotations: Path | None = typer.Option(None, help="COCO keypoints (.json), where DATA has several or none."),
    labels: Path | None = typer.Option(None, help="A teacher's joints, from `train pose-labels`."),
    everything: bool = typer.Option(False, "--all", help="Also the pictures that `train pose` trains on."),
    limit: int | None = typer.Option(None, min=1, help="At most so many pictures, evenly spread."),
    cases: int = typer.Option(12, min=0, help="Worst cases drawn in the report, and as many in the middle."),
    detector: str | None = typer.Option(None, help="Person detector of a top-down pose model."),
    option: list[str] | None = typer.Option(None, metavar="NAME=VALUE", help="Of the pose model; repeatable."),
    models_dir: Path | None = typer.Option(None, help="Look for models here first."),
    threads: int = typer.Option(1, min=0, help="Of the inference engine; 0: its own choice."),
    as_json: bool = typer.Option(False, "--json", help="Print the metrics as JSON."),
) -> None:
    """Joints and people that a pose model finds by itself: OKS-AP, PCK@0.2, PCKh@0.5, with intervals."""
    if find_spec("pycocotools") is None:
        raise SettingsError("evaluating pose models needs pycocotools: pip install 'edgepose[trainer]'")
    if report.exists() and not report.is_dir():
        raise SettingsError(f"{report}: is no folder")
    from edgepose.cli.running import pose_from
    from edgepose.config import PoseSettings
    from edgepose_trainer.evaluation.pose import Wanted, evaluate, lines, publish

    result = evaluate(
        PoseSettings(**pose_from(model, detector, option, threads)),
        models_dir,
        Wanted(data, annotations, labels, everything, limit),
    )
    metrics = publish(result, report, cases, ["edgepose", *sys.argv[1:]])
    if as_json:
        typer.echo(json.dumps(metrics))
        return
    for line in lines(result):
        typer.echo(line)
    typer.echo(f"wrote {report / 'report.html'} and {report / 'metrics.json'}")


@app.command()
def strokes(
    data: list[Path] = typer.Argument(
        ..., help="Labelled data as for `train strokes`: sessions with labels.csv, stroke tables, folders of takes."
    ),
    model: str = typer.Option("tennis-strokes", "--model", "-m", help="Name or folder."),
    report: Path | None = typer.Option(None, help="Folder for report.html and metrics.json."),
    curves: Path | None = typer.Option(
        None, help="Picture (.png, .svg) of one recording: wrist over time, strokes shaded."
    ),
    recording: str | None = typer.Option(
        None, help="Which recording `--curves` draws; else the one with most strokes."
    ),
    reference: str | None = typer.Option(
        None, help="Player (group) of the data, or other data: whose swings are like it?"
    ),
    group: list[str] | None = typer.Option(None, help="Only this player, video or take; repeatable."),
    hands_unknown: bool = typer.Option(False, "--hands-unknown", help="Do not tell the model who is left-handed."),
    limit: int | None = typer.Option(None, min=1, help="At most so many recordings, evenly spread."),
    cases: int = typer.Option(12, min=0, help="Worst strokes of each kind drawn in the report."),
    models_dir: Path | None = typer.Option(None, help="Look for models here first."),
    as_json: bool = typer.Option(False, "--json", help="Print the metrics as JSON."),
) -> None:
    """Strokes that a model tells of labelled recordings: frames, clips, events, calibration, likeness of swings."""
    if report is not None and report.exists() and not report.is_dir():
        raise SettingsError(f"{report}: is no folder")
    from edgepose_trainer.evaluation.strokes import check_picture, draw_curves, evaluate, lines, measured, publish
    from edgepose_trainer.evaluation.strokes_judged import Wanted

    if curves is not None:
        check_picture(curves)
    wanted = Wanted(tuple(data), tuple(group or ()), limit, hands_unknown, reference)
    result = evaluate(model, models_dir, wanted)
    command = ["edgepose", *sys.argv[1:]]
    metrics = publish(result, report, cases, command) if report else measured(result, command)
    if curves is not None:
        draw_curves(result, curves, recording)
    if as_json:
        typer.echo(json.dumps(metrics))
        return
    for line in [*lines(result), *_wrote(report, curves)]:
        typer.echo(line)


@app.command()
def lifter(
    data: list[Path] = typer.Argument(
        ..., help="Folders of BVH or AMC takes, recorded sessions with true poses3d, folders of sessions."
    ),
    model: str = typer.Option("courtlift-n", "--model", "-m", help="Name or folder."),
    report: Path | None = typer.Option(None, help="Folder for report.html and metrics.json."),
    dump: Path | None = typer.Option(None, help="Found and true poses of every frame (.npz, .npy)."),
    way: str = typer.Option(
        "window", "--as", help="window: round every frame; live: nothing of the future; lift: filled and smoothed."
    ),
    aside: bool = typer.Option(False, "--aside", help="Only players whom `train lifter` keeps aside."),
    group: list[str] | None = typer.Option(None, help="Only this player or session; repeatable."),
    limit: int | None = typer.Option(None, min=1, help="At most so many takes or sessions, evenly spread."),
    cameras: int = typer.Option(4, min=1, max=64, help="Virtual cameras for each take."),
    cases: int = typer.Option(12, min=0, help="Worst frames drawn in the report."),
    models_dir: Path | None = typer.Option(None, help="Look for models here first."),
    as_json: bool = typer.Option(False, "--json", help="Print the metrics as JSON."),
) -> None:
    """3D poses of a lifter against the truth: MPJPE and its kin, by joint, view and speed, with intervals."""
    if report is not None and report.exists() and not report.is_dir():
        raise SettingsError(f"{report}: is no folder")
    from edgepose_trainer.evaluation import lifter as lifters
    from edgepose_trainer.evaluation.lifter_data import Wanted

    if dump is not None:
        lifters.check_dump(dump)
    wanted = Wanted(tuple(data), tuple(group or ()), aside, limit, cameras)
    result = lifters.evaluate(model, models_dir, wanted, way)
    command = ["edgepose", *sys.argv[1:]]
    metrics = lifters.publish(result, report, cases, command) if report else lifters.measured(result, command)
    if dump is not None:
        lifters.dump(result, dump)
    if as_json:
        typer.echo(json.dumps(metrics))
        return
    for line in [*lifters.lines(result), *_wrote(report, dump)]:
        typer.echo(line)


def _wrote(report: Path | None, other: Path | None) -> list[str]:
    files = [report / "report.html", report / "metrics.json"] if report else []
    return [f"wrote {file}" for file in [*files, *([other] if other else [])]]
