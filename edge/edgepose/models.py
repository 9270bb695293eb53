"""Where models live, and weights + card -> loaded engine. Names, folders and bare weight files work."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from edgepose import card as cards
from edgepose import decoders as decoder_package
from edgepose.card import Card, ModelId
from edgepose.decoders import Decoder, DecoderModule, DecoderSettings
from edgepose.errors import ModelError, SettingsError
from edgepose.looks import PEOPLE, PICTURE
from edgepose.runtimes import NO_KEYPOINTS, Runtime, Signature, Tensor
from edgepose.skeletons import COCO17, named

_LOOK = "look"
_SUFFIXES = {".onnx": "onnx", ".ort": "onnx", ".tflite": "litert", ".lite": "litert",
             ".caffemodel": "opencv", ".weights": "opencv"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Engine:
    """Which engine settings hold for a pose network."""

    threads: int = 0
    providers: tuple[str, ...] = ("CPUExecutionProvider",)


def folders(models_dir: Path | None = None) -> list[Path]:
    """The model folders that are searched, first wins: the setting, $EDGEPOSE_MODELS, here, the shipped."""
    package = Path(__file__).parent
    places = [
        models_dir,
        os.environ.get("EDGEPOSE_MODELS"),
        "models",
        package / "models",
        package.parents[1] / "models",
    ]
    found: list[Path] = []
    for place in places:
        if place and Path(place).is_dir() and Path(place).resolve() not in found:
            found.append(Path(place).resolve())
    return found


def installed(models_dir: Path | None = None) -> Iterator[Path]:
    """Every model folder, each name once."""
    names: set[str] = set()
    for folder in folders(models_dir):
        for card in sorted(folder.glob("*/card.json")):
            if card.parent.name not in names and not card.parent.name.startswith("."):  # being imported
                names.add(card.parent.name)
                yield card.parent


def find(model: str, models_dir: Path | None = None) -> Path:
    """A name, folder or weights file -> its path; raises SettingsError that lists what there is."""
    for place in (Path(model), *(folder / model for folder in folders(models_dir))):
        if place.is_file() or (place / "card.json").is_file():
            return place
    names = ", ".join(path.name for path in installed(models_dir)) or "none"
    raise SettingsError(f"no model {model!r}: not a weights file, a model folder or an installed name ({names})")


def identify(path: Path) -> ModelId:
    """Which weights a model folder or weights file holds; raises ModelError when the card is wrong."""
    return ModelId("pose", path.stem, cards.sha256_of(path)) if path.is_file() else cards.load(path).model


def load_card(path: Path, task: str) -> Card:
    """The checked card of a model folder; raises ModelError when it is for another task."""
    card = cards.load(path)
    if card.task != task:
        raise ModelError(f"{path}: this is a {card.task} model, a {task} model is needed")
    return card


def look_of(path: Path, options: Mapping[str, str]) -> str:
    """The option ``look``: the user's, or the card's; raises SettingsError when there is no such look."""
    of_card = {} if path.is_file() else load_card(path, "pose").options
    look = {**of_card, **options}.get(_LOOK, PICTURE)
    if look not in (PEOPLE, PICTURE):
        raise SettingsError(f"option {_LOOK} = {look!r}: give {PEOPLE} or {PICTURE}")
    return look


def _of_decoder(settings: DecoderSettings) -> DecoderSettings:
    return replace(settings, options={name: value for name, value in settings.options.items() if name != _LOOK})


def load_pose(path: Path, engine: Engine, settings: DecoderSettings) -> tuple[Runtime, Decoder, ModelId]:
    """A model folder or weights file -> (runtime, decoder, which weights).

    Raises ModelError when hash, shapes or layout are not what the card says, or no decoder knows the layout,
    or several do.
    """
    if path.is_file():
        return _load_bare(path, engine, _of_decoder(settings))
    card = load_card(path, "pose")
    settings = _of_decoder(replace(settings, options={**card.options, **settings.options}))
    runtime = load_runtime(card.runtime, path / card.files[0].path, engine)
    found = runtime.signature
    _check_shapes(path, "input", [card.input_shape] if card.input_shape else [], found.inputs)
    _check_shapes(path, "output", card.output_shapes or [], found.outputs)
    network = completed(found, card.input_shape, card.output_shapes)
    skeleton = named(card.skeleton)
    name = card.decoder or recognise(path, network, len(skeleton))
    module = decoder_module(name)
    with _named(path):
        fit = module.recognise(network, len(skeleton))
    if not fit:
        why = _hints([name], network)
        raise ModelError(f"{path}: the card says decoder {name}, but its layout is not that of {shapes(network)}{why}")
    with _named(path):
        decoder = module.create(network, skeleton, settings)
    return runtime, decoder, card.model


def load_runtime(name: str, path: Path, engine: Engine) -> Runtime:
    """Loads weights with the engine of that name; its library is imported here and nowhere before."""
    module = importlib.import_module(f"edgepose.runtimes.{name}")
    return cast(Runtime, module.load(path, engine.threads, engine.providers))


def runtime_of(path: Path) -> str:
    """The engine for a weights file by its ending; raises ModelError for an ending that none reads."""
    if path.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{path}: not a weights file that we know; known: {', '.join(_SUFFIXES)}")
    return _SUFFIXES[path.suffix.lower()]


def _load_bare(path: Path, engine: Engine, settings: DecoderSettings) -> tuple[Runtime, Decoder, ModelId]:
    runtime = load_runtime(runtime_of(path), path, engine)
    module = decoder_module(recognise(path, runtime.signature))
    with _named(path):
        decoder = module.create(runtime.signature, COCO17, settings)
    return runtime, decoder, identify(path)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """A decoder knows of no file: its complaints get the file's name here."""
    try:
        yield
    except (ModelError, SettingsError) as error:
        raise type(error)(f"{path}: {error}") from None


def decoders() -> list[str]:
    """Every output family that we decode: the file name is its name."""
    return sorted(module.name for module in pkgutil.iter_modules(decoder_package.__path__))


def recognise(path: Path, network: Signature, joints: int = 17) -> str:
    """The decoder that fits best; raises ModelError when none does, or two fit equally well."""
    with _named(path):
        fits = {name: decoder_module(name).recognise(network, joints) for name in decoders()}
    best = max(fits.values())
    names = [name for name, fit in fits.items() if fit == best]
    if best and len(names) == 1:
        return names[0]
    if best:
        raise ModelError(f"{path}: {shapes(network)} may be {' or '.join(names)}: name its decoder in a card")
    if _lost_its_keypoints(network):
        raise ModelError(f"{path}: {NO_KEYPOINTS}")
    if not any(tensor.shape for tensor in network.outputs):
        raise ModelError(f"{path}: it does not say its shapes: `edgepose models import {path}` writes a card that does")
    why = _hints(decoders(), network)
    raise ModelError(f"{path}: no decoder knows {shapes(network)}; known: {', '.join(decoders())}{why}")


def _hints(names: Sequence[str], network: Signature) -> str:
    """What decoders' ``hint`` functions, where they have one, say of a layout that they refuse."""
    hints = (getattr(decoder_module(name), "hint", lambda _: "")(network) for name in names)
    return "".join(f"; {hint}" for hint in hints if hint)


def _lost_its_keypoints(network: Signature) -> bool:
    """EfficientNMS_TRT's outputs, by name or by shape: count (B, 1), boxes (B, n, 4), scores and classes (B, n)."""
    names = [tensor.name for tensor in network.outputs]
    if names == ["num_detections", "detection_boxes", "detection_scores", "detection_classes"]:
        return True
    shapes = [tensor.shape[1:] for tensor in network.outputs]
    return len(shapes) == 4 and shapes == [(1,), (*shapes[2], 4), shapes[2], shapes[2]]


def shapes(network: Signature) -> str:
    """The outputs in words, for messages."""
    return "outputs " + ", ".join(str(tensor.shape) for tensor in network.outputs)


def decoder_module(name: str) -> DecoderModule:
    """The decoder of that name; raises ModelError with the known names."""
    if name not in decoders():
        raise ModelError(f"unknown decoder {name!r}; known: {', '.join(decoders())}")
    return cast(DecoderModule, importlib.import_module(f"edgepose.decoders.{name}"))


def _check_shapes(path: Path, kind: str, expected: Sequence[Sequence[int | None]], got: Sequence[Tensor]) -> None:
    """None on either side fits anything."""
    for shape, tensor in zip(expected, got, strict=False):
        fits = not tensor.shape or (
            len(shape) == len(tensor.shape)
            and all(a is None or b is None or a == b for a, b in zip(shape, tensor.shape, strict=True))
        )
        if not fits:
            raise ModelError(
                f"{path}: {kind} {tensor.name!r}: the card says {tuple(shape)}, the file has {tensor.shape}"
            )
    if expected and len(expected) != len(got):
        raise ModelError(f"{path}: the card names {len(expected)} {kind}s, the file has {len(got)}")


def completed(
    found: Signature,
    input_shape: Sequence[int | None] | None,
    output_shapes: Sequence[Sequence[int | None]] | None,
) -> Signature:
    """Sides that the file leaves open (of the first input, of every output) are taken from the card's shapes."""
    inputs, outputs = found.inputs, found.outputs
    if input_shape:
        inputs = (_filled(inputs[0], input_shape), *inputs[1:])
    if output_shapes:
        outputs = tuple(_filled(tensor, shape) for tensor, shape in zip(outputs, output_shapes, strict=True))
    return Signature(inputs, outputs, found.metadata)


def _filled(tensor: Tensor, shape: Sequence[int | None]) -> Tensor:
    sides = tensor.shape or (None,) * len(shape)
    return replace(
        tensor, shape=tuple(given if side is None else side for side, given in zip(sides, shape, strict=True))
    )
