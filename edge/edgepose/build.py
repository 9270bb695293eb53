"""Settings -> built objects; the only place that picks plug-ins by name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from edgepose import card as cards
from edgepose import models
from edgepose.card import Card, ModelId, SpotterSpec, WindowSpec
from edgepose.config import (
    CameraSettings,
    CaptureSettings,
    PlayerSettings,
    PoseSettings,
    Settings,
    StrokeSettings,
)
from edgepose.decoders import DecoderSettings
from edgepose.errors import EdgePoseError, ModelError, SettingsError
from edgepose.estimator import Estimator
from edgepose.events import EventMaker
from edgepose.looks import PICTURE, Looker
from edgepose.pinhole import Camera
from edgepose.pipeline import Action, Counting, Pipeline
from edgepose.preprocess import image_input
from edgepose.skeletons import Skeleton, named
from edgepose.sources import Source, SourceInfo

_STREAM = re.compile(r"^(rtsp|rtsps|rtmp|http|https|udp|tcp|srt)://", re.IGNORECASE)
_OF_DETECTOR = "detector."
_USUAL_INPUT = (640, 640)
_PIPE = re.compile(r"^(pipe\+raw|pipe\+live|pipe|ffmpeg):|^(picamera|jetson-csi)(:|$)")


def source_kind(address: str) -> str:
    """The plug-in for an address: camera, stream, pipe, loop, replay, images or video."""
    if address.isdigit() or address.startswith("/dev/"):
        return "camera"
    if _STREAM.match(address):
        return "stream"
    if _PIPE.match(address):
        return "pipe"
    if address.startswith("loop:"):
        return "loop"
    if Path(address).is_dir():
        return "replay" if (Path(address) / "session.json").is_file() else "images"
    return "video"


def open_source(address: str, capture: CaptureSettings, images: bool = False) -> Source:
    """Opens a source of any kind; raises SourceError in one clear line.

    ``images``: a replayed session shall bring its pictures, where it has them.
    """
    kind = source_kind(address)
    module = importlib.import_module(f"edgepose.sources.{kind}")
    pictures = images and (Path(address) / "video.mp4").is_file()
    options = {"images": pictures} if kind == "replay" else {}
    return cast(Source, module.open_source(address, capture, **options))


def estimator(pose: PoseSettings, models_dir: Path | None, boxes: bool = False) -> Estimator:
    """The pose network and its decoder, with its person detector where it needs one.

    Options whose names begin with "detector." are the detector's.
    ``boxes``: the caller brings the people's boxes, or wants nothing but boxes.
    Raises SettingsError or ModelError.
    """
    engine = models.Engine(pose.threads, tuple(pose.providers))
    own = {name: value for name, value in pose.options.items() if not name.startswith(_OF_DETECTOR)}
    its = {name.removeprefix(_OF_DETECTOR): pose.options[name] for name in pose.options.keys() - own.keys()}
    settings = DecoderSettings(pose.min_score, pose.iou, pose.most_people, own)
    path = models.find(pose.model, models_dir)
    found = Estimator(*models.load_pose(path, engine, settings))
    if not len(found.skeleton) and not boxes:
        raise ModelError(
            f"{path}: finds boxes and no joints: give it as the detector of a top-down pose network "
            "(its boxes alone: edgepose pose --write-boxes FILE.csv)"
        )
    if not found.decoder.needs_boxes:
        if pose.detector or its:
            raise SettingsError(f"{path}: finds people by itself: it takes no detector")
        return replace(found, looker=_looker(found, path, own))
    if "look" in own:
        raise SettingsError(f"{path}: looks at each person by itself: it takes no option look")
    name = pose.detector or (None if path.is_file() else cards.load(path).detector)
    if name is None and (its or not boxes):
        raise SettingsError(f"{path}: needs boxes of people: give --detector or pose.detector (a YOLO export, ...)")
    if name is None:
        return found
    return replace(found, detector=_detector(models.find(name, models_dir), engine, replace(settings, options=its)))


def _looker(found: Estimator, path: Path, options: Mapping[str, str]) -> Looker | None:
    """None where the whole picture is wanted; raises SettingsError for a network that follows people by itself."""
    look = models.look_of(path, options)
    if look == PICTURE:
        return None
    if found.decoder.follows:
        raise SettingsError(f"{path}: follows people by itself: it takes no option look={look}")
    return Looker(image_input(found.runtime.signature.inputs[0], _USUAL_INPUT)[:2])


def _detector(path: Path, engine: models.Engine, settings: DecoderSettings) -> Estimator:
    """A pose network is welcome too: its people have boxes."""
    found = Estimator(*models.load_pose(path, engine, settings))
    if found.decoder.needs_boxes:
        raise ModelError(f"{path}: needs boxes itself: it cannot be a detector")
    return found


@dataclass(frozen=True, slots=True)
class ActionModels:
    """Loaded once and shared by all cameras: they keep no state of a camera."""

    card: Card
    folder: Path
    lifter_folder: Path | None
    ids: tuple[ModelId, ...]
    window: WindowSpec
    spotter: SpotterSpec


def action_models(settings: Settings) -> ActionModels | None:
    """Finds and checks the stroke model and the lifter; None when strokes are off."""
    if not settings.strokes.enabled or settings.strokes.model is None:
        return None
    folder = models.find(settings.strokes.model, settings.models_dir)
    card = models.load_card(folder, "strokes")
    if card.window is None or card.idle is None:
        raise ModelError(f"{folder / 'card.json'}: a strokes model needs window and idle")
    lifter, ids = None, [card.model]
    if settings.lifter.enabled and settings.lifter.model is not None:
        lifter = models.find(settings.lifter.model, settings.models_dir)
        ids.append(models.load_card(lifter, "lifter").model)
    return ActionModels(card, folder, lifter, tuple(ids), card.window, _spotter_spec(card, settings.strokes))


def action(
    built: ActionModels,
    skeleton: Skeleton,
    hop_s: float = 1 / 30,
    size_wh: tuple[int, int] | None = None,
    lens: Camera | None = None,
    height_of: Callable[[int], float] | None = None,
) -> Action:
    """Window, classifier, spotter and lifter of one camera; raises ModelError when they do not fit together.

    ``size_wh``: of its pictures, px; ``lens``: where it is known. Lifters turn by them. ``height_of``: track -> metres.
    """
    from edgepose.classifier import StrokeClassifier
    from edgepose.lifting import Lifting, load_lifter
    from edgepose.lifting.sized import Sized
    from edgepose.spotter import Spotter
    from edgepose.strokekinematics import StrokeMotions
    from edgepose.window import Windows

    if built.card.skeleton != skeleton.name:
        raise ModelError(f"{built.folder}: classifies {built.card.skeleton}, the poses are {skeleton.name}")
    folder = built.lifter_folder
    lifter: Lifting | None = load_lifter(folder, built.window, size_wh, skeleton, camera=lens) if folder else None
    if lifter is not None and height_of is not None:
        lifter = Sized(lifter, height_of)
    return Action(
        Windows(built.window, len(skeleton), hop_s),
        StrokeClassifier(built.folder),
        Spotter(built.card.labels, built.card.idle or "", built.spotter),
        lifter,
        StrokeMotions(skeleton, lifter),
    )


def pipeline(
    settings: Settings,
    camera: CameraSettings,
    info: SourceInfo,
    pose: Estimator | None,
    boot: str,
) -> Pipeline:
    """One camera's line; the ids of a replayed session that has some are kept."""
    from edgepose.counter import RepCounter
    from edgepose.tracker import Tracker

    skeleton = pose.skeleton if pose else named(info.skeleton)
    strokes = action_models(settings)
    used = [*([pose.model] if pose else []), *(strokes.ids if strokes else ())]
    player_of = _player_of(camera, info)
    height_of = heights(settings, camera, info)
    size_wh = (info.width, info.height)
    lens = Camera.guess(size_wh, camera.focal_px) if camera.focal_px else info.lens
    make_event = EventMaker(
        settings.device,
        camera.name,
        boot,
        info.started_unix_s,
        ({"pose": info.pose_model} if info.pose_model else {}) | {model.task: model.stamp for model in used},
        skeleton.name,
        lambda track: player.name if (player := player_of(track)) else None,
    )
    return Pipeline(
        pose,
        None if info.tracked else Tracker(skeleton, settings.tracker),
        action(strokes, skeleton, settings.strokes.hop_s, size_wh, lens, height_of) if strokes else None,
        make_event,
        lambda track: player.handedness if (player := player_of(track)) else None,
        Counting(RepCounter(skeleton, settings.counter), make_event.counted) if settings.counter.enabled else None,
    )


def model_ids(settings: Settings) -> list[dict[str, str]]:
    """The models that the settings use, for ``info``: task, name, sha256."""
    found: set[ModelId] = set()
    for camera in settings.camera:
        pose = camera.pose or settings.pose
        if source_kind(camera.source) != "replay":
            found.add(models.identify(models.find(pose.model, settings.models_dir)))
            if pose.detector is not None:
                found.add(models.identify(models.find(pose.detector, settings.models_dir)))
    strokes = action_models(settings)
    return [asdict(model) for model in (*sorted(found, key=str), *(strokes.ids if strokes else ()))]


def check(settings: Settings, where: str) -> None:
    """All that can be wrong before a camera is opened; raises SettingsError naming file and key."""
    find_models(settings, where)
    for camera in settings.camera:
        if source_kind(camera.source) != "replay":
            with _named(f"{where}: camera {camera.name}: pose.model"):
                estimator(camera.pose or settings.pose, settings.models_dir)
    with _named(f"{where}: strokes.model, lifter.model"):
        built = action_models(settings)
        if built is not None:
            action(built, named(built.card.skeleton))


def find_models(settings: Settings, where: str) -> None:
    """Looks whether every model that is named is there; raises SettingsError naming file and key."""
    keys: dict[str, str | None] = {
        f"camera {camera.name}: pose.model": (camera.pose or settings.pose).model
        for camera in settings.camera
        if source_kind(camera.source) != "replay"
    }
    if settings.strokes.enabled:
        keys["strokes.model"] = settings.strokes.model
        keys["lifter.model"] = settings.lifter.model if settings.lifter.enabled else None
    for key, model in keys.items():
        if model is not None:
            with _named(f"{where}: {key}"):
                models.find(model, settings.models_dir)


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Complaints say which key of which file they are about."""
    try:
        yield
    except EdgePoseError as error:
        raise SettingsError(f"{key}: {error}") from None


def verify(folder: Path) -> str | None:
    """Loads a model of any task as ``run`` would; returns None, or what is wrong with it in one line."""
    from edgepose.classifier import StrokeClassifier
    from edgepose.lifting import load_lifter

    try:
        task = cards.load(folder).task
        if task == "pose":
            models.load_pose(folder, models.Engine(threads=1), DecoderSettings())
        elif task == "strokes":
            StrokeClassifier(folder)
        elif task == "lifter":
            load_lifter(folder)
    except EdgePoseError as error:
        return str(error)
    return None


def _spotter_spec(card: Card, strokes: StrokeSettings) -> SpotterSpec:
    """The card's thresholds, overruled by the settings."""
    given = strokes.model_dump(include=set(SpotterSpec.model_fields), exclude_none=True)
    return (card.spotter or SpotterSpec()).model_copy(update=given)


def _player_of(camera: CameraSettings, info: SourceInfo) -> Callable[[int], PlayerSettings | None]:
    """Who a track is: by the session's players, or the one player of the camera for everybody."""
    known = PlayerSettings.model_fields.keys()  # a session may know more
    recorded = {
        track: PlayerSettings(**{name: value for name, value in player.items() if name in known})
        for track, player in info.players.items()
    }
    return lambda track: recorded.get(track, camera.player)


def heights(settings: Settings, camera: CameraSettings, info: SourceInfo) -> Callable[[int], float]:
    """Track -> metres of the player: what the session says, else the camera's player, else ``lifter.height_m``."""
    player_of = _player_of(camera, info)
    usual = camera.player.height_m if camera.player and camera.player.height_m else settings.lifter.height_m

    def height_of(track: int) -> float:
        player = player_of(track)
        return player.height_m if player and player.height_m else usual

    return height_of
