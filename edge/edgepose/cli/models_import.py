"""``edgepose models import|pull``: networks from files and from the registry."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgepose.cli.progress import bars

if TYPE_CHECKING:
    from edgepose.card import Card
    from edgepose.importing import Imported
    from edgepose.recognising import Ask, Question
    from edgepose.registry import Registry
    from edgepose.types import Image

Target = Annotated[
    Path | None,
    typer.Option(
        "--models-dir", "--out", help="folder to put the model into; default: $EDGEPOSE_MODELS, else ./models"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]
Picture = Annotated[Path | None, typer.Option("--picture", help="try it on this picture instead of a drawn figure")]
Drawn = Annotated[Path | None, typer.Option("--draw", help="write the test picture with what was found here")]


def import_model(
    file: Annotated[Path, typer.Argument(help="network: .onnx, .tflite, .caffemodel, .weights")],
    family: Annotated[
        str | None, typer.Option("--family", help="its decoder, where its layout does not say it")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="of the model; default: the file's")] = None,
    skeleton: Annotated[
        str | None, typer.Option("--skeleton", help="its joint set; default: coco17 where it fits")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="of the decoder; repeatable")
    ] = None,
    detector: Annotated[
        str | None, typer.Option("--detector", help="person detector of a top-down network, or none")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="of the weights; default: what the file says")
    ] = None,
    size: Annotated[str | None, typer.Option("--input", metavar="WxH", help="where the file leaves it open")] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", help=".prototxt or .cfg; default: the one beside the weights")
    ] = None,
    picture: Picture = None,
    draw: Drawn = None,
    models_dir: Target = None,
    force: Annotated[bool, typer.Option("--force", help="replace a model of that name")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at a network's file, write its model card, and try it once.

    What the file does not say is asked on a terminal; elsewhere the one line on stderr names the option to give.
    """
    from edgepose import importing
    from edgepose.cli.running import pose_from
    from edgepose.recognising import Answers, parsed_size

    answers = Answers(
        family,
        name,
        skeleton,
        pose_from(None, None, option, None).get("options", {}),
        detector,
        licence,
        parsed_size(size) if size else None,
        topology,
    )
    _check_drawable(draw)
    with _stopped_cleanly():
        done = importing.import_model(
            file, importing.models_folder(models_dir), answers, asking(), _read(picture), force
        )
    _tell(done, picture, draw, as_json, models_dir)


def asking() -> Ask:
    """A prompt on a terminal; elsewhere a refusal that says which option to give."""
    from edgepose.recognising import refuse

    return _prompt if sys.stdin.isatty() and sys.stderr.isatty() else refuse


def _prompt(question: Question) -> str:
    while True:
        choices = f" ({', '.join(question.choices)})" if question.choices else f" ({question.form})"
        answer = str(typer.prompt(f"{question.text}{choices}", err=True)).strip()
        if not question.choices or answer in question.choices:
            return answer
        typer.echo(f"{answer!r} is none of these", err=True)


@contextmanager
def _stopped_cleanly() -> Iterator[None]:
    """SIGTERM leaves as little behind as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _read(picture: Path | None) -> Image | None:
    if picture is None:
        return None
    import cv2
    import numpy as np

    from edgepose.errors import SourceError
    from edgepose.videocapture import silence

    silence()
    if not picture.is_file():
        raise SourceError(f"{picture}: no such picture")
    data = np.fromfile(picture, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise SourceError(f"{picture}: no picture that can be read")
    return np.asarray(image, np.uint8)


def _tell(done: Imported, picture: Path | None, draw: Path | None, as_json: bool, models_dir: Path | None) -> None:
    from edgepose import card as cards

    if draw is not None:
        import cv2

        cv2.imwrite(str(draw), done.trial.drawn)
    trial = done.trial
    notes = _notes(done, picture)
    if as_json:
        test = {"picture": str(picture) if picture else "drawn figure", "people": trial.people,
                "ms": round(trial.ms, 2), "inputs": trial.inputs, "outputs": trial.outputs}  # fmt: skip
        found = {"name": done.folder.name, "folder": str(done.folder), "card": cards.as_json(done.card)}
        typer.echo(json.dumps({**found, "test": test, "notes": notes}))
        return
    print_card(done.card)
    seen = "a drawn figure" if picture is None else str(picture)
    shapes = f"{', '.join(map(str, trial.inputs))} → {', '.join(map(str, trial.outputs))}"
    people = "1 person" if trial.people == 1 else f"{trial.people} people"
    typer.echo(f"{'test':<16} {people} on {seen}, {trial.ms:.1f} ms a frame at 1 thread, {shapes}")
    shown = draw or (done.folder / "import.jpg" if picture is None else None)
    if shown is not None:
        typer.echo(f"{'picture':<16} {shown}")
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    where = f" --models-dir {models_dir}" if models_dir else ""
    typer.echo(
        f"{done.folder}: imported; use it: edgepose pose PICTURE -m {done.folder.name}{where} -o people.json", err=True
    )


def _notes(done: Imported, picture: Path | None) -> list[str]:
    """What the user should know before they trust the model."""
    from edgepose.importing import UNKNOWN_LICENCE

    notes = []
    if done.trial.people == 0 and picture is None:
        notes.append("a network trained on photographs may not see a drawn figure: try again with --picture")
    elif done.trial.people == 0:
        notes.append("nobody was found on the picture")
    if done.trial.alike:
        notes.append("the network's answer does not depend on the picture: its weights may be broken")
    if done.card.licence == UNKNOWN_LICENCE:
        notes.append("the licence of the weights is not known: find it out before you use them, say it with --licence")
    return notes


def _check_drawable(path: Path | None) -> None:
    """Before the work is done; raises SettingsError."""
    import cv2

    from edgepose.errors import SettingsError

    if path is not None and not (path.parent.is_dir() and cv2.haveImageWriter(str(path))):
        raise SettingsError(f"{path}: cannot write a picture there: give a .jpg or .png in a folder that is there")


def print_card(card: Card) -> None:
    """The card, one line a key that is set; lists of tables one line each."""
    from edgepose import card as cards

    for key, value in cards.as_json(card).items():
        if value in ([], {}, ""):
            continue
        for line in value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]:
            typer.echo(f"{key:<16} {_plain(line)}")


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def pull(
    name: Annotated[str | None, typer.Argument(help="of the registry; see --list")] = None,
    listed: Annotated[bool, typer.Option("--list", help="show what the registry has, and stop")] = False,
    registry: Annotated[
        str | None, typer.Option("--registry", metavar="FILE|URL", help="another registry (TOML)")
    ] = None,
    accept_new: Annotated[
        bool, typer.Option("--accept-new", help="take the file though it is not the one of the first pull")
    ] = False,
    models_dir: Target = None,
    force: Annotated[bool, typer.Option("--force", help="pull again what is here already")] = False,
    as_json: AsJson = False,
) -> None:
    """Download a public network and import it.

    The first pull records the file's sha256 in pulled.json of the models folder; later, another file is refused.
    """
    from edgepose import importing
    from edgepose import registry as registries
    from edgepose.errors import SettingsError

    known = registries.load(registry)
    if listed:
        _list(known, as_json)
        return
    if name is None:
        raise SettingsError("which one? give a name of --list")
    folder = importing.models_folder(models_dir)
    wanted = registries.Wanted(folder, force or accept_new, accept_new)
    with _stopped_cleanly(), bars({f"{name}, kB": None}) as advance:
        progress = (lambda done, _: advance(f"{name}, kB", done // 1000)) if advance else None
        done = registries.pull(name, known, wanted, lambda line: typer.echo(line, err=True), progress)
    if done is not None:
        _tell(done, None, None, as_json, models_dir)
    elif as_json:
        typer.echo(json.dumps({"name": name, "folder": str(folder / name), "here": True}))
    else:
        typer.echo(f"{folder / name}: is here already, as it was pulled", err=True)


def _list(known: Registry, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: entry.model_dump(exclude_none=True) for name, entry in known.model.items()}))
        return
    for name, entry in sorted(known.model.items()):
        typer.echo(f"{name:<22} {entry.about}\n{'':<22} {entry.licence}; {entry.family or 'family by its layout'}")
