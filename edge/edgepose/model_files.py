"""The files that make up a network on disk: weights, their topology, tensors kept outside."""

from __future__ import annotations

import mmap
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgepose.errors import ModelError
from edgepose.models import runtime_of

TOPOLOGY = {".caffemodel": ".prototxt", ".weights": ".cfg"}
_ONNX_FIRST = "export it to ONNX first"
_HINTS = {
    ".pt": f"PyTorch weights: {_ONNX_FIRST} (Ultralytics: yolo export model=FILE.pt format=onnx)",
    ".pth": f"PyTorch weights: {_ONNX_FIRST} (torch.onnx.export, mmdeploy)",
    ".ckpt": f"a training checkpoint: {_ONNX_FIRST}",
    ".safetensors": f"weights without a network: {_ONNX_FIRST}",
    ".params": f"MXNet weights: {_ONNX_FIRST} (mxnet.onnx.export_model)",
    ".h5": "Keras weights: convert them to .tflite first (tf.lite.TFLiteConverter)",
    ".keras": "a Keras model: convert it to .tflite first (tf.lite.TFLiteConverter)",
    ".pb": "a TensorFlow graph: convert it to .tflite (tf.lite.TFLiteConverter) or .onnx (tf2onnx) first",
    ".engine": "a TensorRT engine, made for one GPU: import the .onnx file that it was built from",
    ".trt": "a TensorRT engine, made for one GPU: import the .onnx file that it was built from",
    ".xml": "an OpenVINO network: import the .onnx file that it was made from",
    ".mlmodel": "a CoreML model: import the .onnx or .tflite file of the same network",
    ".task": "a MediaPipe bundle: the .tflite files in it (it is a zip archive) have a detector of their own",
    ".prototxt": "the topology alone: give the .caffemodel",
    ".cfg": "the topology alone: give the .weights",
    ".zip": "an archive: unpack it and give the network in it",
}
# TensorProto.external_data: the entry with key "location"; its value's length follows.
_OUTSIDE = re.compile(rb"\x0a\x08location\x12")


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """One network: ``outside`` are ONNX tensor files, relative to the weights' folder."""

    weights: Path
    topology: Path | None = None
    outside: tuple[str, ...] = ()

    def copy_to(self, folder: Path) -> list[Path]:
        """Copies everything under the names that engines look for, the weights first; returns the copies."""
        weights = folder / f"weights{self.weights.suffix.lower()}"
        pairs = [(self.weights, weights)]
        if self.topology is not None:
            pairs.append((self.topology, weights.with_suffix(self.topology.suffix.lower())))
        pairs += [(self.weights.parent / name, folder / name) for name in self.outside]
        for source, copy in pairs:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        return [copy for _, copy in pairs]

    def input_hw(self) -> tuple[int | None, int | None]:
        """Height and width as the topology declares them; None where it leaves them open."""
        if self.topology is None:
            return None, None
        text = self.topology.read_text(encoding="utf-8", errors="replace")
        return _darknet_hw(text) if self.topology.suffix.lower() == ".cfg" else _caffe_hw(text)


def checked(file: Path, topology: Path | None = None) -> NetworkFiles:
    """Looks at a file and what belongs to it; raises ModelError in one line that says what to do.

    A topology is looked for beside the weights: of the same name, or the only one there.
    """
    if file.is_dir():
        inside = sorted(path.name for path in file.iterdir() if path.suffix.lower() in _known())
        raise ModelError(f"{file}: a folder: give the network's file{_listed(inside)}")
    if not file.exists():
        raise ModelError(f"{file}: no such file")
    if (hint := _HINTS.get(file.suffix.lower())) is not None:
        raise ModelError(f"{file}: {hint}")
    runtime_of(file)
    if file.stat().st_size == 0:
        raise ModelError(f"{file}: the file is empty")
    ending = TOPOLOGY.get(file.suffix.lower())
    if topology is not None and ending is None:
        raise ModelError(f"{file}: has its topology inside: leave --topology out")
    found = _topology(file, topology, ending) if ending else None
    return NetworkFiles(file, found, _outside(file) if file.suffix.lower() == ".onnx" else ())


def _known() -> set[str]:
    return {".onnx", ".ort", ".tflite", ".lite", *TOPOLOGY}


def _listed(names: Sequence[str]) -> str:
    return f" in it: {', '.join(names[:5])}" if names else "; none that we know is in it"


def _topology(file: Path, given: Path | None, ending: str) -> Path:
    if given is not None:
        if not given.is_file():
            raise ModelError(f"{given}: no such topology file")
        return given
    same = file.with_suffix(ending)
    beside = [same] if same.is_file() else sorted(file.parent.glob(f"*{ending}"))
    if len(beside) == 1:
        return beside[0]
    names = f"; beside it: {', '.join(path.name for path in beside)}" if beside else ""
    raise ModelError(f"{file}: needs its topology ({ending}): give --topology FILE{names}")


def _outside(file: Path) -> tuple[str, ...]:
    """Names of the external tensor files of an ONNX network; raises ModelError when one is missing or elsewhere."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = {_name_at(data, hit.end()) for hit in _OUTSIDE.finditer(data)}
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ModelError(f"{file}: keeps tensors in {name!r}, outside its own folder")
        if not (file.parent / name).is_file():
            raise ModelError(f"{file}: keeps its tensors in {name!r}, which is not beside it")
    return tuple(sorted(names))


def _name_at(data: mmap.mmap, place: int) -> str:
    """A protobuf string: its length as a varint, then UTF-8."""
    length = shift = 0
    while True:
        byte = data[place]
        length |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return data[place : place + length].decode("utf-8", errors="replace")


def _caffe_hw(text: str) -> tuple[int | None, int | None]:
    """OpenPose's files say 1 × 1 and mean: any."""
    plain = re.sub(r"#.*", "", text)
    sides = re.findall(r"\binput_dim\s*:\s*(\d+)", plain) or re.findall(r"\bdim\s*:\s*(\d+)", plain)
    if len(sides) < 4:
        return None, None
    height, width = int(sides[2]), int(sides[3])
    return (height, width) if height > 1 and width > 1 else (None, None)


def _darknet_hw(text: str) -> tuple[int | None, int | None]:
    found = {key: int(value) for key, value in re.findall(r"^\s*(width|height)\s*=\s*(\d+)", text, re.MULTILINE)}
    return found.get("height"), found.get("width")
