"""Public networks by name: address, licence, family. The first pull records what came, later ones must be the same."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from edgepose import card as cards
from edgepose.download import MOST_BYTES, Downloaded, Progress, download
from edgepose.errors import EdgePoseError, ModelError, SettingsError
from edgepose.importing import Imported, import_model
from edgepose.recognising import Answers, parsed_size
from edgepose.staging import scratch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCK = "pulled.json"
_SHIPPED = Path(__file__).with_name("registry.toml")
_MOST_REGISTRY_BYTES = 1 << 20
_NETWORKS = (".onnx", ".tflite", ".ort")
_HOST = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?"
Address = Annotated[str, StringConstraints(pattern=rf"^https?://{_HOST}/\S+$")]


class Entry(BaseModel):
    """One network of the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Address
    topology: Address | None = None
    """Address of the .prototxt or .cfg."""
    licence: str
    seen: str
    """Where the address was read."""
    about: str = ""
    family: str | None = None
    skeleton: str | None = None
    options: dict[str, str] = {}
    detector: str | None = None
    input: str | None = None


class Registry(BaseModel):
    """``[model.NAME]`` tables of a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")], Entry]


class PulledFile(BaseModel):
    """One file as it came."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    sha256: cards.Sha256


class Pulled(BaseModel):
    """What the first pull of a name brought: the weights, then their topology."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: str
    files: list[PulledFile]


_RECORD = TypeAdapter(dict[str, Pulled])


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to pull."""

    models_dir: Path
    force: bool = False
    """Download and import again what is here already."""
    accept_new: bool = False
    """Take a file that is not the one recorded."""


def load(source: str | None = None) -> Registry:
    """The shipped registry, or that of a file or http(s) address; raises SettingsError naming source and key."""
    name = source or str(_SHIPPED)
    try:
        if source and urlsplit(source).scheme in ("http", "https"):
            with tempfile.TemporaryDirectory() as folder:
                got = download(source, Path(folder) / "registry", most_bytes=_MOST_REGISTRY_BYTES)
                text = got.path.read_text(encoding="utf-8")
        else:
            text = Path(name).read_text(encoding="utf-8")
        return Registry.model_validate(tomllib.loads(text))
    except OSError as error:
        raise SettingsError(f"{name}: cannot read the registry: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
    except ValueError as error:
        raise SettingsError(f"{name}: not TOML: {error}") from None


def pull(
    name: str, registry: Registry, wanted: Wanted, say: Callable[[str], None], progress: Progress | None = None
) -> Imported | None:
    """Downloads and imports a network, its person detector first; None: it is here already and whole.

    Raises SettingsError for a name that the registry has not, ModelError when the file is not the recorded one,
    SourceError when it does not come. Nothing is installed or recorded then.
    """
    if name not in registry.model:
        raise SettingsError(f"{name}: not in the registry; it has {', '.join(sorted(registry.model))}")
    entry = registry.model[name]
    if entry.detector in registry.model and not (wanted.models_dir / str(entry.detector) / "card.json").is_file():
        say(f"{name} needs {entry.detector} to find the people")
        pull(str(entry.detector), registry, Wanted(wanted.models_dir, False, wanted.accept_new), say, progress)
    folder = wanted.models_dir / name
    if not wanted.force and _is_here(name, folder):
        return None
    with scratch(wanted.models_dir, f"pull-{name}") as stage:
        say(f"{name}: from {entry.address}")
        files = _fetched(name, entry, wanted, stage, progress)
        weights = _unpacked(stage, files[0], entry.address)
        topology = files[1].path if len(files) > 1 else None
        try:
            done = import_model(weights, wanted.models_dir, _answers(name, entry, topology), force=wanted.force)
        except EdgePoseError as error:
            raise type(error)(str(error).replace(str(weights), entry.address)) from None
    pulled = [PulledFile(address=a, sha256=f.sha256) for a, f in zip(_addresses(entry), files, strict=True)]
    _record(wanted.models_dir, name, pulled)
    return done


def _answers(name: str, entry: Entry, topology: Path | None) -> Answers:
    size = parsed_size(entry.input) if entry.input else None
    return Answers(
        entry.family,
        name,
        entry.skeleton,
        entry.options,
        entry.detector,
        entry.licence,
        size,
        topology,
        entry.address,
    )


def _is_here(name: str, folder: Path) -> bool:
    """True when the recorded model lies there undamaged; raises ModelError when it is damaged, or not a pulled one."""
    if not (folder / "card.json").is_file():
        return False
    if name not in recorded(folder.parent):
        raise SettingsError(f"{folder}: is there and was not pulled: --force replaces it")
    try:
        cards.load(folder)
    except ModelError as error:
        raise ModelError(f"{error}; --force pulls it again") from None
    return True


def _addresses(entry: Entry) -> list[str]:
    return [entry.address, *([entry.topology] if entry.topology else [])]


def _fetched(name: str, entry: Entry, wanted: Wanted, stage: Path, progress: Progress | None) -> list[Downloaded]:
    """The entry's files; raises ModelError when one is not what the first pull brought."""
    before = recorded(wanted.models_dir).get(name)
    files = []
    for index, address in enumerate(_addresses(entry)):
        ending = PurePosixPath(urlsplit(address).path).suffix.lower()
        got = download(address, stage / f"{name}{ending}", progress)
        old = before.files[index].sha256 if before is not None and index < len(before.files) else got.sha256
        if old != got.sha256 and not wanted.accept_new:
            raise ModelError(
                f"{name}: {address} is not the file that was pulled before ({before.date if before else ''}): "
                f"sha256 was {old}, is {got.sha256}; nothing was installed; --accept-new takes the new file"
            )
        files.append(got)
    return files


def _unpacked(stage: Path, file: Downloaded, address: str) -> Path:
    """The network itself: the file, or the only one in a zip archive; names inside are never used as paths."""
    with file.path.open("rb") as opened:
        if opened.read(4) != b"PK\x03\x04":
            return file.path
    try:
        with zipfile.ZipFile(file.path) as archive:
            found = [item for item in archive.infolist() if item.filename.lower().endswith(_NETWORKS)]
            if len(found) != 1:
                names = ", ".join(item.filename for item in found) or "none"
                raise ModelError(f"{address}: an archive should hold one network ({', '.join(_NETWORKS)}), has {names}")
            if found[0].file_size > MOST_BYTES:
                raise ModelError(f"{address}: the network in the archive is larger than {MOST_BYTES} bytes")
            target = stage / f"{file.path.stem}{PurePosixPath(found[0].filename).suffix.lower()}"
            target.write_bytes(archive.read(found[0]))
            return target
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise ModelError(f"{address}: an archive that cannot be unpacked: {error}") from None


def recorded(models_dir: Path) -> dict[str, Pulled]:
    """What was pulled into this folder, by name; raises ModelError when the record is damaged."""
    path = models_dir / LOCK
    try:
        return _RECORD.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise ModelError(f"{path}: damaged record of pulled models: {error.errors()[0]['msg'].lower()}") from None


def _record(models_dir: Path, name: str, files: Sequence[PulledFile]) -> None:
    path = models_dir / LOCK
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    everything = recorded(models_dir) | {name: Pulled(date=date, files=list(files))}
    partial = path.with_suffix(".partial")
    partial.write_bytes(_RECORD.dump_json(everything, indent=2) + b"\n")
    partial.replace(path)
