"""A network's file -> a model folder: its card, and one run on a test picture before it counts as imported."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgepose import build, draw, mannequin, model_files, models
from edgepose import card as cards
from edgepose.card import Card, WeightsFile
from edgepose.config import PoseSettings
from edgepose.errors import EdgePoseError, ModelError, SettingsError
from edgepose.recognising import Answers, Ask, Question, decoder_for, family, refuse, shaped
from edgepose.skeletons import BOXES
from edgepose.staging import check_free, staged
from edgepose.types import Image, Pose, Track

if TYPE_CHECKING:
    from edgepose.estimator import Estimator
    from edgepose.model_files import NetworkFiles
    from edgepose.runtimes import Runtime, Signature

NO_DETECTOR = "none"
UNKNOWN_LICENCE = "unknown (imported)"
_LEGAL = re.compile(r"[A-Za-z0-9_.-]+")
_TIMED, _PATIENCE_S = 5, 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One run on the test picture."""

    people: int
    ms: float
    """Median of a whole frame, one thread: input, network, decoding."""
    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]
    drawn: Image
    alike: bool
    """The network answered the same to another picture."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A model folder that is in place."""

    folder: Path
    card: Card
    trial: Trial


def models_folder(given: Path | None) -> Path:
    """Where imported models go: the given folder, the first that is searched, or ./models."""

    return given or Path(os.environ.get("EDGEPOSE_MODELS") or "models")


def import_model(
    file: Path,
    models_dir: Path,
    answers: Answers,
    ask: Ask = refuse,
    picture: Image | None = None,
    force: bool = False,
) -> Imported:
    """Puts a network into ``models_dir``, whole or not at all.

    ``picture``: (H, W, 3) BGR to try it on; None: a drawn figure, whose result is kept as import.jpg.
    Raises ModelError or SettingsError that name the file and say what to do; nothing is written then.
    """
    files = model_files.checked(file, answers.topology)
    folder = models_dir / _name(file, answers.name)
    check_free(folder, force)
    with staged(folder, force) as stage, _said_of(file, stage):
        copies = files.copy_to(stage)
        card = _card(file, files, copies, stage, models_dir, answers, ask)
        cards.save(card, stage)
        trial = _tried(stage, models_dir, picture)
        if picture is None:
            cv2.imwrite(str(stage / "import.jpg"), trial.drawn)
    return Imported(folder, card, trial)


def _name(file: Path, given: str | None) -> str:
    """The model's name: as given, or the file's with what a name may not hold replaced."""
    if given is not None:
        if not _LEGAL.fullmatch(given) or given.startswith("."):
            raise SettingsError(f"--name {given}: letters, digits, '_', '.' and '-', not starting with '.'")
        return given
    return "-".join(_LEGAL.findall(file.stem)).strip(".-") or "model"


@contextmanager
def _said_of(file: Path, stage: Path) -> Iterator[None]:
    """Complaints name the user's file, not its copy."""
    try:
        yield
    except EdgePoseError as error:
        said = (
            str(error).replace(str(stage / f"weights{file.suffix.lower()}"), str(file)).replace(str(stage), str(file))
        )
        raise type(error)(said if str(file) in said else f"{file}: {said}") from None


def _card(
    file: Path,
    files: NetworkFiles,
    copies: Sequence[Path],
    stage: Path,
    models_dir: Path,
    answers: Answers,
    ask: Ask,
) -> Card:
    engine = models.runtime_of(file)
    runtime = models.load_runtime(engine, copies[0], models.Engine(threads=1))
    network = shaped(file, runtime, files.input_hw(), answers.input_wh, ask)
    name, skeleton = family(file, network, answers, ask)
    decoder = decoder_for(file, name, network, skeleton, answers.options)
    if not len(decoder.skeleton) and models.decoder_module(name).recognise(network, 0):
        skeleton = decoder.skeleton
    image = network.inputs[0]
    return Card(
        name=_name(file, answers.name),
        version="imported",
        task="pose",
        runtime=engine,
        files=[WeightsFile(path=path.relative_to(stage).as_posix(), sha256=cards.sha256_of(path)) for path in copies],
        decoder=name,
        options=dict(answers.options),
        detector=_detector(file, decoder.needs_boxes, models_dir, answers, ask),
        input_shape=list(image.shape),
        input_layout="NCHW" if image.shape[1] == 3 else "NHWC",
        output_shapes=[list(tensor.shape) for tensor in network.outputs],
        skeleton=skeleton.name,
        quantisation=f"{image.dtype} input" if image.scale else None,
        licence=answers.licence or _own_licence(network) or UNKNOWN_LICENCE,
        limits=f"imported from {answers.source or file.name}; not measured on any data here",
    )


def _own_licence(network: Signature) -> str | None:
    """What the exporter wrote into the file; Ultralytics does."""
    return network.metadata.get("license") or network.metadata.get("licence")


def _detector(file: Path, needs_boxes: bool, models_dir: Path, answers: Answers, ask: Ask) -> str | None:
    """The person detector of a top-down network: a name, or a folder's full path; None: given at each run."""
    if not needs_boxes:
        if answers.detector not in (None, NO_DETECTOR):
            raise SettingsError(f"{file}: finds people by itself: leave --detector out")
        return None
    given = answers.detector
    if given is None:
        known = _detectors(models_dir)
        text = f"{file}: finds joints inside boxes of people; which model finds the people"
        given = ask(Question("--detector", text, (*known, NO_DETECTOR)))
    if given == NO_DETECTOR:
        return None
    found = models.find(given, models_dir)
    return str(found.resolve()) if Path(given).exists() else given


def _detectors(models_dir: Path) -> list[str]:
    """Names of installed models that may find people, those of boxes alone first; a broken one is no choice."""
    found = []
    for path in models.installed(models_dir):
        with suppress(ModelError):
            card = cards.load(path)
            if card.task == "pose" and card.detector is None:
                found.append((card.skeleton != BOXES.name, path.name))
    return [name for _, name in sorted(found)]


def _tried(stage: Path, models_dir: Path, picture: Image | None) -> Trial:
    """Runs the model as ``run`` would; raises ModelError when it cannot, or answers with no numbers."""
    estimator = build.estimator(PoseSettings(model=str(stage), threads=1), models_dir, boxes=True)
    image = mannequin.picture() if picture is None else picture
    box = _whole(image, picture is None) if estimator.decoder.needs_boxes else None
    poses = estimator(image, box if estimator.detector is None else None)
    people = [Track(-1, pose) for pose in poses] if estimator.decoder.follows else box
    view = estimator.decoder.views(image, people)[0]
    outputs = estimator.runtime.run(view.tensor)
    estimator.decoder.decode(outputs, view)  # where a detector finds nobody, nothing was decoded yet
    took_s: list[float] = []
    while len(took_s) < _TIMED and sum(took_s) < _PATIENCE_S:
        started_s = time.perf_counter()
        poses = estimator(image, people)
        took_s.append(time.perf_counter() - started_s)
    drawn = image.copy()
    _draw(drawn, poses, estimator)
    return Trial(
        len(poses),
        1e3 * float(np.median(took_s)),
        [view.tensor.shape],
        [output.shape for output in outputs],
        drawn,
        _alike(outputs, estimator.runtime, view.tensor),
    )


def _whole(image: Image, is_drawn: bool) -> list[Track]:
    """One person: the drawn figure, or the whole of somebody's picture."""
    height, width = image.shape[:2]
    box = mannequin.box_xyxy() if is_drawn else np.array([0, 0, width, height], np.float32)
    return [Track(-1, Pose(np.zeros((0, 3), np.float32), box, 1.0))]


def _alike(outputs: Sequence[np.ndarray], runtime: Runtime, view: np.ndarray) -> bool:
    """True when the answer to the upside-down picture is the same, and not just empty."""
    if not any(output.any() for output in outputs):
        return False
    axis = 2 if view.shape[1] == 3 else 1
    others = runtime.run(np.ascontiguousarray(np.flip(view, axis)))
    return all(np.array_equal(one, other) for one, other in zip(outputs, others, strict=True))


def _draw(image: Image, poses: Sequence[Pose], estimator: Estimator) -> None:
    draw.tracks(image, [Track(i, pose) for i, pose in enumerate(poses)], estimator.skeleton)
