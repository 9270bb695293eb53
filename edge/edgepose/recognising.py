"""What a network's file is: its shapes, its family, its joint set. What the file does not say is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from edgepose import models
from edgepose.decoders import Decoder, DecoderSettings, Fit
from edgepose.errors import ModelError, SettingsError
from edgepose.runtimes import Runtime, Signature, Tensor
from edgepose.skeletons import BOXES, COCO17, SKELETONS, Skeleton, named

_PROBES_HW = ((384, 384), (416, 512))
"""Inputs on which a network without declared shapes is tried: multiples of 32, not of one aspect."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user or the registry says of a network; None: look, or ask."""

    family: str | None = None
    name: str | None = None
    skeleton: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    detector: str | None = None
    licence: str | None = None
    input_wh: tuple[int, int] | None = None
    topology: Path | None = None
    source: str | None = None
    """Where the file comes from, for the card; None: its name says enough."""


@dataclass(frozen=True, slots=True)
class Question:
    """``option`` is that of the command line which answers it."""

    option: str
    text: str
    choices: tuple[str, ...] = ()
    form: str = ""
    """What an answer looks like, where there are no choices."""


Ask = Callable[[Question], str]


def refuse(question: Question) -> NoReturn:
    """For where nobody can be asked; raises SettingsError that says which option answers."""
    raise SettingsError(f"{question.text}: give {question.option} {'|'.join(question.choices) or question.form}")


def shaped(
    file: Path, runtime: Runtime, declared_hw: tuple[int | None, int | None], input_wh: tuple[int, int] | None, ask: Ask
) -> Signature:
    """The network's shapes: from its file, its topology, the user, and a run where they leave outputs open."""
    found = runtime.signature
    _check_input(file, found)
    given = _asked_shape(file, found.inputs[0], declared_hw, input_wh)
    found = models.completed(found, given, None)
    if all(tensor.shape for tensor in found.outputs):
        return found
    shapes = _probed(runtime, found.inputs[0])
    if shapes is None:
        width, height = parsed_size(ask(Question("--input", f"{file}: says no input size", form="WxH")))
        found = models.completed(found, [1, 3, height, width], None)
        shapes = _probed(runtime, found.inputs[0])
    if shapes is None:
        raise ModelError(f"{file}: does not run on an input of {found.inputs[0].shape}")
    return models.completed(found, None, shapes)


def parsed_size(text: str) -> tuple[int, int]:
    """ "640x480" -> (640, 480); raises SettingsError."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise SettingsError(f"--input {text}: give width x height in pixels, such as 640x480")
    return int(width), int(height)


def family(file: Path, network: Signature, answers: Answers, ask: Ask) -> tuple[str, Skeleton]:
    """The decoder and joint set that fit best; raises ModelError when none does, SettingsError when it must ask."""
    possible = _possible(file, network, answers)
    name = answers.family
    if name is None and len(possible) > 1:
        text = f"{file}: {models.shapes(network)} may be {' or '.join(possible)}"
        name = _one_of(ask, Question("--family", text, tuple(possible)))
    name = name or next(iter(possible))
    skeletons = possible[name]
    if COCO17 in skeletons or len(skeletons) == 1:
        return name, COCO17 if COCO17 in skeletons else skeletons[0]
    text = f"{file}: {models.shapes(network)} has the joints of {' or '.join(s.name for s in skeletons)}"
    return name, named(_one_of(ask, Question("--skeleton", text, tuple(s.name for s in skeletons))))


def decoder_for(file: Path, name: str, network: Signature, skeleton: Skeleton, options: Mapping[str, str]) -> Decoder:
    """The decoder, made as ``run`` will make it; raises ModelError or SettingsError that name the file."""
    settings = DecoderSettings(options=options)
    try:
        return models.decoder_module(name).create(network, skeleton, settings)
    except (ModelError, SettingsError) as error:
        raise type(error)(f"{file}: {error}") from None


def _possible(file: Path, network: Signature, answers: Answers) -> dict[str, list[Skeleton]]:
    """Best-fitting family -> joint sets with which it fits so well; a certain fit with coco17 goes before all."""
    skeletons = _candidates(file, network, answers)
    names = [answers.family] if answers.family else models.decoders()
    fits = _fits(network, names, [s for s in skeletons if s is COCO17])
    if Fit.IS not in fits.values():
        fits |= _fits(network, names, skeletons)
    best = max(fits.values())
    if best == Fit.NO:
        if answers.family or answers.skeleton:
            wanted = " with ".join(word for word in (answers.family, answers.skeleton) if word)
            raise ModelError(f"{file}: {models.shapes(network)} is not the layout of {wanted}")
        models.recognise(file, network, len(skeletons[0]))  # raises, with the hint that fits
    found: dict[str, list[Skeleton]] = {}
    for (name, skeleton), fit in fits.items():
        if fit == best:
            found.setdefault(name, []).append(skeleton)
    return found


def _fits(network: Signature, names: Sequence[str], skeletons: Sequence[Skeleton]) -> dict[tuple[str, Skeleton], Fit]:
    return {
        (name, skeleton): models.decoder_module(name).recognise(network, len(skeleton))
        for name in names
        for skeleton in skeletons
    }


def _candidates(file: Path, network: Signature, answers: Answers) -> list[Skeleton]:
    """Joint sets that the network may answer in; an export that names its joint count narrows them."""
    if answers.skeleton:
        return [named(answers.skeleton)]
    known = [COCO17, *(s for s in SKELETONS.values() if s not in (COCO17, BOXES))]
    shape = network.metadata.get("kpt_shape", "")
    count = shape.strip("[]() ").partition(",")[0].strip()
    if not count.isdigit():
        return known
    if not (fitting := [skeleton for skeleton in known if len(skeleton) == int(count)]):
        sizes = ", ".join(f"{s.name} {len(s)}" for s in known)
        raise ModelError(f"{file}: an export of {count} joints; joint sets known here: {sizes}")
    return fitting


def _one_of(ask: Ask, question: Question) -> str:
    answer = ask(question)
    if answer not in question.choices:
        raise SettingsError(f"{question.option} {answer}: give {' or '.join(question.choices)}")
    return answer


def _check_input(file: Path, network: Signature) -> None:
    if len(network.inputs) != 1 or not network.outputs:
        names = ", ".join(tensor.name for tensor in network.inputs) or "none"
        raise ModelError(f"{file}: a pose network takes one picture; inputs of this one: {names}")
    shape = network.inputs[0].shape
    if len(shape) != 4 or (3 not in (shape[1], shape[3]) and None not in (shape[1], shape[3])):
        raise ModelError(f"{file}: input {shape} is no picture of three channels, (1, 3, H, W) or (1, H, W, 3)")


def _asked_shape(
    file: Path, tensor: Tensor, declared_hw: tuple[int | None, int | None], input_wh: tuple[int, int] | None
) -> list[int | None]:
    """The input's shape with the sides that topology or user give; raises SettingsError when the file says another."""
    height, width = (input_wh[1], input_wh[0]) if input_wh else declared_hw
    at = (1, 2) if tensor.shape[3] == 3 else (2, 3)
    shape = [*tensor.shape]
    for axis, side in zip(at, (height, width), strict=True):
        if side is not None and shape[axis] not in (None, side):
            raise SettingsError(f"{file}: input is {tensor.shape} and cannot be changed to --input {width}x{height}")
        shape[axis] = side or shape[axis]
    if at == (2, 3) and shape[1] is None:
        shape[0], shape[1] = shape[0] or 1, 3
    return shape


def _probed(runtime: Runtime, tensor: Tensor) -> list[tuple[int | None, ...]] | None:
    """Shapes of the outputs, seen in a run; sides that follow the input's are None. None: it does not run."""
    open_sides = None in tensor.shape[1:]
    seen = []
    for hw in _PROBES_HW if open_sides else _PROBES_HW[:1]:
        sides = iter(hw)
        shape = [1, *(next(sides) if side is None else side for side in tensor.shape[1:])]
        try:
            seen.append([output.shape for output in runtime.run(np.zeros(shape, tensor.dtype))])
        except ModelError:
            return None
    return [
        tuple(a if a == b else None for a, b in zip(*both, strict=True)) for both in zip(seen[0], seen[-1], strict=True)
    ]
